"""The value of an expression: its type, its SQL in DuckDB, and what it depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flows.sql import types as t

if TYPE_CHECKING:
    from flows.model.types import Type
    from flows.sql.bounds import Bound
    from flows.sql.reach import Origin

Read = tuple[int, str]
"""A value of a row: how many queries are around the one that gives it, and its SQL."""
NOTHING_READ: frozenset[Read] = frozenset()
FAULTY: frozenset[Read] = frozenset([(0, "")])
"""What an expression with a fault depends on: nobody knows what it would be."""


class Sum(NamedTuple):
    """A sum or product of FLOAT64 before it is looked at for overflow."""

    raw: str
    """Its SQL."""
    leaves: tuple[str, ...]
    """What it is made of, each in SQL."""
    smaller: tuple[Sum, ...]
    """The sums and products in it."""


class Value(NamedTuple):
    """An expression with its type and its SQL in DuckDB."""

    type: Type
    sql: str
    literal: bool = False
    constant: str | int | None = None
    """The text or the integer of a literal."""
    origins: frozenset[Origin] = frozenset()
    drifts: bool = False
    """Whether its last digits are those of the order in which an aggregate added up FLOAT64, which is any."""
    fields: tuple[Value, ...] = ()
    """The values of a STRUCT that is written down."""
    sum: Sum | None = None
    """What it is before it is looked at for overflow, if it is a sum or product of FLOAT64."""
    reads: frozenset[Read] | None = None
    """What it depends on: with nothing it is the same for all rows. None where only the value itself says."""
    bound: Bound | None = None
    """Where it lies in every row, where it is made of the window's parameters alone."""

    @property
    def same(self) -> bool:
        """Whether it is the same for all rows."""
        return self.reads is not None and not self.reads

    @property
    def faulty(self) -> bool:
        """Whether there is a fault in it."""
        return not FAULTY.isdisjoint(self.reads or ())

    @property
    def given(self) -> t.Given:
        """What is known of it where GoogleSQL decides what it may turn into."""
        return t.Given(self.type, self.literal, tuple(one.given for one in self.fields))

    def null_as(self, type_: Type) -> Value:
        """Return a NULL that is written down as one of a type; any other value as it is."""
        return Value(type_, f"CAST(NULL AS {t.duckdb_type(type_)})") if self.type == t.NULL else self

    def depending(self, reads: frozenset[Read], *, drifts: bool) -> Value:
        """Return the value with what it depends on, and whether it drifts; every expression is one of these."""
        type_, sql, literal, constant, origins, _, fields, sum_, _, bound = self
        # As `Value(...)`, without what it calls on the way.
        return tuple.__new__(Value, (type_, sql, literal, constant, origins, drifts, fields, sum_, reads, bound))


NOTHING = Value(t.UNKNOWN, "NULL", reads=FAULTY)
"""What stands for an expression with a fault."""
