"""A table as its file describes it: strict, frozen models. `load.py` reads the file and finds its faults."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    model_validator,
)

from flows.model.types import Type, parse_type
from flows.model.window import END, Size, Window, midnight

Strategy = Literal["append", "merge", "replace"]
Severity = Literal["fail", "warn"]
Granularity = Literal["hour", "day", "month", "year"]
MergeRule = Literal["min", "max", "latest"]


class Model(BaseModel):
    """A part of a table file: frozen, and no key that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def parse_moment(value: object) -> datetime:
    """Take the date or time that YAML gives, in UTC. Raises ValueError with a message for the person who wrote it."""
    wrong = ValueError(f"'{value}' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00:00.")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise wrong from None
    if isinstance(value, datetime):
        try:
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        except OverflowError:
            raise wrong from None
    if isinstance(value, date):
        return midnight(value)
    raise wrong


def _size(value: object) -> object:
    return Size.parse(str(value)) if not isinstance(value, Size) else value


def _type(value: object) -> object:
    return parse_type(str(value)) if not isinstance(value, Type) else value


def _span(value: object) -> object:
    """Take `90 minutes`, `2 hours` or `1 day`."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d{1,6}) +(minute|hour|day)s?", str(value).strip())
    if match is None:
        msg = f"'{value}' is not a length of time. Write it as '90 minutes', '2 hours' or '1 day'."
        raise ValueError(msg)
    return timedelta(**{f"{match[2]}s": int(match[1])})


Moment = Annotated[datetime, BeforeValidator(parse_moment)]
Span = Annotated[timedelta, BeforeValidator(_span)]
ColumnType = Annotated[Type, BeforeValidator(_type), PlainSerializer(str)]


class _Flag(Model):
    """A check that takes nothing, so that a file may write its name alone."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: object) -> object:
        return {value: True} if isinstance(value, str) else value


class NotNull(_Flag):
    """Every row has a value."""

    not_null: Annotated[Literal[True], Field(examples=["not_null"])]
    """Write its name alone, or `not_null: true` where `severity` follows."""
    severity: Severity = "fail"
    """`fail` stops the run before anything is published; `warn` only says so."""


class Unique(_Flag):
    """No value stands twice in the window; NULL passes."""

    unique: Annotated[Literal[True], Field(examples=["unique"])]
    """Write its name alone, or `unique: true` where `severity` follows."""
    severity: Severity = "fail"
    """As above."""


class AcceptedValues(Model):
    """Every value is one of these; NULL passes."""

    accepted_values: Annotated[
        tuple[str | int | float | bool | date | datetime, ...],
        Field(min_length=1, examples=["accepted_values: [card, wallet]"]),
    ]
    """The values, of the column's type."""
    severity: Severity = "fail"
    """As above."""


class Limits(Model):
    """The least and the greatest that is allowed, both included."""

    min: Annotated[int | float | date | datetime | None, Field(examples=["0"])] = None
    """The least value that is allowed."""
    max: Annotated[int | float | date | datetime | None, Field(examples=["100"])] = None
    """The greatest value that is allowed."""


class Range(Model):
    """Every value lies between `min` and `max`, both included; NULL passes."""

    range: Annotated[Limits, Field(examples=["range: {min: 0, max: 100}"])]
    """One bound or both: numbers, or dates and times, as the column's type is."""
    severity: Severity = "fail"
    """As above."""


class Matches(Model):
    """Every value holds a match of this regular expression (RE2); NULL passes."""

    matches: Annotated[str, Field(examples=["matches: '^[A-Z]{2}$'"])]
    """A regular expression in RE2's syntax; begin with `^` and end with `$` to match whole values."""
    severity: Severity = "fail"
    """As above."""


class References(Model):
    """Every value stands in that column of another table; NULL passes."""

    references: Annotated[str, Field(examples=["references: core.users.user_id"])]
    """The other column as `dataset.table.column`."""
    severity: Severity = "fail"
    """As above."""


ColumnCheck = NotNull | Unique | AcceptedValues | Range | Matches | References


class RowBounds(Model):
    """The least and the greatest number of rows, both included."""

    min: Annotated[int | None, Field(ge=0, examples=["1"])] = None
    """The least number of rows."""
    max: Annotated[int | None, Field(ge=0, examples=["1000000"])] = None
    """The greatest number of rows."""


class RowCount(Model):
    """The window has that many rows."""

    row_count: Annotated[RowBounds, Field(examples=["row_count: {min: 1}"])]
    """One bound or both."""
    severity: Severity = "fail"
    """As above."""


