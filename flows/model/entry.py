"""What the ledger remembers of one commit or one failure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from flows.model.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flows.model.types import Type
    from flows.model.window import Window


@dataclass(frozen=True, slots=True)
class Touched:
    """A range of a table's partition column that a commit changed."""

    range: Window
    changed: bool
    """Whether rows were changed or removed there; False where rows were only added."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know of a table or of one of its commits; `flows.report` has the words for it."""

    kind: Literal[
        "check",
        "unread",
        "quarantine",
        "nulled",
        "undated",
        "outside",
        "tied",
        "gone",
        "source",
        "new_column",
        "retyped_column",
    ]
    subject: str = ""
    """What it is about: a check, a column or another table."""
    detail: str = ""
    """What was found, for people."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How far the first copy of a table has come that is several commits."""

    position: str
    """Where its reading goes on, in the source's own words."""
    rows: int
    """Rows that the table holds of it."""
    bad: int
    """Rows of it that are in quarantine."""

    @classmethod
    def parse(cls, text: str) -> Copied:
        """Return what `str` wrote."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; lines are only ever added."""

    table: str
    """Identity of the table."""
    kind: Literal["commit", "part", "failure", "reset", "accept", "trim", "begin", "swap", "abandon"]
    """A part is a commit of some rows of a first copy, of which no window is complete before the commit that ends it.
    A reset says that the table was gone: commits before it hold no longer, and all its rows were touched.
    An accept without a generation, a core table's, says that what was committed before under other definitions holds
    under this one. One of a generation commits windows whose rows were those of the generation before it.
    A trim says that rows of windows that the table no longer has are gone: their commits hold no longer.
    A begin opens a generation, whose commits hold when a swap has put it in the place of the one that readers see; an
    abandon says that it will not. One with a window says that it takes over the rows that are there of that range."""
    window: Window | None
    """The range of adjacent windows; None where the whole table was replaced."""
    run_id: str
    run_by: str
    """Who or what started the run."""
    code_version: str
    """`definition.code_version` of the file that the run used."""
    git_commit: str
    """The project's commit; empty where it is not known."""
    began: datetime
    """When the run began to read for this window."""
    upstreams: Mapping[str, int]
    """The version of each upstream table that was read, by identity."""
    generation: int = 0
    """Which of the table's generations it is about; the first is 0."""
    version: int = 0
    """Counts all of a table's entries but failures from 1; the warehouse gives it. 0 for a failure."""
    committed_at: datetime | None = None
    """When it was written to the ledger, by the warehouse's clock; the warehouse gives it."""
    rows: int = 0
    """Rows that the window holds; those of a part alone."""
    bytes: int | None = None
    """Bytes that were read, where the source or the warehouse says."""
    seconds: float = 0.0
    source_behind: float = 0.0
    """Seconds by which the source's clock was behind the warehouse's."""
    touched: tuple[Touched, ...] = ()
    copied: Copied | None = None
    """How far a first copy has come with this part."""
    adds: bool = False
    """Whether what was read comes beside the parts that are there, in the table and in quarantine; not kept."""
    is_shadow: bool = False
    """Whether its generation is one that readers do not see yet; not kept."""
    warnings: tuple[Notice, ...] = field(default=())
    """Checks of severity `warn` that failed, and what there is to say of the source and of the rows."""
    error: str | None = None
    """Why the window failed."""

    @property
    def is_commit(self) -> bool:
        """Whether it says that windows are committed."""
        return self.kind == "commit" or (self.kind == "accept" and self.generation > 0)


@dataclass(frozen=True, slots=True)
class LedgerColumn:
    """A column of the ledger's tables."""

    name: str
    type: Type
    value: Callable[[Entry], object]
    """What it holds of an entry."""
    required: bool = False
    """Whether it is never NULL."""


LEDGER_COLUMNS = (
    LedgerColumn("table_name", parse_type("STRING"), lambda entry: entry.table, required=True),
    LedgerColumn("kind", parse_type("STRING"), lambda entry: entry.kind, required=True),
    LedgerColumn("version", parse_type("INT64"), lambda entry: entry.version, required=True),
    LedgerColumn("window_start", parse_type("TIMESTAMP"), lambda entry: entry.window and entry.window.start),
    LedgerColumn("window_end", parse_type("TIMESTAMP"), lambda entry: entry.window and entry.window.end),
    LedgerColumn("committed_at", parse_type("TIMESTAMP"), lambda entry: entry.committed_at, required=True),
    LedgerColumn("began", parse_type("TIMESTAMP"), lambda entry: entry.began, required=True),
    LedgerColumn("seconds", parse_type("FLOAT64"), lambda entry: entry.seconds),
    LedgerColumn("rows", parse_type("INT64"), lambda entry: entry.rows),
    LedgerColumn("bytes", parse_type("INT64"), lambda entry: entry.bytes),
    LedgerColumn("source_behind", parse_type("FLOAT64"), lambda entry: entry.source_behind),
    LedgerColumn("run_id", parse_type("STRING"), lambda entry: entry.run_id),
    LedgerColumn("run_by", parse_type("STRING"), lambda entry: entry.run_by),
    LedgerColumn("code_version", parse_type("STRING"), lambda entry: entry.code_version),
    LedgerColumn("git_commit", parse_type("STRING"), lambda entry: entry.git_commit),
    LedgerColumn(
        "upstreams",
        parse_type("ARRAY<STRUCT<table_name STRING, version INT64>>"),
        lambda entry: [{"table_name": name, "version": version} for name, version in entry.upstreams.items()],
    ),
    LedgerColumn(
        "touched",
        parse_type("ARRAY<STRUCT<range_start TIMESTAMP, range_end TIMESTAMP, changed BOOL>>"),
        lambda entry: [
            {"range_start": item.range.start, "range_end": item.range.end, "changed": item.changed}
            for item in entry.touched
        ],
    ),
    LedgerColumn(
        "warnings",
        parse_type("ARRAY<STRUCT<kind STRING, subject STRING, detail STRING>>"),
        lambda entry: [{"kind": item.kind, "subject": item.subject, "detail": item.detail} for item in entry.warnings],
    ),
    LedgerColumn("error", parse_type("STRING"), lambda entry: entry.error),
    LedgerColumn("copied", parse_type("STRING"), lambda entry: entry.copied and str(entry.copied)),
    LedgerColumn("generation", parse_type("INT64"), lambda entry: entry.generation),
)
"""What the ledger's tables hold, in any warehouse: they are made, written and read by these names."""
