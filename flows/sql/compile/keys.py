"""The keys of an order, what it decides, and the calls that take one row by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from flows.model.types import Type

VALUES, GREATEST, ROWS, FIRST_ROWS = "values", "greatest", "rows", "first rows"
"""What an order decides: in which order a function sees values, which of them counts as the greatest or the least, on
which place each row stands, and the same where only the first places are asked for."""


class Key(NamedTuple):
    """One key of an order."""

    sql: str
    way: str = "ASC NULLS FIRST"


class Tied(NamedTuple):
    """An order that may leave rows side by side."""

    decides: str
    keys: tuple[Key, ...]
    alike: frozenset[str]
    """The SQL of what is the same for all rows that it orders."""
    over: bool
    """Whether it is that of a window."""

    @property
    def places(self) -> bool:
        """Whether it gives each row a place."""
        return self.decides in {ROWS, FIRST_ROWS}


class Pick(NamedTuple):
    """A call that gives a value of the row which is the greatest or the least by an order."""

    order: str
    """What stands for the keys of that order."""
    value: str
    type: Type
    greatest: bool
    suffix: str
    """What follows the parentheses."""
    alone: str
    """The call where no other one looks for the same row."""
