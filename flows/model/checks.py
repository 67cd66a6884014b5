"""The checks of a table file: what rows must keep to before anything is published."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from flows.model.fields import MOST, Model

Severity = Literal["fail", "warn"]


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
        tuple[str | int | Decimal | bool | date | datetime, ...],
        Field(min_length=1, examples=["accepted_values: [card, wallet]"]),
    ]
    """The values, of the column's type."""
    severity: Severity = "fail"
    """As above."""


class Limits(Model):
    """The least and the greatest that is allowed, both included."""

    min: Annotated[int | Decimal | date | datetime | None, Field(examples=["0"])] = None
    """The least value that is allowed."""
    max: Annotated[int | Decimal | date | datetime | None, Field(examples=["100"])] = None
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

    min: Annotated[int | None, Field(ge=0, le=MOST, examples=["1"])] = None
    """The least number of rows."""
    max: Annotated[int | None, Field(ge=0, le=MOST, examples=["1000000"])] = None
    """The greatest number of rows."""


class RowCount(Model):
    """The window has that many rows."""

    row_count: Annotated[RowBounds, Field(examples=["row_count: {min: 1}"])]
    """One bound or both."""
    severity: Severity = "fail"
    """As above."""


class OffendingRows(Model):
    """A SELECT that returns the rows at fault, perhaps with a `name` for messages; none means that all is well.

    The table's own name in it means the rows of the window at hand, as its SQL gives them: also where a column with a
    rule of `merge` is folded into what is there.
    """

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


AnyColumnCheck = Annotated[
    Annotated[NotNull, Tag("not_null")]
    | Annotated[Unique, Tag("unique")]
    | Annotated[AcceptedValues, Tag("accepted_values")]
    | Annotated[Range, Tag("range")]
    | Annotated[Matches, Tag("matches")]
    | Annotated[References, Tag("references")],
    Discriminator(check_kind),
]
AnyTableCheck = Annotated[
    Annotated[RowCount, Tag("row_count")] | Annotated[OffendingRows, Tag("sql")], Discriminator(check_kind)
]
