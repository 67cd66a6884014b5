"""What a plan is made of: the windows to do, why, and what the others wait for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.model.window import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from flows.model.definition import Change
    from flows.model.entry import Copied
    from flows.model.errors import DerivedError
    from flows.model.table import Table
    from flows.model.types import Type
    from flows.model.window import Window

Cause = Literal["missing", "stale", "lookback", "forced", "trim", "accepted"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a window has to be done; `flows.report` has the words for it."""

    kind: Literal[
        "never made", "not committed", "begun", "asked for", "accepted", "definition", "changed", "due", "outside"
    ]
    subject: str = ""
    """The table that changed."""
    span: Window | None = None
    """The range in which it changed."""
    since: datetime | None = None
    """When it was due."""
    changes: tuple[Change, ...] = ()
    """What the table's file changes of its definition."""


@dataclass(frozen=True, slots=True)
class Step:
    """A window to do now, or a range of adjacent ones that one commit may cover."""

    window: Window | None
    """None: the whole table."""
    cause: Cause
    reason: Reason
    is_first: bool = False
    """Whether it is the first copy of its table, which may be several commits."""
    copied: Copied | None = None
    """How far that has come."""
    generation: int = 0
    """Into which its rows go."""
    older: tuple[tuple[str, int], ...] = ()
    """Tables that have changed since accepted rows were made of them, with the versions that were read."""

    @property
    def name(self) -> str:
        """What it is called for people."""
        return str(self.window or "whole table")


@dataclass(frozen=True, slots=True)
class Wait:
    """What a window waits for; `flows.report` has the words for it."""

    kind: Literal["rows", "completeness", "generation", "end", "change", "schedule"]
    """Of an upstream that has none or not all of what is read, or rows that are not yet as its file says; of the window
    itself; or of a table as a whole."""
    subjects: tuple[str, ...] = ()
    """The tables that are waited for."""
    reached: datetime | None = None
    """Up to where the upstream is complete; None where nothing is there."""
    until: datetime | None = None
    """Up to where it has to be, or when the window closes."""
    failed: Window | None = None
    """The range of the upstream that was tried in vain."""

    @property
    def is_for_rows(self) -> bool:
        """Whether it is for rows that an upstream lacks; all else waits for time, or for a reason to do anything."""
        return self.kind in {"rows", "completeness"}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Windows that cannot be done yet."""

    window: Window | None
    """A range of adjacent windows that wait for the same."""
    wait: Wait


@dataclass(frozen=True, slots=True)
class Behind:
    """Windows that are older than a change of a table that they read whole."""

    table: str
    """The table that changed."""
    windows: int
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Windows that are not made again though what they read has changed, as part of that is there no longer."""

    table: str
    """The table whose rows went as its file has them no longer."""
    windows: int


@dataclass(frozen=True, slots=True)
class Lacking:
    """What a table that is read whole lacks of its own windows."""

    table: str
    failed: tuple[Window, ...]
    """Ranges that were tried in vain."""


@dataclass(frozen=True, slots=True)
class Edition:
    """A table as one of its definitions has it, and where rows of that go."""

    table: Table
    generation: int
    schema: Mapping[str, Mapping[str, Type]]
    """Types of the table and of all that its SQL and checks name, as they are read, by identity and column."""
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The columns that tell their rows apart, of those tables that have such."""
    upstreams: Mapping[str, int] = field(default_factory=dict)
    """Versions of the tables that it reads: what is read is that new or newer."""
    is_shadow: bool = False
    """Whether readers do not see them yet."""


@dataclass(frozen=True, slots=True)
class Succession:
    """How a generation comes to take the place of the one that readers see."""

    generation: int
    retired: int
    """That which readers see until then."""
    before: Table | None
    """The table, as the definition of that has it."""
    changes: tuple[Change, ...]
    """What it changes; nothing where the same is made anew."""
    windows: int
    """How many closed windows it has; 1 for a whole table."""
    done: int
    """How many of them are made."""
    begins: bool
    """Whether it has yet to be begun."""
    accepts: Window | None = None
    """Of which range it is to take over the rows that are there, where somebody says so now."""
    seconds: float | None = None
    """About how long the others take, by what windows of the table took before."""
    is_whole: bool = False
    """Whether nothing more has to be made before it takes its place."""
    again: tuple[Step, ...] = ()
    """The last steps of the plan, of what readers see: they failed before, and are tried where it keeps its place."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does, oldest first, what waits, and of which state of the ledger that is true."""

    windows: tuple[Step, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    version: int = 0
    """Version of the table's newest commit."""
    changes: tuple[Change, ...] = ()
    """What the table's file changes of the definition of that commit."""
    upstreams: Mapping[str, int] = field(default_factory=dict)
    """Versions of the tables that it reads: what is read is that new or newer."""
    behind: tuple[Behind, ...] = ()
    """Windows that are left as they are though what they read has changed."""
    kept: tuple[Kept, ...] = ()
    """Windows that keep their rows as what they were made of has gone."""
    outside: tuple[Window, ...] = ()
    """Ranges of a core table that its file has no longer, and whose rows are still there."""
    lacking: tuple[Lacking, ...] = ()
    """What is read though it is not whole: the rows that come of it would else be less without a word."""
    ahead: datetime | None = None
    """When a run claims to have begun whose clock was ahead, so that its windows are made again."""
    starts_over: bool = False
    """Whether the table holds part of a first copy that cannot go on, which has to go before anything is done."""
    editions: tuple[Edition, ...] = ()
    """Those of which it has windows, by generation."""
    succession: Succession | None = None
    """What becomes of a changed definition."""
    abandons: int | None = None
    """A generation that was begun and is not wanted any more."""
    still: DerivedError | None = None
    """Why the rows that readers see cannot be kept up to date until the next generation is there."""
    accepts: bool = False
    """Whether rows of a core table stay that its file would have others of."""
    idle: Literal["", "nothing outside", "never copied"] = ""
    """Why a plan has no windows that is to do nothing but let rows go."""
    asked: Window | None = None
    """The whole windows that a person has asked for, where not for all."""
    bytes: int | None = None
    """How much its windows will read together, as a sample of them says; None where nobody counts."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a plan is made."""

    now: datetime
    """By the clock that closes windows: the warehouse's, or the source's where that is behind."""
    due: datetime
    """The newest moment at which the table's schedule was due."""
    held: datetime = BEGINNING
    """Up to when windows are to be there though this clock has not closed them: what takes the place of rows that are
    there must not have less of them."""

    @property
    def closes(self) -> datetime:
        """When windows have closed that are to be there."""
        return max(self.now, self.held)
