"""What every source gives: the rows of one window as Arrow batches, and the rows that are no such rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from flows.model.window import BEGINNING, END, Window, midnight

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.model.bad_row import BadRow
    from flows.model.table import Table
    from flows.model.types import Type

RAW = 10_000
"""Characters of a bad row that are kept."""
DIGITS_OF_128_BITS = 38
"""Of decimals with more Arrow has a type of 256 bits."""
FIRST_SECOND, LAST_SECOND = int(BEGINNING.timestamp()), int(END.timestamp())
"""Seconds since 1970 that are a moment."""
_ARROW = {
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "INT64": pa.int64(),
    "FLOAT64": pa.float64(),
    "BOOL": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "DATETIME": pa.timestamp("us"),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "JSON": pa.string(),
}


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows of a window."""

    rows: pa.RecordBatch
    """Rows with the schema `arrow_schema(table)`."""
    bad: tuple[BadRow, ...] = ()
    nulled: Mapping[str, int] = field(default_factory=dict)
    """How many of the rows have NULL where the source has a value that cannot be read, by column (`on_error: null`)."""
    undated: int = 0
    """Rows met on the way that belong to no window, as their cursor is NULL; 0 where `inspect` tells of them."""
    outside: int = 0
    """Rows met on the way that lie before the table's start or after its end."""
    position: str | None = None
    """Where another reading goes on after these rows and all before them; None where it can only begin anew."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What there is to say of a core table before it is read."""

    unread: tuple[str, ...] = ()
    """Columns or fields of the source that the table's file does not name."""
    warnings: tuple[str, ...] = ()
    """What makes reading slow or leaves rows out, with what to do about it."""


class Source(Protocol):
    """Where a core table's rows come from."""

    def now(self) -> datetime | None:
        """Connect and return the source's clock; None where it has none of its own. Raises as `read` does."""

    def inspect(self, table: Table) -> Inspection:
        """Say what there is to say of the source before it is read. Raises as `read` does."""

    def read(self, table: Table, window: Window | None) -> Iterator[Batch]:
        """Give the rows whose cursor lies in the window, or all rows where there is none.

        Memory is bounded by a batch. Raises SourceError, or SourceUnavailableError where trying again may help.
        """

    def copy(self, table: Table, window: Window, after: str | None) -> Iterator[Batch]:
        """Give the rows of a first copy as `read` does, and with each batch its position where that costs nothing.

        Where a key may come several times, the newest row by the cursor counts: so what is read after a position can
        be added to what was read before it, however much later.

        Args:
            table: the table, of which nothing but parts of this copy is there.
            window: the windows that it covers.
            after: go on after this position of an earlier reading.

        Raises as `read` does, and SourceChangedError where it cannot go on there.
        """


def window_of(table: Table, cursor: object) -> Window | None:
    """Return the window to which a row belongs by its cursor: a time, UTC where it has no zone, a day, or seconds.

    None where there is none: it lies before all windows, or is none of these.
    """
    if isinstance(cursor, int) and FIRST_SECOND <= cursor < LAST_SECOND:
        cursor = datetime.fromtimestamp(cursor, UTC)
    elif isinstance(cursor, date) and not isinstance(cursor, datetime):
        cursor = midnight(cursor)
    if table.window is None or not isinstance(cursor, datetime) or cursor.year == END.year:
        return None
    start = table.window.size.floor(cursor.replace(tzinfo=UTC) if cursor.tzinfo is None else cursor.astimezone(UTC))
    return Window(start, table.window.size.next(start)) if start >= table.window.start else None


def first_moment(table: Table, window: Window, overlap: timedelta) -> datetime:
    """Return from where on a window is read: the overlap before it, but not what lies before the table's start.

    Rows of an append table lie in their window; one that is read again has to be merged.
    """
    if table.strategy != "merge" or table.window is None:
        return window.start
    reach = max(window.start - table.window.start, timedelta(0))
    return window.start - min(overlap, reach)


def arrow_type(type_: Type) -> pa.DataType:
    """Return the Arrow type in which a source gives values of a GoogleSQL type."""
    if type_.element is not None:
        return pa.list_(arrow_type(type_.element))
    if type_.name == "STRUCT":
        return pa.struct([(name, arrow_type(field)) for name, field in type_.fields])
    if type_.name in {"NUMERIC", "BIGNUMERIC"}:
        precision, scale = type_.precision_and_scale
        return (pa.decimal128 if precision <= DIGITS_OF_128_BITS else pa.decimal256)(precision, scale)
    return _ARROW[type_.name]


def arrow_schema(table: Table) -> pa.Schema:
    """Return the schema of a table's batches: its columns in the file's order."""
    return pa.schema([(column.name, arrow_type(column.type)) for column in table.columns])
