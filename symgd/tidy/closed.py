"""The closed form of one adjoint: a formula in parameters, data and the user's definitions, read off the equations that run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from symgd.cost.facts import Fact
from symgd.errors import LimitError
from symgd.nodes.circles import circles
from symgd.nodes.fold import factors_of, filled, minus, over, plus, times
from symgd.nodes.node import ONE, REDUCTIONS, TRUE, TWO, ZERO, Node, access, index, node, postorder, range_, rebuilt, substituted, tree_size
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.linear import coefficient, combined, difference, in_subscripts_collected
from symgd.program.names import Fresh
from symgd.tidy.collect import collected

LONGEST = 4000  # nodes of a closed form, written out


class ClosedForms:
    """The closed forms of one program, each asked for by itself. A sum over all m values of an index of f/m is written as a mean, if `means`.

    >>> from symgd.nodes.text import text
    >>> from symgd.program.equation import read_equation
    >>> lines = ["C += r[i]^2/m for i in 0:m", "dr[i] = 2*r[i]/m for i in 0:m", "dw[j] += dr[i]*X[i, j] for i in 0:m, j in 0:d"]
    >>> extents = {"C": (), "dr": (node("length", value="m"),), "dw": (node("length", value="d"),)}
    >>> names = {"w": "dw", "r": "dr", "C": "dC"}
    >>> program = Program(tuple(map(read_equation, lines)), {"X": 2, "w": 1}, "C", ("w",), ("r",), names, extents)
    >>> print(text(ClosedForms(program).of("w", [index("q")])))
    2*mean(r[i]*X[i, q], i in 0:m)
    """

    def __init__(self, program: Program, *, means: bool = True, shown_by: str = "cost.gradient.program") -> None:
        self.program, self.means, self.shown_by = program, means, shown_by
        self.writers: dict[str, list[Equation]] = {}
        for equation in program.flat():
            self.writers.setdefault(equation.target, []).append(equation)
        steps = any(isinstance(item, Scan) for item in program.equations)
        self.recurrent = frozenset(program.given) & _circular(self.writers, frozenset(self.writers)) if steps else frozenset()
        self.steps = steps
        for adjoint in program.adjoints.values():
            self.writers.get(adjoint, []).reverse()  # the sweep runs backwards; a reader expects the order of the cost

    def of(self, parameter: str, at: Sequence[Node], *, visible: Collection[str] | None = None, limit: int = LONGEST) -> Node:
        """dC/d parameter[at] with every adjoint and every generated name filled in. `visible`: names that stay, by default inputs and definitions.

        Raises LimitError, which names `.program`, where the formula would be longer than `limit` nodes.
        """
        return self.with_facts(parameter, at, visible=visible, limit=limit)[0]

    def with_facts(
        self, parameter: str, at: Sequence[Node], *, visible: Collection[str] | None = None, limit: int = LONGEST
    ) -> tuple[Node, tuple[Fact, ...]]:
        """The same, and what is known of the data and was used on the way."""
        formula, facts = self.filled(self.program.adjoints[parameter], at, visible)
        formula = _case_by_case(_with_complements(formula))
        size = tree_size(formula)
        if size > limit:
            shown = f"{size:,}" if size < 10**9 else "more than a thousand million"
            raise LimitError(
                f"Written out as one formula, the derivative by {parameter} has {shown} operations and names; the limit is {limit:,}.",
                accepted=f"{self.shown_by}, which has it as numbered equations",
            )
        return formula, facts

    def filled(self, target: str, at: Sequence[Node], visible: Collection[str] | None = None) -> tuple[Node, tuple[Fact, ...]]:
        """target[at] with everything filled in, however long it is, and the facts that were used on the way."""
        reserved = frozenset().union(*(place.free for place in at)) if at else frozenset()
        kept = frozenset({*self.program.inputs, *self.program.given} if visible is None else {*visible, *self.recurrent})
        closing = _Closing(self, kept, reserved)
        return closing.filled(access(target, *at)), tuple(closing.facts)


class _Closing:
    """Fills in what is hidden; bound indices get letters that neither the wanted element nor `reserved` uses."""

    def __init__(self, forms: ClosedForms, visible: frozenset[str], reserved: frozenset[Node]) -> None:
        self.forms, self.program, self.writers, self.means = forms, forms.program, forms.writers, forms.means
        self.visible, self.reserved = visible, reserved
        self.memo: dict[Node, Node] = {}
        self.endless = _circular(self.writers, frozenset(self.writers) - visible) if forms.steps else frozenset()
        self.facts: dict[Fact, None] = {}

    def filled(self, root: Node) -> Node:
        """The formula with every hidden access replaced by what defines it, the inner ones first."""
        stack = [root]
        while stack:
            part = stack[-1]
            if part in self.memo:
                stack.pop()
                continue
            if part.op == "access" and part.value not in self.visible and part.value in self.program.extents:
                parts = self._instances(part)
                waiting = [inner for _, body in parts for inner in [body] if inner not in self.memo]
                if waiting:
                    stack.extend(waiting)
                    continue
                self.memo[part] = plus(*(wrap(self.memo[body]) for wrap, body in parts)) if parts else ZERO
            else:
                waiting = [argument for argument in part.args if argument not in self.memo]
                if waiting:
                    stack.extend(waiting)
                    continue
                self.memo[part] = _folded(part, tuple(self.memo[argument] for argument in part.args), self.means)
            stack.pop()
        return self.memo[root]

    def _instances(self, part: Node) -> list[Any]:
        """What defines one element: a product of factors by itself, else every equation that writes to it."""
        writing = self.writers.get(part.value, [])
        if part.value not in self.endless:
            return [self._instance(equation, part.args) for equation in writing]
        factors = next((e for e in writing if e.rule in ("factors before", "factors behind")), None)
        if factors is None:
            raise LimitError(
                f"The derivative runs through a recurrence, {part.value}, and has no closed form.",
                accepted=f"{self.forms.shown_by}, which has it as numbered equations",
            )
        return [self._product(factors, next(e for e in writing if e is not factors), part.args)]

    def _product(self, factors: Equation, start: Equation, at: tuple[Node, ...]) -> Any:
        """The product of the factors before or behind the last index of `at`, times what it starts with."""
        factors, start = self._apart(factors, at), self._apart(start, at)
        self.facts |= dict.fromkeys([*factors.facts, *start.facts])
        *kept, place = at
        letter = factors.letters[-1]
        known = dict(zip(factors.letters[:-1], kept, strict=True))
        low, high = (substituted(bound, known) for bound in (factors.domain[-1].low, factors.domain[-1].high))
        bound = range_(letter, low, place) if factors.rule == "factors before" else range_(letter, place, high)
        first = substituted(start.body, dict(zip(start.letters, kept, strict=True)))
        others = [factor for factor in factors_of(factors.body)[0] if factor.op != "access" or factor.value != factors.target]
        body = over(times(*others), times(*factors_of(factors.body)[1]))
        body = substituted(body, known)
        empty = difference(bound.args[1], bound.args[2]) == 0
        return (lambda inner: inner), first if empty else times(first, node("product", body, bound))

    def _instance(self, equation: Equation, at: tuple[Node, ...]):  # type: ignore[no-untyped-def]
        """(how to sum, body) of an equation for one element of its target: subscripts solved for, or compared."""
        equation = self._apart(equation, at)
        self.facts |= dict.fromkeys(equation.facts)
        solved: dict[Node, Node] = {}
        conditions: list[Node] = [] if equation.guard is TRUE else [equation.guard]
        ranges = {axis.index: axis for axis in equation.domain}
        for position, (place, wanted) in enumerate(zip(equation.at, at, strict=True)):
            place = substituted(place, solved)
            letter, value = _solution(place, wanted, [axis for axis in equation.domain if axis.index not in solved])
            if letter is None:
                conditions.append(node("==", place, wanted))
                continue
            solved = {known: substituted(at, {letter: value}) for known, at in solved.items()} | {letter: value}
            if equation.rule == "named":
                continue  # what is named is read only where it is computed
            axis = ranges[letter]
            low, high = (substituted(bound, solved) for bound in (axis.low, axis.high))
            extent = self.program.extents[equation.target][position]
            if not (place.op == "index" and difference(low, ZERO) == 0):
                conditions += [] if _at_least(value, low) else [node(">=", value, low)]
            if not (place.op == "index" and difference(high, extent) == 0):
                conditions += [] if _at_least(high, combined((1, value), (1, ONE))) else [node("<", value, high)]
        moved = any(at is not letter for letter, at in solved.items())
        body = in_subscripts_collected(substituted(equation.body, solved)) if moved else equation.body
        conditions = [substituted(condition, solved) for condition in conditions]
        if conditions:
            condition = conditions[0] if len(conditions) == 1 else node("and", *conditions)
            body = node("piecewise", body, condition, ZERO)
        bounds = [
            range_(axis.index, substituted(axis.low, solved), substituted(axis.high, solved)) for axis in equation.domain if axis.index not in solved
        ]
        op = {"+=": "sum", "=": "sum", "logsumexp=": "logsumexp", "max=": "maximum", "min=": "minimum", "*=": "product"}[equation.op]
        return (lambda inner: _reduced(op, inner, bounds, self.means)), body

    def _apart(self, equation: Equation, at: tuple[Node, ...]) -> Equation:
        """The equation with letters that the wanted element does not use."""
        taken = self.reserved.union(*(place.free for place in at))
        kept = {place for place, wanted in zip(equation.at, at, strict=True) if place is wanted}
        clashing = [letter for letter in equation.letters if letter in taken and letter not in kept]
        if not clashing:
            return equation
        fresh = Fresh({letter.value for letter in (*taken, *equation.letters)})
        return equation.renamed({letter: index(fresh(letter.value)) for letter in clashing})


def _solution(place: Node, wanted: Node, unsolved: list[Range]) -> tuple[Node | None, Node]:
    """A letter of the subscript that can be solved for, and its value."""
    if any(axis.index is place for axis in unsolved):
        return place, wanted
    for axis in unsolved:
        letter = axis.index
        found = coefficient(place, letter) if letter in place.free else None
        sign = None if found is None else difference(found[0], ZERO)
        if found is None or sign not in (1, -1) or _is_needed(letter, found[1], unsolved):
            continue
        return letter, combined((int(sign), wanted), (-int(sign), found[1]))
    return None, wanted


def _is_needed(letter: Node, rest: Node, unsolved: list[Range]) -> bool:
    """Whether the range of a letter of `rest` depends on the letter, which then cannot be expressed by it."""
    wanted = set(rest.free)
    for axis in reversed(unsolved):
        if axis.index in wanted:
            wanted |= axis.low.free | axis.high.free
    return letter in wanted


def _at_least(value: Node, low: Node) -> bool:
    gap = difference(value, low)
    return gap is not None and gap >= 0


def _folded(part: Node, args: tuple[Node, ...], means: bool) -> Node:
    if part.op == "+":
        return plus(*args)
    if part.op in ("*", "neg"):
        return times(*args) if part.op == "*" else times(node("neg", ONE), *args)
    if part.op == "/":
        return over(*args)
    if part.op in REDUCTIONS and args != part.args:
        return _reduced(part.op, args[0], list(args[1:]), means)
    same = part if args == part.args else node(part.op, *args, value=part.value)
    return _as_softmax(same) if same.op == "exp" else _as_norm(same) if same.op == "piecewise" else same


def _with_complements(formula: Node) -> Node:
    """sigmoid(-u) as 1 - sigmoid(u) where like terms come of it: (1 - y)*sigmoid(u) - y*sigmoid(-u) is sigmoid(u) - y."""
    parts = postorder(formula)
    if len(parts) > LONGEST or not any(part.op == "sigmoid" and part.args[0].op == "neg" for part in parts):
        return formula

    def one(part: Node) -> Node | None:
        if part.op != "+":
            return None
        turned = {inner: plus(ONE, minus(node("sigmoid", inner.args[0].args[0]))) for inner in postorder(part) if _is_turned(inner)}
        both = {inner.args[0] for inner in postorder(part) if inner.op == "sigmoid"}
        if not any(inner.args[0].args[0] in both for inner in turned):
            return None
        new = collected(filled(part, turned))
        return new if tree_size(new) < tree_size(part) else None

    return rebuilt(formula, one)


def _case_by_case(formula: Node) -> Node:
    """piecewise(u, c, 0) + piecewise(0, c, d)*v as piecewise(u, c, d*v): several paths to one value, each with the branches of one loss."""
    if tree_size(formula) > LONGEST or not any(map(_conditions, postorder(formula))):
        return formula

    def one(part: Node) -> Node | None:
        if part.op != "+":
            return None
        conditions = Counter(condition for term in part.args for condition in {c for inner in postorder(term) for c in _conditions(inner)})
        if not any(count > 1 for count in conditions.values()):
            return None
        new = collected(part)
        return new if new.op == "piecewise" and tree_size(new) <= tree_size(part) else None

    return rebuilt(formula, one)


def _conditions(part: Node) -> tuple[Node, ...]:
    return part.args[1::2] if part.op == "piecewise" else ()


def _is_turned(part: Node) -> bool:
    return part.op == "sigmoid" and part.args[0].op == "neg"


def _as_norm(choice: Node) -> Node:
    """The root of a sum of squares, 0 where the sum is 0, is known by its name."""
    if len(choice.args) != 3 or choice.args[0] is not ZERO or choice.args[2].op != "sqrt":
        return choice
    squares = choice.args[2].args[0]
    if choice.args[1] is not node("==", squares, ZERO) or squares.op != "sum" or squares.args[0].op != "^" or squares.args[0].args[1] is not TWO:
        return choice
    return node("norm", squares.args[0].args[0], *squares.args[1:])


def _as_softmax(exponential: Node) -> Node:
    """exp(z[l] - logsumexp of z over l) is known by its name."""
    inner = exponential.args[0]
    if inner.op != "+" or len(inner.args) != 2 or inner.args[1].op != "neg" or inner.args[1].args[0].op != "logsumexp":
        return exponential
    exponent, total = inner.args[0], inner.args[1].args[0]
    if len(total.args) != 2:
        return exponential
    bound, low, high = total.args[1].args
    for letter in exponent.free - total.free:
        if substituted(total.args[0], {bound: letter}) is exponent:
            return node("softmax", exponent, range_(letter, low, high))
    return exponential


def _reduced(op: str, body: Node, bounds: list[Node], means: bool) -> Node:
    """The reduction of the body, a sum with its constant factors in front; a sum over m terms of f/m is a mean."""
    if not bounds:
        return body
    if op != "sum":
        return node(op, body, *bounds)
    if body is ZERO:
        return ZERO
    letters = {bound.args[0] for bound in bounds}
    above, below = factors_of(body)
    lengths = [bound.args[2] for bound in bounds if bound.args[1] is ZERO]
    counted = Counter(lengths) <= Counter(below)
    mean = means and len(lengths) == len(bounds) and counted and not any(high.free for high in lengths)
    if mean:
        for high in lengths:
            below.remove(high)
    inside = [factor for factor in above if factor.free & letters]
    inside_below = [factor for factor in below if factor.free & letters]
    outside = [factor for factor in above if factor not in inside]
    outside_below = [factor for factor in below if factor not in inside_below]
    summand = over(times(*inside), times(*inside_below))
    if not inside and not inside_below and mean:
        return over(times(*outside), times(*outside_below))
    total = node("mean" if mean else "sum", summand, *bounds)
    return over(times(*outside, total), times(*outside_below))


def _circular(writers: Mapping[str, Sequence[Equation]], names: frozenset[str]) -> frozenset[str]:
    """Those of the names that are computed from themselves, each through others of them."""
    mine = {name: writing for name, writing in writers.items() if name in names}
    uses = {name: dict.fromkeys(read.value for e in writing for read in e.reads() if read.value in names) for name, writing in mine.items()}
    return frozenset(name for group in circles(uses) if len(group) > 1 or group[0] in uses[group[0]] for name in group)
