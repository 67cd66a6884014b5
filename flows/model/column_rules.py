"""What a table file's columns, partition, keys and checks must keep to among themselves."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flows.model.document import clip
from flows.model.table import check_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.model.document import Path
    from flows.model.draft import Draft, Note
    from flows.model.types import Type

COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
FORBIDDEN = ("_TABLE_", "_FILE_", "_PARTITION", "_ROW_TIMESTAMP", "__ROOT__", "_COLIDENTIFIER")
"""Prefixes that BigQuery keeps for itself (https://cloud.google.com/bigquery/docs/schemas#column_names)."""
PARTITIONED = {"DATE", "DATETIME", "TIMESTAMP"}
UNCLUSTERED = {"FLOAT64", "ARRAY", "STRUCT", "JSON", "BYTES", "TIME"}
UNKEYED = {"FLOAT64", "ARRAY", "STRUCT", "JSON"}
MOST_CLUSTERS = 4
NUMBERS = {"INT64", "FLOAT64", "NUMERIC", "BIGNUMERIC"}
COLUMN_OF_TABLE = re.compile(r"\w+\.\w+\.\w+")


def columns(draft: Draft) -> Iterator[Note]:
    """Each column has a name of its own that the warehouse can use."""
    seen: dict[str, str] = {}
    for path, _ in draft.items("columns"):
        name = draft.text(*path, "name")
        if name is None:
            continue
        place = (*path, "name")
        if not COLUMN.fullmatch(name):
            yield (
                place,
                f"'{clip(name)}' cannot name a column. Write letters, digits and _, not beginning with a digit.",
            )
        elif name.upper().startswith(FORBIDDEN):
            yield place, f"'{clip(name)}' begins like a name that BigQuery keeps for itself. Choose another."
        if name.lower() in seen:
            yield place, f"'{clip(name)}' is the name of two columns. Remove one, or rename it."
        seen[name.lower()] = name
        if draft.is_derived and draft.has(*path, "from"):
            yield (
                (*path, "from"),
                "only a core table's columns come from a source. Remove it; the SQL says where values come from.",
            )


def partition(draft: Draft) -> Iterator[Note]:
    """The partition column exists and has a type that can be divided so, finely enough for the windows."""
    name, by = draft.text("partition", "column"), draft.text("partition", "by")
    if name is None:
        return
    yield from draft.unknown_column(("partition", "column"), name)
    type_ = draft.columns.get(name)
    if type_ is None:
        return
    if type_.name not in PARTITIONED:
        yield (
            ("partition", "column"),
            f"'{name}' is {type_}; a table is divided by a DATE, DATETIME or TIMESTAMP. Name such a column.",
        )
    elif type_.name == "DATE" and by == "hour":
        yield ("partition", "by"), f"'{name}' is a DATE, which has no hours. Write day, or make it a TIMESTAMP."
    elif type_.name == "DATE" and draft.owns_rows and draft.size is not None and draft.size.unit == "hour":
        yield (
            ("partition", "column"),
            f"'{name}' is a DATE, so that a row lies in no window of {draft.size}. Make it a TIMESTAMP, or write `size: 1 day`.",
        )


def named_columns(draft: Draft) -> Iterator[Note]:
    """Key and cluster columns exist and can be compared."""
    for field, unfit, use in (("key", UNKEYED, "tell rows apart"), ("cluster", UNCLUSTERED, "order a table")):
        seen = set()
        for path, name in draft.texts(field):
            yield from draft.unknown_column(path, name)
            if name in seen:
                yield path, f"'{name}' stands twice in `{field}`. Remove one."
            seen.add(name)
            type_ = draft.columns.get(name)
            if type_ is not None and type_.name in unfit:
                yield path, f"'{name}' is {type_}, which cannot {use}. Name a column of another type."
    if len(list(draft.texts("cluster"))) > MOST_CLUSTERS:
        yield (
            ("cluster",),
            f"names more than {MOST_CLUSTERS} columns. Keep the {MOST_CLUSTERS} that are filtered by most.",
        )


def column_checks(draft: Draft) -> Iterator[Note]:
    """A check's values are of the column's type."""
    for column, _ in draft.items("columns"):
        type_ = draft.columns.get(draft.text(*column, "name") or "")
        for path, check in draft.items(*column, "checks"):
            kind = check_kind(check)
            if type_ is not None and kind in _RULES and isinstance(check, dict):
                yield from _RULES[kind](type_, path, check)


def _accepted_values(type_: Type, path: Path, check: dict[str, Any]) -> Iterator[Note]:
    values = check["accepted_values"]
    for number, value in enumerate(values if isinstance(values, tuple) else ()):
        if not _fits(value, type_):
            yield (
                (*path, "accepted_values", number),
                f"'{clip(value)}' is not a {type_}. Write values of the column's type.",
            )


def _range(type_: Type, path: Path, check: dict[str, Any]) -> Iterator[Note]:
    given = check["range"]
    if not isinstance(given, dict):
        return
    if type_.name not in NUMBERS | PARTITIONED:
        yield (*path, "range"), f"a {type_} has no range. Use accepted_values or matches, or remove it."
        return
    bounds = {end: given[end] for end in ("min", "max") if end in given}
    for end, value in bounds.items():
        if not _fits(value, type_):
            yield (*path, "range", end), f"'{clip(value)}' is not a {type_}. Write a value of the column's type."
    if not bounds:
        yield (*path, "range"), "has no bounds. Write {range: {min: 0}}, {range: {max: 100}} or both."
    elif (
        len(bounds) > 1
        and all(_fits(value, type_) for value in bounds.values())
        and _after(bounds["min"], bounds["max"])
    ):
        yield (*path, "range"), f"min {bounds['min']} is greater than max {bounds['max']}. Swap them."


def _matches(type_: Type, path: Path, check: dict[str, Any]) -> Iterator[Note]:
    pattern = check["matches"]
    if type_.name != "STRING":
        yield (*path, "matches"), f"only a STRING can match a pattern; the column is {type_}. Remove it."
    elif isinstance(pattern, str):
        try:
            re.compile(pattern)
        except re.error as error:
            yield (*path, "matches"), f"'{clip(pattern)}' is not a regular expression: {error}."


def _references(_type: Type, path: Path, check: dict[str, Any]) -> Iterator[Note]:
    given = check["references"]
    if isinstance(given, str) and not COLUMN_OF_TABLE.fullmatch(given):
        yield (
            (*path, "references"),
            f"'{clip(given)}' is not a column of a table. Write dataset.table.column, such as core.users.user_id.",
        )


_RULES: dict[str, Callable[[Type, Path, dict[str, Any]], Iterator[Note]]] = {
    "accepted_values": _accepted_values,
    "range": _range,
    "matches": _matches,
    "references": _references,
}


def table_checks(draft: Draft) -> Iterator[Note]:
    """A number of rows has bounds that allow one."""
    for path, check in draft.items("checks"):
        given = check.get("row_count") if isinstance(check, dict) else None
        if not isinstance(given, dict):
            continue
        least, most = given.get("min"), given.get("max")
        if not given:
            yield (*path, "row_count"), "has no bounds. Write {row_count: {min: 1}}."
        elif isinstance(least, int) and isinstance(most, int) and least > most:
            yield (*path, "row_count"), f"min {least} is greater than max {most}. Swap them."


def _fits(value: object, type_: Type) -> bool:
    """Say whether YAML read a value as one of the column's type."""
    match type_.name:
        case "STRING":
            return isinstance(value, str)
        case "BOOL":
            return isinstance(value, bool)
        case "INT64":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "FLOAT64" | "NUMERIC" | "BIGNUMERIC":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "DATE":
            return isinstance(value, date) and not isinstance(value, datetime)
        case "TIMESTAMP" | "DATETIME":
            return isinstance(value, date)
    return False


def _after(least: Any, most: Any) -> bool:  # noqa: ANN401 - numbers, or dates and times
    if isinstance(least, date):
        return str(least) > str(most)
    return bool(least > most)


COLUMN_RULES = (columns, partition, named_columns, column_checks, table_checks)
