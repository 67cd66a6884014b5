"""Ingest in two steps, where a stage is set: what was read of a source for a window is kept until it is committed.

The ledger alone says what is done. An extract says what was read, so that a load that failed, a lost process or another
try do not read the source again.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.engine import ledger
from flows.engine.commit import Met, entry_of, failure_recorded, good_rows, limit_of, refuse_bad, remarks_of
from flows.engine.division import pieces
from flows.extracts.manifest import Manifest
from flows.model.errors import CheckFailedError, ConflictError, QuarantineError, SourceError, WindowError
from flows.model.window import Window, subtract
from flows.sources.interface import first_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.engine.commit import TableRun
    from flows.engine.first_copy import FirstCopy
    from flows.engine.steps import Step
    from flows.extracts.stage import Stage
    from flows.model.entry import Entry, Notice
    from flows.model.errors import DerivedError
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse

REFUSED = (CheckFailedError, ConflictError, QuarantineError, SourceError, WindowError)
"""Why rows that were read are not wanted, or may be others by now; all else is the warehouse's fault, or a person's."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Where in the stage a window's extract is, or will be."""

    key: str | None
    """What it is found again by; None: it is this run's alone."""
    folder: str
    found: Manifest | None = None
    """What lies there already."""

    @property
    def cache_key(self) -> str | None:
        """What a cache of results may know the extract by; of another extract of the window it is another one.

        It is a name in the extract's own folder, so that the record of it goes when the files go.
        """
        return f"{self.folder}/result.json" if self.key else None


@dataclass
class Extracts:
    """The extracts of one table that a run finds and makes."""

    run: TableRun
    stage: Stage
    warehouse: Warehouse
    incarnation: str
    """Tells the table from another of its name, in another warehouse or in this one before it was dropped."""
    refresh: bool
    """Whether the source is read again whatever was read of it before."""
    emptied: int = 0
    """Version of what emptied the table last."""
    is_ahead: bool = False
    """Whether a clock that was ahead may have taken windows for over whose rows were still to come."""
    commits: list[tuple[Window, int]] = field(default_factory=list)
    """What each commit of the generation read of the source, and its version."""
    kept: dict[str, Manifest] = field(default_factory=dict)
    """What lies in the stage, by what it is found by."""
    remarks: tuple[Notice, ...] | None = None
    """What there is to say of the source, once it was read: while a first copy goes on it holds all connections."""

    def look_again(self) -> None:
        """Take what is committed now, also by others, and what lies in the stage and may still be loaded."""
        run, name = self.run, self.run.table.identity
        reading = ledger.read(self.warehouse, [run.table], ())[name]
        known = reading.begun.state if run.is_shadow and reading.begun else reading.state
        commits = (*known.committed, *known.early)
        self.commits = [(_read(run.table, commit.window), commit.version) for commit in commits]
        self.emptied, self.is_ahead, self.kept = known.emptied, known.ahead is not None, {}
        for one in self.stage.kept(name, self.warehouse.now()):
            # Others may share the stage: what is another table's is not looked into.
            if one.window and one.key == self.key(one.window, one.after) and self.stage.holds(one):
                self.kept[one.key] = one

    def steps(self, planned: Sequence[Step]) -> Iterator[Step]:
        """Give the planned steps, divided so that each range of which there is an extract is a step of its own."""
        for step in planned:
            disjoint: list[Window] = []
            for window in sorted(one.window for one in self.kept.values() if one.window and _makes_a_step(step, one)):
                if _holds(step, window) and self._found(window) and (not disjoint or disjoint[-1].end <= window.start):
                    disjoint.append(window)
            if step.window is None or not disjoint:
                yield step
                continue
            parts = sorted([*disjoint, *subtract([step.window], disjoint)])
            yield from (replace(step, window=part) for part in parts)

    def slot(self, step: Step, copy: FirstCopy | None) -> Slot:
        """Return where the extract of a step is, or will be; or of the next part of a first copy."""
        if step.window is None or _is_of_files(self.run.table):
            return Slot(None, self.stage.folder(self.run.table.identity))
        after = _after(copy)
        found = self._found(step.window, after)
        if found is not None and (copy is not None or found.is_whole):
            if copy is not None:  # here, as who knows what reading would give does not ask for it
                copy.take(found.position)
            return Slot(found.key, found.folder, found)
        return Slot(self.key(step.window, after), self.stage.folder(self.run.table.identity))

    def read(self, step: Step, slot: Slot, copy: FirstCopy | None) -> Manifest:
        """Read a step's rows into the stage, or the next part of them, unless they are there; return what was read.

        Raises:
            SourceError, QuarantineError, WarehouseError: nothing was kept; the failure is in the ledger.
        """
        if slot.found is not None:
            return slot.found
        run, window, started = self.run, step.window, time.perf_counter()
        assert run.source is not None  # noqa: S101 - a table without one has no extracts
        met = Met()
        entry = entry_of(run, step, self.warehouse, copy)
        try:
            with failure_recorded(run, entry, self.warehouse, met.bad):
                if self.remarks is None:
                    self.remarks = remarks_of(run, run.source)
                batches = copy.part() if copy else run.source.read(self.warehouse.as_read(run.table), window)
                files = self.stage.write(slot.folder, good_rows(run.table, window, batches, met))
                refuse_bad(run.table, window, met.bad, before=copy.bad if copy else 0)
                manifest = Manifest(
                    table=run.table.identity,
                    key=slot.key,
                    folder=slot.folder,
                    start=window and window.start,
                    end=window and window.end,
                    after=_after(copy),
                    position=copy.position if copy else None,
                    read_at=entry.began,
                    seconds=time.perf_counter() - started,
                    rows=files.rows,
                    bytes=files.memory,
                    files=files.files,
                    bad_rows=len(met.bad),
                    nulled=dict(met.nulled),
                    undated=met.undated,
                    outside=met.outside,
                    null_elements=files.null_elements,
                )
                self.stage.keep(manifest, met.bad)
        except BaseException:
            self.stage.remove(slot.folder)
            raise
        if slot.key is not None and slot.key in self.kept:
            self.stage.remove(self.kept[slot.key].folder)
        return manifest

    def committed(self, entry: Entry, slot: Slot) -> None:
        """Take what a step has committed; what was read for it is not needed any more."""
        if entry.window is not None and entry.kind == "commit":
            self.commits.append((_read(self.run.table, entry.window), entry.version))
        self.stage.remove(slot.folder)

    def failed(self, error: DerivedError, slot: Slot, window: Window | None) -> None:
        """Let go of rows that were refused for what they are: they may be others when they are read again.

        So it is with those of a range of windows that are read again piece by piece.
        """
        is_refused = isinstance(error, REFUSED) or bool(pieces(self.run.table, window, error))
        if slot.key is None or (is_refused and not error.transient):
            self.stage.remove(slot.folder)

    def _found(self, window: Window, after: str | None = None) -> Manifest | None:
        """Return what lies in the stage for a window and may be loaded: nothing was committed of it since."""
        found = None if self.refresh or self.is_ahead else self.kept.get(self.key(window, after))
        if found is None or found.read_at < window.end:
            return None
        return found if found.bad_rows <= limit_of(self.run.table) else None

    def key(self, window: Window, after: str | None) -> str:
        """Return what the extract of a window is found by, or that of the part that begins there."""
        table, read = self.run.table, _read(self.run.table, window)
        version = max((version for other, version in self.commits if other.overlaps(read)), default=0)
        values = [table.identity, self.incarnation, self.run.generation, self.emptied, self.run.code_version]
        values += map(str, (window.start, window.end))
        meaning = json.dumps([*values, str(read.start), version, after])
        return hashlib.sha256(meaning.encode()).hexdigest()[:32]


