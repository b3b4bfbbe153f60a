"""The SymPy objects of a cost: index axes with their lengths, data columns, and reductions that SymPy has not. They are ordinary SymPy objects to
everybody else; `notation` hands them out, `sympy_door` reads and writes them."""

from __future__ import annotations

from typing import Any, ClassVar

import sympy as sp
from sympy.printing.pretty.stringpict import prettyForm


class Axis(sp.Idx):
    """An index 0, ..., length - 1 that prints as its letter. Substitution does not reach into its range, so nothing detaches it from its sum.

    >>> i, x, m = Axis("i", length_symbol("m")), sp.IndexedBase("x"), length_symbol("m")
    >>> sp.Sum(x[i], i).subs(m, 3).doit()
    x[0] + x[1] + x[2]
    >>> i.length, i.lower, i.upper
    (m, 0, m - 1)
    """

    @property
    def length(self) -> Any:
        return self.upper - self.lower + 1

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return new if old == self else self

    def _xreplace(self, rule: Any) -> tuple[Any, bool]:
        return (rule[self], True) if self in rule else (self, False)

    def _latex(self, printer: Any) -> str:
        return str(printer._print(self.label))


def length_symbol(name: str) -> Any:
    """The symbol that means the length of an axis wherever it stands.

    >>> length_symbol("m") == sp.Symbol("m")
    False
    """
    return sp.Symbol(name, integer=True, positive=True)


class Sample(sp.Symbol):
    """A data column: one real number for each sample. It lies on the hidden sample axis, or on `axis`, and calculates like any symbol.

    >>> x, w = Sample("x"), sp.Symbol("w")
    >>> w*x - 1, sp.diff((w*x)**2, x), x == Sample("x", Axis("i", 5))
    (w*x - 1, 2*w**2*x, False)
    """

    __slots__ = ("axis",)
    axis: Any
    is_sample = True

    def __new__(cls, name: str, axis: Any = None) -> Sample:
        column: Sample = sp.Symbol.__xnew__(cls, name, real=True)
        column.axis = axis
        return column

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.axis), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.axis)

    @classmethod
    def class_key(cls) -> tuple[int, int, str]:
        return 2, 0, "Symbol"  # sorted among the symbols, so that formulas print in the usual order


class Reduction(sp.Expr):
    """A body reduced over (index, low, high) triples as in SymPy's Sum, high included, the outer one first; over the samples without any.

    Nothing is evaluated on construction. The value is real, so no question about it looks into the body. `doit` writes a reduction over named axes
    with SymPy's own sums.

    >>> i, x, w = Axis("i", 4), sp.IndexedBase("x"), sp.Symbol("w")
    >>> Mean(x[i]**2, (i, 0, 3)) + 2*Mean(w), Maximum(x[i], (i, 1, 3))
    (2*mean(w) + mean(x[i]**2, i), maximum(x[i], (i, 1, 3)))
    >>> Mean(w*i, (i, 0, 3)).doit()
    3*w/2
    """

    op: ClassVar[str]
    word: ClassVar[str]
    is_real = True
    is_number = False

    def __new__(cls, body: Any, *limits: Any) -> Any:
        return sp.Expr.__new__(cls, sp.sympify(body, strict=True), *(sp.Tuple(*limit) for limit in limits))

    @property
    def function(self) -> Any:
        return self.args[0]

    @property
    def limits(self) -> tuple[Any, ...]:
        return tuple(self.args[1:])

    @property
    def variables(self) -> list[Any]:
        return [limit[0] for limit in self.limits]

    @property
    def bound_symbols(self) -> list[Any]:
        return self.variables

    @property
    def free_symbols(self) -> set[Any]:
        found: set[Any] = set(self.function.free_symbols)
        for index, low, high in reversed(self.limits):
            found = (found - {index}) | low.free_symbols | high.free_symbols
        return found

    def doit(self, **hints: Any) -> Any:
        body = self.function.doit(**hints) if hints.get("deep", True) else self.function
        if not self.limits:
            return self.func(body)
        found = self._in_sums(body)
        return self.func(body, *self.limits) if found is None else found

    def _in_sums(self, body: Any) -> Any:
        """The value in SymPy's own sums; None where there is none."""
        return None

    def _sum(self, body: Any) -> Any:
        return sp.Sum(body, *reversed(self.limits)).doit()

    def _eval_subs(self, old: Any, new: Any) -> Any:
        return self if old in self.variables else None

    def _eval_derivative(self, symbol: Any) -> Any:
        return sp.Derivative(self, symbol, evaluate=False)

    def _eval_conjugate(self) -> Any:
        return self

    @property
    def _written(self) -> list[Any]:
        """The body and the axes as the user writes them: an index alone where it runs over its whole axis."""
        axes = [limit[0] if isinstance(limit[0], sp.Idx) and (limit[0].lower, limit[0].upper) == limit.args[1:] else limit for limit in self.limits]
        return [self.function, *axes]

    def _sympystr(self, printer: Any) -> str:
        return f"{self.word}({printer.stringify(self._written, ', ')})"

    def _pretty(self, printer: Any) -> Any:
        arguments = prettyForm(*printer._print_seq(self._written, delimiter=", ").parens())
        call = prettyForm(*arguments.left(self.word), binding=prettyForm.FUNC)
        call.prettyFunc, call.prettyArgs = prettyForm(self.word), arguments
        return call

    def _latex(self, printer: Any) -> str:
        letters = ", ".join(printer._print(variable) for variable in self.variables)
        head = {"maximum": r"\max", "minimum": r"\min"}.get(self.word, rf"\operatorname{{{self.word}}}")
        return rf"{head}{f'_{{{letters}}}' if letters else ''}\left({printer._print(self.function)}\right)"


