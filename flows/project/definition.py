"""What of a table's file decides its rows: named, kept as text, read again and compared."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from flows.model.checks import OffendingRows
from flows.model.definition import Change
from flows.model.window import Size
from flows.sql import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.checks import TableCheck
    from flows.model.table import Column, Table, WindowSpec

_FIELDS = {"strategy", "partition", "key", "merge", "latest_by", "source"}
_LEFT_OUT = {"source": {"max_bad_rows", "overlap"}, "partition": {"require_filter"}}


def code_version(table: Table) -> str:
    """Return the name of a table's definition: a hash of it. Whether two are the same only their texts say."""
    meaning: dict[str, Any] = table.model_dump(mode="json", include={"dataset", "name", *_FIELDS}, exclude=_LEFT_OUT)
    meaning["columns"] = [
        (column.name, str(column.type), column.source_path, *filter(None, [column.on_error]))
        for column in table.columns
    ]
    meaning["window"] = str(table.window.size) if table.window else None
    meaning["sql"] = canonical(table.sql) if table.sql else None
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


def definition_text(table: Table) -> str:
    """Return what decides a table's rows as text, the SQL as it was written."""
    meaning: dict[str, Any] = table.model_dump(
        mode="json", by_alias=True, include={"sql", *_FIELDS}, exclude=_LEFT_OUT, exclude_defaults=True
    )
    meaning["columns"] = [
        column.model_dump(mode="json", by_alias=True, exclude={"description", "checks"}, exclude_defaults=True)
        for column in table.columns
    ]
    if table.window is not None:
        # The bounds decide no rows of the windows within them; they are for a file that comes to have no windows.
        meaning["window"] = {"size": str(table.window.size), **_bounds(table.window)}
    return json.dumps(meaning, ensure_ascii=False)


def as_defined(text: str, table: Table) -> Table:
    """Return a table as a kept definition has it; what decides no rows is that of its present file.

    Raises ValueError where the text is none that this version can read.
    """
    from flows.model.table import Table as Model  # noqa: PLC0415 - slow to import, and few definitions ever change

    given: dict[str, Any] = json.loads(text)
    spec, described = table.window, {column.name: column for column in table.columns}
    if "window" in given:
        given["window"] = {
            "start": "2000-01-01",
            **given["window"],
            **(_bounds(spec, given["window"]["size"]) if spec else {}),
        }
    for column in given["columns"]:
        same = described.get(column["name"])
        column["description"] = same.description if same else ""
        if same is not None and table.sql and str(same.type) == column["type"]:
            column["checks"] = [check.model_dump(mode="json", by_alias=True) for check in same.checks]
    about = {name: getattr(table, name) for name in ("dataset", "name", "description", "owner", "schedule")}
    made = Model.model_validate({**about, **given}, strict=False)
    kept: dict[str, Any] = {"cluster": table.cluster, "budget": table.budget, "resources": table.resources}
    if made.window is not None and spec is not None:
        kept["window"] = made.window.model_copy(update={"delay": spec.delay, "lookback": spec.lookback})
    if made.partition is not None and table.partition is not None:
        kept["partition"] = made.partition.model_copy(update={"require_filter": table.partition.require_filter})
    kept["checks"] = tuple(check for check in table.checks if _can_check(check, made, table))
    return made.model_copy(update=kept)


def _can_check(check: TableCheck, made: Table, table: Table) -> bool:
    """Say whether a check of a file can be one of rows by another definition: its SQL names no column they lack."""
    if not isinstance(check, OffendingRows):
        return True
    names = _by_name(table).keys() - _by_name(made).keys()
    sql = check.sql.lower()
    return not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql) for name in names)


def _bounds(spec: WindowSpec, size: str | None = None) -> dict[str, str]:
    """Return where windows begin and end; those of another size reach as far at least."""
    by = Size.parse(size) if size else spec.size
    bounds = {"start": by.floor(spec.start).isoformat()}
    return bounds if spec.end is None else {**bounds, "end": by.ceiling(spec.end).isoformat()}


def changes(old: Table, new: Table) -> tuple[Change, ...]:
    """Return what one definition of a table changes of another; nothing where both give the same rows."""
    return tuple(_changes(old, new))


def _changes(old: Table, new: Table) -> Iterator[Change]:
    if bool(old.sql) != bool(new.sql) or _place(old) != _place(new):
        yield Change("source")
    elif _cursor(old) != _cursor(new):
        yield Change("cursor")
    if old.sql and new.sql and old.sql != new.sql and canonical(old.sql) != canonical(new.sql):
        yield Change("sql")
    yield from _columns_changed(_by_name(old), _by_name(new), is_core=new.source is not None)
    if old.strategy != new.strategy:
        yield Change("strategy")
    if {name.lower() for name in old.key} != {name.lower() for name in new.key}:
        yield Change("key")
    if _rules(old) != _rules(new):
        yield Change("merge")
    if _parted(old) != _parted(new):
        yield Change("partition")
    if new.sql and (old.window and old.window.size) != (new.window and new.window.size):
        yield Change("window size")


def _columns_changed(old: dict[str, Column], new: dict[str, Column], *, is_core: bool) -> Iterator[Change]:
    for name, column in new.items():
        if name not in old:
            yield Change("added", column.name)
            continue
        before = old[name]
        if before.type != column.type:
            yield Change("type", column.name)
        # What a source calls its fields may differ in case alone.
        if is_core and (before.source_path or before.name) != (column.source_path or column.name):
            yield Change("from", column.name)
        if before.on_error != column.on_error:
            yield Change("on_error", column.name)
    yield from (Change("removed", column.name) for name, column in old.items() if name not in new)


def _by_name(table: Table) -> dict[str, Column]:
    """Return columns by what the warehouse takes for their name."""
    return {column.name.lower(): column for column in table.columns}


def _place(table: Table) -> object:
    return table.source and table.source.model_dump(exclude={"cursor", "max_bad_rows", "overlap"})


def _cursor(table: Table) -> object:
    return table.source and table.source.cursor


def _parted(table: Table) -> object:
    return table.partition and (table.partition.column.lower(), table.partition.by)


def _rules(table: Table) -> object:
    rules = {name.lower(): rule for name, rule in table.merge.items()}
    return rules, (table.latest_by or "").lower()
