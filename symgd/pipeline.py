"""The compiler on one screen: a checked cost becomes a program, the program its gradient, the gradient code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symgd.cost.checked import Checked
from symgd.nodes.growing import growing
from symgd.nodes.node import ZERO, index, length
from symgd.program.equation import Program, Range
from symgd.program.extents import input_extents
from symgd.program.forward import arranged, forward, lowered
from symgd.program.gate import checked_forward, checked_packed, checked_reverse, checked_rows, checked_same, checked_tangent
from symgd.program.names import Fresh
from symgd.program.recurrence import recurrent
from symgd.program.sharing import shared
from symgd.reverse.reverse import reverse
from symgd.reverse.rows import of_sum, rows
from symgd.reverse.tangent import DIRECTIONS, Direction, along, by_element, tangent
from symgd.rolling.rolling import Rolled, rolled
from symgd.stabilise.stabilise import Stabilised, stabilised
from symgd.tidy.passes import in_fewer_passes
from symgd.tidy.tidy import alive, tidy


def forward_program(checked: Checked) -> Program:
    """The equations of cost and definitions, as they were written."""
    with growing():
        program = forward(checked)
    checked_forward(checked, program)
    return program


def stable_program(checked: Checked) -> Stabilised:
    """The equations of cost and definitions as they run, and what was rewritten in them."""
    with growing():
        written = lowered(checked)
        found = stabilised(written)
        program = arranged(found.program)
    checked_forward(checked, program)
    return Stabilised(program, found.uses)


def gradient_program(program: Program) -> Program:
    """The equations of cost and gradient together: what is shown, and what runs unless it is long."""
    with growing():
        swept = reverse(program)
        checked_reverse(swept)
        tidied = tidy(swept)
        checked_same(swept, tidied, "tidying")
        factored = in_fewer_passes(program, swept, tidied)
        if factored is not tidied:
            checked_same(swept, factored, "factoring")
    return factored


def rolled_program(program: Program) -> Rolled:
    """The same as loops, where equations of one shape were written out: what runs in place of a long program."""
    with growing():
        found = rolled(program)
    checked_packed(program, found.program, found.packed, "rolling")
    return found


def swept_program(program: Program) -> Program:
    """Cost and gradient before tidying, shared parts named: an equation still asks the adjoint itself whether anything flows back."""
    with growing():
        swept = reverse(program)
        named = recurrent(shared(swept))
    checked_reverse(swept)
    checked_same(swept, named, "naming what is used twice")
    return named


def product_program(swept: Program) -> Program:
    """The equations of the Hessian times a direction: the tangent of the gradient, forward over reverse.

    The direction is an input `v_W` for every parameter W, the product an output `Hv_W`, both shaped like W.
    """
    return _products(swept, {swept.adjoints[name]: f"Hv_{name}" for name in swept.parameters})


def products_program(swept: Program) -> Program:
    """The same for several directions at once: `v_W` and `Hv_W` have one more index, the last, that counts them."""
    return _products(swept, {swept.adjoints[name]: f"Hv_{name}" for name in swept.parameters}, _many(swept))


def second_program(swept: Program, parameter: str) -> Program:
    """The equations of the derivatives of the whole gradient by every element of one parameter: `H_V[k, q]` is d2C/(dV[k] dW[q])."""
    fresh = Fresh(swept.taken)
    columns = {swept.adjoints[name]: fresh.exactly(f"H_{name}") for name in swept.parameters}
    return _tangents(swept, by_element(parameter, _elements(swept, parameter)), columns, parameter)


def rows_program(program: Program, residual: str) -> Program | None:
    """The equations of a residual and its derivatives `J_W` for every sample, the reverse sweep without its last sum; None where samples meet."""
    total = of_sum(program, residual, Fresh(program.taken).exactly("S"))
    found = rows(swept_program(alive(total, {total.cost})), residual)
    if found is None:
        return None
    tidied = tidy(replace(found, outputs=(residual, *(found.adjoints[name] for name in program.parameters))))
    checked_rows(program, tidied, residual)
    return tidied


def residual_product_program(program: Program, residual: str) -> Program:
    """The equations of the Jacobian of a residual times a direction: inputs `v_W`, outputs the residual and `Jv`."""
    return _products(alive(program, {residual}), {residual: "Jv"}, also=residual)


def residual_products_program(program: Program, residual: str) -> Program:
    """The same for several directions at once, which the last index of `v_W` and `Jv` counts."""
    alone = alive(program, {residual})
    return _products(alone, {residual: "Jv"}, _many(alone), also=residual)


def residual_column_program(program: Program, residual: str, parameter: str) -> Program:
    """The equations of the derivatives of a residual by every element of one parameter, `J[i, k]` for dr[i]/dW[k]."""
    name = Fresh(program.taken).exactly("J")
    alone = alive(program, {residual})
    return _tangents(alone, by_element(parameter, _elements(alone, parameter)), {residual: name}, parameter)


def _products(program: Program, wanted: Mapping[str, str], axes: tuple[Range, ...] = (), also: str = "") -> Program:
    """The tangents of `wanted`, target -> name, along directions that are given beside the parameters; `also`: a target that is put out itself."""
    fresh = Fresh(program.taken)
    arrays = {name: fresh.exactly(f"v_{name}") for name in program.parameters}
    return _tangents(program, along(arrays, axes), {target: fresh.exactly(name) for target, name in wanted.items()}, also=also)


def _many(program: Program) -> tuple[Range, ...]:
    """The axis that counts directions."""
    fresh = Fresh(letter.value for equation in program.flat() for letter in equation.letters)
    return (Range(index(fresh.exactly("q")), ZERO, length(DIRECTIONS)),)


def _tangents(program: Program, direction: Direction, wanted: Mapping[str, str], element: str = "", also: str = "") -> Program:
    with growing():
        moved = tangent(program, direction, wanted)
    checked_tangent(program, moved, element)
    with growing():
        moved = replace(moved, outputs=(also, *moved.outputs)) if also else moved
        tidied = tidy(moved)
    checked_same(moved, tidied, "tidying")
    return tidied


def _elements(program: Program, parameter: str) -> tuple[Range, ...]:
    """Ranges over the elements of a parameter, by letters that nothing else has."""
    fresh = Fresh(part.value for equation in program.flat() for part in equation.letters)
    extents = program.extents.get(program.adjoints.get(parameter, ""), ()) or input_extents(program)[0][parameter]
    return tuple(Range(index(fresh.exactly(letter)), ZERO, extent) for letter, extent in zip("pqrstuvw", extents, strict=False))
