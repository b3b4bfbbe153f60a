"""Writes docs/constructs.md: every construct of the language in SymPy, in text and in LaTeX, made by running it.

    python docs/constructs.py

A row is a construct: its name, one line of SymPy, one line of text. Both have to come out as the same cost, which tests/test_constructs.py holds."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import symgd as sg

AXES = "i:m j:d k:h l:c t:T"
PAGE = Path(__file__).with_name("constructs.md")
HEAD = """# Every construct on one page

Each in SymPy, as text, and as the LaTeX that symgd prints of it. What they mean stands in [notation.md](notation.md).
`python docs/constructs.py` makes this page by running both lines of each. The texts under "Samples" have `samples="x y"`, the others
`axes="i:m j:d k:h l:c t:T"`; the SymPy lines use

```python
>>> import sympy as sp
>>> import symgd as sg
>>> w, b, q = sp.symbols("w b q")
>>> x, y = sg.samples("x y")
>>> i, j, k, l, t = sg.axes("i:m j:d k:h l:c t:T")
>>> A, E, V, W, X, Y, a, c, h, label, off, u, v, z = sp.symbols("A E V W X Y a c h label off u v z", cls=sp.IndexedBase)

```
"""


@dataclass(frozen=True)
class Construct:
    name: str
    sympy: str
    text: str
    parameters: str
    where: str = ""  # of the SymPy line
    definitions: tuple[str, ...] = ()  # of the text
    samples: str = ""
    facts: str = ""
    facts_in_text: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()


def section(title: str, *rows: Construct) -> tuple[str, tuple[Construct, ...]]:
    return title, rows


SECTIONS = (
    section(
        "Arithmetic, functions, branches",
        Construct("Powers and quotients", "(w - 3)**2/(1 + w**2)", "(w - 3)^2/(w^2 + 1)", "w"),
        Construct("Functions", "sp.tanh(w)*sp.exp(-w) + sp.log(1 + w**2)", "exp(-w)*tanh(w) + log(w^2 + 1)", "w"),
        Construct("Roots and absolute values", "sp.sqrt(1 + w**2) + sp.Abs(w)", "sqrt(w^2 + 1) + |w|", "w"),
        Construct("The larger of two values", "sp.Max(w, 2*b)", "max(w, 2*b)", "w b"),
        Construct("Branches", "sp.Piecewise((w**2, w > 0), (-w, True))", "piecewise(w^2, w > 0, -w)", "w"),
    ),
    section(
        "Samples",
        Construct("A mean over the samples", "sg.mean((b + w*x - y)**2)", "mean((b + w*x - y)^2)", "w b", samples="x y"),
        Construct("A sum over the samples", "sg.total(sp.Abs(w*x - y))", "sum(|w*x - y|)", "w", samples="x y"),
        Construct("A constant", "sg.mean((w*x - y)**2) + q*w**2", "q*w^2 + mean((w*x - y)^2)", "w", samples="x y", constants=("q",)),
    ),
    section(
        "Reductions over axes",
        Construct("Sum", "sg.total(X[i, j]*W[j]**2, i, j)", "sum(W[j]^2*X[i, j], i, j)", "W"),
        Construct("Sum, as SymPy writes it", "sp.Sum(W[j]**2*X[j], (j, 1, j.length - 2))", "Sum(W[j]^2*X[j], (j, 1, d - 2))", "W"),
        Construct("Mean", "sg.mean((sg.total(W[j]*X[i, j], j) - Y[i])**2, i)", "mean((sum(W[j]*X[i, j], j) - Y[i])^2, i)", "W"),
        Construct("Part of an axis", "sg.total(W[j]**2, (j, 1, j.length - 1))", "sum(W[j]^2, j in 1:d)", "W"),
        Construct("Pairs i < k", "sg.total((W[i] - W[k])**2, i, (k, i + 1, i.length - 1))", "sum((W[i] - W[k])^2, i, k in i + 1:m)", "W"),
        Construct("Product", "sg.mean(sg.product(1 + W[j]*X[i, j], j), i)", "mean(product(W[j]*X[i, j] + 1, j), i)", "W"),
        Construct("Maximum", "sg.mean(sg.maximum(W[j]*X[i, j], j), i)", "mean(max(W[j]*X[i, j], j), i)", "W"),
        Construct("Minimum", "sg.mean(sg.minimum(W[j]*X[i, j], j), i)", "mean(min(W[j]*X[i, j], j), i)", "W"),
        Construct("Norm", "sg.norm(W[j] - X[j], j)", "norm(W[j] - X[j], j)", "W"),
        Construct("Log of a sum of exponentials", "sg.logsumexp(W[j]*X[j], j)", "logsumexp(W[j]*X[j], j)", "W"),
        Construct("Softmax", "sg.total(Y[l]*sg.softmax(W[l], l), l)", "sum(Y[l]*softmax(W[l], l), l)", "W"),
    ),
    section(
        "Subscripts",
        Construct("Shift", "sg.total((W[i + 1] - W[i])**2, (i, 0, i.length - 2))", "sum((W[i + 1] - W[i])^2, i in 0:m - 1)", "W"),
        Construct("Diagonal, transposed", "sg.total(A[i, i] + A[i, k]*A[k, i], i, k)", "sum(A[i, i] + A[i, k]*A[k, i], i, k)", "A"),
        Construct("One element", "W[0]**2*W[1]", "W[0]^2*W[1]", "W"),
        Construct("Every second value", "sg.total((W[2*i + 1] - Y[i])**2, i)", "sum((W[2*i + 1] - Y[i])^2, i)", "W"),
        Construct("Several axes in one", "sg.total((W[i*j.length + j] - X[i, j])**2, i, j)", "sum((W[d*i + j] - X[i, j])^2, i, j)", "W"),
        Construct(
            "A packed triangle",
            "sg.total((W[i*(i - 1)/2 + j] - X[i, j])**2, i, (j, 0, i - 1))",
            "sum((W[i*(i - 1)/2 + j] - X[i, j])^2, i, j in 0:i)",
            "W",
        ),
        Construct("A ring", "sg.total((W[(i + 1) % i.length] - W[i])**2, i)", "sum((W[mod(i + 1, m)] - W[i])^2, i)", "W"),
        Construct("Each value twice", "sg.total((W[i//2] - Y[i])**2, i)", "sum((W[floor(i/2)] - Y[i])^2, i)", "W"),
        Construct("Ends that stay", "sg.total((W[sp.Max(i - 1, 0)] - W[i])**2, i)", "sum((W[max(0, i - 1)] - W[i])^2, i)", "W"),
        Construct("A gather", "sg.mean((sg.total(E[label[i], k]*v[k], k) - Y[i])**2, i)", "mean((sum(E[label[i], k]*v[k], k) - Y[i])^2, i)", "E v"),
        Construct(
            "A scatter",
            "sg.total((c[k] - W[k])**2, k)",
            "sum((c[k] - W[k])^2, k)",
            "W v",
            "{c[k]: sg.total(sp.Piecewise((v[i], sp.Eq(label[i], k)), (0, True)), i)}",
            ("c[k] = sum(piecewise(v[i], k == label[i], 0), i)",),
        ),
        Construct(
            "Groups of any length",
            "sg.total((sg.mean(X[t], (t, off[i], off[i + 1] - 1)) - W[i])**2, i)",
            "sum((mean(X[t], t in off[i]:off[i + 1]) - W[i])^2, i)",
            "W",
        ),
        Construct("The number of an element", "sg.total((W[i] - i)**2, i)", "sum((W[i] - i)^2, i)", "W"),
        Construct("A running sum", "sg.total(sg.total(W[k], (k, 0, i))**2, i)", "sum(sum(W[k], k in 0:i + 1)^2, i)", "W"),
    ),
    section(
        "Definitions",
        Construct(
            "Layers",
            "sg.mean((sg.total(v[k]*a[i, k], k) - Y[i])**2, i)",
            "mean((sum(a[i, k]*v[k], k) - Y[i])^2, i)",
            "W v",
            "{z[i, k]: sg.total(W[k, j]*X[i, j], j), a[i, k]: sp.tanh(z[i, k])}",
            ("z[i, k] = sum(W[k, j]*X[i, j], j)", "a[i, k] = tanh(z[i, k])"),
        ),
        Construct(
            "Cross-entropy",
            "sg.mean(sg.logsumexp(z[i, l], l) - z[i, label[i]], i)",
            "mean(logsumexp(z[i, l], l) - z[i, label[i]], i)",
            "W",
            "{z[i, l]: sg.total(W[l, j]*X[i, j], j)}",
            ("z[i, l] = sum(W[l, j]*X[i, j], j)",),
        ),
        Construct(
            "A recurrence",
            "sg.total((h[t + 1] - Y[t])**2, t)",
            "sum((h[t + 1] - Y[t])^2, t)",
            "w",
            "{h[0]: 0, h[t + 1]: sp.tanh(w*h[t] + X[t])}",
            ("h[0] = 0", "h[t + 1] = tanh(w*h[t] + X[t])"),
        ),
        Construct(
            "Two steps back, from given values",
            "sg.total((h[t] - X[t])**2, t)",
            "sum((h[t] - X[t])^2, t)",
            "w b",
            "{h[0]: X[0], h[1]: X[1], h[t + 2]: w*h[t + 1] + b*h[t]}",
            ("h[0] = X[0]", "h[1] = X[1]", "h[t + 2] = b*h[t] + w*h[t + 1]"),
        ),
        Construct(
            "A recurrence over a grid",
            "sg.total((u[l.length - 1, k] - Y[k])**2, k)",
            "sum((u[c - 1, k] - Y[k])^2, k)",
            "w",
            "{u[0, k]: X[k], u[l + 1, k]: u[l, k] + w*(u[l, (k + 1) % k.length] - u[l, k])}",
            ("u[0, k] = X[k]", "u[l + 1, k] = w*(u[l, mod(k + 1, h)] - u[l, k]) + u[l, k]"),
        ),
        Construct(
            "A recurrence backwards",
            "(V[0] - 3)**2",
            "(V[0] - 3)^2",
            "w",
            "{V[t.length]: 0, V[t]: X[t] + w*V[t + 1]}",
            ("V[T] = 0", "V[t] = w*V[t + 1] + X[t]"),
        ),
    ),
    section(
        "Facts",
        Construct(
            "What is known of the data",
            "-sg.mean(sg.total(Y[i, l]*sp.log(sg.softmax(z[i, l], l)), l), i)",
            "-mean(sum(Y[i, l]*log(softmax(z[i, l], l)), l), i)",
            "W",
            "{z[i, l]: sg.total(W[l, j]*X[i, j], j)}",
            ("z[i, l] = sum(W[l, j]*X[i, j], j)",),
            facts="[sp.Eq(sg.total(Y[i, l], l), 1)]",
            facts_in_text=("sum(Y[i, l], l) = 1",),
        ),
        Construct(
            "What is known of a parameter",
            "sg.mean(sp.log(W[j]/X[j])**2, j)",
            "mean(log(W[j]/X[j])^2, j)",
            "W",
            facts="[W[j] > 0, X[j] > 0]",
            facts_in_text=("W[j] > 0", "X[j] > 0"),
        ),
    ),
)


def names() -> dict[str, Any]:
    """What the SymPy lines use."""
    space: dict[str, Any] = {}
    for line in HEAD.splitlines():
        if line.startswith(">>> "):
            exec(line.removeprefix(">>> "), space)
    return space


def sympy_line(row: Construct) -> str:
    settings = [("where", row.where), ("parameters", f"[{row.parameters.replace(' ', ', ')}]"), ("facts", row.facts)]
    settings.append(("constants", ", ".join(row.constants) and f"[{', '.join(row.constants)}]"))
    return f"sg.Cost({', '.join([row.sympy, *(f'{name}={value}' for name, value in settings if value)])})"


def from_sympy(row: Construct) -> sg.Cost:
    cost = eval(sympy_line(row), names())
    assert isinstance(cost, sg.Cost)
    return cost


def from_text(row: Construct) -> sg.Cost:
    return sg.parse(
        row.text,
        where=row.definitions,
        samples=row.samples,
        axes="" if row.samples else AXES,
        parameters=row.parameters.split(),
        constants=row.constants,
        facts=row.facts_in_text,
    )


def block(row: Construct) -> str:
    lines = [row.text, *row.definitions, *(f"fact: {fact}" for fact in row.facts_in_text)]
    return f"""**{row.name}**

- SymPy: `{sympy_line(row)}`
- text: {", ".join(f"`{line}`" for line in lines)}

$$
{from_text(row).latex()}
$$
"""


def page() -> str:
    return "\n".join([HEAD, *(part for title, rows in SECTIONS for part in (f"## {title}\n", *map(block, rows)))])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
