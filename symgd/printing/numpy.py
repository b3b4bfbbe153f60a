"""A Program as NumPy source: every equation whole arrays at a time. A second oracle, and what runs where Numba would not.

The domain of an equation is a grid. An index with bounds of its own is an axis of it; indices whose bounds depend on each other, or that stand in
the guard, share one axis, the list of all their points. A subexpression has only the axes of the letters that it contains, so `b[k]` stays short
until it meets `z[i, k]`, and a sum of a product is contracted by `einsum` without its terms ever standing side by side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from string import ascii_letters
from typing import NamedTuple

from symgd.errors import NoRule, NotBuilt
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import COMPARISONS, ONE, TRUE, ZERO, Node, accesses, fraction, node, outside_subscripts, postorder
from symgd.nodes.polynomial import whole_form
from symgd.nodes.text import text
from symgd.printing.elementary import ELEMENTARY, needed
from symgd.printing.identifiers import Identifiers, comment
from symgd.printing.templates import environment
from symgd.program.bounds import extents, whole
from symgd.program.equation import Equation, Op, Program, Range, Scan
from symgd.program.linear import combined, difference, linear, size

__all__ = ["Printed", "numpy_source", "printed"]

LOOSEST, ADD, MULTIPLY, RAISE, ATOM = range(5)
WIDTH = 110  # a longer subexpression gets a line and a name of its own, so no depth reaches Python's parser
START = {"=": "np.nan", "+=": "0.0", "*=": "1.0", "max=": "-np.inf", "min=": "np.inf", "logsumexp=": "-np.inf"}
GATHER = {"+=": "np.add", "*=": "np.multiply", "max=": "np.maximum", "min=": "np.minimum", "logsumexp=": "np.logaddexp"}
REDUCE = {
    "+=": "np.sum({})",
    "*=": "np.prod({})",
    "max=": "np.max({}, initial=-np.inf)",
    "min=": "np.min({}, initial=np.inf)",
    "logsumexp=": "logsumexp({})",
}
JOIN = {"+=": "{0} + {1}", "*=": "{0}*{1}", "max=": "np.maximum({0}, {1})", "min=": "np.minimum({0}, {1})", "logsumexp=": "np.logaddexp({0}, {1})"}

HELPERS = {
    "logsumexp": """
def logsumexp(values, axis=None):
    top = np.max(values, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0.0)
    return np.log(np.sum(np.exp(values - shift), axis=axis)) + np.squeeze(shift, axis=axis)[()]
""",
    "spread": """
def spread(points, low, high):
    low = np.broadcast_to(low, (points,))
    counts = np.maximum(np.broadcast_to(high, (points,)) - low, 0)
    origin = np.repeat(np.arange(points), counts)
    return origin, np.arange(origin.size) - (np.cumsum(counts) - counts)[origin] + low[origin]
""",
}
CALLED = frozenset(found for row in FUNCTIONS.values() for found in re.findall(r"\b([A-Za-z_]\w*)[.(]", row.numpy))
RESERVED = frozenset({"np", "special", "program", "origin", "keep", *HELPERS, *CALLED})


@dataclass(frozen=True, slots=True)
class Printed:
    """A module with one function `program(*arrays, *lengths)` that returns the targets. `integers`: the arrays that it takes as int64."""

    source: str
    arrays: tuple[str, ...]
    lengths: tuple[str, ...]
    targets: tuple[str, ...]
    integers: frozenset[str]


class Value(NamedTuple):
    """A subexpression as code: its axes in the grid, how tightly it binds, whether it is a new array, whether it is a Python number."""

    code: str
    axes: tuple[int, ...] = ()
    level: int = ATOM
    new: bool = False
    bare: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a grid. `straight`: the one index with bounds of its own; else the points of several indices, listed."""

    ranges: tuple[Range, ...]
    straight: bool


def numpy_source(program: Program) -> str:
    """The program as a NumPy module.

    >>> from symgd.program.equation import read_equation
    >>> equation = read_equation("z[i, k] += W[k, j]*X[i, j] for i in 0:m, k in 0:h, j in 0:d")
    >>> source = numpy_source(Program((equation,), {"W": 2, "X": 2}, "C", ("W",)))
    >>> print(source[source.index("def ") :], end="")
    def program(W, X, m, h, d):
        # (1) z[i, k] += W[k, j]*X[i, j] for i in 0:m, k in 0:h, j in 0:d
        z = np.einsum("kj,ij->ik", W, X, optimize=True)
        return (z,)
    """
    return printed(program).source


