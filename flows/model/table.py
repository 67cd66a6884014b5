"""A table as its file describes it: strict, frozen models."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from flows.model.checks import AnyColumnCheck, AnyTableCheck
from flows.model.fields import MOST, Bytes, ColumnType, Model, Moment, Span, WindowSize
from flows.model.resources import Resources
from flows.model.source_spec import SourceSpec
from flows.model.window import END, Window

if TYPE_CHECKING:
    from flows.model.types import Type

Strategy = Literal["append", "merge", "replace"]
Granularity = Literal["hour", "day", "month", "year"]
MergeRule = Literal["min", "max", "sum", "earliest", "latest"]


class Column(Model):
    """One column: its name, its GoogleSQL type and what it means."""

    name: Annotated[str, Field(examples=["item_id"])]
    """Letters, digits and `_`, not beginning with a digit."""
    type: Annotated[ColumnType, Field(examples=["STRING"])]
    """A GoogleSQL type; quote it where it has a comma inside `{ }`."""
    description: Annotated[str, Field(examples=["The item sold"])] = ""
    """What a value means, for those who will read the table."""
    source_path: Annotated[str | None, Field(alias="from", examples=["address.city"])] = None
    """Core tables: where the value stands in the source, as a column's name or a path into a document;
    a name with a dot stands in backticks, as in "`price.eur`".

    By default the column's own name."""
    on_error: Annotated[Literal["null"] | None, Field(examples=["null"])] = None
    """Core tables: `null` makes a value that cannot be read NULL; without it its whole row goes to quarantine.

    Not for columns of the key, the cursor or the partition."""
    checks: Annotated[tuple[AnyColumnCheck, ...], Field(examples=["[not_null, {range: {min: 0}}]"])] = ()
    """What every value must keep to, before anything is published."""


class WindowSpec(Model):
    """Which windows a table has."""

    size: Annotated[WindowSize, Field(examples=["1 day"])]
    """`N hours` (dividing a day), `1 day`, `1 week` (from Monday) or `1 month`, in UTC."""
    start: Annotated[Moment, Field(examples=["2026-01-01"])]
    """The first moment that the table covers, where a window begins."""
    end: Annotated[Moment | None, Field(examples=["2026-04-01"])] = None
    """The moment at which the table ends, where its source is closed."""
    delay: Annotated[Span, Field(examples=["2 hours"])] = timedelta(0)
    """How long after its end a window stays open for late rows: `90 minutes`, `2 hours`, `1 day`."""
    lookback: Annotated[int, Field(ge=0, le=MOST, examples=["3"])] = 0
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
    require_filter: Annotated[bool, Field(examples=["true"])] = False
    """Whether BigQuery refuses queries that do not bound the column; DuckDB refuses none."""


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
    budget: Annotated[Bytes | None, Field(examples=["50 GB"])] = None
    """Derived tables: how much a window's SQL and its checks may read, in MB, GB or TB, where the warehouse counts it
    (BigQuery); one that would read more is refused before it starts.

    By default `maximum_bytes_billed` of DERIVED_WAREHOUSE."""
    resources: Annotated[Resources | None, Field(examples=["{cpu: 2, memory: 8 GB, timeout: 4 hours}"])] = None
    """What a run on Kubernetes gets, where that is not what the work pool gives every run."""
    cluster: Annotated[tuple[str, ...], Field(min_length=1, examples=["[item_id]"])] = ()
    """Up to four columns by which the warehouse sorts the rows, the one that queries filter by most first."""
    key: Annotated[tuple[str, ...], Field(min_length=1, examples=["[item_id]"])] = ()
    """The columns that together name a row; `merge` updates by them."""
    merge: dict[str, MergeRule] = Field(
        default_factory=dict, min_length=1, examples=["{first_used_at: min, country: latest}"]
    )
    """How values of several windows combine: `min`, `max`, `sum`, `earliest` or `latest`.

    A column without a rule is that of the newest window that has the key."""
    latest_by: Annotated[str | None, Field(examples=["last_used_at"])] = None
    """The column that says which value is the `earliest` or the `latest`."""
    columns: Annotated[
        tuple[Column, ...], Field(min_length=1, examples=["[{name: day, type: DATE, description: Day of the sale}]"])
    ]
    """Every column, in the order in which readers see them."""
    checks: Annotated[tuple[AnyTableCheck, ...], Field(examples=["[{row_count: {min: 1}}]"])] = ()
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
    def is_bounded(self) -> bool:
        """Whether each row belongs to one window, by its partition column: a key that holds it belongs to one, too."""
        if self.strategy == "append":
            return True
        is_derived_merge = self.strategy == "merge" and self.sql is not None
        return is_derived_merge and self.partition is not None and self.partition.column in self.key

    @property
    def is_folded(self) -> bool:
        """Whether each row is folded from what several windows say of its key."""
        return self.strategy == "merge" and self.sql is not None and not self.is_bounded

    @property
    def row_key(self) -> tuple[str, ...]:
        """The columns that tell its rows apart; none where nothing keeps two rows from being equal in all."""
        return self.key if self.strategy == "merge" else ()

    @property
    def types(self) -> dict[str, Type]:
        """Types by column name, in the file's order."""
        return {column.name: column.type for column in self.columns}

    @property
    def partition_type(self) -> Type | None:
        """Type of the partition column."""
        return self.types[self.partition.column] if self.partition else None
