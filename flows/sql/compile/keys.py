"""The keys of an order, what it decides, and the calls that take one row by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.model.types import Type

Words = tuple[str | exp.Expr, ...]
"""GoogleSQL: texts, and nodes of the query that stand between them."""

VALUES, GREATEST, ROWS, FIRST_ROWS = "values", "greatest", "rows", "first rows"
"""What an order decides: in which order a function sees values, which of them counts as the greatest or the least, on
which place each row stands, and the same where only the first places are asked for."""

ORDER, WINDOWS = "order", "windows"
"""Where BigQuery breaks a tie in any way: in the order of one call, or differently in several windows."""

ORDERED = {"ARRAY_AGG", "STRING_AGG", "ARRAY_CONCAT_AGG"}
"""Aggregates that give all values in their order."""


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
    alone: str
    """The call where no other one looks for the same row."""


class Use(NamedTuple):
    """A place in a query at which an order is used, and how BigQuery is told of the keys that break its ties."""

    order: str | None
    """What stands for the keys of that order; None where it has to stay as it is written."""
    node: exp.Expr
    """The call whose rows are ordered, with what follows it."""
    written: exp.Expr | None
    """The ORDER BY at whose end further keys may stand; None where there is no place for them."""
    instead: Callable[[Sequence[str]], Words] | None = None
    """What says the same as the call with further keys, where they can stand in no ORDER BY of the query."""