def printed(program: Program) -> Printed:
    """The program as a NumPy module, and how it is called."""
    return _Module(program).printed()


class _Module:
    """What the equations of one module share: names, helpers, and which targets have been started."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.equations = tuple(program.flat())
        said = extents(self.equations)
        self.bounds = said
        self.targets = tuple(dict.fromkeys(equation.target for equation in self.equations))
        read = dict.fromkeys(found.value for equation in self.equations for found in equation.reads())
        computed = frozenset(self.targets)
        self.inputs = tuple(
            name for name in dict.fromkeys((*program.inputs, *read)) if name in read and (name in program.inputs or name not in computed)
        )
        places = [place for e in self.equations for access in (e.left, *e.reads()) for place in access.args if place.args or place.op == "access"]
        bounds = [bound for e in self.equations for axis in e.domain for bound in (axis.low, axis.high)]
        self.integers = frozenset(found.value for found in accesses(*places, *bounds))
        if self.integers & computed:
            raise NotBuilt(
                f"{min(self.integers & computed)} stands in a subscript and is computed; such subscripts are not built yet.", accepted="integer data"
            )
        self.extents = {name: self._extents(name) for name in self.targets}
        lengths = [part.value for shape in self.extents.values() for part in postorder(*shape) if part.op == "length"]
        self.lengths = tuple(dict.fromkeys((*program.lengths(), *lengths)))
        self.first_op: dict[str, Op] = {}
        for equation in self.equations:
            if self.first_op.get(equation.target, "=") == "=":
                self.first_op[equation.target] = equation.op
        self.names = Identifiers(RESERVED)
        for name in (*self.inputs, *self.targets):
            self.name(name)
        for name in self.lengths:
            self.length(name)
        self.started: set[str] = set()
        self.helpers: set[str] = set()
        self.elementary: set[str] = set()

    def _extents(self, name: str) -> tuple[Node, ...]:
        if name in self.program.extents:
            return self.program.extents[name]
        shape: list[Node] = []
        for position, bounds in enumerate(self.bounds[name]):
            highs = list(dict.fromkeys(bound.high for bound in bounds if bound.high is not None))
            if len(highs) < len({bound.high for bound in bounds}) or not highs:
                raise NotBuilt(f"How long {name} is along axis {position} is told by its values only.", accepted=f"extents of {name}")
            shape.append(highs[0] if len(highs) == 1 else node("max", *highs))
        return tuple(shape)

    def name(self, name: str) -> str:
        return self.names["name", name]

    def length(self, name: str) -> str:
        return self.names["length", name]

    def printed(self) -> Printed:
        lines: list[str] = []
        number = 0
        for item in self.program.equations:
            if isinstance(item, Scan):
                lines += self._stepped(item, number)
                number += len(item.equations)
            else:
                number += 1
                lines += [f"# ({number}) {_shown(item)}", *_Equation(self, item).lines()]
        arguments = [*map(self.name, self.inputs), *map(self.length, self.lengths)]
        source = (
            environment("python")
            .get_template("numpy.py.jinja")
            .render(
                cost=comment(self.program.cost),
                special="special." in "\n".join(lines),
                helpers=[
                    *(ELEMENTARY[name].source.strip() for name in needed(sorted(self.elementary))),
                    *(HELPERS[name].strip() for name in HELPERS if name in self.helpers),
                ],
                arguments=_folded(arguments),
                lines=lines,
                returned=_folded([self.name(name) for name in self.targets]) + ("," if len(self.targets) == 1 else ""),
            )
        )
        return Printed(source, self.inputs, self.lengths, self.targets, self.integers & set(self.inputs))


    def _stepped(self, scan: Scan, number: int) -> Iterator[str]:
        """A recurrence as a Python loop over its steps; in each of them whole arrays at a time."""
        for equation in scan.equations:
            yield from self.start(equation.target)
        letter, step = self.names["index", scan.index.index.value], scan.index.index
        head = _Equation(self, scan.equations[0], step)
        ends = [scan.index.low, scan.index.high]
        if scan.direction < 0:
            ends = [combined((1, end), (-1, ONE)) for end in reversed(ends)]
        span = ", ".join(head.integer(end).code for end in ends) + (", -1" if scan.direction < 0 else "")
        yield f"for {letter} in range({span}):"
        for equation in scan.equations:
            number += 1
            yield f"    # ({number}) {_shown(equation)}"
            mine = next(axis for axis in equation.domain if axis.index is step)
            conditions = []
            if difference(mine.low, scan.index.low) != 0:
                conditions.append(f"{letter} >= {head.integer(mine.low).code}")
            if difference(mine.high, scan.index.high) != 0:
                conditions.append(f"{letter} < {head.integer(mine.high).code}")
            if conditions:
                yield f"    if {' and '.join(conditions)}:"
            indent = "        " if conditions else "    "
            yield from (indent + line for line in _Equation(self, equation, step).lines())

    def start(self, target: str) -> Iterator[str]:
        """Give a target its start value, unless it has one."""
        if target in self.started:
            return
        self.started.add(target)
        name, start = self.name(target), START[self.first_op[target]]
        if target in self.inputs:  # the caller's array stays as it is
            yield f"{name} = {name}.copy()"
        elif not self.extents[target]:
            yield f"{name} = np.float64({start})"
        else:
            shape = self.shape(target)
            yield f"{name} = np.zeros({shape})" if start == "0.0" else f"{name} = np.full({shape}, {start})"

    def shape(self, target: str) -> str:
        equation = next(e for e in self.equations if e.target == target)
        parts = [_Equation(self, equation).integer(length).code for length in self.extents[target]]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _folded(words: list[str]) -> str:
    """Words with commas, in lines of at most about WIDTH characters."""
    rows: list[list[str]] = [[]]
    length = 0
    for word in words:
        if rows[-1] and length + len(word) > WIDTH:
            rows.append([])
            length = 0
        rows[-1].append(word)
        length += len(word) + 2
    return ",\n        ".join(", ".join(row) for row in rows)


def _shown(equation: Equation) -> str:
    """The equation, or its left side where the whole is too long for a comment."""
    sizes: dict[Node, int] = {}
    for part in postorder(equation.body, equation.guard):
        sizes[part] = 1 + sum(sizes[a] for a in part.args)
    if sizes[equation.body] + sizes[equation.guard] <= 80:
        return comment(str(equation), longest=200)
    return comment(f"{text(equation.left)} {equation.op} ...", longest=200)


class _Equation:
    """One equation on its grid; in a recurrence at one `step`, whose letter is a number then."""

    def __init__(self, module: _Module, equation: Equation, step: Node | None = None) -> None:
        self.module, self.equation = module, equation
        self.steps = frozenset(() if step is None else (step,))
        self.written: list[str] = []
        self.count = 0
        self.axes, self.kept = _grid(equation, self.steps)
        self.axis_of = {axis.index: n for n, group in enumerate(self.axes) for axis in group.ranges}
        self.range_of = {axis.index: axis for axis in equation.domain}
        self.sheltered = frozenset(_sheltered(equation)) if equation.guard is not TRUE or any_piecewise(equation.body) else frozenset()

    def lines(self) -> list[str]:
        equation = self.equation
        for n, group in enumerate(self.axes):
            if not group.straight:
                self._list_points(n)
        closed = equation.guard is not TRUE and not equation.guard.free - self.steps
        reduced = tuple(range(self.kept, len(self.axes)))
        if equation.op == "=" and reduced:
            raise NotBuilt(f"{text(equation.left)} is assigned once for each value of another index: {_shown(equation)}", accepted="+=, max=, ...")
        if closed:
            self._start()
        result = self._contracted(reduced) if equation.op == "+=" and reduced else None
        if result is None:
            result = self.number(equation.body)
            if reduced:
                result = self._reduced(result, reduced)
        store = self._stored(result, closed)
        if closed:
            condition = self.condition(equation.guard).code
            return [*self.written, f"if {condition}:", *(f"    {line}" for line in store)]
        return [*self.written, *store]

    # points

    def _list_points(self, n: int) -> None:
        """Index arrays for an axis that lists the points of several indices."""
        known: list[str] = []
        for axis in self.axes[n].ranges:
            letter = self.module.names["index", axis.index.value]
            low, high = self.integer(axis.low).code, self.integer(axis.high).code
            if not known:
                self.written.append(f"{letter} = np.arange({low}, {high})")
            else:
                self.module.helpers.add("spread")
                self.written.append(f"origin, {letter} = spread({known[0]}.size, {low}, {high})")
                self.written += [f"{other} = {other}[origin]" for other in known]
            known.append(letter)
        guard = self.equation.guard
        if guard is not TRUE and guard.free & {axis.index for axis in self.axes[n].ranges}:
            self.written.append(f"keep = {self.condition(guard).code}")
            self.written += [f"{other} = {other}[keep]" for other in known]

    def _size(self, n: int) -> str:
        """How many points an axis has, as code."""
        group = self.axes[n]
        if not group.straight:
            return f"{self.module.names['index', group.ranges[0].index.value]}.size"
        return self.integer(size(group.ranges[0].low, group.ranges[0].high)).code

    # index expressions

    def integer(self, root: Node) -> Value:
        """An index expression as integers."""
        root = whole_form(root)
        known: dict[Node, Value] = {}
        for part in outside_subscripts(root):
            known[part] = self._integer(part, known)
        return known[root]

    def _integer(self, part: Node, known: dict[Node, Value]) -> Value:
        op = part.op
        if op == "number" and fraction(part).denominator == 1:
            found = int(fraction(part))
            return Value(str(found), level=ATOM if found >= 0 else ADD, bare=True)
        if op == "length":
            return Value(self.module.length(part.value), bare=True)
        if op == "index" and part in self.steps:
            return Value(self.module.names["index", part.value], bare=True)
        if op == "index":
            n = self.axis_of[part]
            if not self.axes[n].straight:
                return Value(self.module.names["index", part.value], (n,))
            axis = self.range_of[part]
            low, high = self.integer(axis.low).code, self.integer(axis.high).code
            return Value(f"np.arange({high})" if low == "0" else f"np.arange({low}, {high})", (n,))
        if op == "access":
            return self._access(part)
        if op == "neg":
            return Value(f"-{_at(known[part.args[0]], RAISE)}", known[part.args[0]].axes, MULTIPLY)
        if op == "+":
            return self._sum(part, known)
        if op == "*":
            return self._chain([known[a] for a in part.args], "*", MULTIPLY)
        if op in ("/", "mod"):
            return self._chain([known[a] for a in part.args], "//" if op == "/" else " % ", MULTIPLY)
        if op == "floor":
            return known[part.args[0]]
        if op == "^":
            base = known[part.args[0]]
            return Value(f"{_at(base, ATOM)}**{part.args[1].value}", base.axes, RAISE, new=True, bare=base.bare)
        if op in ("max", "min"):
            args = [known[a] for a in part.args]
            if all(value.bare for value in args):
                return Value(f"{op}({', '.join(value.code for value in args)})", bare=True)
            return self._nested(FUNCTIONS[op].numpy, args)
        raise NotBuilt(f"{text(part)} stands in a subscript; such subscripts are not built yet.", accepted="sums and products of indices")

    # formulas

    def condition(self, root: Node) -> Value:
        return self.number(root)

    def number(self, root: Node) -> Value:
        """A formula as floats, or a condition as booleans; what is used twice or grows long is written to a line of its own."""
        known: dict[Node, Value] = {}
        uses: dict[Node, int] = {}
        parts = outside_subscripts(root)
        for part in parts:
            if part.op != "access":
                for argument in part.args:
                    uses[argument] = uses.get(argument, 0) + 1
        for part in parts:
            found = self._one(part, known)
            shared = uses.get(part, 0) > 1 and (found.new or found.level < ATOM) and not found.bare
            if part is not root and (shared or len(found.code) > WIDTH):
                found = self._named(found)
            known[part] = found
        return known[root]

    def _named(self, found: Value) -> Value:
        """The value under a name of its own."""
        self.count += 1
        name = self.module.names["temporary", f"t{self.count}"]
        self.written.append(f"{name} = {found.code}")
        return Value(name, found.axes, bare=found.bare)

    def _one(self, part: Node, known: dict[Node, Value]) -> Value:
        op = part.op
        if op == "number":
            return Value(literal(part), level=ATOM if fraction(part) >= 0 else ADD, bare=True)
        if op == "constant":
            return Value(f"np.{part.value}", bare=True)
        if op in ("true", "false"):
            return Value(op.capitalize(), bare=True)
        if op == "length":
            return Value(f"float({self.module.length(part.value)})", bare=True)
        if op == "index":
            found = self._integer(part, {})
            return Value(f"np.float64({found.code})", found.axes, new=True) if part not in self.steps else Value(f"float({found.code})", bare=True)
        if op == "access":
            found = self._access(part)
            return Value(f"np.float64({found.code})", found.axes, new=True) if part.value in self.module.integers else found
        if op == "+":
            return self._sum(part, known)
        if op == "*":
            return self._chain([known[a] for a in part.args], "*", MULTIPLY)
        if op == "neg":
            inner = known[part.args[0]]
            return Value(f"-{_at(inner, MULTIPLY)}", inner.axes, MULTIPLY, new=True, bare=inner.bare)
        if op == "/":
            return self._quotient(known[part.args[0]], known[part.args[1]])
        if op == "^":
            return self._power(part, known)
        if op == "piecewise":
            return self._choice([known[a] for a in part.args])
        if op in COMPARISONS:
            return self._chain([known[a] for a in part.args], f" {op} ", ADD)._replace(level=LOOSEST)
        if op in ("and", "or"):
            return self._nested(f"np.logical_{op}({{0}}, {{1}})", [known[a] for a in part.args])
        if op == "not":
            inner = known[part.args[0]]
            return Value(f"np.logical_not({inner.code})", inner.axes, new=True)
        return self._call(op, [known[a] for a in part.args])

    def _sum(self, part: Node, known: dict[Node, Value]) -> Value:
        total = known[part.args[0]]
        for term in part.args[1:]:
            minus = term.op == "neg"
            other = known[term.args[0]] if minus else known[term]
            total = self._pair(total, " - " if minus else " + ", other, ADD)
            if len(total.code) > WIDTH and term is not part.args[-1]:
                total = self._named(total)
        return total

    def _chain(self, values: list[Value], sign: str, level: int) -> Value:
        total = values[0]
        for n, other in enumerate(values[1:], 2):
            total = self._pair(total, sign, other, level)
            if len(total.code) > WIDTH and n < len(values):
                total = self._named(total)
        return total

    def _pair(self, left: Value, sign: str, right: Value, level: int) -> Value:
        axes = _union(left.axes, right.axes)
        first, second = _expanded(left, axes), _expanded(right, axes)
        code = f"{_at(first, level)}{sign}{_at(second, level + 1)}"
        return Value(code, axes, level, new=True, bare=left.bare and right.bare)

    def _quotient(self, above: Value, below: Value) -> Value:
        if above.bare and below.bare:  # two Python numbers would raise at 0
            return Value(f"np.divide({above.code}, {below.code})", new=True)
        return self._pair(above, "/", below, MULTIPLY)

    def _power(self, part: Node, known: dict[Node, Value]) -> Value:
        base, exponent = (known[a] for a in part.args)
        if part.args[1].op == "number" and fraction(part.args[1]) in (2, 3, 4) and not base.bare:
            return Value(f"{_at(base, ATOM)}**{int(fraction(part.args[1]))}", base.axes, RAISE, new=True)
        return self._nested("np.power({0}, {1})", [base, exponent])

    def _choice(self, values: list[Value]) -> Value:
        pairs, otherwise = divmod(len(values), 2)
        shown = values[-1] if otherwise else Value("np.nan", bare=True)
        for n in reversed(range(pairs)):
            branch, condition = values[2 * n], values[2 * n + 1]
            axes = _union(branch.axes, condition.axes, shown.axes)
            if axes:
                code = ", ".join(_expanded(part, axes).code for part in (condition, branch, shown))
                shown = Value(f"np.where({code})", axes, new=True)
            else:
                shown = Value(f"({branch.code} if {condition.code} else {shown.code})", new=True, bare=branch.bare and shown.bare)
            if len(shown.code) > WIDTH and n:
                shown = self._named(shown)
        return shown

    def _nested(self, template: str, values: list[Value]) -> Value:
        """A function of two arguments, nested from the left."""
        total = values[0]
        for n, other in enumerate(values[1:], 2):
            axes = _union(total.axes, other.axes)
            total = Value(_filled(template, [_expanded(total, axes).code, _expanded(other, axes).code]), axes, new=True)
            if len(total.code) > WIDTH and n < len(values):
                total = self._named(total)
        return total

    def _call(self, op: str, values: list[Value]) -> Value:
        if op not in FUNCTIONS:
            raise NoRule(f"NumPy has no operation {op}.", accepted=", ".join(sorted(FUNCTIONS)))
        template, free = _template(op)
        name = template.partition("(")[0]
        if name in ELEMENTARY:  # without a branch, so that it takes arrays too
            self.module.elementary.add(name)
        if FUNCTIONS[op].arity is None:
            return self._nested(template, values) if len(values) > 1 else values[0]
        axes = _union(*(value.axes for value in values))
        shown = [_expanded(value, axes) for value in values]
        return Value(_filled(template, [value.code if free else _at(value, ATOM) for value in shown]), axes, new=True)

    # accesses

    def _access(self, part: Node) -> Value:
        """What an access reads: a view where each index walks along an axis of its own, else by index arrays."""
        name = self.module.name(part.value)
        if not part.args:
            return Value(name)
        places = [self._slice(part, position) for position in range(len(part.args))]
        letters = [place[1] for place in places if place is not None and place[1] is not None]
        if all(place is not None for place in places) and len(set(letters)) == len(letters):
            slices = [place[0] for place in places if place is not None]
            code = name if set(slices) == {":"} else f"{name}[{', '.join(slices)}]"
            order = sorted(range(len(letters)), key=letters.__getitem__)
            if order != list(range(len(letters))):
                code += ".T" if len(letters) == 2 else f".transpose({', '.join(map(str, order))})"
            return Value(code, tuple(sorted(letters)))
        values = [self.integer(place) for place in part.args]
        if part in self.sheltered:
            values = [
                v if v.bare else Value(f"np.clip({v.code}, 0, {name}.shape[{n}] - 1)", v.axes) for n, v in enumerate(values)
            ]  # a branch that is not taken may point outside
        axes = _union(*(value.axes for value in values))
        return Value(f"{name}[{', '.join(_expanded(value, axes).code for value in values)}]", axes, new=bool(axes))

    def _slice(self, part: Node, position: int) -> tuple[str, int | None] | None:
        """A subscript as a basic index of its array, and the axis along which it walks; None where only index arrays will do."""
        place = part.args[position]
        letters = place.free - self.steps
        if any(accesses(place)):
            return None
        if not letters:
            return self.integer(place).code, None
        if len(letters) > 1:
            return None
        (letter,) = letters
        n = self.axis_of[letter]
        if not self.axes[n].straight:
            return None
        axis = self.range_of[letter]
        if place is letter and axis.low is ZERO and self._runs_whole(part.value, position, axis.high):
            return ":", n
        form = linear(place)
        if form is None or part in self.sheltered or form.get(letter, 0) < 1 or any(c.denominator != 1 for c in form.values()):
            return None
        step = int(form[letter])
        offset = combined((1, place), (-step, letter))
        low, high = (self.integer(combined((step, bound), (1, offset))).code for bound in (axis.low, axis.high))
        return f"{low}:{high}" + (f":{step}" if step > 1 else ""), n

    def _runs_whole(self, name: str, position: int, high: Node) -> bool:
        if name in self.module.extents:
            return difference(self.module.extents[name][position], high) == 0
        return whole(self.module.bounds[name][position], high)

    # reductions

    def _reduced(self, value: Value, reduced: tuple[int, ...]) -> Value:
        """The value accumulated over the reduced axes."""
        op = self.equation.op
        missing = tuple(n for n in reduced if n not in value.axes)
        if missing and op != "+=":
            axes = tuple(sorted((*value.axes, *missing)))
            shape = ", ".join(self._size(n) for n in axes)
            value, missing = Value(f"np.broadcast_to({_expanded(value, axes).code}, ({shape},))", axes), ()
        inside = [n for n in reduced if n in value.axes]
        if inside:
            if len(inside) == len(value.axes) and op != "logsumexp=":
                code = REDUCE[op].format(value.code)
            else:
                where = tuple(value.axes.index(n) for n in inside)
                code = REDUCE[op].format(f"{value.code}, axis={where[0] if len(where) == 1 else where}")
            if op == "logsumexp=":
                self.module.helpers.add("logsumexp")
            value = Value(code, tuple(n for n in value.axes if n not in inside), new=True)
        return self._counted(value, missing)

    def _counted(self, value: Value, missing: Iterable[int]) -> Value:
        """A sum of equal terms is their number times one of them."""
        for n in missing:
            value = self._pair(Value(f"float({self._size(n)})", bare=True), "*", value, MULTIPLY)
        return value

    def _contracted(self, reduced: tuple[int, ...]) -> Value | None:
        """A sum of a product by einsum, with the factors that have no axis taken out; None where that saves nothing."""
        above, below, negative = _factors(self.equation.body)
        if len(above) + len(below) < 2:
            return None
        spans = [self._span(factor) for factor in (*above, *below)]
        if len({span for span in spans if span}) < 2 or not any(n in span for span in spans for n in reduced):
            return None
        values = [self.number(factor) for factor in above]
        divisors = [self.number(factor) for factor in below]
        operands: list[Value] = []
        for found in values:
            if found.axes:
                operands = self._joined(operands, found, "*")
        for found in divisors:
            if found.axes:
                operands = self._joined(operands, found, "/")
        while len(operands) > 2 and (pair := _nested_pair(operands)):
            small, large = pair
            rest = [operand for operand in operands if operand is not small and operand is not large]
            operands = [*rest, self._pair(large, "*", small, MULTIPLY)]
        axes = _union(*(operand.axes for operand in operands))
        if len(operands) == 1:
            inside = tuple(n for n in reduced if n in axes)
            total = self._reduced(operands[0], inside)
        else:
            kept = tuple(n for n in axes if n not in reduced)
            pattern = ",".join(self._spelled(operand.axes) for operand in operands) + "->" + self._spelled(kept)
            total = Value(f'np.einsum("{pattern}", {", ".join(o.code for o in operands)}, optimize=True)', kept, new=True)
        total = self._counted(total, (n for n in reduced if n not in axes))
        for found in values:
            if not found.axes:
                total = self._pair(found, "*", total, MULTIPLY)
        for found in divisors:
            if not found.axes:
                total = self._pair(total, "/", found, MULTIPLY)
        return Value(f"-{_at(total, MULTIPLY)}", total.axes, MULTIPLY, new=True) if negative else total

    def _spelled(self, axes: tuple[int, ...]) -> str:
        """Axes as einsum's letters: the indices' own where they are single ASCII letters."""
        own = [group.ranges[0].index.value for group in self.axes]
        free = (letter for letter in ascii_letters if letter not in own)
        spelled = [
            letter if group.straight and len(letter) == 1 and letter in ascii_letters else next(free)
            for group, letter in zip(self.axes, own, strict=True)
        ]
        return "".join(spelled[n] for n in axes)

    def _span(self, part: Node) -> frozenset[int]:
        return frozenset(self.axis_of[letter] for letter in part.free - self.steps)

    def _joined(self, operands: list[Value], found: Value, sign: str) -> list[Value]:
        """The operands with one more, joined to one that has the same axes."""
        for n, operand in enumerate(operands):
            if operand.axes == found.axes:
                return [*operands[:n], self._pair(operand, sign, found, MULTIPLY), *operands[n + 1 :]]
        return [*operands, found if sign == "*" else self._pair(Value("1.0", bare=True), "/", found, MULTIPLY)]

    # targets

    def _start(self) -> None:
        self.written += self.module.start(self.equation.target)

    def _stored(self, value: Value, closed: bool) -> list[str]:
        """The lines that put a value, one for each point of the kept axes, where it belongs."""
        equation, module = self.equation, self.module
        target, name = equation.target, module.name(equation.target)
        if not equation.at:
            return self._stored_number(value, name)
        places = [self._slice(equation.left, position) for position in range(len(equation.at))]
        letters = [place[1] for place in places if place is not None and place[1] is not None]
        plain = all(place is not None for place in places) and letters == list(range(self.kept))
        slices = [place[0] for place in places if place is not None]
        full = plain and set(slices) == {":"}
        fresh = target not in module.started and (equation.op == "=" or target not in module.inputs)
        if full and fresh and not closed:
            module.started.add(target)
            if value.new and value.axes == tuple(letters):
                return [f"{name} = {value.code}"]
            shown = _expanded(value, tuple(letters))
            return [f"{name} = np.full({module.shape(target)}, {shown.code})"]
        self._start()
        shown = _expanded(value, tuple(range(self.kept)))
        if plain:
            left = name if full else f"{name}[{', '.join(slices)}]"
            if equation.op == "=":
                return [f"{name}[{', '.join(slices)}] = {shown.code}"]
            if equation.op in ("+=", "*="):
                return [f"{left} {equation.op} {shown.code}"]
            return [f"{name}[{', '.join(slices)}] = {JOIN[equation.op].format(left, shown.code)}"]
        values = [self.integer(place) for place in equation.at]
        axes = tuple(range(self.kept))
        index = ", ".join(_expanded(v, axes).code for v in values)
        if equation.op == "=":
            return [f"{name}[{index}] = {shown.code}"]
        return [f"{GATHER[equation.op]}.at({name}, ({index},), {shown.code})"]

    def _stored_number(self, value: Value, name: str) -> list[str]:
        target, op = self.equation.target, self.equation.op
        if op == "=" or (target not in self.module.started and target not in self.module.inputs):
            self.module.started.add(target)
            return [f"{name} = np.float64({value.code})" if value.bare else f"{name} = {value.code}"]
        if op == "*=":
            return [f"{name} = {name}*{_at(value, RAISE)}"]
        return [f"{name} = {JOIN[op].format(name, value.code)}"]


# Grids


def _grid(equation: Equation, steps: frozenset[Node] = frozenset()) -> tuple[list[Axis], int]:
    """The axes of an equation, those that the target keeps first, in the order of its subscripts; and how many those are. `steps` are no axes."""
    groups: list[list[Node]] = []
    loose: set[Node] = set()
    guarded = equation.guard.free - steps if equation.guard is not TRUE else frozenset()
    domain = [axis for axis in equation.domain if axis.index not in steps]
    for axis in domain:
        needs = (axis.low.free | axis.high.free) - steps
        joined = [group for group in groups if needs & set(group) or (axis.index in guarded and guarded & set(group))]
        if needs or axis.index in guarded:
            loose |= {axis.index, *needs}
        groups = [group for group in groups if group not in joined] + [[*(letter for group in joined for letter in group), axis.index]]
    ranges = {axis.index: axis for axis in domain}
    kept = {letter: n for n, letter in reversed(list(enumerate(_letters_of(equation.at))))}
    axes = [Axis(tuple(ranges[letter] for letter in ranges if letter in group), not loose & set(group)) for group in groups]

    def rank(axis: Axis) -> tuple[int, int]:
        first = min((kept[r.index] for r in axis.ranges if r.index in kept), default=len(kept))
        return first, min(list(ranges).index(r.index) for r in axis.ranges)

    axes.sort(key=rank)
    return axes, sum(any(r.index in kept for r in axis.ranges) for axis in axes)


def _letters_of(places: Iterable[Node]) -> Iterator[Node]:
    return (part for place in places for part in postorder(place) if part.op == "index")


def _union(*axes: tuple[int, ...]) -> tuple[int, ...]:
    first = axes[0]
    if all(other == first or not other for other in axes):
        return first
    return tuple(sorted({n for part in axes for n in part}))


def _expanded(value: Value, axes: tuple[int, ...]) -> Value:
    """The value with an axis of length 1 for each axis that it lacks; leading ones NumPy adds by itself."""
    own = value.axes
    if not own or own == axes[len(axes) - len(own) :]:
        return value
    shown = [":" if n in own else "None" for n in axes]
    while shown[0] == "None":
        shown.pop(0)
    return Value(f"{_at(value, ATOM)}[{', '.join(shown)}]", axes)


def _nested_pair(operands: list[Value]) -> tuple[Value, Value] | None:
    """An operand whose axes are all in another one, with the smallest such."""
    for small in sorted(operands, key=lambda o: len(o.axes)):
        larger = [o for o in operands if o is not small and set(small.axes) <= set(o.axes)]
        if larger:
            return small, min(larger, key=lambda o: len(o.axes))
    return None


def _at(value: Value, level: int) -> str:
    return value.code if value.level >= level else f"({value.code})"


# Formulas


def _factors(body: Node) -> tuple[list[Node], list[Node], bool]:
    """What a product multiplies and divides by, and whether it is negative."""
    above: list[Node] = []
    below: list[Node] = []
    negative = False
    stack = [(body, False)]
    while stack:
        part, under = stack.pop()
        if part.op == "*":
            stack.extend((argument, under) for argument in reversed(part.args))
        elif part.op == "neg":
            negative = not negative
            stack.append((part.args[0], under))
        elif part.op == "/":
            stack += [(part.args[1], not under), (part.args[0], under)]
        else:
            (below if under else above).append(part)
    return above, below, negative


def any_piecewise(root: Node) -> bool:
    """Does the formula have branches?"""
    return any(part.op == "piecewise" for part in postorder(root))


def _sheltered(equation: Equation) -> list[Node]:
    """The accesses that a condition may keep from being read."""
    choices = [part for part in postorder(equation.body) if part.op == "piecewise"]
    return accesses(*choices, equation.guard)


@cache
def literal(part: Node) -> str:
    """A number as a Python float.

    >>> from symgd.nodes.node import number
    >>> literal(number("1/3")), literal(number("1e999"))
    ('0.3333333333333333', 'np.inf')
    """
    exact: Fraction = fraction(part)
    try:
        return repr(float(exact))
    except OverflowError:
        return "np.inf" if exact > 0 else "-np.inf"


@cache
def _template(op: str) -> tuple[str, bool]:
    """The row's template, and whether arguments may stand in it as they are."""
    template = FUNCTIONS[op].numpy
    return template, all(re.search(r"[(,] ?$", before) and re.match(r"[),]", after) for before, after in _around(template))


def _around(template: str) -> Iterator[tuple[str, str]]:
    return ((template[: m.start()], template[m.end() :]) for m in re.finditer(r"\{\d\}", template))


def _filled(template: str, args: list[str]) -> str:
    return re.sub(r"\{(\d)\}", lambda m: args[int(m.group(1))], template)
