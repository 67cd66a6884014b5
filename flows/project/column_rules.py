"""What columns and the fields that name them must keep to."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.model.paths import steps
from flows.project.text import clip, either

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.model.errors import Fault
    from flows.project.document import Document, Path

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
MOST_PARTITIONS = 10_000
FINE = {"hour": (timedelta(hours=1), "day"), "day": (timedelta(days=1), "month")}
"""Partitions of which there may be too many, how long each is, and what to write instead."""
"""https://cloud.google.com/bigquery/quotas#partitioned_tables"""
NOT_KEYS = {"FLOAT64", "ARRAY", "STRUCT", "JSON"}


def names(document: Document) -> Iterator[Fault]:
    """Columns have names that a warehouse takes, each its own."""
    seen: dict[str, str] = {}
    for path, _ in document.items("columns"):
        name = document.text(*path, "name")
        if name is None:
            continue
        place = (*path, "name")
        if not NAME.fullmatch(name):
            better = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "value"
            better = f"_{better}" if better[0].isdigit() else better
            yield document.fault(
                place, f"'{clip(name)}' is not a column name: it takes letters, digits and _. Write '{better}'."
            )
        elif len(name) > MOST_NAME:
            yield document.fault(place, f"'{clip(name)}' has {len(name)} letters. A column name may have {MOST_NAME}.")
        elif name.upper().startswith(FORBIDDEN_PREFIXES):
            prefix = next(word for word in FORBIDDEN_PREFIXES if name.upper().startswith(word))
            yield document.fault(
                place, f"'{clip(name)}' begins with {prefix}, which BigQuery keeps for itself. Write another name."
            )
        if name.lower() in seen:
            other = seen[name.lower()]
            as_well = f", as '{other}' too: upper and lower case are the same" if other != name else ""
            yield document.fault(
                place, f"'{name}' is listed twice{as_well}. Remove one of them, or give each its own name."
            )
        seen.setdefault(name.lower(), name)


def types(document: Document) -> Iterator[Fault]:
    """A type that a comma has cut is explained; `from` stands in core tables only."""
    for path, _ in document.items("columns"):
        source_path = document.text(*path, "from")
        if source_path is None:
            continue
        if document.is_derived:
            yield document.fault(
                (*path, "from"), "a derived table's columns come from its SQL. Remove it; write `AS name` in the SQL."
            )
        elif not all(part.strip() for part in steps(source_path)):
            yield document.fault(
                (*path, "from"), f"'{clip(source_path)}' is not a path. Write address.city for the city inside address."
            )


def on_error(document: Document) -> Iterator[Fault]:
    """What cannot be read may become NULL where a row needs no value."""
    needed: list[tuple[str, str | None]] = [("key", name) for _, name in document.texts("key")]
    needed += [
        ("cursor", document.text("source", "cursor")),
        ("partition column", document.text("partition", "column")),
    ]
    uses = {name: use for use, name in reversed(needed)}
    for path, _ in document.items("columns"):
        if document.get(*path, "on_error") is None:
            continue
        name = document.text(*path, "name")
        if document.is_derived:
            yield document.fault(
                (*path, "on_error"), "a derived table reads no source. Remove it; write SAFE_CAST in the SQL."
            )
        elif name in uses:
            part = "part of the key" if uses[name] == "key" else f"the {uses[name]}"
            yield document.fault(
                (*path, "on_error"),
                f"'{name}' is {part}, which needs a value in each row. Remove it: a row without one goes to quarantine.",
            )


def partition(document: Document) -> Iterator[Fault]:
    """The partition column has a type that its granularity and the windows fit."""
    name = document.text("partition", "column")
    if name is None:
        return
    yield from document.unknown_column(("partition", "column"), name)
    type_ = document.columns.get(name)
    if type_ is None:
        return
    if type_.name not in PARTITION_TYPES:
        yield document.fault(
            ("partition", "column"),
            f"'{name}' is {type_}, by which no table is divided. Name a column of type {either(PARTITION_TYPES)}.",
        )
    if type_.name == "DATE" and document.text("partition", "by") == "hour":
        yield document.fault(
            ("partition", "by"), f"'{name}' is a DATE, which has no hours. Write day, or make the column a TIMESTAMP."
        )
    start, end = document.moment("window", "start"), document.moment("window", "end")
    by = document.text("partition", "by") or ""
    if start and end and (message := too_many_partitions(by, start, end, "its end")):
        yield document.fault(("partition", "by"), message)
    if (
        type_.name == "DATE"
        and document.is_derived
        and document.owns_rows
        and document.size
        and document.size.unit == "hour"
    ):
        yield document.fault(
            ("window", "size"),
            f"a window of {document.size} is shorter than a day, and '{name}' is a DATE, which cannot say to which of a day's "
            "windows a row belongs: each would overwrite the others. Write `size: 1 day`, or make the column a TIMESTAMP.",
        )


def too_many_partitions(by: str, start: datetime, end: datetime, called: str) -> str | None:
    """Say that a table has more partitions than BigQuery keeps, or return None where it has not."""
    unit, coarser = FINE.get(by, (end - start, ""))
    count = (end - start) // unit if coarser else 0
    if count <= MOST_PARTITIONS:
        return None
    return (
        f"from the window's start to {called} there are {count:,} {by}s, and BigQuery keeps {MOST_PARTITIONS:,} "
        f"partitions in a table. Write {coarser}."
    )


def cluster(document: Document) -> Iterator[Fault]:
    """At most four columns of types that can be sorted."""
    given = list(document.texts("cluster"))
    for path, name in given:
        yield from document.unknown_column(path, name)
        type_ = document.columns.get(name)
        if type_ and type_.name not in CLUSTER_TYPES:
            yield document.fault(
                path,
                f"'{name}' is {type_}, by which no table is clustered. Name columns of type {either(CLUSTER_TYPES)}.",
            )
    if len(given) > MOST_CLUSTER:
        yield document.fault(
            ("cluster",),
            f"names {len(given)} columns. At most {MOST_CLUSTER} are possible: keep those that queries filter by most.",
        )
    yield from _twice(document, given)


def key(document: Document) -> Iterator[Fault]:
    """Key columns can be compared exactly."""
    given = list(document.texts("key"))
    for path, name in given:
        yield from document.unknown_column(path, name)
        type_ = document.columns.get(name)
        if type_ and type_.name in NOT_KEYS:
            why = "is not exact" if type_.name == "FLOAT64" else "cannot be compared"
            yield document.fault(
                path, f"'{name}' is {type_}, which {why} and cannot name a row. Name columns such as STRING or INT64."
            )
    yield from _twice(document, given)


def _twice(document: Document, given: list[tuple[Path, str]]) -> Iterator[Fault]:
    seen = set()
    for path, name in given:
        if name in seen:
            yield document.fault(path, f"'{name}' is named twice. Remove one of them.")
        seen.add(name)


RULES = (names, types, on_error, partition, cluster, key)
