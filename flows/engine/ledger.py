"""Read the ledger: what is committed, what it had read, and what has been touched since.

The ledger is append-only tables in dataset `platform`, sharded by the table's identity. All that a plan asks of any
number of tables is one query, answered by the newest entry of each window and code version and of each touched range,
so that an answer grows with a table's windows and partitions and not with the number of its commits.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from flows.engine.first_copy import comes_in_parts
from flows.engine.question import Warning_, question, shard, shards
from flows.model.change_index import ChangeIndex
from flows.model.definition import DEFINITIONS, Change, Definition
from flows.model.entry import Copied
from flows.model.errors import SqlError
from flows.model.window import BEGINNING, END, EVER, SKEW, Window, covered, merge, subtract
from flows.project.definition import as_defined, changes, code_version, definition_text
from flows.warehouses.interface import parts_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


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
    emptied: int = 0
    """Version of what emptied the table last; what was committed before holds no longer."""
    ahead: datetime | None = None
    """When commits claim to have begun whose run had a clock that was ahead; what was not over then is to be made."""

    @property
    def last(self) -> Committed | None:
        """The newest commit."""
        return self.committed[-1] if self.committed else None

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the table's file changes of the definition of the newest commit."""
        return self.changed.get(self.last.code_version, ()) if self.last else ()


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a plan must know of a table that it reads."""

    version: int = 0
    """Version of its newest commit; 0 where it has none."""
    complete: tuple[Window, ...] = ()
    """Ranges of its partition column in which all rows are there, disjoint and in order."""
    touches: ChangeIndex = field(default_factory=lambda: ChangeIndex(()))
    changed_at: datetime | None = None
    """When it was touched last."""
    failed: tuple[Window, ...] = ()
    """Ranges that were tried in vain and are not committed."""


@dataclass(frozen=True)
class Reading:
    """All that the ledger says of a table."""

    table: Table
    state: LedgerState
    """What is committed; nothing where the table itself is gone, for then it must be made again."""
    touched: Sequence[Mapping[str, Any]] = ()
    """The newest version of each range that was touched."""
    tried: Sequence[Window] = ()
    """The ranges of which there are failures, in order."""
    failing: Sequence[Window] = ()
    """Those that nothing was committed of since they failed."""
    warned: Mapping[Warning_, tuple[str, ...]] = field(default_factory=dict)
    """The subjects of the warnings that its commits hold since it was last empty, by kind."""

    @cached_property
    def upstream(self) -> Upstream:
        """What a plan of another table must know of this one."""
        committed = merge(commit.window for commit in self.state.committed)
        failed = tuple(window for window in self.tried if not covered(window, committed))
        if not self.state.committed or self.state.begun:
            return Upstream(failed=failed)
        touched = [(_window(row), row["version"]) for row in self.touched]
        return Upstream(
            self.state.version,
            tuple(complete(self.table, self.state)),
            ChangeIndex(touched),
            max((_utc(row["began"]) for row in self.touched), default=None),
            failed,
        )


def read(warehouse: Warehouse, tables: Iterable[Table], upstreams: Container[str] | None = None) -> dict[str, Reading]:
    """Return what the ledger says of tables, by identity; it is asked once for all.

    Args:
        warehouse: whose ledger.
        tables: of which tables.
        upstreams: those of them of which others are planned, which need to know what was touched; None: all.
    """
    by_name = {table.identity: table for table in tables}
    kept_apart = {table.identity: parts_of(table.identity) for table in by_name.values() if table.is_folded}
    present = warehouse.present({*by_name, *shards(by_name), *kept_apart.values()})
    there = {name for name in by_name if {name, kept_apart.get(name, name)} <= set(present)}
    names = [name for name in by_name if shard(name) in present]
    found: dict[str, dict[str, list[dict[str, Any]]]] = {name: defaultdict(list) for name in by_name}
    for row in warehouse.query(*question(names, upstreams)) if names else ():
        found[row["table_name"]][row["part"]].append(row)
    now = warehouse.now()
    readings = {name: _reading(table, found[name], now, is_there=name in there) for name, table in by_name.items()}
    return _with_changes(warehouse, readings)


def sizes(warehouse: Warehouse, names: Sequence[str]) -> dict[str, int]:
    """Return how many entries the ledger has of tables; those without any are not among them."""
    present = warehouse.present(shards(names))
    if not present:
        return {}
    every = " UNION ALL ".join(f"SELECT table_name FROM {shard}" for shard in sorted(present))
    counts = f"SELECT table_name, COUNT(*) AS n FROM ({every}) GROUP BY table_name"
    return {row["table_name"]: row["n"] for row in warehouse.query(counts, {})}


def _reading(table: Table, found: Mapping[str, list[dict[str, Any]]], now: datetime, *, is_there: bool) -> Reading:
    entries = sorted(found["entry"], key=lambda row: row["version"])
    emptied = max((row["version"] for row in entries if row["kind"] == "reset" or not is_there), default=0)
    warned: dict[Warning_, tuple[str, ...]] = {
        kind: tuple(
            sorted(row["subject"] for row in found["warning"] if row["kind"] == kind and row["version"] > emptied)
        )
        for kind in get_args(Warning_)
    }
    tried = sorted(map(_window, found["failure"]))
    failing = _failing(entries, found["failure"])
    return Reading(table, _state(table, entries, now, is_there=is_there), found["touch"], tried, failing, warned)


def _failing(entries: Sequence[Mapping[str, Any]], failures: Sequence[Mapping[str, Any]]) -> list[Window]:
    if not failures:
        return []
    commits = [row for row in entries if row["kind"] == "commit" and row["window_start"] is not None]
    newest = ChangeIndex([(_window(row), _microseconds(row["committed_at"])) for row in commits])
    windows = ((_window(row), row) for row in failures if row["window_start"] is not None)
    return [window for window, row in windows if newest.within(window) < _microseconds(row["committed_at"])]


def _microseconds(moment: datetime) -> int:
    return (moment - BEGINNING) // timedelta(microseconds=1)


def _state(table: Table, entries: Sequence[Mapping[str, Any]], now: datetime, *, is_there: bool) -> LedgerState:
    version = entries[-1]["version"] if entries else 0
    if not is_there:
        return LedgerState(version=version)
    # Where a table has changed from windows to a whole or back, commits before that hold no longer.
    others = (row for row in entries if row["kind"] == "commit" and (row["window_start"] is None) != (not table.window))
    resets = (row for row in entries if row["kind"] == "reset")
    end = max((row["version"] for row in (*others, *resets)), default=0)
    since = [row for row in entries if row["version"] > end]
    early = _early(since, now)
    accepts = [row for row in since if row["kind"] == "accept"]
    committed = [_committed(_accepted(row, accepts)) for row in since if row["kind"] == "commit"]
    kept, ahead = _in_their_time(table, committed, early)
    return LedgerState(version, kept, begun=_begun(table, since, early), emptied=end, ahead=ahead)


def _begun(table: Table, entries: Sequence[Mapping[str, Any]], early: Container[int]) -> Begun | None:
    """Return the first copy of which the newest part is there, and of whose windows none was committed since."""
    part = next((row for row in reversed(entries) if row["kind"] == "part"), None)
    if part is None or table.window is None:
        return None
    window = _window(part)
    if any(row["kind"] == "commit" and window.overlaps(_window(row)) for row in entries):
        return None
    holds = comes_in_parts(table) and part["version"] not in early
    return Begun(window, Copied.parse(part["copied"]), part["code_version"], holds)


def _accepted(row: Mapping[str, Any], accepts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a commit as one of the definition under which somebody has since accepted it."""
    later = [accept["code_version"] for accept in accepts if accept["version"] > row["version"]]
    return {**row, "code_version": later[-1]} if later else row


