"""In which columns of a table the warehouses may hold different values."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from flows.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.types import Type
    from flows.project.table_file import TableFile

Kind = Literal["digits", "arrays", "json"]
_KINDS: dict[str, Kind] = {"BIGNUMERIC": "digits", "ARRAY": "arrays", "JSON": "json"}


class Difference(NamedTuple):
    """One kind of value that a column may hold and the warehouses keep differently; `flows.report` has the words."""

    kind: Kind
    column: str
    line: int
    """Line of the column's type."""
    field: str
    """The type as messages call it."""


def differences(file: TableFile) -> Iterator[Difference]:
    """Give the differences of a table's columns, in the file's order."""
    for column in file.columns:
        if column.name is None or column.type is None:
            continue
        for kind in _kinds(column.type):
            yield Difference(kind, column.name, column.type_line, f"{column.field}.type")


@lru_cache(maxsize=4096)
def _kinds(type_: str) -> tuple[Kind, ...]:
    return tuple(dict.fromkeys(_kinds_of(parse_type(type_))))


def _kinds_of(type_: Type) -> Iterator[Kind]:
    # With a precision, of which the greatest is that of the embedded warehouse, a BIGNUMERIC is the same in all.
    if type_.name in _KINDS and type_.decimal is None:
        yield _KINDS[type_.name]
    for part in (*([type_.element] if type_.element else []), *(part for _, part in type_.fields)):
        yield from _kinds_of(part)
