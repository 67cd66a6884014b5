"""The rows of one window in BigQuery: staged in a table that helps, looked at, and published by one script or dropped.

What a publish does is decided before it, by a look at the table; its transaction goes on only where the table is still
as it was when it was looked at. Another look follows where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flows.model.errors import BudgetError, ConflictError, WarehouseUnavailableError
from flows.model.safe_text import row_text
from flows.model.sizes import shown_bytes
from flows.sql import to_bigquery
from flows.warehouses.bigquery import ledger, merge, quarantine
from flows.warehouses.bigquery import replace as replace_
from flows.warehouses.bigquery.faults import OvertakenError
from flows.warehouses.bigquery.jobs import LOOKS, parameters_of, pause
from flows.warehouses.bigquery.loading import load, parsed
from flows.warehouses.bigquery.look import Change, Look, look
from flows.warehouses.bigquery.target import EXPIRY
from flows.warehouses.bigquery.types import quote, spelled
from flows.warehouses.conflict import overtaken
from flows.warehouses.drift import drifting_columns
from flows.warehouses.interface import Query
from flows.warehouses.outside import outside

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    import pyarrow as pa

    from flows.extracts.stage import Extract
    from flows.model.bad_row import BadRow
    from flows.model.entry import Entry
    from flows.warehouses.bigquery.jobs import Result
    from flows.warehouses.bigquery.target import Attempt, Target

SHOWN_ROWS = 5


@dataclass
class StagedRows:
    """Rows of one window that no reader can see yet."""

    target: Target
    relation: str
    rows: int
    tied: int
    bytes: int
    look: Look
    look_again: Callable[[], Look]
    change: Callable[[Look], Change]

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
        """Run the engine's own GoogleSQL, which may read the staged rows."""
        return self._asked(self.target.run("check", sql, parameters_of(parameters)))

    def select(self, query: Query) -> list[dict[str, Any]]:
        """Run a person's SELECT, which may read the staged rows."""
        table = self.target.table
        schema = {**query.schema, table.identity: table.types, self.relation.replace("`", ""): table.types}
        return self._asked(self.target.run("check", to_bigquery(query.sql, schema), (), query.written))

    def _asked(self, result: Result) -> list[dict[str, Any]]:
        if self.target.table.source is None:
            self.bytes += result.bytes
        return result.rows

    def publish(self, entry: Entry, known_version: int, bad: Iterable[BadRow] = ()) -> Entry:
        """Commit the rows, the bad rows and the entry in one transaction."""
        found = list(bad)
        if found:
            _keep_bad_rows(self.target.attempt, entry, found)
        for attempt in range(1, LOOKS):
            newest = self.look.newest
            if newest is not None and newest["version"] > known_version:
                return self._committed_already(entry, newest)
            try:
                return self._publish(entry, self.change(self.look), found)
            except OvertakenError:
                pause(attempt)
                self.look = self.look_again()
        raise ConflictError(
            f"{self.target.attempt.cause.subject}: other runs commit to the table all the time, so this one changed "
            "nothing; start it again to do what is left."
        )

    def _publish(self, entry: Entry, change: Change, bad: list[BadRow]) -> Entry:
        now, version = self.target.jobs.now(), self.look.version
        statements = list(change.statements)
        parameters = [*self.target.parameters, *change.parameters]
        done = replace(
            entry,
            version=version + 1,
            committed_at=now,
            rows=entry.rows + self.rows,
            bytes=self.bytes,
            touched=change.touched if self.target.table.identity == entry.table else (),
        )
        fence, given = ledger.set_fence(entry.table, self.look.version, done.version)
        insert, values = ledger.append(done)
        statements = [fence, *statements, insert]
        parameters += [*given, *values]
        taken, given = quarantine.gone(self.target.jobs, done) if self.look.quarantined else ([], [])
        added = quarantine.added(done, self.target.helping("bad")) if bad else []
        if taken or added:
            statements += [*taken, *added]
            parameters += [*given, quarantine.holder(done)]
        # Under an id of its own: another try at the same version would be told again how the one before it ended.
        cause = self.target.attempt.cause.to(f"publish-{entry.run_id}-{self.look.version}")
        self.target.jobs.query(ledger.transaction(*statements), parameters, cause)
        return done

    def _committed_already(self, entry: Entry, newest: Mapping[str, Any]) -> Entry:
        """Return the entry where it was this run's own commit, of which no answer came. Raises ConflictError."""
        window = entry.window
        bounds = (window.start, window.end) if window else (None, None)
        copied = entry.copied and str(entry.copied)
        told = (newest["kind"], newest["window_start"], newest["window_end"], newest["copied"])
        same = told == (entry.kind, *bounds, copied)
        if newest["run_id"] == entry.run_id and same:
            return replace(
                entry,
                version=newest["version"],
                committed_at=newest["committed_at"],
                rows=newest["rows"],
                bytes=self.bytes,
                touched=ledger.touched_of(newest["touched"]),
            )
        raise overtaken(entry.table, window, newest["run_id"], newest["run_by"])


