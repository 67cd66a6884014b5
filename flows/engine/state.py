"""What the ledger knows of a table, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flows.model.change_index import ChangeIndex
from flows.model.window import BEGINNING, END, EVER, Window, covered, merge, subtract
from flows.project.definition import code_version

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.engine.question import Warning_
    from flows.model.definition import Change
    from flows.model.entry import Copied
    from flows.model.table import Table


KEPT = timedelta(days=7)
"""For how long rows stay that readers see no longer."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The newest commit of one range of adjacent windows under one code version."""

    window: Window
    version: int
    code_version: str
    began: datetime
    upstreams: Mapping[str, int]
    behind: timedelta = timedelta(0)
    """By how much the source's clock was behind the warehouse's."""
    is_accepted: bool = False
    """Whether its rows were those of the generation before; it may cover several windows."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A first copy of which parts are there, and that no commit has ended."""

    window: Window
    copied: Copied
    code_version: str
    holds: bool
    """Whether it can go on; where it cannot, the table holds rows that have to go."""


@dataclass(frozen=True, slots=True)
class LedgerState:
    """What the ledger knows of a table."""

    version: int = 0
    """Version of the newest commit."""
    committed: tuple[Committed, ...] = ()
    """In the order of their versions: a later one holds where two overlap."""
    changed: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    """What the table's file changes of definitions that made commits, by code version, where it changes anything."""
    begun: Begun | None = None
    """The first copy that is to be ended."""
    parts: tuple[Window, ...] = ()
    """Of which windows parts of first copies were read: rows may be there of more of them than is committed."""
    emptied: int = 0
    """Version of what emptied the table last; what was committed before holds no longer."""
    ahead: datetime | None = None
    """When commits claim to have begun whose run had a clock that was ahead; what was not over then is to be made."""
    early: tuple[Committed, ...] = ()
    """Commits of windows that were not over then: rows are there, and are made again when they are over."""

    @property
    def last(self) -> Committed | None:
        """The newest commit."""
        return self.committed[-1] if self.committed else None

    @property
    def held(self) -> list[Window]:
        """The ranges of which rows are there, disjoint and in order."""
        return merge([*(commit.window for commit in (*self.committed, *self.early)), *self.parts])

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the table's file changes of the definition of the newest commit."""
        # Also where a clock that is behind takes no window for over: the rows that are there are of that definition.
        newest = self.last or next(reversed(self.early), None)
        return self.changed.get(newest.code_version, ()) if newest else ()


@dataclass(frozen=True, slots=True)
class Generation:
    """Rows that are made beside those that readers see, until all are there."""

    number: int
    code_version: str
    state: LedgerState
    """What of it is committed; `changed` says what the table's file changes of its definition."""
    is_lost: bool = False
    """Whether its table is gone with rows that were committed."""
    accepts: tuple[Window, ...] = ()
    """Ranges of which it takes over the rows that are there, disjoint and in order; all time for a whole table."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a plan must know of a table that it reads."""

    version: int = 0
    """Version of its newest commit; 0 where it has none."""
    complete: tuple[Window, ...] = ()
    """Ranges of its partition column in which all rows are there, disjoint and in order."""
    touches: ChangeIndex = field(default_factory=lambda: ChangeIndex(()))
    trims: ChangeIndex = field(default_factory=lambda: ChangeIndex(()))
    """Which ranges its own file has taken away, so that what was made of them cannot be made again."""
    changed_at: datetime | None = None
    """When it was touched last."""
    failed: tuple[Window, ...] = ()
    """Ranges that were tried in vain and are not committed."""
    is_unfinished: bool = False
    """Whether its file has changed, and the rows that are read are to become as it says."""


