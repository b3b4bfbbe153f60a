"""Update rules as rows: the same lines are the formula on the page, the equations of the Program and the reference in the tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any

from symgd.errors import InputError
from symgd.nodes.node import ARITHMETIC, ATOMS, ZERO, Node, access, index, postorder, substituted
from symgd.program.equation import Equation, Program, Range
from symgd.program.names import Fresh
from symgd.updates.formulas import formula
from symgd.updates.rows import Interval, Rows, Settings, brief, checked_settings

PARAMETER, GRADIENT, RATE, STEP = "w", "g", "eta", "t"
LETTERS = (PARAMETER, GRADIENT, RATE, STEP)
CHEAP = (ARITHMETIC - {"^"}) | ATOMS


@dataclass(frozen=True)
class UpdateRule:
    """One update of one element of a parameter.

    The letters are `w`, the parameter; `g`, its gradient; `eta`, the learning rate; `t` = 1, 2, ..., the number of the step; and what `state` and
    `settings` name. `becomes`: letter -> its new value, from top to bottom: a line sees the new values above it. `state`: letter -> its start, a
    formula in w and the settings. `settings`: name -> (default, interval). The lines are read and checked when the rule is first used.

    >>> rule = UpdateRule("decay", becomes={"w": "w - eta*(g + penalty*w)"}, settings={"penalty": (0.01, "[0, oo)")})
    >>> print(rule.text())
    w <- w - eta*(g + penalty*w)
    >>> rule.checked_settings(learning_rate=0.5)
    {'learning_rate': 0.5, 'penalty': 0.01}
    """

    name: str
    source: str = ""
    state: Mapping[str, str] = field(default_factory=dict)
    becomes: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        for name in ("state", "becomes", "settings"):
            given = getattr(self, name)
            if not isinstance(given, Mapping):
                raise InputError(f"{name} of {self.name} is {brief(given)}.", accepted="a mapping from names")
            object.__setattr__(self, name, MappingProxyType(dict(given)))

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.becomes.items())))

    def __reduce__(self) -> tuple[type[UpdateRule], tuple[Any, ...]]:
        return UpdateRule, (self.name, self.source, dict(self.state), dict(self.becomes), dict(self.settings), self.learning_rate)

    def checked_settings(self, **given: object) -> dict[str, float]:
        """The learning rate and every setting, given or default; InputError for one that is unknown or outside its interval.

        >>> optimizers["momentum"].checked_settings(beta=1.0)
        Traceback (most recent call last):
            ...
        symgd.errors.InputError: beta is 1.0. Accepted: [0, 1).
        """
        return checked_settings(self.name, {"learning_rate": (self.learning_rate, "(0, oo)"), **self._settings}, given)

    @cached_property
    def formulas(self) -> Mapping[str, Node]:
        """Letter -> its new value, in the order of evaluation."""
        letters = (*LETTERS, *self.state, *self._settings)
        if len(set(letters)) < len(letters):
            twice = next(letter for letter in letters if letters.count(letter) > 1)
            raise InputError(f"{self.name} uses the letter {twice} twice.", accepted=f"states and settings of other names than {', '.join(LETTERS)}")
        for letter in self.becomes:
            if letter != PARAMETER and letter not in self.state:
                raise InputError(f"{self.name} changes {letter}.", accepted=", ".join([PARAMETER, *self.state]))
        for letter in (*self.state, PARAMETER):
            if letter not in self.becomes:
                what = "the parameter" if letter == PARAMETER else "a state"
                raise InputError(f"{self.name} never changes {letter}, {what}.", accepted=f"a line for {letter} in becomes")
        return MappingProxyType({letter: formula(self.name, source, letters) for letter, source in self.becomes.items()})

    @cached_property
    def start(self) -> Mapping[str, Node]:
        """State -> its value before the first step."""
        letters = (PARAMETER, *self._settings)
        return MappingProxyType({letter: formula(self.name, source, letters) for letter, source in self.state.items()})

    @cached_property
    def _settings(self) -> dict[str, tuple[float, str]]:
        """The settings, read."""
        for name, row in self.settings.items():
            if not (isinstance(row, tuple) and len(row) == 2):
                raise InputError(f"Setting {name} of {self.name} is {brief(row)}.", accepted='(default, interval), such as (0.9, "[0, 1)")')
            if name == "learning_rate":
                raise InputError(f"{self.name} lists learning_rate among its settings.", accepted="eta in formulas, learning_rate= for its default")
            Interval.read(row[1])
        return dict(self.settings)

    def text(self) -> str:
        """The lines of the rule, `w <- w - eta*g`."""
        from symgd.nodes.text import text

        return "\n".join(f"{letter} <- {text(body)}" for letter, body in self.formulas.items())

    def latex(self) -> str:
        r"""The lines of the rule, aligned at the arrow.

        >>> print(optimizers["gradient_descent"].latex())
        \begin{aligned}
        w &\leftarrow w - \eta\,g
        \end{aligned}
        """
        from symgd.nodes.latex import latex

        lines = " \\\\\n".join(rf"{latex(access(letter))} &\leftarrow {latex(body)}" for letter, body in self.formulas.items())
        return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


optimizers: Rows[UpdateRule] = Rows(
    "optimizer",
    UpdateRule("gradient_descent", source="Cauchy 1847", becomes={"w": "w - eta*g"}),
    UpdateRule(
        "momentum",
        source="Polyak 1964, with the rate outside the state, as in torch.optim.SGD with dampening 0; equal to Polyak's as long as eta is constant",
        state={"v": "0"},
        becomes={
            "v": "beta*v + g",
            "w": "w - eta*v",
        },
        settings={"beta": (0.9, "[0, 1)")},
    ),
    UpdateRule(
        "adam",
        source="Kingma & Ba 2015, algorithm 1; epsilon outside the root",
        state={"m": "0", "v": "0"},
        becomes={
            "m": "beta1*m + (1 - beta1)*g",
            "v": "beta2*v + (1 - beta2)*g^2",
            "w": "w - eta*(m/(1 - beta1^t)) / (sqrt(v/(1 - beta2^t)) + epsilon)",
        },
        settings={"beta1": (0.9, "[0, 1)"), "beta2": (0.999, "[0, 1)"), "epsilon": (1e-8, "(0, oo)")},
        learning_rate=0.001,
    ),
)
"""Name -> UpdateRule. A rule of one's own is given in place of a name."""