class _Linear(Reduction):
    def _eval_derivative(self, symbol: Any) -> Any:
        if not set(self.variables).isdisjoint(symbol.free_symbols):
            return super()._eval_derivative(symbol)
        return self.func(sp.diff(self.function, symbol), *self.limits)


class Mean(_Linear):
    """sum(body)/number of its indices, as one operation."""

    op = word = "mean"

    def _in_sums(self, body: Any) -> Any:
        return self._sum(body) / self._sum(1)


class Total(_Linear):
    """The sum over the hidden sample axis; over a named axis it is SymPy's Sum."""

    op, word = "sum", "total"


class ProductOver(Reduction):
    """The product over the hidden sample axis; over a named axis it is SymPy's Product."""

    op = word = "product"


class _Extreme(Reduction):
    choice: ClassVar[Any]

    def _in_sums(self, body: Any) -> Any:
        values = [body]
        for index, low, high in reversed(self.limits):
            if not (low.is_Integer and high.is_Integer):
                return None
            values = [value.subs(index, n) for value in values for n in range(int(low), int(high) + 1)]
        return self.choice(*values)


class Maximum(_Extreme):
    """The largest of the values of its body."""

    op = word = "maximum"
    choice = sp.Max


class Minimum(_Extreme):
    """The smallest of the values of its body."""

    op = word = "minimum"
    choice = sp.Min


class LogSumExp(Reduction):
    """log(sum(exp(body))), as one operation that does not overflow."""

    op = word = "logsumexp"

    def _in_sums(self, body: Any) -> Any:
        return sp.log(self._sum(sp.exp(body)))


class Softmax(Reduction):
    """exp(body) over the sum of exp(body). Its index stays free: it says at which place.

    >>> l, z = Axis("l", 3), sp.IndexedBase("z")
    >>> Softmax(z[l], (l, 0, 2)).subs(l, 0)
    exp(z[0] - logsumexp(z[l], l))
    """

    op = word = "softmax"
    is_nonnegative = True

    @property
    def bound_symbols(self) -> list[Any]:
        return []

    @property
    def free_symbols(self) -> set[Any]:
        return super().free_symbols | set(self.variables)

    def _in_sums(self, body: Any) -> Any:
        return sp.exp(body) / self._sum(sp.exp(body))

    def _eval_subs(self, old: Any, new: Any) -> Any:
        if old not in self.variables:
            return None
        return sp.exp(self.function._subs(old, new) - LogSumExp(self.function, *self.limits))


class Norm(Reduction):
    """The square root of the sum of squares."""

    op = word = "norm"
    is_nonnegative = True

    def _in_sums(self, body: Any) -> Any:
        return sp.sqrt(self._sum(body**2))


class ArgMax(Reduction):
    """The first index at which the body is largest; for metrics, not for costs."""

    op = word = "argmax"
    is_integer = True
    is_nonnegative = True


REDUCTION_CLASSES: dict[str, type[Reduction]] = {
    cls.op: cls for cls in (Mean, Total, ProductOver, Maximum, Minimum, LogSumExp, Softmax, Norm, ArgMax)
}


def unfolded(cls: Any, body: Any, *limits: Any) -> Any:
    """SymPy's own Sum or Product, equal to the one that `cls(body, *limits)` makes, without its walks over the written-out body and with every
    Piecewise left in its place. The innermost limit comes first, as there.

    >>> i, x = Axis("i", 3), sp.IndexedBase("x")
    >>> unfolded(sp.Sum, x[i], (i, 0, 2)) == sp.Sum(x[i], (i, 0, 2))
    True
    """
    made = [sp.Tuple(*limit) for limit in limits]
    while type(body) is cls:
        made, body = [*body.limits, *made], body.function
    found = sp.Expr.__new__(cls, body, *made)
    found.is_commutative = True
    return found
