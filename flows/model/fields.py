"""What the models of a table file share: strictness, and fields that a file writes as text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from flows.model.sizes import parse_bytes
from flows.model.types import Type, parse_type
from flows.model.window import Size, midnight

MOST = 10**12
"""The greatest number that a count of rows or windows may be."""


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


def as_size(value: object) -> object:
    """Take `1 day` and the like."""
    return Size.parse(str(value)) if not isinstance(value, Size) else value


def as_type(value: object) -> object:
    """Take `STRUCT<a INT64>` and the like."""
    return parse_type(str(value)) if not isinstance(value, Type) else value


def as_span(value: object) -> object:
    """Take `90 minutes`, `2 hours` or `1 day`."""
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(\d{1,6}) +(minute|hour|day)s?", str(value).strip())
    if match is None:
        msg = f"'{value}' is not a length of time. Write it as '90 minutes', '2 hours' or '1 day'."
        raise ValueError(msg)
    return timedelta(**{f"{match[2]}s": int(match[1])})


Moment = Annotated[datetime, BeforeValidator(parse_moment)]
Span = Annotated[timedelta, BeforeValidator(as_span)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]
ColumnType = Annotated[Type, BeforeValidator(as_type), PlainSerializer(str)]
WindowSize = Annotated[Size, BeforeValidator(as_size), PlainSerializer(str)]