@dataclass(frozen=True, slots=True)
class Updates:
    """One step of every parameter as equations, in the order in which they run.

    `equations`: first the scalars that are the same for every element, such as `1 - beta1^t`; then state by state the new values, in place.
    `state`: state array -> its extents; it lives from step to step. `start`: its values before the first step.
    `letters`: t, eta and the settings -> the scalar that stands for them here.
    """

    rule: UpdateRule
    equations: tuple[Equation, ...]
    state: Mapping[str, tuple[Node, ...]]
    start: tuple[Equation, ...]
    letters: Mapping[str, str]

    @property
    def scalars(self) -> tuple[str, ...]:
        """What is given to every step: its number, then the learning rate and the settings."""
        return tuple(self.letters.values())

    def values(self, settings: Mapping[str, float]) -> dict[str, float]:
        """Scalar -> its value, for all but the step number, from checked settings."""
        return {name: settings["learning_rate" if letter == RATE else letter] for letter, name in self.letters.items() if letter != STEP}


def updates(rule: UpdateRule, program: Program) -> Updates:
    """The update of all parameters of a program that carries their gradient.

    >>> from symgd.program.equation import read_equation
    >>> from symgd.reverse.reverse import reverse
    >>> from symgd.nodes.node import length
    >>> cost = Program((read_equation("C += w[j]^2 for j in 0:d"),), {"w": 1}, "C", ("w",), extents={"C": ()})
    >>> print(*updates(optimizers["momentum"], reverse(cost)).equations, sep="\\n")
    v_w[j] = beta*v_w[j] + dw[j] for j in 0:d
    w[j] = w[j] - eta*v_w[j] for j in 0:d
    """
    domains = {name: _domain(program, program.adjoints[name]) for name in program.parameters}
    letters = {axis.index.value for domain in domains.values() for axis in domain}
    return update_equations(rule, domains, program.adjoints, Fresh({*program.taken, *letters}))


def update_equations(rule: UpdateRule, domains: Mapping[str, tuple[Range, ...]], adjoints: Mapping[str, str], fresh: Fresh) -> Updates:
    """The update of the parameters that run over these domains; `adjoints`: parameter -> the name of its gradient.

    An equation reads no element but its own, so all those of one parameter may run in place and in one loop.
    """
    scalars = {letter: fresh.exactly(letter) for letter in (STEP, RATE, *rule.settings)}
    named = {access(letter): access(name) for letter, name in scalars.items()}
    step, begin = rule.formulas, rule.start
    constant = {part: access(fresh("c")) for part in _constant_parts(step.values(), frozenset(scalars))}
    equations = [Equation(name.value, (), "=", (), substituted(part, named), rule="update") for part, name in constant.items()]
    start: list[Equation] = []
    state: dict[str, tuple[Node, ...]] = {}
    for parameter, domain in domains.items():
        arrays = {PARAMETER: parameter, **{letter: fresh.exactly(f"{letter}_{parameter}") for letter in rule.state}}
        state.update((arrays[letter], tuple(axis.high for axis in domain)) for letter in rule.state)
        at = tuple(axis.index for axis in domain)
        elements = {access(letter): access(array, *at) for letter, array in {**arrays, GRADIENT: adjoints[parameter]}.items()}
        for lines, formulas in ((start, begin), (equations, step)):
            for letter, body in formulas.items():
                lines.append(Equation(arrays[letter], at, "=", domain, substituted(body, {**named, **elements, **constant}), rule="update"))
    return Updates(rule, tuple(equations), MappingProxyType(state), tuple(start), MappingProxyType(scalars))


def _constant_parts(bodies: Iterable[Node], scalars: frozenset[str]) -> dict[Node, None]:
    """The largest parts that are the same for every element and cost a power or a function: what a loop should not compute again."""
    found: dict[Node, None] = {}
    for body in bodies:
        same: dict[Node, bool] = {}
        dear: dict[Node, bool] = {}
        for part in postorder(body):
            same[part] = part.value in scalars if part.op == "access" else all(same[argument] for argument in part.args)
            dear[part] = part.op not in CHEAP or any(dear[argument] for argument in part.args)
        stack = [body]
        while stack:
            part = stack.pop()
            if same[part] and dear[part]:
                found[part] = None
            else:
                stack.extend(reversed(part.args))
    return found


def _domain(program: Program, adjoint: str) -> tuple[Range, ...]:
    """The axes of a gradient, from 0 to their lengths, in the letters of an equation that fills it."""
    extents = program.extents[adjoint]
    for equation in program.flat():
        if equation.target == adjoint and all(place.op == "index" for place in equation.at) and len(set(equation.at)) == len(extents):
            letters = equation.at
            break
    else:
        taken = Fresh(program.taken)
        letters = tuple(index(taken.exactly(letter)) for letter, _ in zip(chain("ijklpqrs", repeat("i")), extents, strict=False))
    return tuple(Range(letter, ZERO, extent) for letter, extent in zip(letters, extents, strict=True))
