"""The reference interpreter: what a Program means, slowly and at any precision. The oracle of every later stage."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import mpmath

from symgd.errors import NoRule
from symgd.nodes.functions import FUNCTIONS
from symgd.nodes.node import Node, fraction
from symgd.program.equation import Equation, Program, Range, Scan
from symgd.program.whole import whole_number

Values = dict[str, dict[tuple[int, ...], Any]]
START = {"=": 0, "+=": 0, "*=": 1, "max=": "-inf", "min=": "inf", "logsumexp=": "-inf"}


class Arithmetic:
    """Real numbers with so many decimal digits.

    >>> print(Arithmetic(30).call("exp", 1))
    2.71828182845904523536028747135
    """

    def __init__(self, digits: int = 50) -> None:
        self.ctx: Any = type(mpmath.mp)()
        self.ctx.dps = digits

    def exact(self, value: Fraction | float | int) -> Any:
        if isinstance(value, Fraction):
            return self.ctx.mpf(value.numerator) / value.denominator
        return self.ctx.mpf(value)

    def constant(self, name: str) -> Any:
        return self.ctx.mpf(self.ctx.pi if name == "pi" else self.ctx.e)

    def call(self, op: str, *args: Any) -> Any:
        """One arithmetic operation or function."""
        if op in _ARITHMETIC:
            try:
                return self.ctx.mpf(_ARITHMETIC[op](*args))
            except (ZeroDivisionError, OverflowError, TypeError, ValueError):
                return self._undefined(op, args)
        if op not in FUNCTIONS:
            raise NoRule(f"The interpreter has no operation {op}.")
        return FUNCTIONS[op].mpmath(self.ctx, *(self.ctx.mpf(a) for a in args))

    def _undefined(self, op: str, args: tuple[Any, ...]) -> Any:
        if op == "/" and args[0] and args[0] == args[0]:
            return self.ctx.mpf("inf") * (1 if args[0] > 0 else -1)
        if op == "^" and not args[0] and args[1] < 0:
            return self.ctx.mpf("inf")
        return self.ctx.nan


class Jiggled(Arithmetic):
    """53-bit numbers, every result moved by a random unit in the last place: the spread of a few runs is what rounding can do to a formula."""

    def __init__(self, seed: int) -> None:
        super().__init__(15)
        self.ctx.prec = 53
        self._random = random.Random(seed)

    def call(self, op: str, *args: Any) -> Any:
        return super().call(op, *args) * (1 + self.ctx.ldexp(self._random.choice((-1, 0, 1)), -53 + 1))


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": lambda *args: sum(args[1:], args[0]),
    "*": lambda *args: _product(args),
    "/": lambda u, v: u / v,
    "^": lambda u, v: u**v,
    "neg": lambda u: -u,
}
_COMPARISON = {
    "<": lambda u, v: u < v,
    "<=": lambda u, v: u <= v,
    ">": lambda u, v: u > v,
    ">=": lambda u, v: u >= v,
    "==": lambda u, v: u == v,
    "!=": lambda u, v: u != v,
}


def _product(args: tuple[Any, ...]) -> Any:
    result = args[0]
    for factor in args[1:]:
        result = result * factor
    return result


def interpret(program: Program, inputs: Mapping[str, Any], lengths: Mapping[str, int], arithmetic: Arithmetic | None = None) -> Values:
    """Every target of the program: name -> {index tuple -> value}. Slow: for small lengths.

    `inputs`: name -> a number, a nested list or an array. Raises KeyError where an element is read that nothing wrote.

    >>> from symgd.cost.checked import check
    >>> from symgd.program.forward import forward
    >>> from symgd.reading.text import problem
    >>> program = forward(check(problem("mean((w*x - y)^2)", samples="x y")))
    >>> print(interpret(program, {"w": 2, "x": [1, 2], "y": [1, 1]}, {"m": 2})["C"][()])
    5.0
    """
    return Interpreter(inputs, lengths, arithmetic or Arithmetic()).run(program)


class Interpreter:
    """Values of inputs and targets, filled in equation by equation."""

    def __init__(self, inputs: Mapping[str, Any], lengths: Mapping[str, int], arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        self.lengths = lengths
        self.values: Values = {name: dict(_elements(value, arithmetic)) for name, value in inputs.items()}

    def run(self, program: Program) -> Values:
        for name, values in program.tables.items():
            self.values[name] = {(n,): self.arithmetic.exact(value) for n, value in enumerate(values)}
        for name, extents in program.extents.items():
            self.values[name] = {}
            accumulated = next((e.op for e in program.flat() if e.target == name and e.op != "="), None)
            if accumulated is not None:
                for place in _places([self.integer(extent, {}) for extent in extents]):
                    self.values[name][place] = self.arithmetic.exact(0) if accumulated == "+=" else self._start(accumulated)
        for item in program.equations:
            if isinstance(item, Scan):
                self._scan(item)
            else:
                self._equation(item, {})
        return {name: self.values[name] for name in program.extents}

    def _start(self, op: str) -> Any:
        return self.arithmetic.ctx.mpf(START[op])

    def _scan(self, scan: Scan) -> None:
        low, high = self.integer(scan.index.low, {}), self.integer(scan.index.high, {})
        steps = range(low, high) if scan.direction > 0 else range(high - 1, low - 1, -1)
        for step in steps:
            for equation in scan.equations:
                self._equation(equation, {scan.index.index: step}, scan.index.index)

    def _equation(self, equation: Equation, outer: Mapping[Node, int], pinned: Node | None = None) -> None:
        target = self.values[equation.target]
        exponents: dict[tuple[int, ...], list[Any]] = {}
        for point in self.points(equation.domain, dict(outer), pinned):
            if not self.holds(equation.guard, point):
                continue
            place = tuple(self.integer(e, point) for e in equation.at)
            value = self.number(equation.body, point)
            if equation.op == "=":
                target[place] = value
            elif equation.op == "logsumexp=":
                exponents.setdefault(place, []).append(value)
            else:
                target[place] = self._accumulated(equation.op, target[place], value)
        for place, values in exponents.items():
            target[place] = self._logsumexp(values)

    def _accumulated(self, op: str, total: Any, value: Any) -> Any:
        if op in ("+=", "*="):
            return self.arithmetic.call(op[0], total, value)
        return max(total, value) if op == "max=" else min(total, value)

    def _logsumexp(self, values: list[Any]) -> Any:
        call, top = self.arithmetic.call, max(values)
        total = call("+", *(call("exp", call("+", v, -top)) for v in values)) if len(values) > 1 else call("exp", values[0] - top)
        return call("+", call("log", total), top)

    def points(self, domain: tuple[Range, ...], outer: dict[Node, int], pinned: Node | None = None) -> Iterator[dict[Node, int]]:
        """Every point of a domain, the first index slowest; of the pinned index only the value that it has."""
        if not domain:
            yield outer
            return
        axis, *rest = domain
        steps = range(self.integer(axis.low, outer), self.integer(axis.high, outer))
        if axis.index is pinned:
            steps = range(outer[pinned], outer[pinned] + (outer[pinned] in steps))
        for step in steps:
            yield from self.points(tuple(rest), {**outer, axis.index: step}, pinned)

    def integer(self, part: Node, point: Mapping[Node, int]) -> int:
        """The value of an index expression, exactly."""
        if part.op == "index":
            return point[part]

        def atom(inner: Node) -> int:
            if inner.op == "index":
                return point[inner]
            return self.lengths[inner.value] if inner.op == "length" else int(self.number(inner, point))

        return whole_number(part, atom)

    def holds(self, condition: Node, point: Mapping[Node, int], value: Callable[..., Any] | None = None) -> bool:
        """Does the condition hold at this point? `value` computes what it compares."""
        op, value = condition.op, value or self.number
        if op in _COMPARISON:
            return bool(_COMPARISON[op](*(value(a, point) for a in condition.args)))
        if op == "not":
            return not self.holds(condition.args[0], point, value)
        if op in ("and", "or"):
            return (all if op == "and" else any)(self.holds(a, point, value) for a in condition.args)
        return op == "true"

    def _taken(self, part: Node, point: Any, value: Callable[..., Any]) -> Any:
        """The branch of a piecewise formula that is taken; the others are not evaluated."""
        pairs, otherwise = divmod(len(part.args), 2)
        for n in range(pairs):
            if self.holds(part.args[2 * n + 1], point, value):
                return value(part.args[2 * n], point)
        return value(part.args[-1], point) if otherwise else self.arithmetic.ctx.nan

    def number(self, part: Node, point: Mapping[Node, int]) -> Any:
        """The value of a formula without reductions at one point; a branch that is not taken is not evaluated."""
        op = part.op
        if op == "number":
            return self.arithmetic.exact(fraction(part))
        if op == "access":
            return self.values[part.value][tuple(self.integer(e, point) for e in part.args)]
        if op == "index":
            return self.arithmetic.exact(point[part])
        if op == "length":
            return self.arithmetic.exact(self.lengths[part.value])
        if op == "constant":
            return self.arithmetic.constant(part.value)
        if op == "piecewise":
            return self._taken(part, point, self.number)
        return self.arithmetic.call(op, *(self.number(a, point) for a in part.args))

    def formula(self, part: Node, point: dict[Node, int]) -> Any:
        """The value of a formula with reductions, straight from what the user wrote: what forward lowering is checked against."""
        from symgd.nodes.node import REDUCTIONS

        if part.op == "softmax":
            over = self.formula(_exponential(part), point)
            return self.arithmetic.call("exp", self.arithmetic.call("+", self.formula(part.args[0], point), -over))
        if part.op in REDUCTIONS:
            domain = tuple(Range(*bound.args) for bound in part.args[1:])
            return self._reduced(part.op, [self.formula(part.args[0], p) for p in self.points(domain, point)])
        if part.op == "piecewise":
            return self._taken(part, point, self.formula)
        if not part.args or part.op == "access":
            return self.number(part, point)
        return self.arithmetic.call(part.op, *(self.formula(a, point) for a in part.args))

    def _reduced(self, op: str, values: list[Any]) -> Any:
        call, ctx = self.arithmetic.call, self.arithmetic.ctx
        if not values and op in ("logsumexp", "maximum", "minimum"):
            return self._start({"logsumexp": "logsumexp=", "maximum": "max=", "minimum": "min="}[op])
        if op == "logsumexp":
            return self._logsumexp(values)
        if op in ("maximum", "minimum"):
            return (max if op == "maximum" else min)(values)
        if op == "product":
            return _product((ctx.mpf(1), *values))
        if op == "norm":
            return ctx.sqrt(sum((v * v for v in values), ctx.mpf(0)))
        total = sum(values, ctx.mpf(0))
        return call("/", total, ctx.mpf(len(values))) if op == "mean" else total


def _exponential(part: Node) -> Node:
    from symgd.nodes.node import node

    return node("logsumexp", *part.args)


def _elements(value: Any, arithmetic: Arithmetic, place: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        for n, part in enumerate(value):
            yield from _elements(part, arithmetic, (*place, n))
    else:
        yield place, arithmetic.exact(value)


def _places(lengths: list[int], start: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if len(start) == len(lengths):
        yield start
    else:
        for n in range(lengths[len(start)]):
            yield from _places(lengths, (*start, n))
