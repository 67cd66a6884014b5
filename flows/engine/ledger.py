"""Read the ledger: what is committed, what it had read, and what has been touched since.

The ledger is append-only tables in dataset `platform`, sharded by the table's identity. All that a plan asks of any
number of tables is one query, answered by the newest entry of each window and code version and of each touched range,
so that an answer grows with a table's windows and partitions and not with the number of its commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, get_args

from flows.engine import clocks
from flows.engine.answer import MAKING, Answer, Row
from flows.engine.definitions import changes_of, kept_texts, table_of
from flows.engine.first_copy import comes_in_parts
from flows.engine.question import Warning_, question, shard, shards
from flows.engine.state import Begun, Committed, Generation, LedgerState, Reading, window_of
from flows.model.change_index import ChangeIndex
from flows.model.entry import Copied
from flows.model.window import BEGINNING, END, EVER, Window, merge, subtract
from flows.project.definition import code_version
from flows.warehouses.interface import parts_of, shadow_of

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from flows.model.definition import Change
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse


def read(
    warehouse: Warehouse, tables: Iterable[Table], upstreams: Container[str] | None = None
) -> Mapping[str, Reading]:
    """Return what the ledger says of tables, by identity; it is asked once for all.

    Args:
        warehouse: whose ledger.
        tables: of which tables.
        upstreams: those of them of which others are planned, which need to know what was touched; None: all.
    """
    by_name = {table.identity: table for table in tables}
    kept_apart = {table.identity: parts_of(table.identity) for table in by_name.values() if table.is_folded}
    present = warehouse.present({*by_name, *shards(by_name), *kept_apart.values()})
    apart = {name for name in by_name if kept_apart.get(name, name) in present}
    names = [name for name in by_name if shard(name) in present]
    answer = Answer(warehouse.pages(*question(names, upstreams)) if names else ())
    now = warehouse.now()
    others = {name: answer.code_versions[name] - {code_version(table)} for name, table in by_name.items()}
    texts = kept_texts(warehouse, others)
    begun = {shadow_of(by_name[name], number).identity for name, number in answer.begun.items()}
    shadows = warehouse.present({*begun, *map(parts_of, begun)}) if begun else set()
    there = (present & by_name.keys(), apart, shadows)
    return _Readings(by_name, answer, lambda table, found: _reading(table, found, texts[table.identity], there, now))


class _Readings(Mapping[str, Reading]):
    """What the ledger says of tables, each of which is made out of its answer when somebody asks for it."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        answer: Answer,
        make_out: Callable[[Table, Mapping[str, list[Row]]], Reading],
    ) -> None:
        self._tables, self._answer, self._make_out = tables, answer, make_out
        self._made_out: dict[str, Reading] = {}
        """Those whose rows the answer has no longer."""

    def __getitem__(self, name: str) -> Reading:
        if name in self._made_out:
            return self._made_out[name]
        reading = self._make_out(self._tables[name], self._answer.of(name))
        if not self._answer.is_packed:
            self._made_out[name] = reading
        return reading

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


def sizes(warehouse: Warehouse, names: Sequence[str]) -> dict[str, int]:
    """Return how many entries the ledger has of tables; those without any are not among them."""
    present = warehouse.present(shards(names))
    if not present:
        return {}
    every = " UNION ALL ".join(f"SELECT table_name FROM {shard}" for shard in sorted(present))
    counts = f"SELECT table_name, COUNT(*) AS n FROM ({every}) GROUP BY table_name"
    return {row["table_name"]: row["n"] for row in warehouse.query(counts, {})}


@dataclass(frozen=True)
class _Rows:
    """What the ledger says of a table, by what it is about."""

    all: Sequence[Mapping[str, Any]]
    """In the order of their versions, as all else."""
    seen: Sequence[Mapping[str, Any]]
    """Of the generation that readers see, since the table was last empty."""
    swaps: Sequence[Mapping[str, Any]]
    begun: Mapping[str, Any] | None
    """What has begun a generation that is still being made."""
    accepts: Sequence[Window]
    """Ranges of which somebody has said since that it takes over the rows that are there."""
    made: Sequence[Mapping[str, Any]]
    """Of that generation."""

    @classmethod
    def of(cls, entries: Sequence[Mapping[str, Any]]) -> _Rows:
        """Return the entries of a table, sorted out."""
        emptied = max((row["version"] for row in entries if row["kind"] == "reset"), default=0)
        swaps = [row for row in entries if row["kind"] == "swap"]
        seen = swaps[-1]["generation"] if swaps else 0
        turns = [row for row in entries if row["kind"] in {"begin", "swap", "abandon"} and row["version"] > emptied]
        number = turns[-1]["generation"] if turns and turns[-1]["kind"] == "begin" else None
        begins = [row for row in turns if row["kind"] == "begin" and row["generation"] == number]
        begun = begins[0] if begins else None

        def of(generation: int, since: int) -> list[Mapping[str, Any]]:
            later = [row for row in entries if row["version"] > since]
            return [row for row in later if (row["generation"] or 0) == generation or _is_of_all(row)]

        made = of(begun["generation"], begun["version"]) if begun else []
        accepts = merge(window_of(row) for row in begins if row["window_start"] is not None)
        return cls(entries, of(seen, emptied), swaps, begun, accepts, made)

    @property
    def declined(self) -> str:
        """The code version of what has ended a generation last, where none was begun since."""
        ends = [] if self.begun else [row["code_version"] for row in self.all if row["kind"] in {"swap", "abandon"}]
        return ends[-1] if ends else ""

    @property
    def code_versions(self) -> set[str]:
        """Those under which the rows were made."""
        turns = [self.begun] if self.begun else []
        return {row["code_version"] for row in (*self.seen, *self.made, *turns) if row["kind"] in MAKING}


