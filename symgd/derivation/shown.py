"""What `cost.derivation()` gives: the steps, and how they are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from symgd.derivation.check import Checked, checked, disagreements
from symgd.derivation.derivation import Block, Derived, derived
from symgd.derivation.steps import Line
from symgd.derivation.story import Section, Sentence, Table, Words, reason, told
from symgd.errors import InputError
from symgd.nodes.latex import latex, latex_name, latex_names
from symgd.nodes.node import ZERO, Node, access, accesses, node, number, postorder
from symgd.nodes.text import text
from symgd.program.extents import input_extents
from symgd.program.gate import MeaningChanged

if TYPE_CHECKING:
    from symgd.api import Cost

__all__ = ["Derivation", "Presented", "Shown", "Step"]

VERBOSITIES = ("brief", "normal", "full")
MOST = 24  # parameters that are shown; the others by name


@dataclass(frozen=True, slots=True)
class Shown:
    """A formula of a derivation: text for a terminal, LaTeX, and by `sympy.sympify` a SymPy expression."""

    node: Node
    _of: Derivation = field(repr=False)

    def __str__(self) -> str:
        return self._of._text(self.node)

    def latex(self) -> str:
        """The formula in LaTeX."""
        return self._of._latex(self.node)

    def _sympy_(self) -> Any:
        return self._of._cost._to_sympy(self.node)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


@dataclass(frozen=True, slots=True)
class Step:
    """One rule: the whole formula before and after it. A block of a network is a step whose substeps are its lines.

    `rule`: the key of the rule; `reason`: it in words.
    """

    rule: str
    before: Shown
    after: Shown
    substeps: tuple[Step, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.before} = {self.after}    {self.reason}"


class Presented(ABC):
    """Sections that are shown in every medium."""

    def text(self, verbosity: str = "normal") -> str:
        """Plain text. `verbosity`: "brief", "normal" or "full"."""
        from symgd.derivation.plain import plain

        return plain(self._sections(verbosity), self._text)

    def latex(self, verbosity: str = "normal") -> str:
        """Paragraphs and `align*` environments for a document with amsmath."""
        from symgd.derivation.tex import tex

        return tex(self._sections(verbosity), self._latex)

    def html(self, verbosity: str = "normal") -> str:
        """A page that needs nothing else."""
        from symgd.derivation.page import page

        return page(self._heading, self._sections(verbosity), self._latex, self._text)

    def __str__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        from symgd.derivation.tex import markdown

        return markdown(self._sections("normal"), self._latex)

    @property
    @abstractmethod
    def _heading(self) -> Words: ...

    @abstractmethod
    def _sections(self, verbosity: str) -> Iterator[Section]: ...

    @abstractmethod
    def _text(self, part: Node) -> str: ...

    @abstractmethod
    def _latex(self, part: Node) -> str: ...


class Derivation(Presented):
    """How the gradient comes about, step by step; of one parameter, or of all.

    `steps`: lines with one rule each, of the first 24 parameters. A cost with definitions has a block for each of them, the last one first, and then
    one for each parameter.
    `result`: the derivative as a SymPy expression, or parameter -> expression. Raises LimitError for formulas too long to follow.

    >>> import symgd as sg
    >>> print(sg.parse("(w - 3)^2").derivation())
    The derivative by w
        d/dw((w - 3)^2)
        = 2*(w - 3)*d/dw(w - 3)    chain rule and power rule, u = w - 3, n = 2
        = 2*(w - 3)                sum rule; constant: -3
    <BLANKLINE>
    Check
        Numbers at w = 0.228339: the last line of the steps, and a central difference of the cost.
        derivative   by the steps   by a difference   error of the difference
        dC/dw        -5.543322      -5.543322         1e-35
    """

    def __init__(self, cost: Cost, parameter: Any = None) -> None:
        self._cost = cost
        gradient = cost.gradient
        self._own: dict[str, Any] = {}
        if parameter is None:
            self._parameters = {name: gradient._letters(name) for name in cost.parameters[:MOST]}
            self._single = None
        else:
            self._single, at = gradient._place(parameter)
            self._parameters = {self._single: at}
            self._own = {getattr(place, "name", ""): place for place in getattr(parameter, "indices", ())}

    @cached_property
    def _derived(self) -> Derived:
        cost = self._cost
        return derived(cost._checked, cost.gradient._forms, self._parameters, cost._name)

    @property
    def steps(self) -> list[Step]:
        """The steps, in order."""
        found: list[Step] = []
        for block in self._derived.blocks:
            lines = [line for path in block.paths for line in path.lines]
            inner = [self._step(line) for line in block.all_lines]
            if not self._derived.forward:
                found += inner or [self._constant(block)]
                continue
            paths = [path.value for path in block.paths]
            begin = node("+", *paths) if len(paths) > 1 else lines[0].before if lines else ZERO
            words = f"the derivative by {self._text(block.target)}"
            found.append(Step("backward", Shown(begin, self), Shown(block.value, self), tuple(inner), words))
        if not found:
            found.append(Step("constant", Shown(self._derived.cost, self), Shown(ZERO, self), (), "the cost has no parameter"))
        return found

    def _step(self, line: Line) -> Step:
        words = "".join(word if isinstance(word, str) else self._text(word) for word in reason(line, "normal"))
        return Step(line.rule, Shown(line.before, self), Shown(line.after, self), (), words)

    def _constant(self, block: Block) -> Step:
        before = node("derivative", self._derived.cost, block.target)
        return Step("constant", Shown(before, self), Shown(ZERO, self), (), f"the cost does not depend on {self._text(block.target)}")

    @property
    def result(self) -> Any:
        """The derivative by the parameter, or of all parameters by name."""
        found = {block.target.value: self._result(block) for block in self._derived.blocks if not block.parts}
        if self._single is not None:
            return found[self._single]
        return found | {name: self._cost.gradient[name] for name in self._cost.parameters[MOST:]}

    def _result(self, block: Block) -> Any:
        value = block.value if block.closed is None else block.closed
        if any(place.value in self._derived.adjoints.values() for place in accesses(value)):
            return self._cost._to_sympy(self._cost.gradient._closed(block.target.value, block.target.args), self._own)  # says what has no closed form
        return self._cost._to_sympy(value, self._own)

    def to_json(self, verbosity: str = "normal") -> dict[str, Any]:
        """Plain lists and texts, for `json.dumps`."""

        def of(step: Step) -> dict[str, Any]:
            found: dict[str, Any] = {"rule": step.rule, "before": str(step.before), "after": str(step.after), "reason": step.reason}
            return {**found, "substeps": [of(inner) for inner in step.substeps]} if step.substeps else found

        results = {self._text(block.target): self._text(block.value) for block in self._derived.blocks if not block.parts}
        return {"cost": self._text(self._derived.cost), "steps": [of(step) for step in self.steps], "gradient": results, "text": self.text(verbosity)}

    def __repr__(self) -> str:
        return f"<Derivation of {self._cost!r}: {len(self.steps)} steps>"

    @property
    def _heading(self) -> Words:
        return ("The gradient of ", access(self._derived.name), " = ", self._derived.cost)

    def _sections(self, verbosity: str) -> Iterator[Section]:
        if verbosity not in VERBOSITIES:
            raise InputError(f"verbosity is {verbosity!r}.", accepted=", ".join(VERBOSITIES))
        if self._cost._formula.source is None:
            yield Section((), (Sentence(("The formula is taken as SymPy left it, which may have rewritten what was typed.",)),))
        yield from told(self._derived, self._shapes, verbosity)
        others = self._cost.parameters[MOST:] if self._single is None else ()
        if others:
            words = f"{len(others)} more parameters, from {self._text(access(others[0]))} on: the derivation by one of them, with its name, shows it."
            yield Section((), (Sentence((words,)),))
        uses = self._cost._stable.uses if self._cost.stabilise and verbosity != "brief" else ()
        if uses:
            said = tuple(Sentence((use.before, " is computed as ", use.after, f": {use.reason}.")) for use in uses)
            yield Section(("What is computed in another way than it is written",), said, folded=True)
        if self.checked is not None and self.checked.numbers and verbosity != "brief":
            yield self._numbers(self.checked)

    @cached_property
    def checked(self) -> Checked | None:
        """Each partial derivative in numbers at a random point: by the steps, by the equations that run, by a central difference."""
        found = checked(self._derived, self._cost.gradient.program, self._cost._checked.definitions)
        if found is not None and (wrong := disagreements(found)):
            raise MeaningChanged(f"The steps give {wrong[0].steps} for {wrong[0].parameter}, the equations {wrong[0].program}: a fault of symgd.")
        return found

    def _numbers(self, found: Checked) -> Section:
        point = [f"{name} = {value:.6g}" for name, value in found.point.items()][:6]
        where = f"at {', '.join(point)}" if point else "at a random point"
        lengths = f", with {', '.join(f'{name} = {value}' for name, value in found.lengths.items())}" if found.lengths else ""
        rows = []
        for one in found.numbers:
            element = access(one.parameter, *map(number, one.place))
            left = (f"d{self._derived.name}/d", element)
            rows.append((left, (f"{one.steps:.10g}",), (f"{one.difference:.10g}",), (f"{one.error:.1g}",)))
        heads = ("derivative", "by the steps", "by a difference", "error of the difference")
        sentence = Sentence((f"Numbers {where}{lengths}: the last line of the steps, and a central difference of the cost.",))
        return Section(("Check",), (sentence, Table(heads, tuple(rows))))

    @cached_property
    def _shapes(self) -> Mapping[str, tuple[Node, ...]]:
        program = self._cost.program
        inputs, _ = input_extents(program)
        ranges = {d.target: {bound.args[0]: bound.args[2] for bound in d.ranges} for d in self._derived.forward}
        own = {d.target: tuple(ranges[d.target].get(place, place) for place in d.at) for d in self._derived.forward}
        return {**own, **inputs, **program.extents}

    def _text(self, part: Node) -> str:
        return text(part, hidden=self._cost._formula.hidden, axes=self._axes)

    def _latex(self, part: Node) -> str:
        return latex(part, hidden=self._cost._formula.hidden, axes=self._axes, names=self._names)

    @cached_property
    def _axes(self) -> Mapping[str, Node]:
        """The lengths of the axes, also of letters that were renamed: a range that is the whole axis is a letter alone."""
        shown = [formula for block in self._derived.blocks for line in block.all_lines for formula in (line.before, line.after)]
        axes: dict[str, Node] = dict(self._cost._formula.axes)
        own: dict[str, set[Node]] = {}
        for part in postorder(*shown):
            if part.op == "range":
                own.setdefault(part.args[0].value, set()).add(part.args[2] if part.args[1] is ZERO else ZERO)
        renamed = {letter: highs.pop() for letter, highs in own.items() if letter not in axes and len(highs) == 1}
        return {**{letter: high for letter, high in renamed.items() if high in axes.values()}, **axes}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """Every name in LaTeX, no two alike; dz is an upright d before z."""
        found = self._derived
        bodies = [found.cost, *(part for d in self._cost._checked.definitions for part in (d.body, access(d.target, *d.at)))]
        ranks = {place.value: len(place.args) for place in accesses(*bodies)} | {block.target.value: len(block.target.args) for block in found.blocks}
        names = latex_names({**ranks, found.name: 0})
        return _Names(names | {adjoint: rf"\mathrm{{d}}{names.get(name, latex_name(name))}" for name, adjoint in found.adjoints.items()})


class _Names(dict[str, str]):
    """Names in LaTeX; one that a derivation gives by the way, for a residual, is written as it is."""

    def __missing__(self, name: str) -> str:
        return latex_name(name)