def _with_changes(warehouse: Warehouse, readings: Mapping[str, Reading]) -> dict[str, Reading]:
    """Return readings with what the files change of the definitions of the commits."""
    others = {
        name: code_versions
        for name, one in readings.items()
        if (code_versions := _code_versions(one.state) - {code_version(one.table)})
    }
    texts: dict[tuple[str, str], str] = {}
    if others and warehouse.present([DEFINITIONS]):
        places = {f"table_{place}": name for place, name in enumerate(others)}
        rows = warehouse.query(
            f"SELECT table_name, code_version, text FROM {DEFINITIONS}"
            f" WHERE table_name IN ({', '.join(f'@{place}' for place in places)})",
            places,
        )
        texts = {(row["table_name"], row["code_version"]): row["text"] for row in rows}
    found = dict(readings)
    for name, code_versions in others.items():
        one = readings[name]
        differs = {version: _changes_of(texts.get((name, version)), one.table) for version in code_versions}
        changed = {version: changes for version, changes in differs.items() if changes}
        begun = one.state.begun
        if begun is not None and begun.code_version in changed:
            begun = replace(begun, holds=False)
        found[name] = replace(one, state=replace(one.state, changed=changed, begun=begun))
    return found


def _code_versions(state: LedgerState) -> set[str]:
    begun = {state.begun.code_version} if state.begun else set()
    return begun | {commit.code_version for commit in state.committed}


