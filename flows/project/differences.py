"""Where the warehouses may hold different values of a table: in its columns, and in what its SQL computes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flows.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.model.differences import Kind
    from flows.model.types import Type
    from flows.project.table_file import TableFile

_KINDS: dict[str, Kind] = {"BIGNUMERIC": "digits", "ARRAY": "arrays", "JSON": "json"}


class Difference(NamedTuple):
    """One kind of value that the warehouses keep or compute differently; `flows.report` has the words."""

    kind: Kind
    line: int
    """Line of a column's type, or of the SQL."""
    field: str
    """The type as messages call it, or `sql`."""


def differences(file: TableFile, computed: Sequence[tuple[Kind, int]]) -> Iterator[Difference]:
    """Give the differences of a table's columns, in the file's order, and of what its SQL computes beside them."""
    known = set()
    for column in file.columns:
        if column.name is None or column.type is None:
            continue
        for kind in _kinds(column.type):
            known.add(kind)
            yield Difference(kind, column.type_line, f"{column.field}.type")
    yield from (Difference(kind, line, "sql") for kind, line in computed if kind not in known)


@lru_cache(maxsize=4096)
def _kinds(type_: str) -> tuple[Kind, ...]:
    return tuple(dict.fromkeys(_kinds_of(parse_type(type_))))


def _kinds_of(type_: Type) -> Iterator[Kind]:
    # With a precision, of which the greatest is that of the embedded warehouse, a BIGNUMERIC is the same in all.
    if type_.name in _KINDS and type_.decimal is None:
        yield _KINDS[type_.name]
    for part in (*([type_.element] if type_.element else []), *(part for _, part in type_.fields)):
        yield from _kinds_of(part)
