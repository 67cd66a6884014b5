"""What becomes of the rows of a core table whose file changes what they were copied by.

A new column and another type need no answer: rows that are there hold NULL, or are converted. All else a person
answers: copy again, or let them stay.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.engine.definitions import keep_definition
from flows.engine.estimate import copied
from flows.model.asked import called, run_with
from flows.model.entry import Entry, Touched
from flows.model.errors import DefinitionError, UsageError
from flows.model.sizes import plural
from flows.model.window import EVER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.engine.commit import TableRun
    from flows.engine.state import LedgerState
    from flows.engine.steps import Plan
    from flows.model.definition import Change
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse

NEVER_ACCEPTED = {"key", "strategy", "partition"}
"""What says to which row a value belongs, so that rows copied before cannot be found by it."""


def require_answer(run: TableRun, todo: Plan, warehouse: Warehouse, *, accept: bool) -> None:
    """Go on only where somebody has said what becomes of a core table's rows, or nobody has to.

    Raises DefinitionError where nobody has.
    """
    table = run.table
    if asks := question(table, todo, warehouse, accept=accept):
        raise DefinitionError(asks)
    if table.window is not None and todo.changes and run.source is not None:
        # Nothing is altered for a file that the source does not fit.
        run.source.inspect(table)


def question(table: Table, todo: Plan, warehouse: Warehouse, *, accept: bool) -> str:
    """Return what a person has to answer before a core table is copied: what changed, and what each answer costs.

    Empty where there is nothing to answer.
    """
    copies = table.source is not None and table.window is not None
    asks = [change for change in todo.changes if copies and change.alters_rows]
    if not asks or accept or todo.succession is not None:
        return ""
    found = copied(table, todo.editions[-1].generation, warehouse)
    took = timedelta(seconds=round(found["seconds"] or 0))
    stays = f"; its rows stay as they are by {run_with('ingest', table.identity, 'accept')}"
    what = ", ".join(change.name for change in asks if change.kind != "unknown") or "its definition"
    amount = f"{plural(found['copied'] or 0, 'row')} in {plural(found['commits'], 'commit')}"
    return (
        f"{table.identity}: its file changes what was copied before: {what}. Nothing was copied. "
        f"All is copied again by {run_with('ingest', table.identity, 'rebuild')} ({amount}, which took {took})"
        f"{'' if _refused(asks) else stays}."
    )


def require_acceptable_copy(table: Table, known: LedgerState) -> None:
    """Raise UsageError where there is nothing of a core table to accept, or what its file changes cannot be."""
    name = table.identity
    if table.window is None:
        raise UsageError(f"{name}: there is nothing to accept: it is copied as a whole, each time by its file.")
    if not known.held:
        raise UsageError(f"{name}: there is nothing to accept: none of its rows are copied yet.")
    asks = [change for change in known.changes if change.alters_rows]
    if not asks:
        raise UsageError(f"{name}: there is nothing to accept: its rows were copied as its file says.")
    if refused := _refused(asks):
        raise UsageError(
            f"{name}: its file changes {' and '.join(refused)}, by which rows are found, so that those copied before "
            f"cannot stay: {called('rebuild')} copies all again."
        )


def _refused(asks: Sequence[Change]) -> list[str]:
    return [change.name for change in asks if change.kind in NEVER_ACCEPTED]


def accepted(run: TableRun, todo: Plan, warehouse: Warehouse) -> TableRun:
    """Let the rows that are there be of the table's present definition; return the run that goes on from there."""
    table = run.table
    keep_definition(warehouse, table, run.run_by, run.git_commit)
    retyped = any(change.kind == "type" for change in todo.changes)
    entry = Entry(
        table=table.identity,
        kind="accept",
        window=None,
        run_id=run.run_id,
        run_by=run.run_by,
        code_version=run.code_version,
        git_commit=run.git_commit,
        began=warehouse.now(),
        upstreams={},
        touched=(Touched(EVER, changed=True),) if retyped else (),
    )
    # What is new holds nothing: of one that was taken out before the warehouse may not have come to drop it.
    gone = [change.subject for change in todo.changes if change.kind in {"removed", "added"}]
    done = warehouse.accept(table, entry, run.known_version, gone)
    return replace(run, known_version=done.version)
