"""Rows of the definition before are taken over into the generation of a changed one, where a person says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.engine.plan import by_window
from flows.engine.steps import Reason, Step, Waiting
from flows.model.asked import called
from flows.model.errors import SqlError, UsageError
from flows.model.types import Type
from flows.model.window import Window, subtract
from flows.sql import analyze
from flows.warehouses.interface import Query, every_row, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.engine.state import Committed, LedgerState, Upstream
    from flows.engine.steps import Plan
    from flows.model.definition import Change
    from flows.model.dependency import Dependency
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse

NEVER_ACCEPTED = {"key", "strategy", "partition", "window size"}
"""What says to which row and to which window a value belongs."""
LONGEST = timedelta(days=100)
"""What one commit takes over at most: BigQuery writes 4,000 partitions at once, and these may be hours."""
REASON = Reason("accepted")


def require_acceptable(table: Table, before: Table | None, changes: Sequence[Change], warehouse: Warehouse) -> None:
    """Raise UsageError where the rows that are there cannot stay under the table's file."""
    if not changes:
        raise UsageError(f"{table.identity}: there is nothing to accept: its rows were made as its file says.")
    if before is None or before.sql is None:
        raise UsageError(
            f"{table.identity}: nobody knows any more by which definition its rows were made, so that they cannot be "
            f"accepted: a run without {called('accept')} makes them anew."
        )
    ruling = {name.lower() for name in (*table.key, *([table.partition.column] if table.partition else []))}
    refused = [
        change.name
        for change in changes
        if change.kind in NEVER_ACCEPTED or (change.kind == "type" and change.subject.lower() in ruling)
    ]
    if refused:
        raise UsageError(
            f"{table.identity}: its file changes {' and '.join(refused)}, which says to what row or window a value "
            f"belongs, so that its rows cannot be accepted: a run without {called('accept')} makes them anew."
        )
    _require_castable(table, before, warehouse)


def _require_castable(table: Table, before: Table, warehouse: Warehouse) -> None:
    """Raise UsageError where a value that is there is none of its column's new type.

    What is taken over of a merge are its parts: they have values of which none may show in its rows.
    """
    apart = table.is_folded and before.is_folded
    place, prefix = (parts_of(before.identity), "v_") if apart else (before.identity, "")
    dataset, _, held = place.partition(".")
    for name, (old, type_) in _retyped(table, before).items():
        value = f"`{prefix}{old}`"
        try:
            analyze(
                f"SELECT CAST({value} AS {type_}) AS v FROM `{dataset}`.`{held}`",
                {place: {f"{prefix}{old}": before.types[old]}},
                {},
                by_window=False,
            )
            rows = warehouse.query(
                f"SELECT CAST({value} AS STRING) AS shown FROM `{dataset}`.`{held}`"
                f" WHERE {'TRUE' if apart else every_row(before)} AND {value} IS NOT NULL"
                f" AND SAFE_CAST({value} AS {type_}) IS NULL LIMIT 1",
                {},
            )
        except SqlError as error:
            raise UsageError(_not_cast(table, name, before.types[old], type_)) from error
        if rows:
            raise UsageError(_not_cast(table, name, before.types[old], type_, f", as {rows[0]['shown']}"))


def _not_cast(table: Table, name: str, old: Type, new: Type, shown: str = "") -> str:
    return (
        f"{table.identity}: values of {name} that are there{shown} cannot become {new}: they are {old}. "
        f"A run without {called('accept')} makes its rows anew."
    )


def _retyped(table: Table, before: Table) -> dict[str, tuple[str, Type]]:
    """Return the columns whose type is another than before, with their name then and their type now."""
    there = {name.lower(): name for name in before.types}
    return {
        name: (old, type_)
        for name, type_ in table.types.items()
        if (old := there.get(name.lower())) and before.types[old] != type_
    }


