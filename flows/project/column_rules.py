"""What columns, the fields that name them, and their checks must keep to."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from flows.model.checks import check_kind
from flows.model.paths import steps
from flows.model.window import midnight
from flows.project.document import clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.types import Type
    from flows.project.document import Path
    from flows.project.draft import Draft, Note

MOST_NAME = 300
MOST_CLUSTER = 4
FORBIDDEN_PREFIXES = (
    "_TABLE_",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "__ROOT__",
    "_COLIDENTIFIER",
    "_CHANGE_SEQUENCE_NUMBER",
    "_CHANGE_TYPE",
    "_CHANGE_TIMESTAMP",
)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PARTITION_TYPES = ("DATE", "TIMESTAMP", "DATETIME")
CLUSTER_TYPES = ("STRING", "INT64", "NUMERIC", "BIGNUMERIC", "BOOL", "DATE", "DATETIME", "TIMESTAMP")
NOT_KEYS = {"FLOAT64", "ARRAY", "STRUCT", "JSON"}
NOT_COMPARED = {"ARRAY", "STRUCT", "JSON"}
NUMBERS = ("INT64", "NUMERIC", "BIGNUMERIC", "FLOAT64")


def names(draft: Draft) -> Iterator[Note]:
    """Columns have names that a warehouse takes, each its own."""
    seen: dict[str, str] = {}
    for path, _ in draft.items("columns"):
        name = draft.text(*path, "name")
        if name is None:
            continue
        place = (*path, "name")
        if not NAME.fullmatch(name):
            better = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "value"
            better = f"_{better}" if better[0].isdigit() else better
            yield place, f"'{clip(name)}' is not a column name: it takes letters, digits and _. Write '{better}'."
        elif len(name) > MOST_NAME:
            yield place, f"'{clip(name)}' has {len(name)} letters. A column name may have {MOST_NAME}."
        elif prefix := next((word for word in FORBIDDEN_PREFIXES if name.upper().startswith(word)), None):
            yield place, f"'{clip(name)}' begins with {prefix}, which BigQuery keeps for itself. Write another name."
        if name.lower() in seen:
            as_well = (
                f" ('{seen[name.lower()]}': upper and lower case are the same)" if seen[name.lower()] != name else ""
            )
            yield place, f"'{name}' is the name of two columns{as_well}. Give each its own."
        seen.setdefault(name.lower(), name)


def types(draft: Draft) -> Iterator[Note]:
    """A type that a comma has cut is explained; `from` stands in core tables only."""
    for path, _ in draft.items("columns"):
        source_path = draft.text(*path, "from")
        if source_path is None:
            continue
        if draft.is_derived:
            yield (*path, "from"), "a derived table's columns come from its SQL. Remove it; write `AS name` in the SQL."
        elif not all(part.strip() for part in steps(source_path)):
            yield (
                (*path, "from"),
                f"'{clip(source_path)}' is not a path. Write address.city for the city inside address.",
            )


def on_error(draft: Draft) -> Iterator[Note]:
    """What cannot be read may become NULL where a row needs no value."""
    needed: list[tuple[str, str | None]] = [("key", name) for _, name in draft.texts("key")]
    needed += [("cursor", draft.text("source", "cursor")), ("partition column", draft.text("partition", "column"))]
    uses = {name: use for use, name in reversed(needed)}
    for path, _ in draft.items("columns"):
        if draft.get(*path, "on_error") is None:
            continue
        name = draft.text(*path, "name")
        if draft.is_derived:
            yield (*path, "on_error"), "a derived table reads no source. Remove it; write SAFE_CAST in the SQL."
        elif name in uses:
            part = "part of the key" if uses[name] == "key" else f"the {uses[name]}"
            yield (
                (*path, "on_error"),
                f"'{name}' is {part}, which needs a value in each row. Remove it: a row without one goes to quarantine.",
            )


def partition(draft: Draft) -> Iterator[Note]:
    """The partition column has a type that its granularity and the windows fit."""
    name = draft.text("partition", "column")
    if name is None:
        return
    yield from draft.unknown_column(("partition", "column"), name)
    type_ = draft.columns.get(name)
    if type_ is None:
        return
    if type_.name not in PARTITION_TYPES:
        yield (
            ("partition", "column"),
            f"'{name}' is {type_}, by which no table is divided. Name a column of type {_either(PARTITION_TYPES)}.",
        )
    if type_.name == "DATE" and draft.text("partition", "by") == "hour":
        yield ("partition", "by"), f"'{name}' is a DATE, which has no hours. Write day, or make the column a TIMESTAMP."
    if type_.name == "DATE" and draft.is_derived and draft.owns_rows and draft.size and draft.size.unit == "hour":
        yield (
            ("window", "size"),
            (
                f"a window of {draft.size} is shorter than a day, and '{name}' is a DATE, which cannot say to which of a day's "
                "windows a row belongs: each would overwrite the others. Write `size: 1 day`, or make the column a TIMESTAMP."
            ),
        )


def cluster(draft: Draft) -> Iterator[Note]:
    """At most four columns of types that can be sorted."""
    given = list(draft.texts("cluster"))
    for path, name in given:
        yield from draft.unknown_column(path, name)
        type_ = draft.columns.get(name)
        if type_ and type_.name not in CLUSTER_TYPES:
            yield (
                path,
                f"'{name}' is {type_}, by which no table is clustered. Name columns of type {_either(CLUSTER_TYPES)}.",
            )
    if len(given) > MOST_CLUSTER:
        yield (
            ("cluster",),
            f"names {len(given)} columns. At most {MOST_CLUSTER} are possible: keep those that queries filter by most.",
        )
    yield from _twice(given)


def key(draft: Draft) -> Iterator[Note]:
    """Key columns can be compared exactly."""
    given = list(draft.texts("key"))
    for path, name in given:
        yield from draft.unknown_column(path, name)
        type_ = draft.columns.get(name)
        if type_ and type_.name in NOT_KEYS:
            why = "is not exact" if type_.name == "FLOAT64" else "cannot be compared"
            yield path, f"'{name}' is {type_}, which {why} and cannot name a row. Name columns such as STRING or INT64."
    yield from _twice(given)


def checks(draft: Draft) -> Iterator[Note]:
    """Each check suits its column, and its bounds are the right way round."""
    for column, _ in draft.items("columns"):
        name = draft.text(*column, "name")
        type_ = draft.columns.get(name) if name is not None else None
        for path, check in draft.items(*column, "checks"):
            kind = check_kind(check)
            if kind in _COLUMN_CHECKS:
                yield from _COLUMN_CHECKS[kind](draft, (*path, kind), type_)
    for path, check in draft.items("checks"):
        if check_kind(check) == "row_count":
            yield from _bounds(draft, (*path, "row_count"))


def _unique(_draft: Draft, path: Path, type_: Type | None) -> Iterator[Note]:
    if type_ and type_.name in NOT_COMPARED:
        yield path, f"values of type {type_} cannot be compared. Remove the check."


def _accepted_values(draft: Draft, path: Path, type_: Type | None) -> Iterator[Note]:
    if type_ is None:
        return
    if type_.name in {*NOT_COMPARED, "BYTES"}:
        yield path, f"values of type {type_} cannot be listed. Write a check with `sql` under the table's `checks`."
        return
    for place, value in draft.items(*path):
        if value is None or isinstance(value, dict | tuple) or _is_of(value, type_):
            continue
        written = draft.document.written.get(place, str(value))
        quotes = (
            f' Write "{clip(written)}" in quotes.' if type_.name == "STRING" else f" Write {_EXAMPLES[type_.name]}."
        )
        reading = str(value).lower() if isinstance(value, bool) else clip(value)
        read = "" if reading == written else f", which YAML reads as {reading},"
        yield place, f"'{clip(written)}'{read} is not a value of type {type_}.{quotes}"


def _range(draft: Draft, path: Path, type_: Type | None) -> Iterator[Note]:
    if type_ is not None and type_.name not in (*NUMBERS, *PARTITION_TYPES):
        yield path, f"values of type {type_} have no range. It suits {_either((*NUMBERS, *PARTITION_TYPES))}."
        return
    sound = True
    for bound in ("min", "max"):
        value = draft.get(*path, bound)
        if (
            type_
            and value is not None
            and not isinstance(value, dict | tuple | str | bool)
            and not _is_of(value, type_)
        ):
            sound = False
            yield (*path, bound), f"'{clip(value)}' is not a value of type {type_}. Write {_EXAMPLES[type_.name]}."
    if sound:
        yield from _bounds(draft, path)


def _bounds(draft: Draft, path: Path) -> Iterator[Note]:
    least, most = draft.get(*path, "min"), draft.get(*path, "max")
    if isinstance(draft.get(*path), dict) and not draft.has(*path, "min") and not draft.has(*path, "max"):
        yield path, "has no bound. Write `min`, `max` or both."
    if isinstance(least, bool | str) or isinstance(most, bool | str):
        return
    low, high = _comparable(least), _comparable(most)
    if low is not None and type(low) is type(high) and low > high:
        yield (*path, "min"), f"{clip(least)} is greater than max, {clip(most)}. Write them the other way round."


def _matches(draft: Draft, path: Path, type_: Type | None) -> Iterator[Note]:
    pattern = draft.text(*path)
    if type_ and type_.name != "STRING":
        yield path, f"the column is {type_}; only a STRING can match. Write a range or accepted_values."
    if pattern is None:
        return
    import pyarrow as pa  # noqa: PLC0415 - holds RE2, the warehouses' own regular expressions; slow to import
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        yield path, f"'{clip(pattern)}' is not a regular expression (RE2): {reason}. Write one such as '^[A-Z]{{2}}$'."


def _references(draft: Draft, path: Path, _type: Type | None) -> Iterator[Note]:
    given = draft.text(*path)
    if given is not None and not (given.count(".") == 2 and all(NAME.fullmatch(part) for part in given.split("."))):  # noqa: PLR2004 - dataset, table, column
        yield (
            path,
            f"'{clip(given)}' is not a column of a table. Write dataset.table.column, such as core.users.user_id.",
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
    "NUMERIC": "a number such as 9.99",
    "BIGNUMERIC": "a number such as 9.99",
    "FLOAT64": "a number such as 9.99",
    "BOOL": "true or false",
    "DATE": "a date such as 2026-01-31",
    "DATETIME": "a time such as 2026-01-31T06:00:00",
    "TIMESTAMP": "a time such as 2026-01-31T06:00:00",
    "TIME": 'a time in quotes such as "06:00:00"',
}


def _is_of(value: Any, type_: Type) -> bool:  # noqa: ANN401 - what a file gives can be anything
    match type_.name:
        case "STRING":
            return isinstance(value, str)
        case "BOOL":
            return isinstance(value, bool)
        case "INT64":
            return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "NUMERIC" | "BIGNUMERIC" | "FLOAT64":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "DATE":
            return (isinstance(value, date) and not isinstance(value, datetime)) or _reads(date.fromisoformat, value)
        case "TIME":
            return _reads(time.fromisoformat, value)
    return isinstance(value, date) or _reads(datetime.fromisoformat, value)


def _reads(parse: Any, value: object) -> bool:  # noqa: ANN401 - a constructor from text
    try:
        parse(value)
    except (ValueError, TypeError):
        return False
    return True


def _comparable(value: object) -> Any:  # noqa: ANN401 - a float or a datetime
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if isinstance(value, date):
        return midnight(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 2**53 else value
    return None


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _twice(given: list[tuple[Path, str]]) -> Iterator[Note]:
    seen = set()
    for path, name in given:
        if name in seen:
            yield path, f"'{name}' is named twice. Remove one of them."
        seen.add(name)


RULES = (names, types, on_error, partition, cluster, key, checks)
