"""A table as its file describes it: strict, frozen models. `load.py` reads the file and finds its faults."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from flows.model.types import Type, parse_type
from flows.model.window import END, Size, Window, midnight

Strategy = Literal["append", "merge", "replace"]
Severity = Literal["fail", "warn"]
Granularity = Literal["hour", "day", "month", "year"]
MergeRule = Literal["min", "max", "latest"]


class Model(BaseModel):
    """A part of a table file: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def _moment(value: object) -> object:
    """Take the date or time that YAML gives, in UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return midnight(value)
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            msg = f"'{value}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00:00."
            raise ValueError(msg) from None
        return _moment(moment)
    msg = f"'{value}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00:00."
    raise ValueError(msg)


def _size(value: object) -> object:
    return Size.parse(str(value)) if not isinstance(value, Size) else value


def _type(value: object) -> object:
    return parse_type(str(value)) if not isinstance(value, Type) else value


def _span(value: object) -> object:
    """Take `90 minutes`, `2 hours` or `1 day`."""
    if isinstance(value, timedelta):
        return value
    words = str(value).split()
    units = {"minute": "minutes", "hour": "hours", "day": "days"}
    if len(words) == 2 and words[0].isdigit() and (unit := units.get(words[1].removesuffix("s"))):  # noqa: PLR2004 - a number and its unit
        return timedelta(**{unit: int(words[0])})
    msg = f"'{value}' is not a length of time. Write it as '90 minutes', '2 hours' or '1 day'."
    raise ValueError(msg)


Moment = Annotated[datetime, BeforeValidator(_moment)]
ColumnType = Annotated[Type, BeforeValidator(_type), PlainSerializer(str)]


class NotNull(Model):
    """Every row has a value."""

    not_null: Literal[True]
    severity: Severity = "fail"


class Unique(Model):
    """No value stands twice in the window."""

    unique: Literal[True]
    severity: Severity = "fail"


class AcceptedValues(Model):
    """Every value is one of these; NULL passes."""

    accepted_values: Annotated[tuple[str | int | float | bool, ...], Field(min_length=1, strict=False)]
    severity: Severity = "fail"


class Bounds(Model):
    """The least and the greatest that is allowed, both included."""

    min: int | float | date | datetime | None = None
    max: int | float | date | datetime | None = None


class Range(Model):
    """Every value lies between `min` and `max`, both included; NULL passes."""

    range: Bounds
    severity: Severity = "fail"


class Matches(Model):
    """Every value holds a match of this regular expression (RE2); NULL passes."""

    matches: str
    severity: Severity = "fail"


class References(Model):
    """Every value stands in that column of another table (`core.users.user_id`); NULL passes."""

    references: str
    severity: Severity = "fail"


ColumnCheck = NotNull | Unique | AcceptedValues | Range | Matches | References


class RowBounds(Model):
    """The least and the greatest number of rows, both included."""

    min: Annotated[int, Field(ge=0)] | None = None
    max: Annotated[int, Field(ge=0)] | None = None


class RowCount(Model):
    """The window has that many rows."""

    row_count: RowBounds
    severity: Severity = "fail"


class OffendingRows(Model):
    """A SELECT over the table's staged rows (by the table's own name) that returns the rows at fault."""

    sql: str
    name: str | None = None
    severity: Severity = "fail"


TableCheck = RowCount | OffendingRows
Check = ColumnCheck | TableCheck


class Column(Model):
    """One column: its name, its GoogleSQL type and what it means."""

    name: str
    type: ColumnType
    description: str = ""
    source_path: Annotated[str | None, Field(alias="from")] = None
    """Core tables: where the value stands in the source, as a column's name or a path into a document."""
    checks: tuple[ColumnCheck, ...] = ()


class WindowSpec(Model):
    """Which windows a table has."""

    size: Annotated[Size, BeforeValidator(_size), PlainSerializer(str)]
    start: Moment
    """The first moment that the table covers."""
    end: Moment | None = None
    """The moment at which the table ends, where its source is closed."""
    delay: Annotated[timedelta, BeforeValidator(_span)] = timedelta(0)
    """How long after its end a window stays open for late rows, such as `2 hours`."""
    lookback: Annotated[int, Field(ge=0)] = 0
    """How many of the newest windows are derived again when a table they read without a window has changed."""

    def closed(self, now: datetime) -> Window | None:
        """Return the span of all windows that have closed, or None."""
        start = self.size.ceiling(self.start)
        end = self.size.floor(min(now - self.delay, self.end or END))
        return Window(start, end) if start < end else None


class Partition(Model):
    """How the warehouse divides the table: every `by` of a date or time column."""

    column: str
    by: Granularity


class MysqlSource(Model):
    """A table of a MySQL database."""

    kind: Literal["mysql"]
    connection: str
    table: str
    cursor: str | None = None
    max_bad_rows: Annotated[int, Field(ge=0)] = 0


class MongodbSource(Model):
    """A collection of a MongoDB database."""

    kind: Literal["mongodb"]
    connection: str
    collection: str
    cursor: str | None = None
    max_bad_rows: Annotated[int, Field(ge=0)] = 0


class FilesSource(Model):
    """Exports in a folder: JSON Lines, CSV or Parquet, plain or compressed with gzip or zstd."""

    kind: Literal["files"]
    path: str
    """A file, folder or glob, relative to the project; the names' endings give the format."""
    cursor: str | None = None
    """The column whose time says to which window a row belongs; without one the table is a full copy."""
    max_bad_rows: Annotated[int, Field(ge=0)] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


Source = Annotated[MysqlSource | MongodbSource | FilesSource, Field(discriminator="kind")]


class Table(Model):
    """One file of `tables/`: a core table with `source`, or a derived table with `sql`."""

    dataset: str
    """The folder's name."""
    name: str
    """The file's name."""
    description: str
    """What a row is, for those who will read the table."""
    owner: str
    """The team to ask, as an e-mail address."""
    schedule: str
    """How often to look for work: cron with five fields, UTC."""
    window: WindowSpec | None = None
    strategy: Strategy
    partition: Partition | None = None
    cluster: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    """The columns that together name a row; `merge` updates by them."""
    merge: dict[str, MergeRule] = {}
    """How values of two windows combine, for each column outside the key."""
    latest_by: str | None = None
    """The column that says which value is the `latest`."""
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]
    checks: tuple[TableCheck, ...] = ()
    sql: str | None = None
    source: Source | None = None

    @property
    def identity(self) -> str:
        """`dataset.name`."""
        return f"{self.dataset}.{self.name}"

    @property
    def types(self) -> dict[str, Type]:
        """Types by column name, in the file's order."""
        return {column.name: column.type for column in self.columns}

    @property
    def partition_type(self) -> Type | None:
        """Type of the partition column."""
        return self.types[self.partition.column] if self.partition else None

    @property
    def code_version(self) -> str:
        """A hash of what decides the rows; not the description, owner, schedule or checks."""
        from flows.model.sql import canonical  # noqa: PLC0415 - parsing SQL is slow to import and not always needed

        meaning: dict[str, Any] = self.model_dump(
            mode="json",
            include={"dataset", "name", "strategy", "partition", "key", "merge", "latest_by", "source"},
            exclude={"source": {"max_bad_rows"}},
        )
        meaning["columns"] = [(column.name, str(column.type), column.source_path) for column in self.columns]
        meaning["window"] = str(self.window.size) if self.window else None
        meaning["sql"] = canonical(self.sql) if self.sql else None
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]
