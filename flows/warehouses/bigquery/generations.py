"""The tables of a table's generations in BigQuery: compared, renamed and dropped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.model.entry import Touched
from flows.model.errors import WarehouseError
from flows.model.window import EVER
from flows.warehouses.bigquery import ledger, quarantine, tables, units
from flows.warehouses.bigquery.drift import settle
from flows.warehouses.bigquery.faults import OvertakenError
from flows.warehouses.bigquery.jobs import RETRY, translated
from flows.warehouses.bigquery.target import Attempt, Target
from flows.warehouses.bigquery.types import quote, quote_table
from flows.warehouses.interface import compared, every_row, parts_of, shadow_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.warehouses.bigquery.jobs import Jobs


def difference(
    jobs: Jobs, table: Table, entry: Entry, before: Table | None, drifting: Sequence[str]
) -> tuple[Touched, ...]:
    """Return where rows of an entry's generation differ from those that readers see, in the columns that both have."""
    columns = compared(before, table)
    if columns is None:
        return (Touched(EVER, changed=True),)
    shared = table.model_copy(update={"columns": tuple(one for one in table.columns if one.name in columns)})
    # One of the two definitions may forbid to read them without a filter.
    every = " AND ".join(dict.fromkeys([every_row(table), every_row(before or table)]))
    places = (quote_table(one.identity) for one in (shadow_of(table, entry.generation), table))
    new, old = (f"(SELECT * FROM {place} WHERE {every})" for place in places)
    found = jobs.query(f"SELECT ARRAY({units.difference(shared, old, new)}) AS units").rows[0]["units"]
    drifting = [name for name in drifting if name in columns]
    if found and drifting:
        # Worth its price only where there is a difference.
        attempt = Attempt(jobs, table.identity, None, table.owner, entry.run_id)
        try:
            _, found = settle(Target(attempt, shared), new, every, drifting)
        finally:
            attempt.drop()
    return units.touched(table, None, found)


def rename(jobs: Jobs, table: Table, generation: int, retired: int, run_id: str = "") -> None:
    """Give a generation the table's name, and what had it that of its own generation.

    The table of the generation goes last: where it is gone, all is done. The job of the run that has swapped runs once;
    another run looks at what is there first, and what is renamed already cannot be again. However late either comes,
    it renames nothing after whoever has gone on since.
    """
    new, old, seen = shadow_of(table, generation).identity, shadow_of(table, retired).identity, table.identity
    # In this order: where another run carries it out meanwhile, the table of the generation is found to be gone.
    names = [name for one in (old, seen, new) for name in (parts_of(one), one)]
    there = {name for name in names if tables.find(jobs, name)}
    newest = ledger.newest(jobs, seen) if new in there else {}
    if not newest or (newest["kind"], newest["generation"]) != ("swap", generation):
        return
    if {new, old, seen} <= there:
        there -= _drop_late(jobs, new, old, newest["committed_at"])
    if new not in there:
        return
    job_id = f"derived-swap-{table.identity.replace('.', '-')}-{generation}-{run_id}" if run_id else None
    try:
        ledger.run_at(jobs, seen, newest["version"], *_renames(new, old, seen, there), job_id=job_id)
    except OvertakenError:
        return
    except WarehouseError:
        # Another run has carried it out meanwhile, or a part of it.
        if tables.find(jobs, new) is None:
            return
        if not run_id:
            raise
        rename(jobs, table, generation, retired)


def _drop_late(jobs: Jobs, new: str, old: str, swapped_at: datetime) -> set[str]:
    """Drop what a run that had planned before a swap has made since, without rows.

    It is the table of the new generation where that is younger than the swap, which was then carried out, and else
    that of the one before, which the table that readers see still is; none where another run carries it out meanwhile.
    """
    found = tables.find(jobs, new)
    if found is None:
        return set()
    late = new if found.created and found.created > swapped_at else old
    dropped = [parts_of(late), late] if _is_empty(jobs, late) else []
    for one in dropped:
        tables.drop(jobs, one)
    return set(dropped)


def _renames(new: str, old: str, seen: str, there: set[str]) -> list[str]:
    """Return the statements that rename those tables that are there, with their parts first."""
    statements = []
    for source, name in [(parts_of(seen), parts_of(old)), (parts_of(new), parts_of(seen))]:
        if source in there and name not in there:
            statements.append(_renamed(source, name))
            there = {*there, name} - {source}
    return statements + [_renamed(source, name) for source, name in [(seen, old), (new, seen)] if source in there]


def _is_empty(jobs: Jobs, identity: str) -> bool:
    found = tables.find(jobs, identity)
    return found is not None and not found.num_rows


def _renamed(source: str, name: str) -> str:
    return f"ALTER TABLE {quote_table(source)} RENAME TO {quote(name.partition('.')[2])}"


def sweep(jobs: Jobs, table: Table, kept: Collection[int], newest: int) -> None:
    """Drop the tables of all generations up to the newest, but those kept."""
    dropped = []
    with translated(table.identity):
        place = f"{jobs.settings.project}.{table.dataset}"
        for item in jobs.client.list_tables(place, page_size=tables.LISTED, retry=RETRY):
            number = re.fullmatch(rf"{table.name}-g(\d+)(?:-parts)?", item.table_id)
            if number and int(number[1]) <= newest and int(number[1]) not in kept:
                dropped.append(f"{table.dataset}.{item.table_id}")
                tables.drop(jobs, dropped[-1])
    quarantine.drop(jobs, dropped)
