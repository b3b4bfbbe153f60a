"""A Schedule as Numba source: one equation, one loop, one number, in the user's names where they are safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import ONE, TRUE, Node, fraction, outside_subscripts
from symgd.nodes.polynomial import whole_form
from symgd.nodes.text import text
from symgd.printing.elementary import ELEMENTARY
from symgd.printing.identifiers import Identifiers, comment
from symgd.program.equation import Equation, Range
from symgd.program.linear import combined, difference
from symgd.schedule.schedule import Nest, Schedule, Steps

RESERVED = (
    "np", "math", "njit", "FAST", "EXACT", "BLOCK", "rows", "between", "gradient", "update", "steps", "first", "last", "n", "block", "count",
    "scale", "start", "stop", "norm", "tolerance", "limit", "best", "history", "total", "top", "nan", "inf", "batch", "costs", "norms", "kept",
    "numba", "argparse", "fit", "main", "settings", "data", "parameters", "samples", "position", "result", "share", "range", "len", "min", "max",
    "float", "int", "abs", "reach", "shuffle", "seed", "epochs", "train", "sweep", "subscripts", "longest", "learning_rate", "batch_size", "shapes",
    "batches", "status", "refuse_broken", "cost_and_gradient", "wrong", "ValueError",
    "done", "interrupted", "order", "began", "made", "checked_arrays", "check_shapes", "shape_text", "told_length", "refuse_outside", "setting",
    "whole_number", "random_stream", "start_value", "random_start", "epoch_order", "norm_of", "why_ended", "read_arrays", "write_arrays",
    "DATA", "PARAMETERS", "STREAMS", "PACKED", "CONSTANTS", "LENGTHS", "SUBSCRIPTS", "PLACES", "FINISHED", "CONVERGED", "NOT_FINITE", "DIVERGED",
    "Path", "token_hex", "perf_counter", "BadZipFile", "ZipFile", "ZipInfo", "output", "i0", "i1", "i2", "i3", "i4", "i5", "sweep",
    *(f"{unit}_{n}" for unit in ("rows", "sweep", "between") for n in range(100)), *ELEMENTARY,
)  # fmt: skip
START = {"+=": "0.0", "*=": "1.0", "max=": "-np.inf", "min=": "np.inf", "logsumexp=": "-np.inf"}
JOINS = {"max=": "np.maximum", "min=": "np.minimum", "logsumexp=": "logaddexp"}
LOOSEST, ADD, MULTIPLY, NEGATE, RAISE, ATOM = range(6)
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Loop:
    """One numbered equation as code."""

    comment: str
    lines: tuple[str, ...]


@dataclass(slots=True)
class Names:
    """Identifiers of one generated module, and the elementary functions that it has used."""

    identifiers: Identifiers
    elementary: dict[str, None] = field(default_factory=dict)

    def value(self, name: str) -> str:
        return self.identifiers["name", name]

    def letter(self, letter: Node) -> str:
        return self.identifiers["index", letter.value]

    def length(self, name: str) -> str:
        return self.identifiers["length", name]


def names() -> Names:
    """The empty table of one generated module."""
    return Names(Identifiers(RESERVED))


class Printer:
    """Formulas of one generated function as Python text. `scalars` are local names, other scalars stand in arrays of one element."""

    def __init__(self, names: Names, schedule: Schedule, row: Node | None = None, scalars: Iterable[str] = ()) -> None:
        self.names, self.schedule, self.row, self.scalars = names, schedule, row, frozenset(scalars)
        columns = schedule.batches.columns.values()
        self.integers = schedule.program.integers | {c.name for c in columns if not c.source or c.source in schedule.program.integers}

    def number(self, root: Node) -> str:
        """The formula as an expression of floats."""
        return self._printed(root, self._float_atom)[0]

    def integer(self, root: Node) -> str:
        """The formula as an index expression."""
        known: dict[Node, tuple[str, int]] = {}
        root = whole_form(root)
        for part in outside_subscripts(root):
            known[part] = self._whole(part, known)
        return known[root][0]

    def _whole(self, part: Node, known: dict[Node, tuple[str, int]]) -> tuple[str, int]:
        """One operation on whole numbers, where it is not written as on floats."""
        args = [known[a] for a in part.args] if part.op != "access" else []
        closed = [shown if level == ATOM else f"({shown})" for shown, level in args]
        if part.op in ("/", "mod"):
            above, level = args[0]
            return f"{above if level >= MULTIPLY else f'({above})'}{'//' if part.op == '/' else ' % '}{closed[1]}", MULTIPLY
        if part.op == "floor":
            return args[0]
        if part.op == "neg" and part.args[0].op in ("/", "mod", "floor"):
            return f"-{closed[0]}", NEGATE
        if part.op in ("max", "min"):
            return f"{part.op}({', '.join(shown for shown, _ in args)})", ATOM
        return self._one(part, known, self._integer_atom)

    def condition(self, root: Node) -> str:
        return self._printed(root, self._float_atom)[0]

    def place(self, found: Node, local: bool = False) -> str:
        """An access: `X[first + i, j]`, a local scalar, or `w[0]`."""
        name = self.names.value(found.value)
        if not found.args:
            return name if found.value in self.scalars or local else f"{name}[0]"
        block = self.schedule.kinds.get(found.value) == "block"
        axis = self.schedule.row_axis.get(found.value)
        dropped = self.schedule.step_axis.get(found.value)
        places = []
        for position, part in enumerate(found.args):
            if position == dropped:
                continue
            if block and position == axis and part is self.row:
                places.append(self.names.letter(part))
            else:
                places.append(self.integer(part))
        return f"{name}[{', '.join(places) or '0'}]"

    def bounds(self, axis: Range) -> str:
        low, high = self.integer(axis.low), self.integer(axis.high)
        return high if low == "0" else f"{low}, {high}"

    def _printed(self, root: Node, atom: Callable[[Node], tuple[str, int]]) -> tuple[str, int]:
        known: dict[Node, tuple[str, int]] = {}
        for part in outside_subscripts(root):
            known[part] = self._one(part, known, atom)
        return known[root]

    def _one(self, part: Node, known: dict[Node, tuple[str, int]], atom: Callable[[Node], tuple[str, int]]) -> tuple[str, int]:
        op = part.op
        if not part.args or op == "access":
            return atom(part)

        def at(argument: Node, level: int) -> str:
            shown, own = known[argument]
            return shown if own >= level else f"({shown})"

        if op == "+":
            shown = at(part.args[0], ADD)
            for term in part.args[1:]:
                shown += f" - {at(term.args[0], MULTIPLY)}" if term.op == "neg" and term.args[0] in known else f" + {at(term, MULTIPLY)}"
            return shown, ADD
        if op == "*":
            return "*".join([at(part.args[0], MULTIPLY), *(at(factor, NEGATE) for factor in part.args[1:])]), MULTIPLY
        if op == "/":
            return f"{at(part.args[0], MULTIPLY)}/{at(part.args[1], RAISE)}", MULTIPLY
        if op == "neg":
            return f"-{at(part.args[0], MULTIPLY)}", NEGATE if known[part.args[0]][1] > MULTIPLY else MULTIPLY
        if op == "^":
            return self._power(part, known, at)
        if op == "piecewise":
            return self._choice(part, known), ATOM
        if op in ("and", "or"):
            return f" {op} ".join(f"({known[a][0]})" for a in part.args), LOOSEST
        if op == "not":
            return f"not ({known[part.args[0]][0]})", LOOSEST
        if op in ("<", "<=", ">", ">=", "==", "!="):
            return f"{at(part.args[0], ADD)} {op} {at(part.args[1], ADD)}", LOOSEST
        return self._call(op, [known[a][0] for a in part.args]), ATOM

    def _power(self, part: Node, known: dict[Node, tuple[str, int]], at: Callable[[Node, int], str]) -> tuple[str, int]:
        base, exponent = part.args
        whole = integer_value(exponent)
        if whole is not None and abs(whole) <= 64:
            return f"{at(base, ATOM)}**{whole}", RAISE
        return f"np.power({known[base][0]}, {known[exponent][0]})", ATOM

    def _choice(self, part: Node, known: dict[Node, tuple[str, int]]) -> str:
        pairs, otherwise = divmod(len(part.args), 2)
        shown = known[part.args[-1]][0] if otherwise else "np.nan"
        for n in reversed(range(pairs)):
            shown = f"({known[part.args[2 * n]][0]} if {known[part.args[2 * n + 1]][0]} else {shown})"
        return shown

    def _call(self, op: str, args: list[str]) -> str:
        template = FUNCTIONS[op].numba
        if op in ("max", "min"):
            shown = args[0]
            for argument in args[1:]:
                shown = template.format(shown, argument)
            return shown
        name = template.partition("(")[0]
        if name.isidentifier() and name:
            self.names.elementary[name] = None
        return template.format(*args)

    def _float_atom(self, part: Node) -> tuple[str, int]:
        if part.op == "number":
            value = float(fraction(part))
            return repr(value), ATOM if value >= 0 else NEGATE
        if part.op == "constant":
            return f"np.{part.value}", ATOM
        if part.op in ("true", "false"):
            return part.op.capitalize(), ATOM
        if part.op == "index":
            return f"float({self._integer_atom(part)[0]})", ATOM
        if part.op == "length":
            return f"float({self.names.length(part.value)})", ATOM
        return f"float({self.place(part)})" if part.value in self.integers else self.place(part), ATOM

    def _integer_atom(self, part: Node) -> tuple[str, int]:
        if part.op == "number":
            return str(int(fraction(part))), ATOM
        if part.op == "index":
            letter = self.names.letter(part)
            return (f"first + {letter}", ADD) if part is self.row else (letter, ATOM)
        if part.op == "length":
            return self.names.length(part.value), ATOM
        return self.place(part), ATOM


def integer_value(exponent: Node) -> int | None:
    """The value of an integer exponent, `2` or `-1`, else None."""
    sign = 1
    while exponent.op == "neg":
        sign, exponent = -sign, exponent.args[0]
    if exponent.op != "number" or fraction(exponent).denominator != 1:
        return None
    return sign * int(fraction(exponent))


def loops(nests: Iterable[Nest | Steps], schedule: Schedule, printer: Callable[[Node | None], Printer]) -> list[Loop]:
    """The nests as code, a recurrence as a loop around those that it steps through. `printer`: one for equations with this row letter."""
    found: list[Loop] = []
    for item in nests:
        if isinstance(item, Steps):
            found += _stepped(item, schedule, printer)
        else:
            found.append(loop(item, printer(item.row), schedule.kinds[item.equation.target]))
    return found


def joined(code: Iterable[Loop]) -> list[Loop]:
    """Neighbours under the same loop as one: a tenth of the time to compile, less speed, since it is too much for a compiler to vectorise.

    >>> [loop.lines for loop in joined([Loop("# (1)", ("for i in range(n):", "    a")), Loop("# (2)", ("for i in range(n):", "    b"))])]
    [('for i in range(n):', '    a', '    # (2)', '    b')]
    """
    found: list[Loop] = []
    for item in code:
        before = found[-1].lines if found else ()
        if len(item.lines) == 2 and before and before[0] == item.lines[0] and item.lines[0].startswith("for "):
            found[-1] = Loop(found[-1].comment, (*before, INDENT + item.comment, item.lines[1]))
        else:
            found.append(item)
    return found


def loop(nest: Nest, printer: Printer, kind: str) -> Loop:
    """One equation as nested loops."""
    return Loop(_numbered(nest), (*_start(nest, printer), *_nested(nest, printer, kind)))


def _numbered(nest: Nest) -> str:
    return f"# ({nest.number}) {comment(nest.shown or str(nest.equation))}"


def _stepped(steps: Steps, schedule: Schedule, printer: Callable[[Node | None], Printer]) -> Iterator[Loop]:
    """for t in range(T): all equations of the recurrence, each where its own range reaches."""
    plain = printer(None)
    letter = plain.names.letter(steps.index.index)
    down = f"{plain.integer(combined((1, steps.index.high), (-1, ONE)))}, {plain.integer(combined((1, steps.index.low), (-1, ONE)))}, -1"
    span = plain.bounds(steps.index) if steps.direction > 0 else down
    starts = [line for nest in steps.nests if nest.equation.target not in schedule.step_axis for line in _start(nest, printer(nest.row))]
    way = "up" if steps.direction > 0 else "down"
    yield Loop(f"# step by step, {text(steps.index.index)} {way}", (*starts, f"for {letter} in range({span}):"))
    for nest in steps.nests:
        mine = next(axis for axis in nest.equation.domain if axis.index is steps.index.index)
        conditions = []
        if difference(mine.low, steps.index.low) != 0:
            conditions.append(f"{letter} >= {plain.integer(mine.low)}")
        if difference(mine.high, steps.index.high) != 0:
            conditions.append(f"{letter} < {plain.integer(mine.high)}")
        heads = [f"if {' and '.join(conditions)}:"] if conditions else []
        start = _start(nest, printer(nest.row)) if nest.equation.target in schedule.step_axis else ()
        lines = _indented(heads, [*start, *_nested(nest, printer(nest.row), schedule.kinds[nest.equation.target])])
        yield Loop(f"{INDENT}{_numbered(nest)}", tuple(INDENT + line for line in lines))


def _start(nest: Nest, printer: Printer) -> Iterator[str]:
    """Every element of the target at the neutral element of what accumulates into it."""
    start = START.get(nest.cleared or "")
    if start is not None and not (_is_dot(nest) and nest.whole):
        yield from _cleared(nest, printer, start)


def _is_dot(nest: Nest) -> bool:
    """Is the equation a sum in the innermost loops, which can run in a register?"""
    equation, summed = nest.equation, {axis.index for axis in nest.equation.reduced}
    split = _split(nest)
    inner_sum = split < len(nest.loops) and all(axis.index in summed for axis in nest.loops[split:])
    return equation.op == "+=" and inner_sum and bool(equation.at) and nest.row not in summed and equation.guard is TRUE


def _split(nest: Nest) -> int:
    summed = {axis.index for axis in nest.equation.reduced}
    return next((n for n, axis in enumerate(nest.loops) if axis.index in summed), len(nest.loops))


def _nested(nest: Nest, printer: Printer, kind: str) -> Iterator[str]:
    equation = nest.equation
    heads = [f"for {printer.names.letter(nest.row)} in range(n):"] if nest.row is not None else []
    if equation.op == "logsumexp=":
        yield from _logsumexp(nest, printer, heads)
        return
    body = printer.number(equation.body)
    target = printer.place(equation.left)
    if _is_dot(nest):
        split = _split(nest)
        heads += [_for(axis, printer) for axis in nest.loops[:split]]
        inner = [_for(axis, printer) for axis in nest.loops[split:]]
        yield from _indented(
            heads, ["total = 0.0", *_indented(inner, [f"total += {body}"]), f"{target} {'=' if nest.first and nest.whole else '+='} total"]
        )
        return
    heads += [_for(axis, printer) for axis in nest.loops]
    if equation.guard is not TRUE:
        heads.append(f"if {printer.condition(equation.guard)}:")
    added = kind == "share" or (not nest.first and kind in ("scalar", "array") and equation.target not in printer.schedule.step_axis)
    yield from _indented(heads, [_statement(equation, target, body, added)])


def _statement(equation: Equation, target: str, body: str, added: bool) -> str:
    """`added`: the target was cleared with all others, and something may have been added to it before."""
    if equation.op in ("max=", "min="):
        return f"{target} = {JOINS[equation.op]}({target}, {body})"
    if equation.op == "=":
        return f"{target} {'+=' if added else '='} {body}"
    return f"{target} {equation.op} {body}"


def _cleared(nest: Nest, printer: Printer, start: str) -> Iterator[str]:
    """Loops that give every element of the target its start value."""
    equation, target = nest.equation, printer.place(nest.equation.left)
    if nest.row is None:
        name = printer.names.value(equation.target)
        yield f"{name}[:] = {start}"
        return
    kept = [axis for axis in nest.loops if axis.index in set(equation.at)]
    head = f"for {printer.names.letter(nest.row)} in range(n):"
    if nest.whole and len(kept) + 1 == len(equation.at):
        yield from _indented([head, *(_for(axis, printer) for axis in kept)], [f"{target} = {start}"])
    else:
        axis = printer.schedule.row_axis[equation.target]
        whole = [":"] * len(equation.at)
        local = printer.schedule.kinds[equation.target] == "block"
        whole[axis] = printer.names.letter(nest.row) if local else f"first + {printer.names.letter(nest.row)}"
        dropped = printer.schedule.step_axis.get(equation.target)
        whole = [place for position, place in enumerate(whole) if position != dropped]
        yield from _indented([head], [f"{printer.names.value(equation.target)}[{', '.join(whole)}] = {start}"])


def _logsumexp(nest: Nest, printer: Printer, heads: list[str]) -> Iterator[str]:
    """The largest exponent is taken out first, so nothing overflows."""
    equation = nest.equation
    summed = {axis.index for axis in equation.reduced}
    shares = nest.row in summed  # the share of a block of samples
    kept = [_for(axis, printer) for axis in nest.loops if axis.index not in summed]
    inner = [_for(axis, printer) for axis in nest.loops if axis.index in summed]
    heads, inner = (kept, [*heads, *inner]) if shares else ([*heads, *kept], inner)
    body, target = printer.number(equation.body), printer.place(equation.left)
    yield from _indented(
        heads,
        [
            "top = -np.inf",
            *_indented(inner, [f"top = np.maximum(top, {body})"]),
            "total = 0.0",
            *_indented(inner, [f"total += np.exp({body} - top)"]),
            f"{target} = top + np.log(total) if np.isfinite(top) else top",
        ],
    )


def _for(axis: Range, printer: Printer) -> str:
    return f"for {printer.names.letter(axis.index)} in range({printer.bounds(axis)}):"


def _indented(heads: list[str], lines: Iterable[str]) -> Iterator[str]:
    for depth, head in enumerate(heads):
        yield INDENT * depth + head
    for line in lines:
        yield INDENT * len(heads) + line
