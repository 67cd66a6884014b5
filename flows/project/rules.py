"""What the fields of a table file must keep to among themselves: identity, owner, schedule, window, strategy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.model.window import short
from flows.project.cron import cron_fault
from flows.project.document import clip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.project.document import Path
    from flows.project.draft import Draft, Note

RESERVED = {"platform", "temp", "system", "main", "information_schema", "pg_catalog", "warehouse"}
SHOWN_COLUMNS = 3
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
EMAIL = re.compile(r"[^@\s<>,;:\"]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
UNORDERED = {"ARRAY", "STRUCT", "JSON"}
CURSORS = {"DATE", "DATETIME", "TIMESTAMP"}
WINDOW_EXAMPLE = "`window: {size: 1 day, start: 2026-01-01}`"


def identity(draft: Draft) -> Iterator[Note]:
    """The folder and the file name the table."""
    for field, actual, place in (("dataset", draft.dataset, "folder"), ("name", draft.name, "file")):
        given = draft.text(field)
        if given is not None and given != actual:
            yield (
                (field,),
                f"'{clip(given)}' is not the name of the {place}, '{actual}'. Remove it here, or rename the {place}.",
            )
        if not IDENTIFIER.fullmatch(actual):
            better = re.sub(r"\W+", "_", actual, flags=re.ASCII).strip("_") or "table"
            better = f"_{better}" if better[0].isdigit() else better
            yield (
                (),
                f"the {place} '{clip(actual)}' cannot name a {'dataset' if field == 'dataset' else 'table'}: rename it to letters, digits and _, such as '{better}'.",
            )
    if draft.dataset.lower() in RESERVED:
        yield (
            (),
            f"the dataset '{draft.dataset}' is reserved for what the platform records itself. Move the file to another folder.",
        )


def owner(draft: Draft) -> Iterator[Note]:
    """Somebody can be asked."""
    given = draft.text("owner")
    if given is not None and not EMAIL.fullmatch(given):
        yield (
            ("owner",),
            f"'{clip(given)}' is not an e-mail address. Write one that reaches the team, such as data-team@example.com.",
        )


def schedule(draft: Draft) -> Iterator[Note]:
    """The schedule is cron."""
    given = draft.text("schedule")
    fault = cron_fault(given) if given is not None else None
    if fault:
        yield ("schedule",), fault


def window(draft: Draft) -> Iterator[Note]:
    """Windows begin and end where the first and the last one do."""
    start, end, size = draft.moment("window", "start"), draft.moment("window", "end"), draft.size
    if start and end and end <= start:
        yield (
            ("window", "end"),
            f"{_written(draft, 'end', end)} is not after the start, {_written(draft, 'start', start)}. Write a later end, or remove it.",
        )
    for field, moment, word in (("start", start, "begins"), ("end", end, "ends")):
        if size is not None and moment is not None and size.floor(moment) != moment:
            before, after = size.floor(moment), size.ceiling(moment)
            day = ": weeks begin on Monday" if size.unit == "week" else ""
            yield (
                ("window", field),
                f"{_written(draft, field, moment)} is not where a window of {size} {word}. Write {short(before)} or {short(after)}{day}.",
            )
    if draft.is_core and draft.get("window", "lookback"):
        yield (
            ("window", "lookback"),
            "a core table reads no other tables, so there is nothing to look back for. Remove it.",
        )


def _written(draft: Draft, field: str, moment: datetime) -> str:
    """Return a moment as the file writes it, with what it is in UTC where that is another."""
    path = ("window", field)
    written, utc = draft.document.written.get(path) or draft.text(*path) or "", short(moment)
    has_zone = re.search(r":.*[-+]", written)
    return f"{clip(written)} ({utc} in UTC)" if has_zone else written or utc


def origin(draft: Draft) -> Iterator[Note]:
    """Rows come from a query or from a source."""
    if draft.has("sql") and draft.has("source"):
        yield ("source",), "a table has `sql` (derived) or `source` (core), not both. Remove one of them."
    if not draft.has("sql") and not draft.has("source"):
        yield (
            (),
            "has neither `sql` nor `source`. Write `sql: |` with a SELECT below it, or `source: {kind: files, path: ...}`.",
        )
    path = draft.text("source", "path")
    if path and (path.startswith(("/", "~")) or ".." in path.replace("\\", "/").split("/")):
        yield (
            ("source", "path"),
            f"'{clip(path)}' leaves the project's folder. Write a path inside it, such as exports/orders-*.jsonl.gz.",
        )


def derived_strategy(draft: Draft) -> Iterator[Note]:
    """A derived table has what its strategy needs and nothing that it does not use."""
    strategy = draft.strategy
    if not draft.is_derived or strategy is None:
        return
    if strategy in {"append", "merge"} and not draft.has("window"):
        yield (
            ("strategy",),
            f"{strategy} works window by window, and there is no `window`. Write {WINDOW_EXAMPLE}, or `strategy: replace` to make the whole table each time.",
        )
    if strategy == "append" and not draft.has("partition"):
        yield (
            ("strategy",),
            "append needs `partition`: its column says to which window a row belongs. Write `partition: {column: day, by: day}`.",
        )
    if strategy == "replace" and draft.has("window"):
        yield (
            ("window",),
            "replace makes the whole table each time and has no windows. Remove `window`, or write `strategy: append` or `merge`.",
        )
    if strategy == "merge" and not draft.has("key"):
        yield ("strategy",), "merge needs `key`, the columns that together name a row. Write `key: [user_id]`."


def core_strategy(draft: Draft) -> Iterator[Note]:
    """A core table with a cursor is copied window by window, without one as a whole."""
    strategy = draft.strategy
    if not draft.is_core or strategy is None:
        return
    if not draft.has("source", "cursor"):
        if strategy != "replace":
            yield (
                ("strategy",),
                f"{strategy} needs a cursor, the column that says what is new. Write `cursor: updated_at` into `source`, or `strategy: replace` for a full copy each time.",
            )
        elif draft.has("window"):
            yield (
                ("window",),
                "a full copy has no windows. Remove `window`, or write `cursor: updated_at` into `source` and `strategy: merge`.",
            )
        return
    if strategy == "replace":
        yield (
            ("strategy",),
            "with a cursor rows are copied window by window, not replaced. Write `strategy: merge` (rows change) or `append` (rows are only ever added), or remove the cursor.",
        )
    elif not draft.has("window"):
        yield (
            ("strategy",),
            f"{strategy} with a cursor works window by window, and there is no `window`. Write {WINDOW_EXAMPLE}.",
        )
    if strategy == "merge" and not draft.has("key"):
        yield ("strategy",), "merge needs `key`, the columns that name a row in the source. Write `key: [order_id]`."


def core_append(draft: Draft) -> Iterator[Note]:
    """A core table that is only added to is divided by its cursor, and reads no row twice."""
    if not draft.is_core or draft.strategy != "append" or not draft.has("source", "cursor"):
        return
    if draft.has("source", "overlap"):
        yield (
            ("source", "overlap"),
            "append reads no row twice. Remove it and write `delay: 5 minutes` into `window`, so that rows that are committed late are there when their window is read; or write `strategy: merge`.",
        )
    partition, cursor = draft.text("partition", "column"), draft.text("source", "cursor")
    type_ = draft.columns.get(cursor or "")
    if type_ and type_.name not in CURSORS:
        yield (
            ("strategy",),
            f"append divides the table by its cursor, and '{cursor}' is {type_}, by which no table is divided. Write `strategy: merge` and a `key`.",
        )
    elif cursor and not draft.has("partition"):
        yield (
            ("strategy",),
            f"append needs `partition` by the cursor: a window's rows take the place of those in its range. Write `partition: {{column: {cursor}, by: day}}`.",
        )
    elif partition and cursor and partition != cursor:
        yield (
            ("partition", "column"),
            f"append keeps each row in the window of its cursor, so the partition column must be the cursor. Write '{cursor}', or `strategy: merge`.",
        )


def cursor(draft: Draft) -> Iterator[Note]:
    """The cursor is a column that can say to which window a row belongs."""
    name, kind = draft.text("source", "cursor"), draft.text("source", "kind")
    if name is None:
        return
    yield from draft.unknown_column(("source", "cursor"), name)
    type_ = draft.columns.get(name)
    if type_ is None:
        return
    path = next((place for place, _ in draft.items("columns") if draft.text(*place, "name") == name), ())
    object_id = kind == "mongodb" and type_.name == "STRING" and "_id" in {name, draft.text(*path, "from")}
    if type_.name not in CURSORS and not object_id and not (kind == "mysql" and type_.name == "INT64"):
        yield (
            ("source", "cursor"),
            f"'{name}' is {type_}, which does not say when a row changed. Name a column of type TIMESTAMP, DATETIME or DATE.",
        )
    if type_.name == "DATE" and draft.size and draft.size.unit == "hour":
        yield (
            ("source", "cursor"),
            f"'{name}' is a DATE, which lies in no window of {draft.size}. Write `size: 1 day`, or name a TIMESTAMP.",
        )


def merge_rules(draft: Draft) -> Iterator[Note]:  # noqa: C901 - one branch for each thing that can be wrong
    """A derived merge says how each column combines where windows share keys, and only there."""
    rules = draft.get("merge")
    named = list(rules) if isinstance(rules, dict) else []
    if draft.is_core:
        for field in ("merge", "latest_by"):
            if draft.has(field):
                yield (
                    (field,),
                    "a core table keeps the latest row of each key by its cursor and needs no rules. Remove it.",
                )
        return
    if draft.strategy is not None and draft.strategy != "merge":
        for field in ("merge", "latest_by"):
            if draft.has(field):
                yield (
                    (field,),
                    f"only strategy merge uses this; the strategy is {draft.strategy}. Remove it, or write `strategy: merge`.",
                )
        return
    key = [name for _, name in draft.texts("key")]
    for name in named:
        yield from draft.unknown_column(("merge", name), name)
        if name in key:
            yield ("merge", name), f"'{name}' is part of the key, which never changes. Remove it here."
        type_ = draft.columns.get(name)
        if draft.text("merge", name) in {"min", "max"} and type_ and type_.name in UNORDERED:
            yield ("merge", name), f"'{name}' is {type_}, which has no {rules[name]}imum. Write latest."
    if draft.strategy == "merge" and key:
        yield from _coverage(draft, key, named)
    yield from _latest_by(draft, key, rules if isinstance(rules, dict) else {})


def _coverage(draft: Draft, key: list[str], named: list[str]) -> Iterator[Note]:
    partition = draft.text("partition", "column")
    if partition in key:
        if named:
            yield (
                ("merge",),
                f"the key holds the partition column '{partition}', so that a row belongs to one window and is overwritten. Remove `merge`.",
            )
        return
    lacking = [name for name in draft.columns if name not in key and name not in named]
    if lacking and draft.is_derived:
        place: Path = ("merge",) if named else ("strategy",)
        example = ", ".join(f"{name}: max" for name in lacking[:SHOWN_COLUMNS])
        yield (
            place,
            f"several windows can give one key, so `merge` must say for each other column how values combine: min, max or latest. It lacks {', '.join(lacking)}. Write `merge: {{{example}{', ...' if len(lacking) > SHOWN_COLUMNS else ''}}}`.",
        )


def _latest_by(draft: Draft, key: list[str], rules: dict[str, object]) -> Iterator[Note]:
    latest_by = draft.text("latest_by")
    uses = [name for name, rule in rules.items() if rule == "latest"]
    if uses and not draft.has("latest_by"):
        yield (
            ("merge", uses[0]),
            "latest needs `latest_by`, the column that says which value is the latest. Write `latest_by: last_used_at`.",
        )
    if latest_by is None:
        return
    yield from draft.unknown_column(("latest_by",), latest_by)
    if not uses:
        yield ("latest_by",), "no column has the rule latest, so nothing uses this. Remove it."
    elif latest_by in key:
        yield (
            ("latest_by",),
            f"'{latest_by}' is part of the key and the same in all rows of one. Name a column that tells them apart.",
        )
    elif rules.get(latest_by) == "min":
        yield (
            ("merge", latest_by),
            f"'{latest_by}' says which value is the latest, so it must keep its greatest value. Write max.",
        )
    type_ = draft.columns.get(latest_by)
    if type_ and type_.name in UNORDERED:
        yield ("latest_by",), f"'{latest_by}' is {type_}, which has no order. Name a TIMESTAMP, DATE or number."


RULES = (identity, owner, schedule, window, origin, derived_strategy, core_strategy, core_append, cursor, merge_rules)
