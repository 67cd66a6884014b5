"""Bad rows of a core table: list them by fault, and try them again."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import closing, redirect_stdout
from dataclasses import asdict, dataclass, field
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from flows.commands.one_table import run_command
from flows.commands.progress import Quiet
from flows.commands.terminal import err, out, out_json
from flows.engine import ledger
from flows.engine.request import Request
from flows.model.errors import DerivedError
from flows.model.safe_text import one_line
from flows.model.sizes import plural
from flows.model.window import EVER, Window, merge
from flows.sources.reasons import fault_of
from flows.warehouses.interface import shadow_of
from flows.wiring import load_alone, open_warehouse, project_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.table import Table

ROWS = """
    SELECT * FROM platform.quarantine WHERE table_name IN (@seen, @made){unmade}
    QUALIFY table_name = @made OR COUNTIF(table_name = @made) OVER (PARTITION BY place, raw) = 0
"""
"""Bad rows of a generation that is being made, and of what readers see where that has no rows yet; all once."""
GROUPS = """
    SELECT reason, place, raw, COUNT(*) OVER (PARTITION BY reason) AS n FROM ({rows}) AS bad
    QUALIFY ROW_NUMBER() OVER (PARTITION BY reason ORDER BY place) = 1 ORDER BY place
"""
PLACES = """
    SELECT window_start, window_end, place, COUNT(*) AS n FROM ({rows}) AS bad GROUP BY 1, 2, 3
"""


@dataclass(slots=True)
class BadRows:
    """Bad rows with one kind of fault, and one of them."""

    fault: str
    """The reason without the rows' values."""
    count: int
    place: str
    reason: str
    raw: str


@dataclass(slots=True)
class Replay:
    """What came of trying bad rows again."""

    tried: int = 0
    passed: int = 0
    bad: int = 0
    """How many are bad still."""
    more: int = 0
    """How many are bad that were not before."""
    errors: list[str] = field(default_factory=list)
    """Why windows failed; their rows are bad still."""


def list_bad_rows(table: str, *, as_json: bool) -> None:
    """Print the bad rows of a table by fault, with how many there are and one of them."""
    found = faults(load_alone("ingest", table).table(table))
    if as_json:
        out_json([asdict(group) for group in found])
        return
    if not found:
        out(f"{table}: no rows in quarantine")
    for group in found:
        out(f"{group.count:,}  {one_line(group.fault)}")
        place = f"    {one_line(group.place)}: "
        if group.reason != group.fault:
            out(f"{place}{one_line(group.reason)}")
            place = "      "
        out(f"{place}{one_line(group.raw)}")
    if found:
        out(
            "Mend them at the source, or in the file: `on_error: null` on the column has NULL there, `type: STRING` "
            "the text (a column of the key, the cursor or the partition takes no `on_error`). Then: python -m "
            f"flows.ingest {table} --replay"
        )


def replay_bad_rows(table: str, *, dry_run: bool, as_json: bool) -> None:
    """Read the windows of a table's bad rows again, and print what passes now."""
    # Programs read one JSON object; what the runs say goes to the other stream.
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        done = replay(table, partial(run_command, "ingest", dry_run=dry_run, as_json=False))
    if as_json:
        out_json({"table": table, **asdict(done)})
    elif not done.tried:
        out(f"{table}: no rows in quarantine")
    elif not dry_run:
        more = f"; {plural(done.more, 'row')} more found bad" if done.more else ""
        out(
            f"{table}: {plural(done.tried, 'row')} tried again: "
            f"{done.passed:,} no longer bad, {done.bad:,} still bad{more}"
        )
    for error in () if as_json else done.errors:
        err(error)
    if done.errors:
        raise typer.Exit(1)


def faults(table: Table) -> list[BadRows]:
    """Return what is wrong with a table's bad rows, what most rows have first."""
    found: dict[str, BadRows] = {}
    for row in _read(table, GROUPS):
        fault = fault_of(row["reason"])
        group = found.setdefault(fault, BadRows(fault, 0, row["place"], row["reason"], row["raw"]))
        group.count += row["n"]
    return sorted(found.values(), key=lambda group: -group.count)


def replay(table: str, run: Callable[[Request], None]) -> Replay:
    """Read the windows again in which bad rows were found, each as a commit of its own.

    Args:
        table: its identity.
        run: does what a request asks.
    """
    defined = load_alone("ingest", table).table(table)
    before = _places(defined)
    done = Replay(tried=sum(before.values()))
    for bounds in _windows(defined):
        try:
            run(Request(table, bounds, force=True))
        except DerivedError as error:
            done.errors.append(str(error))
    after = _places(defined)
    done.bad = sum((before & after).values())
    done.passed = done.tried - done.bad
    done.more = sum((after - before).values())
    return done


def _windows(table: Table) -> list[Window]:
    """Return the ranges of whole windows that hold bad rows, disjoint and in order."""
    spec = table.window
    if spec is None:
        return [EVER] if _places(table) else []
    found = {(row["window_start"], row["window_end"]) for row in _read(table, PLACES)}
    joined: list[Window] = []
    for start, end in sorted(span for span in found if span[0] is not None):
        span = Window(spec.size.floor(start.astimezone(UTC)), spec.size.ceiling(end.astimezone(UTC)))
        if joined and span.start < joined[-1].end:
            span = Window(joined[-1].start, max(joined.pop().end, span.end))
        joined.append(span)
    return joined


def _places(table: Table) -> Counter[str]:
    """Return where the bad rows stand; rows of a table without a key share their place."""
    places: Counter[str] = Counter()
    for row in _read(table, PLACES):
        places[row["place"]] += row["n"]
    return places


def _read(table: Table, sql: str) -> list[dict[str, Any]]:
    with closing(open_warehouse(project_folder(), Quiet().say, write=False)) as warehouse:
        if not warehouse.present(["platform.quarantine"]):
            return []
        begun = ledger.read(warehouse, [table])[table.identity].begun
        made = shadow_of(table, begun.number) if begun else table
        given: dict[str, Any] = {"seen": table.identity, "made": made.identity}
        unmade = ""
        for place, span in enumerate(merge(commit.window for commit in begun.state.committed) if begun else ()):
            unmade += (
                " AND (table_name = @made OR window_start IS NULL"
                f" OR window_start < @start{place} OR window_end > @end{place})"
            )
            given |= {f"start{place}": span.start, f"end{place}": span.end}
        return warehouse.query(sql.format(rows=ROWS.format(unmade=unmade)), given)
