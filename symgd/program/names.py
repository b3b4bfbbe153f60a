"""New names that clash with none of the user's."""

from __future__ import annotations

from collections.abc import Iterable


class Fresh:
    """Hands out names that are not in use.

    >>> fresh = Fresh(["s1", "dW"])
    >>> fresh("s"), fresh("s"), fresh.exactly("dW")
    ('s2', 's3', 'dW_2')
    """

    def __init__(self, used: Iterable[str]) -> None:
        self._used = set(used)
        self._next: dict[str, int] = {}

    def __call__(self, stem: str) -> str:
        """stem1, stem2, ...: the first that is free."""
        count = self._next.get(stem, 0) + 1
        while f"{stem}{count}" in self._used:
            count += 1
        self._next[stem] = count
        return self._take(f"{stem}{count}")

    def exactly(self, name: str) -> str:
        """The name itself where it is free, else name_2, name_3, ..."""
        if name not in self._used:
            return self._take(name)
        count = 2
        while f"{name}_{count}" in self._used:
            count += 1
        return self._take(f"{name}_{count}")

    def _take(self, name: str) -> str:
        self._used.add(name)
        return name
