"""Groups of things that use each other, in an order in which each group comes after what it uses."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def circles(uses: Mapping[T, Iterable[T]]) -> Iterator[list[T]]:
    """The strongly connected components of a graph, those that are used first, else in the order given (Tarjan 1972).

    >>> list(circles({"a": "b", "b": "cd", "c": "b", "d": ""}))
    [['d'], ['b', 'c'], ['a']]
    """
    place = {thing: n for n, thing in enumerate(uses)}
    number: dict[T, int] = {}
    lowest: dict[T, int] = {}
    path: list[T] = []
    depth: dict[T, int] = {}  # of what is on the path
    for start in uses:
        stack: list[tuple[T, Iterator[T]]] = []
        entered: list[T] = [] if start in number else [start]
        while entered or stack:
            if entered:
                thing = entered.pop()
                number[thing] = lowest[thing] = len(number)
                depth[thing] = len(path)
                path.append(thing)
                stack.append((thing, iter(uses[thing])))
            thing, waiting = stack[-1]
            used = next(waiting, None)
            if used is None:
                stack.pop()
                if stack:
                    above = stack[-1][0]
                    lowest[above] = min(lowest[above], lowest[thing])
                if lowest[thing] == number[thing]:
                    group = path[depth[thing] :]
                    del path[depth[thing] :]
                    for member in group:
                        del depth[member]
                    yield sorted(group, key=place.__getitem__)
            elif used not in number:
                entered.append(used)
            elif used in depth:
                lowest[thing] = min(lowest[thing], number[used])