def _version(row: Mapping[str, Any]) -> int:
    version: int = row["version"]
    return version


def _reading(
    table: Table,
    found: Mapping[str, list[Row]],
    texts: Mapping[str, str],
    there: tuple[Container[str], Container[str], Container[str]],
    now: datetime,
) -> Reading:
    """Return what the ledger says of a table.

    Of tables those are `there` that are named first, and have their parts that are named second; last come those of
    generations that readers do not see.
    """
    rows = _Rows.of(sorted(found["entry"], key=_version))
    others = rows.code_versions - {code_version(table)}
    changed = {one: changes for one in others if (changes := changes_of(texts.get(one), table))}
    made_by = next((row["code_version"] for row in reversed(rows.seen) if row["kind"] in {"commit", "accept"}), None)
    # Of a file that has come to say that rows are folded there are no parts yet.
    is_there = table.identity in there[0] and (made_by in changed or table.identity in there[1])
    emptied = max((row["version"] for row in rows.all if row["kind"] == "reset" or not is_there), default=0)
    warned: dict[Warning_, tuple[str, ...]] = {
        kind: tuple(
            sorted(row["subject"] for row in found["warning"] if row["kind"] == kind and row["version"] > emptied)
        )
        for kind in get_args(Warning_)
    }
    version = rows.all[-1]["version"] if rows.all else 0
    state = LedgerState(version=version)
    if is_there:
        state = _state(table, rows.seen, version, changed, now)
        state = replace(state, emptied=max(emptied, state.emptied))
    present: Table | None = table
    newest = state.last.code_version if state.last else made_by
    if is_there and newest in changed:
        present = table_of(texts.get(newest), table)
    return Reading(
        table,
        state,
        found["touch"],
        [(window_of(row), row["version"]) for row in rows.all if row["kind"] == "trim"]
        + _gone_by_swap(present, rows, found["touch"]),
        sorted(map(window_of, found["failure"])),
        _failing(rows.all, found["failure"]),
        warned,
        present,
        generation=rows.swaps[-1]["generation"] if rows.swaps else 0,
        retired=(0, *(row["generation"] for row in rows.swaps[:-1])) if rows.swaps else (),
        retired_at=tuple(row["committed_at"].astimezone(UTC) for row in rows.swaps),
        newest=max((row["generation"] or 0 for row in rows.all), default=0),
        begun=_generation(table, rows, changed, there[2], now) if is_there else None,
        declined=rows.declined,
        begun_from=next((row["git_commit"] for row in reversed(rows.all) if row["kind"] == "begin"), ""),
        is_swapped=bool(rows.all) and rows.all[-1]["kind"] == "swap",
    )


def _gone_by_swap(present: Table | None, rows: _Rows, touched: Sequence[Mapping[str, Any]]) -> list[tuple[Window, int]]:
    """Return the ranges that held rows once and are in the table no longer, at the latest since the newest swap."""
    if present is None or present.window is None or not rows.swaps:
        return []
    swap, spec = rows.swaps[-1]["version"], present.window
    spans = [span for row in touched if (span := window_of(row)) != EVER]
    return [(left, swap) for left in subtract(merge(spans), [Window(spec.start, spec.end or END)])]


def _generation(
    table: Table, rows: _Rows, changed: Mapping[str, tuple[Change, ...]], shadows: Container[str], now: datetime
) -> Generation | None:
    if rows.begun is None:
        return None
    number, own = rows.begun["generation"], rows.begun["code_version"]
    state = _state(table, rows.made, rows.all[-1]["version"], changed, now)
    name = shadow_of(table, number).identity
    is_lost = bool(state.held) and not (name in shadows and (not table.is_folded or parts_of(name) in shadows))
    differs = {own: changed[own]} if own in changed else {}
    return Generation(number, own, replace(state, changed=differs), is_lost, tuple(rows.accepts))


