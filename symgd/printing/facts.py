"""What is known of the data as conditions in NumPy code, for a module that looks at its data by itself."""

from __future__ import annotations

from symgd.cost.facts import Fact
from symgd.errors import NotBuilt
from symgd.nodes.node import Node, fraction, outside_subscripts
from symgd.printing.numba import Printer
from symgd.printing.sides import quoted

__all__ = ["broken"]


def broken(fact: Fact, printer: Printer, tolerance: float) -> str:
    """Code over `data`, a mapping from names to arrays: True at every place where the fact does not hold.

    >>> from symgd.nodes.node import ONE, access, index
    >>> from symgd.printing.numba import names
    >>> from symgd.program.equation import Program
    >>> from symgd.schedule.schedule import schedule
    >>> fact = Fact("total", "sum(Y[i, l], l) = 1", ONE, access("Y", index("i"), index("l")), ONE, summed=(index("l"),))
    >>> print(broken(fact, Printer(names(), schedule(Program((), {}, "C", ()))), 1e-6))
    abs(data["Y"].sum(axis=1) - 1.0) > 1e-06*np.maximum(1.0, abs(data["Y"]).sum(axis=1))
    """
    letters, values = _elements(fact)
    if fact.kind == "bounds":
        return " | ".join(f"~({values} {op} {float(edge)!r})" for op, edge in fact.limits)
    if fact.kind == "symmetric":
        other = fact.right.args[0] if fact.sign < 0 else fact.right
        turned = f"np.transpose({values}, ({', '.join(str(letters.index(place)) for place in other.args)}))"
        return f"abs({values} {'+' if fact.sign < 0 else '-'} {turned}) > {tolerance!r}*np.maximum(1.0, abs({values}))"
    powers = values if fact.power == 1 else f"({values}**{fact.power})"
    if fact.kind == "total":
        places = [str(n) for n, letter in enumerate(letters) if letter in fact.summed]
        along = f".{'mean' if fact.mean else 'sum'}(axis={places[0] if len(places) == 1 else '(' + ', '.join(places) + ')'})"
        right = _right(fact, [letter for letter in letters if letter not in fact.summed], printer)
        return f"abs({powers}{along} - {right}) > {tolerance!r}*np.maximum(1.0, abs({powers}){along})"
    right = values if fact.right is fact.element else _right(fact, letters, printer)
    return f"abs({powers} - {right}) > {tolerance!r}*np.maximum(1.0, abs({powers}))"


def _elements(fact: Fact) -> tuple[list[Node], str]:
    """The letters of the element, and its values with one axis a letter."""
    places = fact.element.args
    letters = [place for place in places if place.op == "index"]
    if len(set(letters)) < len(letters):
        raise NotBuilt(f"The fact {fact} is about a diagonal; saving such a trainer is not built yet.", accepted="a cost without it")
    array = f"data[{quoted(fact.name)}]"
    if len(letters) == len(places):
        return letters, array
    return letters, f"{array}[{', '.join(':' if place.op == 'index' else place.value for place in places)}]"


def _right(fact: Fact, letters: list[Node], printer: Printer) -> str:
    """The right side as code, its arrays with one axis for each of the letters."""
    known: dict[Node, str] = {}
    for part in outside_subscripts(fact.right):
        args = [known.get(argument, "") for argument in part.args]
        if part.op == "number":
            known[part] = repr(float(fraction(part)))
        elif part.op == "length":
            known[part] = printer.names.length(part.value)
        elif part.op == "access":
            if [letter for letter in letters if letter in part.args] != list(part.args):
                order = f"The fact {fact} reads {part.value} in another order"
                raise NotBuilt(f"{order}; saving such a trainer is not built yet.", accepted="a cost without it")
            axes = [":" if letter in part.args else "None" for letter in letters]
            known[part] = f"data[{quoted(part.value)}]" + (f"[{', '.join(axes)}]" if "None" in axes and ":" in axes else "")
        elif part.op == "neg":
            known[part] = f"(-{args[0]})"
        elif part.op in ("+", "*", "/", "^"):
            known[part] = f"({f' {part.op} '.join(args)})".replace(" ^ ", "**")
        elif part.op == "index":
            raise NotBuilt(f"The fact {fact} calculates with {part.value}; saving such a trainer is not built yet.", accepted="a cost without it")
    return known[fact.right]
