"""What the fields of a table file must keep to among themselves: identity, owner, schedule, window, strategy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.model.window import short
from flows.project.cron import cron_fault
from flows.project.text import clip, either

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.model.errors import Fault
    from flows.project.document import Document

RESERVED = {
    "platform": "holds what Derived itself records",
    "warehouse": "is what DuckDB calls the file in which all datasets are",
    **dict.fromkeys(("main", "pg_catalog", "system", "temp"), "is a name of DuckDB's own"),
    "information_schema": "is a name of DuckDB's and of BigQuery's own",
}
"""Datasets that no table of a project can stand in, and why."""
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
CONNECTION = re.compile(r"[A-Za-z0-9_-]+")
EMAIL = re.compile(r"[^@\s<>,;:\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
UNORDERED = {"ARRAY", "STRUCT", "JSON"}
NUMBERS = ("INT64", "NUMERIC", "BIGNUMERIC", "FLOAT64")
CURSORS = {"DATE", "DATETIME", "TIMESTAMP"}
WINDOW_EXAMPLE = "`window: {size: 1 day, start: 2026-01-01}`"


def identity(document: Document) -> Iterator[Fault]:
    """The folder and the file name the table."""
    for field, actual, place in (("dataset", document.dataset, "folder"), ("name", document.name, "file")):
        given = document.text(field)
        if given is not None and given != actual:
            yield document.fault(
                (field,),
                f"'{clip(given)}' is not the name of the {place}, '{actual}'. Remove it here, or rename the {place}.",
            )
        if not IDENTIFIER.fullmatch(actual):
            better = re.sub(r"\W+", "_", actual, flags=re.ASCII).strip("_") or "table"
            better = f"_{better}" if better[0].isdigit() else better
            yield document.fault(
                (),
                f"the {place} '{clip(actual)}' cannot name a {'dataset' if field == 'dataset' else 'table'}: rename it to letters, digits and _, such as '{better}'.",
            )
    if why := RESERVED.get(document.dataset.lower()):
        yield document.fault((), f"the dataset '{document.dataset}' {why}. Move the file to another folder.")


def owner(document: Document) -> Iterator[Fault]:
    """Somebody can be asked."""
    given = document.text("owner")
    if given is not None and not EMAIL.fullmatch(given):
        yield document.fault(
            ("owner",),
            f"'{clip(given)}' is not an e-mail address. Write one that reaches the team, such as data-team@example.com.",
        )


def schedule(document: Document) -> Iterator[Fault]:
    """The schedule is cron."""
    given = document.text("schedule")
    fault = cron_fault(given) if given is not None else None
    if fault:
        yield document.fault(("schedule",), fault)


def window(document: Document) -> Iterator[Fault]:
    """Windows begin and end where the first and the last one do."""
    start, end, size = document.moment("window", "start"), document.moment("window", "end"), document.size
    if start and end and end <= start:
        yield document.fault(
            ("window", "end"),
            f"{_written(document, 'end', end)} is not after the start, {_written(document, 'start', start)}. Write a later end, or remove it.",
        )
    for field, moment, word in (("start", start, "begins"), ("end", end, "ends")):
        if size is not None and moment is not None and size.floor(moment) != moment:
            before, after = size.floor(moment), size.ceiling(moment)
            day = ": weeks begin on Monday" if size.unit == "week" else ""
            yield document.fault(
                ("window", field),
                f"{_written(document, field, moment)} is not where a window of {size} {word}. Write {short(before)} or {short(after)}{day}.",
            )
    if document.is_core and document.get("window", "lookback"):
        yield document.fault(
            ("window", "lookback"),
            "a core table reads no other tables, so there is nothing to look back for. Remove it.",
        )


def _written(document: Document, field: str, moment: datetime) -> str:
    """Return a moment as the file writes it, with what it is in UTC where that is another."""
    path = ("window", field)
    written, utc = document.written.get(path) or document.text(*path) or "", short(moment)
    has_zone = re.search(r":.*[-+]", written)
    return f"{clip(written)} ({utc} in UTC)" if has_zone else written or utc


def origin(document: Document) -> Iterator[Fault]:
    """Rows come from a query or from a source."""
    if document.has("sql") and document.has("source"):
        yield document.fault(
            ("source",), "a table has `sql` (derived) or `source` (core), not both. Remove one of them."
        )
    if not document.has("sql") and not document.has("source"):
        yield document.fault(
            (),
            "has neither `sql` nor `source`. Write `sql: |` with a SELECT below it, or `source: {kind: files, path: ...}`.",
        )
    path = document.text("source", "path")
    if path and (path.startswith(("/", "~")) or ".." in path.replace("\\", "/").split("/")):
        yield document.fault(
            ("source", "path"),
            f"'{clip(path)}' leaves the project's folder. Write a path inside it, such as exports/orders-*.jsonl.gz.",
        )
    connection = document.text("source", "connection")
    if connection is not None and not CONNECTION.fullmatch(connection):
        # An address may hold a password.
        given = "an address" if "/" in connection or "@" in connection else f"'{clip(connection)}'"
        yield document.fault(
            ("source", "connection"),
            f"{given} is not the name of a connection. Write one of letters, digits, - and _, such as shop; "
            "its address stands in DERIVED_CONNECTION_SHOP or in a block.",
        )


def derived_strategy(document: Document) -> Iterator[Fault]:
    """A derived table has what its strategy needs and nothing that it does not use."""
    strategy = document.strategy
    if not document.is_derived or strategy is None:
        return
    if strategy in {"append", "merge"} and not document.has("window"):
        yield document.fault(
            ("strategy",),
            f"{strategy} works window by window, and there is no `window`. Write {WINDOW_EXAMPLE}, or `strategy: replace` to make the whole table each time.",
        )
    if strategy == "append" and not document.has("partition"):
        yield document.fault(
            ("strategy",),
            "append needs `partition`: its column says to which window a row belongs. Write `partition: {column: day, by: day}`.",
        )
    if strategy == "replace" and document.has("window"):
        yield document.fault(
            ("window",),
            "replace makes the whole table each time and has no windows. Remove `window`, or write `strategy: append` or `merge`.",
        )
    if strategy == "merge" and not document.has("key"):
        yield document.fault(
            ("strategy",), "merge needs `key`, the columns that together name a row. Write `key: [user_id]`."
        )


def core_strategy(document: Document) -> Iterator[Fault]:
    """A core table with a cursor is copied window by window, without one as a whole."""
    strategy = document.strategy
    is_read = isinstance(document.get("source"), dict) and ("source",) not in document.flawed
    if not document.is_core or strategy is None or not is_read:
        return
    if not document.has("source", "cursor"):
        if strategy != "replace":
            yield document.fault(
                ("strategy",),
                f"{strategy} needs a cursor, the column that says what is new. Write `cursor: updated_at` into `source`, or `strategy: replace` for a full copy each time.",
            )
        elif document.has("window"):
            yield document.fault(
                ("window",),
                "a full copy has no windows. Remove `window`, or write `cursor: updated_at` into `source` and `strategy: merge`.",
            )
        return
    if strategy == "replace":
        yield document.fault(
            ("strategy",),
            "with a cursor rows are copied window by window, not replaced. Write `strategy: merge` (rows change) or `append` (rows are only ever added), or remove the cursor.",
        )
    elif not document.has("window"):
        yield document.fault(
            ("strategy",),
            f"{strategy} with a cursor works window by window, and there is no `window`. Write {WINDOW_EXAMPLE}.",
        )
    if strategy == "merge" and not document.has("key"):
        yield document.fault(
            ("strategy",), "merge needs `key`, the columns that name a row in the source. Write `key: [order_id]`."
        )


def core_append(document: Document) -> Iterator[Fault]:
    """A core table that is only added to is divided by its cursor, and reads no row twice."""
    if not document.is_core or document.strategy != "append" or not document.has("source", "cursor"):
        return
    if document.has("source", "overlap"):
        yield document.fault(
            ("source", "overlap"),
            "append reads no row twice. Remove it and write `delay: 5 minutes` into `window`, so that rows that are committed late are there when their window is read; or write `strategy: merge`.",
        )
    partition, cursor = document.text("partition", "column"), document.text("source", "cursor")
    type_ = document.columns.get(cursor or "")
    if type_ and type_.name not in CURSORS:
        yield document.fault(
            ("strategy",),
            f"append divides the table by its cursor, and '{cursor}' is {type_}, by which no table is divided. Write `strategy: merge` and a `key`.",
        )
    elif cursor and not document.has("partition"):
        yield document.fault(
            ("strategy",),
            f"append needs `partition` by the cursor: a window's rows take the place of those in its range. Write `partition: {{column: {cursor}, by: day}}`.",
        )
    elif partition and cursor and partition != cursor:
        yield document.fault(
            ("partition", "column"),
            f"append keeps each row in the window of its cursor, so the partition column must be the cursor. Write '{cursor}', or `strategy: merge`.",
        )


def cursor(document: Document) -> Iterator[Fault]:
    """The cursor is a column that can say to which window a row belongs."""
    name, kind = document.text("source", "cursor"), document.text("source", "kind")
    if name is None:
        return
    yield from document.unknown_column(("source", "cursor"), name)
    type_ = document.columns.get(name)
    if type_ is None:
        return
    path = next((place for place, _ in document.items("columns") if document.text(*place, "name") == name), ())
    object_id = kind == "mongodb" and type_.name == "STRING" and "_id" in {name, document.text(*path, "from")}
    if type_.name not in CURSORS and not object_id and not (kind == "mysql" and type_.name == "INT64"):
        yield document.fault(
            ("source", "cursor"),
            f"'{name}' is {type_}, which does not say when a row changed. Name a column of type TIMESTAMP, DATETIME or DATE.",
        )
    if type_.name == "DATE" and kind == "mysql":
        yield document.fault(
            ("source", "cursor"),
            f"'{name}' is a DATE, which does not say when within the day a row changed. Name a TIMESTAMP, a DATETIME in UTC, or an INT64 of seconds since 1970.",
        )
    elif type_.name == "DATE" and document.size and document.size.unit == "hour":
        yield document.fault(
            ("source", "cursor"),
            f"'{name}' is a DATE, which lies in no window of {document.size}. Write `size: 1 day`, or name a TIMESTAMP.",
        )


def merge_rules(document: Document) -> Iterator[Fault]:  # noqa: C901 - one branch for each thing that can be wrong
    """A derived merge says how each column combines where windows share keys, and only there."""
    rules = document.get("merge")
    named = list(rules) if isinstance(rules, dict) else []
    if document.is_core:
        for field in ("merge", "latest_by"):
            if document.has(field):
                yield document.fault(
                    (field,),
                    "a core table keeps the latest row of each key by its cursor and needs no rules. Remove it.",
                )
        return
    if document.strategy is not None and document.strategy != "merge":
        for field in ("merge", "latest_by"):
            if document.has(field):
                yield document.fault(
                    (field,),
                    f"only strategy merge uses this; the strategy is {document.strategy}. Remove it, or write `strategy: merge`.",
                )
        return
    key = [name for _, name in document.texts("key")]
    for name in named:
        yield from document.unknown_column(("merge", name), name)
        if name in key:
            yield document.fault(("merge", name), f"'{name}' is part of the key, which never changes. Remove it here.")
            continue
        type_ = document.columns.get(name)
        if document.text("merge", name) in {"min", "max"} and type_ and type_.name in UNORDERED:
            yield document.fault(("merge", name), f"'{name}' is {type_}, which has no {rules[name]}imum. Write latest.")
        if document.text("merge", name) == "sum" and type_ and type_.name not in NUMBERS:
            yield document.fault(
                ("merge", name),
                f"'{name}' is {type_}, which cannot be added up. Write latest, or make it a number: {either(NUMBERS)}.",
            )
    if document.strategy == "merge" and key:
        yield from _owned(document, key, named)
    yield from _latest_by(document, key, rules if isinstance(rules, dict) else {})


def _owned(document: Document, key: list[str], named: list[str]) -> Iterator[Fault]:
    partition = document.text("partition", "column")
    if partition in key and named:
        yield document.fault(
            ("merge",),
            f"the key holds the partition column '{partition}', so that a row belongs to one window and is overwritten. Remove `merge`.",
        )


def _latest_by(document: Document, key: list[str], rules: dict[str, object]) -> Iterator[Fault]:
    latest_by = document.text("latest_by")
    uses = [name for name in rules if document.text("merge", name) in {"earliest", "latest"}]
    if uses and not document.has("latest_by"):
        yield document.fault(
            ("merge", uses[0]),
            f"{rules[uses[0]]} needs `latest_by`, the column that says which value is the {rules[uses[0]]}. Write `latest_by: last_used_at`.",
        )
    if latest_by is None:
        return
    yield from document.unknown_column(("latest_by",), latest_by)
    is_read = isinstance(document.get("merge"), dict) and ("merge",) not in document.flawed
    if not uses and (is_read or not document.has("merge")):
        yield document.fault(
            ("latest_by",), "no column has the rule latest or earliest, so nothing uses this. Remove it."
        )
    elif latest_by in key:
        yield document.fault(
            ("latest_by",),
            f"'{latest_by}' is part of the key and the same in all rows of one. Name a column that tells them apart.",
        )
    type_ = document.columns.get(latest_by)
    if type_ and type_.name in UNORDERED:
        yield document.fault(
            ("latest_by",), f"'{latest_by}' is {type_}, which has no order. Name a TIMESTAMP, DATE or number."
        )


RULES = (identity, owner, schedule, window, origin, derived_strategy, core_strategy, core_append, cursor, merge_rules)
