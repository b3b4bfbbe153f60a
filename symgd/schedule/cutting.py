"""Long straight code in pieces: compilers take more than twice the time for twice the length."""

from __future__ import annotations

from collections.abc import Sequence

from symgd.program.operations import weight
from symgd.schedule.schedule import Nest, Schedule, Steps, nests_of

PIECE = 600  # nodes of the equations in one piece; measured: 200 and 1500 take longer to compile
LONG = 1200  # nodes of a program that is cut


def is_long(schedule: Schedule) -> bool:
    """Is the program so long that it is compiled in pieces?"""
    return sum(map(weight, schedule.program.flat())) > LONG


def cut(items: Sequence[Nest | Steps]) -> list[Sequence[Nest | Steps]]:
    """The equations in pieces that are short enough to compile as one function; a recurrence stays whole.

    >>> from symgd.program.equation import Program, read_equation
    >>> from symgd.schedule.schedule import schedule
    >>> lines = [f"t{n} = sin(x{n})" for n in range(300)]
    >>> program = Program(tuple(map(read_equation, lines)), {}, "t0", (), extents={f"t{n}": () for n in range(300)})
    >>> [len(piece) for piece in cut(schedule(program).between[0])]
    [150, 150]
    """
    pieces: list[list[Nest | Steps]] = [[]]
    length = 0
    for item in items:
        own = sum(weight(nest.equation) for nest in nests_of([item]))
        if length + own > PIECE and pieces[-1]:
            pieces.append([])
            length = 0
        pieces[-1].append(item)
        length += own
    return list(pieces)