def stage(target: Target, rows: Query | Extract | Generator[pa.RecordBatch], *, adds: bool) -> StagedRows:
    """Put the rows of a window where they can be looked at.

    Those of a part of a first copy come beside the rows that are there, or are merged with them.

    Raises:
        WindowError: one lies outside its window.
        CheckFailedError: the window gives several rows of a key, which cannot be combined.
    """
    table, staged, first = target.table, target.helping("stage"), ""
    loaded = None
    if isinstance(rows, Query):
        sql = to_bigquery(rows.sql, rows.schema, rows.keys)
        _refuse_beyond_budget(target, sql)
        types = ", ".join(f"{quote(name)} {spelled(type_)}" for name, type_ in table.types.items())
        first = f"CREATE OR REPLACE TABLE {staged} ({types})\n{EXPIRY} AS\nSELECT {target.columns} FROM (\n{sql}\n)"
    else:
        loaded = load(target.attempt, "stage", table.types, rows)
        values = [f"{parsed(type_, quote(name))} AS {quote(name)}" for name, type_ in table.types.items()]
        if values != [f"{quote(name)} AS {quote(name)}" for name in table.types]:
            staged = f"(SELECT {', '.join(values)} FROM {staged})"
    is_merged = table.strategy == "merge"
    asked = _asked(target, staged, adds=adds)
    written = rows.written if isinstance(rows, Query) else None
    seen = look(target, staged, asked, first, written, adds=adds)
    if loaded is not None and seen.rows != loaded.rows:
        raise WarehouseUnavailableError(
            f"{target.attempt.cause.subject}: {loaded.rows:,} rows were sent to BigQuery, which has {seen.rows:,}."
        )
    if seen.facts.get("outside"):
        _refuse_outside(target, staged, rows)
    count, tied, relation = seen.rows, 0, staged
    drifting = drifting_columns(table, rows)
    if is_merged:
        relation, tied = merge.settled(target, staged, seen), merge.tied(target, staged, seen)
        count -= seen.facts["surplus"] if table.source else 0

    def change(seen: Look) -> Change:
        if is_merged and not table.is_bounded:
            return merge.change(target, relation, seen, drifting, adds=adds)
        return replace_.change(target, staged, seen, drifting, adds=adds)

    read = loaded.bytes if loaded else seen.bytes
    return StagedRows(target, relation, count, tied, read, seen, lambda: look(target, staged, asked, adds=adds), change)


def _asked(target: Target, staged: str, *, adds: bool) -> dict[str, str]:
    """Return what to ask of the staged rows, and of those that are there."""
    table = target.table
    if table.strategy == "merge" and not table.is_bounded:
        return merge.asked(target, staged)
    asked = replace_.asked(target, staged, adds=adds)
    if table.strategy == "merge":
        asked["surplus"] = merge.surplus(target, staged)
    if table.is_bounded:
        asked["outside"] = f"(SELECT COUNT(*) FROM {staged} WHERE {target.inside} IS NOT TRUE)"
    return asked


def _refuse_beyond_budget(target: Target, sql: str) -> None:
    """Raise BudgetError where a window would read more than it may."""
    cause = target.attempt.cause
    most = target.attempt.budget or target.jobs.settings.maximum_bytes_billed
    if most is None:
        return
    size = target.jobs.dry_run(sql, target.parameters, cause).bytes
    if size > most:
        raise BudgetError(
            f"{cause.subject}: it would read {shown_bytes(size)}, and may read {shown_bytes(most)}.",
            advice="Bound the SQL by @window_start and @window_end on the partition columns of what it reads, make "
            f"windows smaller, or write `budget: {shown_bytes(size)}` in its file.",
        )


def _refuse_outside(target: Target, staged: str, given: object) -> None:
    """Raise WindowError with rows that lie outside their window, of those that were given."""
    rows = target.run(
        "outside", f"SELECT {target.columns} FROM {staged} WHERE {target.inside} IS NOT TRUE LIMIT {SHOWN_ROWS}"
    ).rows
    raise outside(target.table, target.window, given, "\n".join(f"  {row_text(row)}" for row in rows))


def record(attempt: Attempt, entry: Entry, bad: list[BadRow]) -> None:
    """Append a failure to the ledger, and the bad rows that caused it to quarantine."""
    jobs, cause = attempt.jobs, attempt.cause.to("failure")
    failed = replace(entry, committed_at=jobs.now())
    insert, parameters = ledger.append(failed)
    if not bad:
        jobs.query(insert, parameters, cause)
        return
    try:
        _keep_bad_rows(attempt, entry, bad)
        for number in range(1, LOOKS):
            taken, given = quarantine.gone(jobs, failed)
            added = quarantine.added(failed, attempt.helping("bad"))
            given.append(quarantine.holder(failed))
            try:
                jobs.query(ledger.transaction(insert, *taken, *added), [*parameters, *given], cause)
            except OvertakenError:  # by one with bad rows in the same shard
                if number == LOOKS - 1:
                    raise
                pause(number)
            else:
                break
    finally:
        attempt.drop()


def _keep_bad_rows(attempt: Attempt, entry: Entry, bad: list[BadRow]) -> None:
    """Put bad rows into a table that helps: there may be more of them than a query may have parameters."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import

    from flows.sources.interface import arrow_type  # noqa: PLC0415 - it imports Arrow

    windows = [row.window or entry.window for row in bad]
    values = {
        "window_start": [window and window.start for window in windows],
        "window_end": [window and window.end for window in windows],
        "place": [row.place for row in bad],
        "reason": [row.reason for row in bad],
        "raw": [row.raw for row in bad],
    }
    schema = pa.schema([(name, arrow_type(type_)) for name, type_ in quarantine.FOUND_COLUMNS.items()])
    load(attempt, "bad", quarantine.FOUND_COLUMNS, iter([pa.RecordBatch.from_pydict(values, schema)]))