@dataclass(frozen=True)
class Reading:
    """All that the ledger says of a table."""

    table: Table
    state: LedgerState
    """What is committed; nothing where the table itself is gone, for then it must be made again."""
    touched: Sequence[Mapping[str, Any]] = ()
    """The newest version of each range that was touched."""
    trimmed: Sequence[tuple[Window, int]] = ()
    """Ranges whose rows went as its file has them no longer, with the version that took them away."""
    tried: Sequence[Window] = ()
    """The ranges of which there are failures, in order."""
    failing: Sequence[Window] = ()
    """Those that nothing was committed of since they failed."""
    warned: Mapping[Warning_, tuple[str, ...]] = field(default_factory=dict)
    """The subjects of the warnings that its commits hold since it was last empty, by kind."""
    present: Table | None = None
    """The table, as the definition of its rows has it; None where nobody knows that."""
    generation: int = 0
    """That which readers see."""
    retired: tuple[int, ...] = ()
    """Those that readers saw before it, in the order in which they ceased to."""
    retired_at: tuple[datetime, ...] = ()
    """When they did."""
    newest: int = 0
    """The newest that was ever begun."""
    begun: Generation | None = None
    """The one that is being made."""
    declined: str = ""
    """Code version of the file by which somebody has turned away from a generation last, or has swapped one in."""
    begun_from: str = ""
    """The project's commit of the run that has begun the newest."""
    is_swapped: bool = False
    """Whether nothing was written since a swap, so that nobody has looked whether that was carried out."""

    def retired_lately(self, now: datetime) -> set[int]:
        """Return the generations whose rows are kept, as readers saw them until not long ago."""
        return {one for one, at in zip(self.retired, self.retired_at, strict=True) if now - at < KEPT}

    def has_expired(self, now: datetime) -> bool:
        """Say whether rows are to be dropped that readers see no longer, and not for so long that they were."""
        return any(KEPT <= now - at < 2 * KEPT for at in self.retired_at)

    @cached_property
    def upstream(self) -> Upstream:
        """What a plan of another table must know of this one."""
        committed = merge(commit.window for commit in self.state.committed)
        failed = tuple(window for window in self.tried if not covered(window, committed))
        differs = any(change.kind != "on_error" for change in self.state.changes)
        unfinished = self.begun is not None or (differs and self.declined != code_version(self.table))
        # What a generation took away that has no windows yet is gone from under what was made of it.
        is_there = bool(self.state.committed or self.retired)
        if not is_there or self.state.begun:
            return Upstream(failed=failed, is_unfinished=unfinished)
        touched = [(window_of(row), row["version"]) for row in self.touched]
        return Upstream(
            self.state.version if self.state.committed else 0,
            tuple(complete(self.present or self.table, self.state)),
            ChangeIndex(touched),
            ChangeIndex(self._gone(committed)),
            max((row["began"].astimezone(UTC) for row in self.touched), default=None),
            failed,
            unfinished,
        )

    def _gone(self, committed: Sequence[Window]) -> list[tuple[Window, int]]:
        """Return the ranges of the partition column whose rows were trimmed, and in which none are committed again."""
        if (self.present or self.table).is_bounded:
            return [(left, version) for window, version in self.trimmed for left in subtract([window], committed)]
        if self.table.source is None:
            # A row that is folded of several windows is there with what is left of them.
            return []
        still = {version for window, version in self.trimmed if subtract([window], committed)}
        return [(window_of(row), row["version"]) for row in self.touched if row["version"] in still]


def complete(table: Table, known: LedgerState) -> list[Window]:
    """Return the ranges in which all of a table's rows are there.

    A core table is complete up to the cursor to which every window is committed, a derived table over the ranges that
    are committed, and a table without windows up to the moment at which its last run began to read. Before the table's
    start there is nothing to come, and neither is there after its end.
    """
    if known.last is None:
        return []
    if table.window is None:
        return [Window(BEGINNING, known.last.began - known.last.behind)]
    done = merge([Window(BEGINNING, table.window.start), *(commit.window for commit in known.committed)])
    if table.source is not None:
        done = done[:1]
    if table.window.end is not None and done[-1].end >= table.window.end:
        done[-1] = Window(done[-1].start, END)
    return done


def as_it_is(table: Table, known: LedgerState) -> Table:
    """Return a table with all windows that are there: those that its file has no longer go with the definition."""
    spec, there = table.window, merge(commit.window for commit in (*known.committed, *known.early))
    if spec is None or not there:
        return table
    start, end = min(spec.start, there[0].start), spec.end and max(spec.end, there[-1].end)
    if (start, end) == (spec.start, spec.end):
        return table
    return table.model_copy(update={"window": spec.model_copy(update={"start": start, "end": end})})


def window_of(row: Mapping[str, Any]) -> Window:
    """Return the window of a row of the ledger; all time where it has none."""
    if row["window_start"] is None:
        return EVER
    return Window(row["window_start"].astimezone(UTC), row["window_end"].astimezone(UTC))