class OffendingRows(Model):
    """A SELECT that returns the rows at fault; none means that all is well."""

    sql: Annotated[str, Field(examples=["sql: SELECT * FROM derived.revenue_by_item WHERE revenue < 0"])]
    """One SELECT over the window's rows, by the table's own name; it may read other tables too."""
    name: Annotated[str | None, Field(examples=["no negative revenue"])] = None
    """What the check is called in messages."""
    severity: Severity = "fail"
    """As above."""


TableCheck = RowCount | OffendingRows
Check = ColumnCheck | TableCheck

COLUMN_CHECKS: dict[str, type[Model]] = {
    "not_null": NotNull,
    "unique": Unique,
    "accepted_values": AcceptedValues,
    "range": Range,
    "matches": Matches,
    "references": References,
}
TABLE_CHECKS: dict[str, type[Model]] = {"row_count": RowCount, "sql": OffendingRows}


def check_kind(value: object) -> str | None:
    """Return which check an item of `checks` is, from what the file gives or from its model."""
    kinds = COLUMN_CHECKS | TABLE_CHECKS
    if isinstance(value, str):
        return value if value in kinds else None
    if isinstance(value, dict):
        return next((key for key in value if key in kinds), None)
    return next((kind for kind, model in kinds.items() if isinstance(value, model)), None)


_ColumnCheck = Annotated[
    Annotated[NotNull, Tag("not_null")]
    | Annotated[Unique, Tag("unique")]
    | Annotated[AcceptedValues, Tag("accepted_values")]
    | Annotated[Range, Tag("range")]
    | Annotated[Matches, Tag("matches")]
    | Annotated[References, Tag("references")],
    Discriminator(check_kind),
]
_TableCheck = Annotated[
    Annotated[RowCount, Tag("row_count")] | Annotated[OffendingRows, Tag("sql")], Discriminator(check_kind)
]


class Column(Model):
    """One column: its name, its GoogleSQL type and what it means."""

    name: Annotated[str, Field(examples=["item_id"])]
    """Letters, digits and `_`, not beginning with a digit."""
    type: Annotated[ColumnType, Field(examples=["STRING"])]
    """A GoogleSQL type; quote it where it has a comma inside `{ }`."""
    description: Annotated[str, Field(examples=["The item sold"])] = ""
    """What a value means, for those who will read the table."""
    source_path: Annotated[str | None, Field(alias="from", examples=["address.city"])] = None
    """Core tables: where the value stands in the source, as a column's name or a path into a document.

    By default the column's own name."""
    on_error: Annotated[Literal["null"] | None, Field(examples=["null"])] = None
    """Core tables: `null` makes a value that cannot be read NULL; without it its whole row goes to quarantine.

    Not for columns of the key, the cursor or the partition."""
    checks: Annotated[tuple[_ColumnCheck, ...], Field(examples=["[not_null, {range: {min: 0}}]"])] = ()
    """What every value must keep to, before anything is published."""


class WindowSpec(Model):
    """Which windows a table has."""

    size: Annotated[Size, BeforeValidator(_size), PlainSerializer(str), Field(examples=["1 day"])]
    """`N hours` (dividing a day), `1 day`, `1 week` (from Monday) or `1 month`, in UTC."""
    start: Annotated[Moment, Field(examples=["2026-01-01"])]
    """The first moment that the table covers, where a window begins."""
    end: Annotated[Moment | None, Field(examples=["2026-04-01"])] = None
    """The moment at which the table ends, where its source is closed."""
    delay: Annotated[timedelta, BeforeValidator(_span), Field(examples=["2 hours"])] = timedelta(0)
    """How long after its end a window stays open for late rows: `90 minutes`, `2 hours`, `1 day`."""
    lookback: Annotated[int, Field(ge=0, examples=["3"])] = 0
    """How many of the newest windows are derived again when a table they read without a window has changed."""

    def closed(self, now: datetime) -> Window | None:
        """Return the span of all windows that have closed, or None."""
        end = self.size.floor(min(now - self.delay, self.end or END))
        return Window(self.start, end) if self.start < end else None


class Partition(Model):
    """How the warehouse divides the table: every `by` of a date or time column."""

    column: Annotated[str, Field(examples=["day"])]
    """A column of type DATE, TIMESTAMP or DATETIME."""
    by: Annotated[Granularity, Field(examples=["day"])]
    """`hour` (not of a DATE), `day`, `month` or `year`."""


class MysqlSource(Model):
    """A table of a MySQL database."""

    kind: Annotated[Literal["mysql"], Field(examples=["mysql"])]
    """Which kind of source it is."""
    connection: Annotated[str, Field(examples=["shop"])]
    """Name of the connection, which holds the address and the password."""
    table: Annotated[str, Field(examples=["payments"])]
    """Name of the table in that database, or database.table; a name with a dot stands in backticks."""
    cursor: Annotated[str | None, Field(examples=["updated_at"])] = None
    """The column whose time says to which window a row belongs; without one the table is a full copy."""
    overlap: Annotated[Span, Field(examples=["5 minutes"])] = timedelta(minutes=5)
    """How far before its window a run reads again, for rows that were committed late; with strategy merge only."""
    max_bad_rows: Annotated[int, Field(ge=0, examples=["10"])] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


