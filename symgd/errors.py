"""What symgd says when it cannot go on: what is wrong, where, and what would be accepted."""

from __future__ import annotations


class InputError(ValueError):
    """What is wrong, what is accepted, where; str() is what the command line prints.

    >>> print(InputError("Unknown function sgn.", accepted="sign; all in docs/notation.md", source="mean(sgn(w*x - y)^2)", at=5))
    Unknown function sgn. Accepted: sign; all in docs/notation.md.
        mean(sgn(w*x - y)^2)
             ^ row 1, column 6
    """

    def __init__(self, what: str, *, accepted: str = "", source: str | None = None, at: int = 0) -> None:
        self.what, self.accepted, self.source, self.at = what, accepted, source, at
        message = f"{what} Accepted: {accepted}." if accepted else what
        if source is not None:
            row, column = source.count("\n", 0, at) + 1, at - source.rfind("\n", 0, at)
            line, shown = _window(source.split("\n")[row - 1], column, width=60)
            message += f"\n    {line}\n    {'^':>{shown}} row {row}, column {column}"
        super().__init__(message)


class LimitError(InputError):
    """The input is larger than what is accepted; the message names the limit."""


class NotBuilt(InputError):
    """A construct that symgd understands but does not derive yet, refused by name and never computed wrongly."""


class NoRule(InputError):
    """No row of the rule table fits an operation."""


def _window(line: str, column: int, width: int) -> tuple[str, int]:
    """The part of the line around the column, and the column in it: a 10,000-character line is no message."""
    line = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
    first = max(0, column - 1 - width // 2)
    if len(line) <= width:
        first = 0
    shown = line[first : first + width]
    head, tail = ("..." if first else ""), ("..." if first + width < len(line) else "")
    return head + shown + tail, column - first + len(head)
