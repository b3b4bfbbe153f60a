"""Program -> LaTeX: the numbered equations as people read them, with the numbers of the text program and of the generated code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from symgd.nodes.latex import latex as formula
from symgd.nodes.latex import latex_name, latex_names
from symgd.nodes.node import ONE, TRUE, ZERO, Node, accesses, node, range_
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.linear import combined

REDUCTIONS = {"+=": "sum", "*=": "product", "max=": "maximum", "min=": "minimum", "logsumexp=": "logsumexp"}
HEADS = {"+=": r"\sum", "*=": r"\prod", "max=": r"\max", "min=": r"\min", "logsumexp=": r"\operatorname*{logsumexp}"}
CALLS = {"max=": r"\max", "min=": r"\min", "logsumexp=": r"\operatorname{logsumexp}"}
JOINED = {"+=": r"\mathrel{+}=", "*=": r"\mathrel{\cdot}="}
OPEN = ("+", "neg", "piecewise")  # bodies that need brackets behind a sign of summation


def latex(program: Program) -> str:
    r"""The program as one `aligned` block, for a display formula of LaTeX with amsmath, of KaTeX and of MathJax.

    A row is an equation: its number, the equation, the ranges of the indices that its left side keeps, its condition. The number is that of
    `str(program)` and of the comments in the generated code, so no rows are joined: what adds to elements that earlier rows have filled, or fills
    only a part of an array, is written `+=` and starts from 0. A recurrence has a row of its own that says its steps, before its equations. The
    indices that the left side does not keep stand below a sign of summation. The adjoint of W is dW with an upright d, its name in the text and in
    the code: a bar would be a third name for one array.

    >>> from symgd.program.equation import read_equation
    >>> from symgd.nodes.node import length
    >>> lines = ["r[i] = w*x[i] - y[i] for i in 0:m", "C += r[i]^2/m for i in 0:m", "dw += 2*r[i]*x[i]/m for i in 0:m"]
    >>> names = {"inputs": {"w": 0, "x": 1, "y": 1}, "extents": {"r": (length("m"),), "C": (), "dw": ()}, "adjoints": {"w": "dw"}}
    >>> print(latex(Program(tuple(map(read_equation, lines)), cost="C", parameters=("w",), **names)))
    \begin{aligned}
    (1) && r_{i} &= w\,x_{i} - y_{i} && \quad 0 \le i < m \\
    (2) && C &= \sum_{i=0}^{m-1} \frac{r_{i}^{2}}{m} \\
    (3) && \mathrm{d}w &= \sum_{i=0}^{m-1} \frac{2 r_{i}\,x_{i}}{m}
    \end{aligned}
    """
    rows = " \\\\\n".join(_Page(program).rows())
    return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"


class _Page:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.names = _names(program)
        self.begun: set[str] = set()

    def rows(self) -> Iterator[str]:
        number = 0
        for item in self.program.equations:
            if isinstance(item, Scan):
                yield rf" && & \text{{step by step, }} {self.steps(item)} \text{{:}}"
            for equation in item.equations if isinstance(item, Scan) else (item,):
                number += 1
                yield self.row(f"({number})", equation, item.index if isinstance(item, Scan) else None)

    def steps(self, scan: Scan) -> str:
        """t = 0, ..., T - 1"""
        ends = [scan.index.low, combined((1, scan.index.high), (-1, ONE))][:: scan.direction]
        return rf"{self.formula(scan.index.index)} = {self.formula(ends[0])},\, \ldots,\, {self.formula(ends[1])}"

    def row(self, number: str, equation: Equation, steps: Range | None = None) -> str:
        """`steps`: those of the recurrence around the equation, which are not said again."""
        guards = _conjuncts(equation.guard)
        reduced = equation.reduced
        bound = {axis.index for axis in reduced}
        kept = [axis for axis in equation.domain if axis.index not in bound]
        if any(bound & (axis.low.free | axis.high.free) for axis in kept):
            reduced, kept, bound = (), list(equation.domain), set()  # a kept index ends where a summed one stands
        inside = [guard for guard in guards if guard.free & bound]
        outside = [guard for guard in guards if guard not in inside]
        right = self.relation(equation, self.reduction(equation, reduced, inside), whole=self.whole(equation, kept, outside))
        self.begun.add(equation.target)
        conditions = [self.range(axis) for axis in kept if axis != steps]
        where = r",\; ".join(conditions) + (r" \text{ if } " + r" \land ".join(map(self.formula, outside)) if outside else "")
        row = f"{number} && {self.formula(equation.left)} &{right}"
        known = rf"\text{{by }} {', '.join(self.formula(fact.statement) for fact in equation.facts)}" if equation.facts else ""
        remark = r" \quad ".join(filter(None, [where.strip(), known]))
        return rf"{row} && \quad {remark}" if remark else row

    def relation(self, equation: Equation, right: str, *, whole: bool) -> str:
        """`= right` where the equation gives the elements their value, else what it adds to their value so far."""
        if equation.op == "=" or whole:
            return f"= {right}"
        if equation.op in JOINED:
            return f"{JOINED[equation.op]} {right}"
        return rf"\leftarrow {CALLS[equation.op]}\left({self.formula(equation.left)},\; {right}\right)"

    def whole(self, equation: Equation, kept: Sequence[Range], outside: Sequence[Node]) -> bool:
        """Whether this is the first equation of its target and writes every element of it."""
        extents = self.program.extents.get(equation.target)
        ranges = {axis.index: axis for axis in kept}
        if equation.target in self.begun or outside or extents is None or len(set(equation.at)) < len(equation.at):
            return False
        axes = [ranges.get(place) for place in equation.at]
        return all(axis is not None and axis.low is ZERO and axis.high is extent for axis, extent in zip(axes, extents, strict=True))

    def reduction(self, equation: Equation, reduced: Sequence[Range], guards: Sequence[Node]) -> str:
        """The body below the sign of summation; conditions on a summed index stand under the sign."""
        body = equation.body
        if not reduced:
            return self.formula(body)
        if not guards:
            return self.formula(node(REDUCTIONS[equation.op], body, *(range_(axis.index, axis.low, axis.high) for axis in reduced)))
        below = r" \\ ".join([*map(self.range, reduced), *map(self.formula, guards)])
        shown = self.formula(body)
        if equation.op in CALLS or body.op in OPEN:
            shown = rf"\left({shown}\right)"
        return rf"{HEADS[equation.op]}_{{\substack{{{below}}}}} {shown}"

    def range(self, axis: Range) -> str:
        return self.formula(range_(axis.index, axis.low, axis.high))

    def formula(self, part: Node) -> str:
        return formula(part, names=self.names)


def _conjuncts(guard: Node) -> list[Node]:
    return [] if guard is TRUE else list(guard.args) if guard.op == "and" else [guard]


def _names(program: Program) -> Mapping[str, str]:
    """Every name in LaTeX: no two alike, dW and tW a d and a t before what W is called, and dS_dW the derivative of S by W."""
    adjoints = {adjoint: ("d", name) for name, adjoint in program.adjoints.items() if adjoint == f"d{name}"}
    adjoints |= {tangent: ("t", name) for name, tangent in program.tangents.items() if tangent == f"t{name}"}
    ranks = {**program.inputs, **{name: len(extents) for name, extents in program.extents.items()}}
    ranks |= {found.value: len(found.args) for equation in program.flat() for found in (*equation.reads(), equation.left)}
    ranks |= {found.value: len(found.args) for fact in program.facts for found in accesses(fact.statement)}
    quotients = {name: parts for name in program.extents if name not in program.given and (parts := _quotient(name, program))}
    names = latex_names({name: rank for name, rank in ranks.items() if name not in adjoints and name not in quotients})

    def of(name: str) -> str:
        return names.get(name, latex_name(name))

    shown = {name: rf"\frac{{\partial {of(above)}}}{{\partial {of(below)}}}" for name, (above, below) in quotients.items()}
    shown = {name: rf"\left({fraction}\right)" if ranks.get(name) else fraction for name, fraction in shown.items()}
    names |= shown
    for made, (letter, name) in adjoints.items():  # adjoints first, since tdW is the tangent of one
        names[made] = rf"\mathrm{{{letter}}}{of(name)}"
    return names


def _quotient(name: str, program: Program) -> tuple[str, str] | None:
    """(S, W) of dS_dW, the derivative of one array by another."""
    for n in range(2, len(name)):
        above, below = name[1:n], name[n + 2 :]
        if name[0] == "d" and name[n : n + 2] == "_d" and above in program.extents and (below in program.inputs or below in program.extents):
            return above, below
    return None