class MongodbSource(Model):
    """A collection of a MongoDB database."""

    kind: Annotated[Literal["mongodb"], Field(examples=["mongodb"])]
    """Which kind of source it is."""
    connection: Annotated[str, Field(examples=["shop"])]
    """Name of the connection, which holds the address and the password."""
    collection: Annotated[str, Field(examples=["orders"])]
    """Name of the collection in that database."""
    cursor: Annotated[str | None, Field(examples=["updated_at"])] = None
    """The column whose time says to which window a row belongs; without one the table is a full copy."""
    overlap: Annotated[Span, Field(examples=["5 minutes"])] = timedelta(minutes=5)
    """How far before its window a run reads again, for documents that were committed late; with strategy merge only."""
    max_bad_rows: Annotated[int, Field(ge=0, examples=["10"])] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


class FilesSource(Model):
    """Exports in a folder: JSON Lines, CSV or Parquet, plain or compressed with gzip or zstd."""

    kind: Annotated[Literal["files"], Field(examples=["files"])]
    """Which kind of source it is."""
    path: Annotated[str, Field(examples=["exports/orders-*.jsonl.gz"])]
    """A file, folder or glob, relative to the project; the names' endings give the format."""
    cursor: Annotated[str | None, Field(examples=["updated_at"])] = None
    """The column whose time says to which window a row belongs; without one the table is a full copy."""
    max_bad_rows: Annotated[int, Field(ge=0, examples=["10"])] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


SOURCES: dict[str, type[Model]] = {"mysql": MysqlSource, "mongodb": MongodbSource, "files": FilesSource}
SourceSpec = Annotated[MysqlSource | MongodbSource | FilesSource, Field(discriminator="kind")]


class Table(Model):
    """One file of `tables/`: a core table with `source`, or a derived table with `sql`."""

    dataset: Annotated[str, Field(examples=["derived"])]
    """The folder's name; a file may leave it out."""
    name: Annotated[str, Field(examples=["revenue_by_item"])]
    """The file's name; a file may leave it out."""
    description: Annotated[str, Field(examples=["Revenue per item and day."])]
    """What a row is, for those who will read the table."""
    owner: Annotated[str, Field(examples=["payments-analytics@example.com"])]
    """The team to ask, as an e-mail address."""
    schedule: Annotated[str, Field(examples=['"10 * * * *"'])]
    """How often to look for work: cron with five fields, UTC, in quotes."""
    window: Annotated[WindowSpec | None, Field(examples=["{size: 1 day, start: 2026-01-01}"])] = None
    """Which spans of time the table is made of; without it the whole table is made at once."""
    strategy: Annotated[Strategy, Field(examples=["append"])]
    """How new rows join the table: `append`, `merge` or `replace`."""
    partition: Annotated[Partition | None, Field(examples=["{column: day, by: day}"])] = None
    """How the warehouse divides the table, so that a query reads only the days it asks for."""
    cluster: Annotated[tuple[str, ...], Field(examples=["[item_id]"])] = ()
    """Up to four columns by which the warehouse sorts the rows, the one that queries filter by most first."""
    key: Annotated[tuple[str, ...], Field(examples=["[item_id]"])] = ()
    """The columns that together name a row; `merge` updates by them."""
    merge: Annotated[dict[str, MergeRule], Field(examples=["{first_used_at: min, country: latest}"])] = {}
    """How values of two windows combine, for each column outside the key: `min`, `max` or `latest`."""
    latest_by: Annotated[str | None, Field(examples=["last_used_at"])] = None
    """The column that says which value is the `latest`."""
    columns: Annotated[
        tuple[Column, ...], Field(min_length=1, examples=["[{name: day, type: DATE, description: Day of the sale}]"])
    ]
    """Every column, in the order in which readers see them."""
    checks: Annotated[tuple[_TableCheck, ...], Field(examples=["[{row_count: {min: 1}}]"])] = ()
    """What the rows together must keep to, before anything is published."""
    sql: Annotated[str | None, Field(examples=["SELECT ..."])] = None
    """Derived tables: one SELECT in GoogleSQL. `@window_start` and `@window_end` are the window's bounds."""
    source: Annotated[
        SourceSpec | None, Field(examples=["{kind: files, path: exports/orders-*.jsonl.gz, cursor: updated_at}"])
    ] = None
    """Core tables: where the rows come from."""

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