def _changes_of(text: str | None, table: Table) -> tuple[Change, ...]:
    """Return what the table's file changes of a kept definition."""
    if text == definition_text(table):
        return ()
    try:
        return changes(as_defined(text, table), table) if text else (Change("unknown"),)
    except (ValueError, SqlError):
        return (Change("unknown"),)


def keep_definition(warehouse: Warehouse, table: Table, run_by: str, git_commit: str) -> None:
    """Keep the text of a table's definition, unless it is kept already."""
    warehouse.keep(
        Definition(table.identity, code_version(table), definition_text(table), run_by, git_commit, warehouse.now())
    )


def _early(entries: Sequence[Mapping[str, Any]], now: datetime) -> set[int]:
    """Return the versions of commits that claim to have begun when later ones, or the present, were not yet.

    They were made by a clock that was ahead: what begins after another was committed is committed after it.
    """
    latest = now + SKEW
    early: set[int] = set()
    for row in reversed(entries):
        if _utc(row["began"]) > latest:
            early.add(row["version"])
        else:
            latest = min(latest, _utc(row["committed_at"]) + SKEW)
    return early


def _in_their_time(
    table: Table, committed: Sequence[Committed], early: Container[int]
) -> tuple[tuple[Committed, ...], datetime | None]:
    """Return the commits without windows that a clock which was ahead took for over, and how far ahead it was.

    The windows of a commit that such a clock made hold as far as they were over when a commit before it began.
    """
    if not any(commit.version in early for commit in committed):
        return tuple(committed), None
    kept: list[Committed] = []
    lost: list[Window] = []
    sure: datetime | None = None
    for commit in committed:
        if commit.version not in early:
            sure = commit.began
            kept.append(commit)
            continue
        over = table.window.closed(sure - commit.behind) if table.window and sure else None
        holds = commit.window.intersect(over) if over else None
        kept += [replace(commit, window=holds)] if holds else []
        lost += subtract([commit.window], [holds] if holds else [])
    ahead = max(commit.began for commit in committed if commit.version in early)
    made_since = [commit.window for commit in kept]
    return tuple(kept), ahead if subtract(lost, made_since) else None


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


def _committed(row: Mapping[str, Any]) -> Committed:
    upstreams = {item["table_name"]: item["version"] for item in row["upstreams"]}
    behind = timedelta(seconds=row["source_behind"] or 0)
    return Committed(_window(row), row["version"], row["code_version"], _utc(row["began"]), upstreams, behind)


def _window(row: Mapping[str, Any]) -> Window:
    return EVER if row["window_start"] is None else Window(_utc(row["window_start"]), _utc(row["window_end"]))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