def accepting(  # noqa: PLR0913 - what rows are there, what is made, and what both are made of
    todo: Plan,
    table: Table,
    present: LedgerState,
    made: LedgerState,
    spans: Sequence[Window],
    *,
    read: tuple[Sequence[Dependency], Mapping[str, Upstream]] | None,
    renewed: Sequence[Step],
) -> Plan:
    """Return the plan of a generation which takes over what is there, where it has nothing yet, and makes the rest.

    Args:
        todo: the plan by which all of it would be made.
        table: the table, as its file has it.
        present: what is committed of the rows that are there.
        made: what is committed of the generation.
        spans: only windows that lie in these ranges.
        read: what the rows that are there were made of; None where nobody knows any more.
        renewed: what of them is made again before, of what there is now.
    """
    if table.window is None:
        if made.committed or not present.committed:
            return todo
        older = _older(present.committed[-1], None, read) if not renewed else ()
        return replace(todo, windows=(Step(None, "accepted", REASON, older=older),), waiting=())
    spec = table.window
    held, there = by_window(present.committed, spec), by_window(made.committed, spec)
    again = {step.window for step in renewed}
    steps: list[Step] = []
    for span in spans:
        for window in spec.size.split(span):
            if window not in held or window in there:
                continue
            older = () if window in again else _older(held[window], window, read)
            steps.append(Step(window, "accepted", REASON, older=older))
    taken = [step.window for step in steps if step.window]
    left = [step for step in todo.windows if step.window not in set(taken)]
    joined = steps if table.is_folded else list(_joined(steps))
    windows = sorted([*joined, *left], key=lambda step: step.window.start if step.window else spec.start)
    return replace(todo, windows=tuple(windows), waiting=tuple(_still_waiting(todo, taken)))


def _older(
    commit: Committed, window: Window | None, read: tuple[Sequence[Dependency], Mapping[str, Upstream]] | None
) -> tuple[tuple[str, int], ...]:
    """Return of what that a window was made of there is something newer, and which version was read."""
    if read is None:
        return tuple(sorted(commit.upstreams.items()))
    dependencies, upstreams = read
    found: dict[str, int] = {}
    for dependency in dependencies:
        touches, version = upstreams[dependency.table].touches, commit.upstreams.get(dependency.table, 0)
        span = dependency.range(window) if window else None
        if (touches.newest if span is None else touches.within(span)) > version:
            found[dependency.table] = version
    return tuple(sorted(found.items()))


def _joined(steps: Sequence[Step]) -> Iterator[Step]:
    """Give adjacent windows as one step, which one commit takes over."""
    last: Step | None = None
    for step in steps:
        if last and last.window and step.window and last.window.end == step.window.start and last.older == step.older:
            whole = Window(last.window.start, step.window.end)
            if whole.end - whole.start <= LONGEST:
                last = replace(last, window=whole)
                continue
        if last:
            yield last
        last = step
    if last:
        yield last


def _still_waiting(todo: Plan, taken: Sequence[Window]) -> Iterator[Waiting]:
    for one in todo.waiting:
        if one.window is None:
            yield one
        else:
            yield from (replace(one, window=left) for left in subtract([one.window], taken))


def accepted_rows(table: Table, before: Table) -> Query:
    """Return the rows, or parts, of a window as another definition has them, in the columns of the table."""
    if table.is_folded:
        own = {"window_start": Type("TIMESTAMP"), **{f"v_{name}": type_ for name, type_ in before.types.items()}}
        name, condition = parts_of(before.identity), "`window_start` >= @window_start AND `window_start` < @window_end"
        return Query(_select(table, before, name, condition, "v_"), {name: own})
    condition = _range(before) if before.is_bounded else every_row(before)
    return Query(_select(table, before, before.identity, condition), {before.identity: before.types})


def _select(table: Table, before: Table, place: str, condition: str, prefix: str = "") -> str:
    there = {name.lower(): name for name in before.types}
    values = []
    for name, type_ in table.types.items():
        old = there.get(name.lower())
        value = f"`{prefix}{old}`" if old else "NULL"
        if old is None or before.types[old] != type_:
            value = f"CAST({value} AS {type_})"
        values.append(f"{value} AS `{name}`")
    dataset, _, name = place.partition(".")
    return f"SELECT {', '.join(values)} FROM `{dataset}`.`{name}` WHERE {condition}"


def _range(table: Table) -> str:
    """GoogleSQL for whether a row belongs to the window."""
    assert table.partition is not None  # noqa: S101 - what is bounded has one
    assert table.partition_type is not None  # noqa: S101 - it has a partition
    column, kind = table.partition.column, table.partition_type.name
    low, high = (f"@window_{end}" if kind == "TIMESTAMP" else f"{kind}(@window_{end})" for end in ("start", "end"))
    return f"`{column}` >= {low} AND `{column}` < {high}"
