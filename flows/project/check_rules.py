"""What the checks of a table file must keep to: each suits its column."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from flows.model.checks import check_kind
from flows.model.safe_text import unended
from flows.model.types import DECIMALS
from flows.model.window import midnight
from flows.project.column_rules import NAME, PARTITION_TYPES
from flows.project.text import clip, either

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.errors import Fault
    from flows.model.types import Type
    from flows.project.document import Document, Path

MOST_CHECKS = 200
MOST_PATTERN = 10_000
NOT_COMPARED = {"ARRAY", "STRUCT", "JSON"}
NUMBERS = ("INT64", "NUMERIC", "BIGNUMERIC", "FLOAT64")


def checks(document: Document) -> Iterator[Fault]:
    """Each check suits its column, and its bounds are the right way round."""
    for column, _ in document.items("columns"):
        type_ = document.type(*column)
        for path, check in document.items(*column, "checks"):
            kind = check_kind(check)
            if kind in _COLUMN_CHECKS:
                yield from _COLUMN_CHECKS[kind](document, (*path, kind), type_)
    count = len(list(document.items("checks")))
    if count > MOST_CHECKS:
        yield document.fault(("checks",), f"holds {count:,} checks. A table may have {MOST_CHECKS}.")
    for path, check in document.items("checks"):
        if check_kind(check) == "row_count":
            yield from _bounds(document, (*path, "row_count"))


def _unique(document: Document, path: Path, type_: Type | None) -> Iterator[Fault]:
    if type_ and type_.name in NOT_COMPARED:
        yield document.fault(path, f"values of type {type_} cannot be compared. Remove the check.")


def _accepted_values(document: Document, path: Path, type_: Type | None) -> Iterator[Fault]:
    if type_ is None:
        return
    if type_.name in {*NOT_COMPARED, "BYTES"}:
        yield document.fault(
            path, f"values of type {type_} cannot be listed. Write a check with `sql` under the table's `checks`."
        )
        return
    for place, value in document.items(*path):
        if value is None or isinstance(value, dict | tuple) or _is_of(value, type_):
            continue
        written = document.written.get(place, str(value))
        quotes = f' Write "{clip(written)}" in quotes.' if type_.name == "STRING" else f" Write {_example(type_)}."
        reading = str(value).lower() if isinstance(value, bool) else clip(value)
        read = "" if reading == written or isinstance(value, Decimal) else f", which YAML reads as {reading},"
        yield document.fault(place, f"'{clip(written)}'{read} is not a value of type {type_}.{quotes}")


def _range(document: Document, path: Path, type_: Type | None) -> Iterator[Fault]:
    if type_ is not None and type_.name not in (*NUMBERS, *PARTITION_TYPES):
        yield document.fault(
            path, f"values of type {type_} have no range. It suits {either((*NUMBERS, *PARTITION_TYPES))}."
        )
        return
    sound = True
    for bound in ("min", "max"):
        value = document.get(*path, bound)
        if (
            type_
            and value is not None
            and not isinstance(value, dict | tuple | str | bool)
            and not _is_of(value, type_)
        ):
            sound = False
            yield document.fault(
                (*path, bound),
                f"'{clip(document.written.get((*path, bound), value))}' is not a value of type {type_}. "
                f"Write {_example(type_)}.",
            )
    if sound:
        yield from _bounds(document, path)


def _bounds(document: Document, path: Path) -> Iterator[Fault]:
    least, most = document.get(*path, "min"), document.get(*path, "max")
    written = document.get(*path)
    # Where there is another field, it is told as one that does not exist.
    is_alone = isinstance(written, dict) and written.keys() <= {"min", "max"}
    if is_alone and not document.has(*path, "min") and not document.has(*path, "max"):
        yield document.fault(path, "has no bound. Write `min`, `max` or both.")
    if isinstance(least, bool | str) or isinstance(most, bool | str):
        return
    low, high = _comparable(least), _comparable(most)
    if low is not None and type(low) is type(high) and low > high:
        yield document.fault(
            (*path, "min"),
            f"{clip(document.written.get((*path, 'min'), least))} is greater than max, "
            f"{clip(document.written.get((*path, 'max'), most))}. Write them the other way round.",
        )


def _matches(document: Document, path: Path, type_: Type | None) -> Iterator[Fault]:
    pattern = document.text(*path)
    if pattern is not None and len(pattern) > MOST_PATTERN:
        message = f"has {len(pattern):,} characters. A regular expression may have {MOST_PATTERN:,}."
        yield document.fault(path, message)
        return
    if type_ and type_.name != "STRING":
        yield document.fault(path, f"the column is {type_}; only a STRING can match. Write a range or accepted_values.")
    if pattern is None:
        return
    from flows.sql.patterns import pattern_fault  # noqa: PLC0415 - few columns have one, and SQL is slow to import

    if reason := pattern_fault(pattern):
        yield document.fault(
            path,
            f"'{clip(pattern)}' is not a regular expression (RE2): {unended(reason)}. Write one such as '^[A-Z]{{2}}$'.",
        )


def _references(document: Document, path: Path, _type: Type | None) -> Iterator[Fault]:
    given = document.text(*path)
    if given is not None and not (given.count(".") == 2 and all(NAME.fullmatch(part) for part in given.split("."))):  # noqa: PLR2004 - dataset, table, column
        yield document.fault(
            path, f"'{clip(given)}' is not a column of a table. Write dataset.table.column, such as core.users.user_id."
        )


_COLUMN_CHECKS = {
    "unique": _unique,
    "accepted_values": _accepted_values,
    "range": _range,
    "matches": _matches,
    "references": _references,
}
_EXAMPLES = {
    "STRING": '"text"',
    "INT64": "a whole number such as 10",
    "FLOAT64": "a number such as 9.99",
    "BOOL": "true or false",
    "DATE": "a date such as 2026-01-31",
    "DATETIME": "a time such as 2026-01-31T06:00:00",
    "TIMESTAMP": "a time such as 2026-01-31T06:00:00",
    "TIME": 'a time in quotes such as "06:00:00"',
}


def _example(type_: Type) -> str:
    if type_.name not in DECIMALS:
        return _EXAMPLES[type_.name]
    precision, scale = type_.precision_and_scale
    return f"a number of at most {precision - scale} digits before the point and {scale} after it"


def _is_of(value: Any, type_: Type) -> bool:  # noqa: ANN401 - what a file gives can be anything
    match type_.name:
        case "STRING":
            return isinstance(value, str)
        case "BOOL":
            return isinstance(value, bool)
        case "INT64":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "FLOAT64":
            return _is_number(value) and math.isfinite(float(value))
        case "NUMERIC" | "BIGNUMERIC":
            return _is_number(value) and _fits(Decimal(value), *type_.precision_and_scale)
        case "DATE":
            return (isinstance(value, date) and not isinstance(value, datetime)) or _reads(date.fromisoformat, value)
        case "TIME":
            return _reads(time.fromisoformat, value)
    return isinstance(value, date) or _reads(datetime.fromisoformat, value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _fits(number: Decimal, precision: int, scale: int) -> bool:
    try:
        return number.quantize(Decimal(1).scaleb(-scale), context=Context(prec=precision)) == number
    except InvalidOperation:  # too many digits before the point
        return False


def _reads(parse: Any, value: object) -> bool:  # noqa: ANN401 - a constructor from text
    try:
        parse(value)
    except (ValueError, TypeError):
        return False
    return True


def _comparable(value: object) -> Any:  # noqa: ANN401 - a number or a datetime
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if isinstance(value, date):
        return midnight(value)
    return Decimal(value) if isinstance(value, int | Decimal) else None


RULES = (checks,)
