"""Reading a table in the order of its primary key, from which another reading can go on: cut into ranges of the key.

InnoDB keeps rows in that order, so that nothing is sorted and no row is looked at twice.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from flows.model.errors import SourceChangedError
from flows.sources.mysql.agreement import name_of
from flows.sources.mysql.schema import INTEGERS, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from flows.sources.mysql.selection import Selection
    from flows.sources.mysql.types import SourceColumn

_EXACT = {
    **{integer: {"INT64"} for integer in INTEGERS},
    "char": {"STRING"},
    "varchar": {"STRING"},
    "binary": {"BYTES"},
    "varbinary": {"BYTES"},
    "date": {"DATE"},
    "datetime": {"DATETIME", "TIMESTAMP"},
    "timestamp": {"DATETIME", "TIMESTAMP"},
}
"""Types of a key of which a value that is sent can be compared with, in the order of the index, and of which no two are
one in the table's column."""
_BYTES = {"binary", "varbinary"}


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The part of a table from one value of its key's first column to another, and how far it has been read."""

    low: int | None = None
    high: int | None = None
    last: tuple[int | str, ...] | None = None
    """The key of the last row that was read; bytes in hexadecimal digits."""


@dataclass(frozen=True)
class Order:
    """The order in which a table can be read."""

    index: str
    columns: tuple[SourceColumn, ...]
    places: tuple[int, ...]
    """Where they stand among the columns that are read."""

    def key(self, raw: Sequence[pa.Array]) -> tuple[int | str, ...]:
        """Return the key of the last row of what the server sent."""
        return tuple(
            _kept(column, raw[place][-1].as_py()) for column, place in zip(self.columns, self.places, strict=True)
        )

    def conditions(self, part: KeyRange) -> tuple[list[str], list[object]]:
        """Return what holds of the rows of a range that have not been read, and the values of its parameters."""
        first = quoted(self.columns[0].name)
        bounds = [(f"{first} >= %s", part.low), (f"{first} < %s", part.high)]
        conditions = [condition for condition, value in bounds if value is not None]
        parameters: list[object] = [value for _, value in bounds if value is not None]
        if part.last is None:
            return conditions, parameters
        # Written out, as a comparison of rows makes no use of the index everywhere.
        values = [_literal(column, value) for column, value in zip(self.columns, part.last, strict=True)]
        names = [quoted(column.name) for column in self.columns]
        later = [
            "(" + " AND ".join([*(f"{name} = %s" for name in names[:place]), f"{names[place]} > %s"]) + ")"
            for place in range(len(names))
        ]
        parameters += [value for place in range(len(names)) for value in values[: place + 1]]
        return [*conditions, f"({' OR '.join(later)})"], parameters

    @property
    def sql(self) -> str:
        """The end of a statement that reads in this order."""
        return " ORDER BY " + ", ".join(quoted(column.name) for column in self.columns)

    @property
    def hint(self) -> str:
        """What stands behind the table's name, so that the server sorts nothing."""
        return f" FORCE INDEX ({quoted(self.index)})"


def order_of(selection: Selection) -> Order | None:
    """Return the order of the table's key, where that is the one in which the server keeps the rows."""
    table, clustered = selection.table, selection.source.clustered
    if clustered is None:
        return None
    index, names = clustered
    by_name = {name_of(column).lower(): place for place, column in enumerate(table.columns) if column.name in table.key}
    if by_name.keys() != {name.lower() for name in names}:
        return None
    places = tuple(by_name[name.lower()] for name in names)
    columns = tuple(selection.columns[place] for place in places)
    if any(
        table.columns[place].type.name not in _EXACT.get(column.data_type, ())
        for place, column in zip(places, columns, strict=True)
    ):
        return None
    return Order(index, columns, places)


class Progress:
    """How far the ranges of a table have been read."""

    def __init__(self, ranges: Sequence[KeyRange]) -> None:
        self.ranges = list(ranges)

    @classmethod
    def parse(cls, subject: str, order: Order | None, position: str) -> Progress:
        """Return what `read` gave. Raises SourceChangedError where the table has no such order any more."""
        kept = json.loads(position)
        if order is None or kept["columns"] != [column.name for column in order.columns]:
            raise SourceChangedError(
                f"{subject}: when the copy was cut off the source's primary key was ({', '.join(kept['columns'])}), "
                "and it is another now."
            )
        return cls(
            [KeyRange(part["low"], part["high"], part["last"] and tuple(part["last"])) for part in kept["ranges"]]
        )

    def read(self, place: int, last: tuple[int | str, ...], order: Order) -> str:
        """Take the last key that was read of a range; return the position."""
        self.ranges[place] = replace(self.ranges[place], last=last)
        columns = [column.name for column in order.columns]
        return json.dumps({"columns": columns, "ranges": [asdict(part) for part in self.ranges]})


def _kept(column: SourceColumn, value: bytes) -> int | str:
    if column.data_type in INTEGERS:
        return int(value)
    return value.hex() if column.data_type in _BYTES else value.decode()


def _literal(column: SourceColumn, value: int | str) -> object:
    return bytes.fromhex(str(value)) if column.data_type in _BYTES else value