def extracts_of(run: TableRun, stage: Stage, warehouse: Warehouse, *, refresh: bool) -> Extracts:
    """Return the extracts of a run's table.

    Args:
        run: the run, whose table is there.
        stage: where they are.
        warehouse: where the table is.
        refresh: whether the source is read again whatever was read of it before.
    """
    refresh = refresh or _is_of_files(run.table)
    extracts = Extracts(run, stage, warehouse, warehouse.incarnation(run.table), refresh)
    extracts.look_again()
    return extracts


def _is_of_files(table: Table) -> bool:
    """Say whether what is read is only for the run that reads it: files grow and change, and have no clock to tell."""
    return table.source is not None and table.source.kind == "files"


def _read(table: Table, window: Window) -> Window:
    """Return which range of the cursor is read for a window."""
    overlap = getattr(table.source, "overlap", timedelta(0))
    return Window(first_moment(table, window, overlap), window.end)


def _holds(step: Step, part: Window) -> bool:
    """Say whether a step may be divided so that a part of its window is one of its own."""
    return (
        step.window is not None and not step.copied and step.window.start <= part.start and part.end <= step.window.end
    )


def _makes_a_step(step: Step, one: Manifest) -> bool:
    """Say whether an extract is all of a window, or the first part of a first copy that begins as the step does.

    That goes on to the end of the windows that had closed when it was read.
    """
    begins = step.is_first and step.window is not None and step.window.start == one.start
    return one.is_whole or (begins and one.after is None)


def _after(copy: FirstCopy | None) -> str | None:
    """Return what a first copy has come to."""
    return str(copy.copied) if copy and copy.copied else None
