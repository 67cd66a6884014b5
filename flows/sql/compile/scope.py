"""What names mean inside a query: values, sources, scopes, and the occurrences of tables that a query reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from flows.sql import types as t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlglot import exp

    from flows.model.dependency import Edge
    from flows.model.types import Type


@dataclass(eq=False, slots=True)
class Occurrence:
    """One place at which a query reads a table, with the bounds found there."""

    table: str
    partition: str | None
    """The partition column."""
    lower: Edge | None = None
    upper: Edge | None = None


class Origin(NamedTuple):
    """Whose partition column a value is, and whether it has been cut to its day or the like on the way."""

    occurrence: Occurrence
    unit: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """An expression with its type and its SQL in DuckDB."""

    type: Type
    sql: str
    literal: bool = False
    constant: str | int | None = None
    """The text or the integer of a literal."""
    origins: frozenset[Origin] = frozenset()


NOTHING = Value(t.UNKNOWN, "NULL")
"""What stands for an expression with a fault."""


@dataclass(slots=True)
class Source:
    """One item of a FROM clause."""

    alias: str
    columns: list[tuple[str, Value]]
    whole: Value | None = None
    """An element of an array, where the item is an UNNEST."""

    def find(self, name: str) -> list[Value]:
        """Return the columns of that name."""
        return [value for known, value in self.columns if known.lower() == name.lower()]


class Anything(Source):
    """A table that nobody knows: it has a fault already, so that every column of it is one more of the same."""

    def find(self, name: str) -> list[Value]:
        """Return what stands for a fault."""
        del name
        return [NOTHING]


@dataclass(slots=True)
class Relation:
    """What a query gives: names (None for a column without one), types, origins; its SQL."""

    columns: list[tuple[str | None, Value]]
    sql: str
    occurrences: list[Occurrence] = field(default_factory=list)
    nodes: list[exp.Expr] = field(default_factory=list)
    """The expression of each column, for the line of a fault."""
    element: bool = False
    """Whether a row is one value: SELECT AS STRUCT, SELECT AS VALUE."""

    def again(self) -> Relation:
        """Return the relation as if written once more: its tables occur once more too."""
        copies = {id(one): Occurrence(one.table, one.partition, one.lower, one.upper) for one in self.occurrences}
        columns = [
            (
                name,
                Value(
                    value.type,
                    value.sql,
                    origins=frozenset(Origin(copies[id(origin.occurrence)], origin.unit) for origin in value.origins),
                ),
            )
            for name, value in self.columns
        ]
        return Relation(columns, self.sql, list(copies.values()), self.nodes, self.element)


@dataclass(slots=True)
class Scope:
    """The names that one SELECT sees."""

    parent: Scope | None = None
    ctes: dict[str, Relation] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    merged: dict[str, Value] = field(default_factory=dict)
    """Columns that JOIN ... USING has joined into one."""
    aliases: dict[str, Value] = field(default_factory=dict)
    """Columns of the SELECT list, where GoogleSQL lets an expression name them."""
    windows: dict[str, exp.Window] = field(default_factory=dict)
    aggregated: bool = False
    """Whether an aggregate has been seen."""
    windowed: bool = False
    """Whether a window function has been seen."""
    depth: int = 0
    """How many aggregates are around the expression at hand."""
    groups: set[str] | None = None
    """The SQL of what the query groups by, once that is known."""
    loose: list[tuple[exp.Expr, str]] = field(default_factory=list)
    """Columns outside aggregates that no group has taken yet."""

    def cte(self, name: str) -> Relation | None:
        """Return the CTE of that name, here or around."""
        scope: Scope | None = self
        while scope is not None:
            if name.lower() in scope.ctes:
                return scope.ctes[name.lower()]
            scope = scope.parent
        return None

    def outward(self) -> Iterator[Scope]:
        """Give this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def source(self, alias: str) -> Source | None:
        """Return the item of the FROM clause with that alias."""
        return next((one for one in self.sources if one.alias.lower() == alias.lower()), None)

    def names(self) -> Iterable[str]:
        """Give every column name that can be seen, here and around."""
        for scope in self.outward():
            for source in scope.sources:
                yield from (name for name, _ in source.columns)
            yield from scope.aliases