def _failing(entries: Sequence[Mapping[str, Any]], failures: Sequence[Mapping[str, Any]]) -> list[Window]:
    if not failures:
        return []
    commits = [row for row in entries if _is_commit(row) and row["window_start"] is not None]
    newest = ChangeIndex([(window_of(row), _microseconds(row["committed_at"])) for row in commits])
    windows = ((window_of(row), row) for row in failures if row["window_start"] is not None)
    return [window for window, row in windows if newest.within(window) < _microseconds(row["committed_at"])]


def _microseconds(moment: datetime) -> int:
    return (moment - BEGINNING) // timedelta(microseconds=1)


def _state(
    table: Table,
    entries: Sequence[Mapping[str, Any]],
    version: int,
    changed: Mapping[str, tuple[Change, ...]],
    now: datetime,
) -> LedgerState:
    """Return what entries of one generation say, in the order of their versions; `version` is that of the newest."""
    commits = [row for row in entries if _is_commit(row)]
    is_whole = table.window is None
    if table.sql is not None and commits:
        is_whole = commits[-1]["window_start"] is None
    # Where a table has changed from windows to a whole or back, commits before that hold no longer.
    end = max((row["version"] for row in commits if (row["window_start"] is None) != is_whole), default=0)
    since = [row for row in entries if row["version"] > end]
    early = clocks.early(since, now)
    accepts = [row for row in since if _is_of_all(row)]
    made = [_committed(_accepted(row, accepts)) for row in since if _is_commit(row)]
    trims = [(window_of(row), row["version"]) for row in since if row["kind"] == "trim"]
    committed = [
        replace(commit, window=left) for commit in made for left in _left(commit.window, commit.version, trims)
    ]
    parts = [row for row in since if row["kind"] == "part" and row["window_start"] is not None]
    held = merge(left for row in parts for left in _left(window_of(row), row["version"], trims))
    kept, not_over, ahead = clocks.in_their_time(table, committed, early)
    begun = _begun(table, since, early, trims)
    if begun is not None and begun.code_version in changed:
        begun = replace(begun, holds=False)
    # Where all was trimmed the table is still as its newest commit has left it.
    made_by = {commit.code_version for commit in kept or made[-1:]}
    own = {one: changes for one, changes in changed.items() if one in made_by}
    return LedgerState(version, kept, own, begun, tuple(held), end, ahead, not_over)


def _left(window: Window, version: int, trims: Sequence[tuple[Window, int]]) -> list[Window]:
    """Return what later trims have left of a window."""
    return subtract([window], [trimmed for trimmed, at in trims if at > version])


def _begun(
    table: Table, entries: Sequence[Mapping[str, Any]], early: Container[int], trims: Sequence[tuple[Window, int]]
) -> Begun | None:
    """Return the first copy of which the newest part is there, and of whose windows none was committed since."""
    part = next((row for row in reversed(entries) if row["kind"] == "part"), None)
    if part is None or table.window is None:
        return None
    # What was trimmed since is to be read again, should the table come to have it again.
    window = next(iter(_left(window_of(part), part["version"], trims)), None)
    if window is None or any(_is_commit(row) and window.overlaps(window_of(row)) for row in entries):
        return None
    holds = comes_in_parts(table) and part["version"] not in early
    return Begun(window, Copied.parse(part["copied"]), part["code_version"], holds)


def _is_commit(row: Mapping[str, Any]) -> bool:
    """Say what `Entry.is_commit` says."""
    return row["kind"] == "commit" or (row["kind"] == "accept" and bool(row["generation"]))


def _is_of_all(row: Mapping[str, Any]) -> bool:
    """Say whether an entry is of a core table's rows, whichever generation they are."""
    return row["kind"] == "accept" and not row["generation"]


def _accepted(row: Mapping[str, Any], accepts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a commit as one of the definition under which somebody has since accepted it."""
    later = [accept["code_version"] for accept in accepts if accept["version"] > row["version"]]
    return {**row, "code_version": later[-1]} if later else row


def _committed(row: Mapping[str, Any]) -> Committed:
    upstreams = {item["table_name"]: item["version"] for item in row["upstreams"]}
    behind = timedelta(seconds=row["source_behind"] or 0)
    began = row["began"].astimezone(UTC)
    is_accepted = row["kind"] == "accept"
    return Committed(window_of(row), row["version"], row["code_version"], began, upstreams, behind, is_accepted)
