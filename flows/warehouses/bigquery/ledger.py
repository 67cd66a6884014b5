"""The ledger's tables in BigQuery, and the fence that lets one of two runs commit.

A plain INSERT conflicts with no other, so that two runs which only add to the ledger would both commit. Each table
therefore has a table of one row with its newest version: a publish's first statement sets it from the version that it
knows to the next, and so is a compare-and-swap where transactions are serial and a conflict where they are not.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import bigquery

from flows.model.definition import DEFINITION_COLUMNS, DEFINITIONS
from flows.model.entry import LEDGER_COLUMNS, Entry, Touched
from flows.model.errors import ConflictError, WarehouseError
from flows.model.types import Type
from flows.model.window import EVER, Window
from flows.project.definition import code_version
from flows.warehouses.bigquery import views
from flows.warehouses.bigquery.faults import OVERTAKEN, OvertakenError
from flows.warehouses.bigquery.jobs import LOOKS, RETRY, Cause, pause, translated
from flows.warehouses.bigquery.quarantine import COLUMNS, quarantine_shard
from flows.warehouses.bigquery.types import listed, parameter, quote_table, schema_field
from flows.warehouses.bigquery.views import PLATFORM
from flows.warehouses.conflict import overtaken
from flows.warehouses.interface import ledger_shard, owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.model.definition import Definition
    from flows.model.table import Table
    from flows.warehouses.bigquery.jobs import Jobs
    from flows.warehouses.bigquery.types import Parameter

_SHOWN = "derived_shown"
"""Label of a shard over which the views are."""
_DEFINITIONS = quote_table(DEFINITIONS)


def shard_of(identity: str) -> str:
    """Return the ledger table that holds a table's entries, quoted."""
    return quote_table(f"{PLATFORM}.{ledger_shard(identity)}")


def is_shard(identity: str) -> bool:
    """Say whether a table is one that holds entries."""
    return identity.startswith(f"{PLATFORM}.ledger_")


def fence_of(identity: str) -> str:
    """Return the table of one row that holds a table's newest version, quoted; no file's name has a `-`."""
    return quote_table(f"{PLATFORM}.{_fence_name(identity)}")


def create(jobs: Jobs, identity: str) -> None:
    """Create a table's part of the ledger and its fence where they are missing, and the views over all."""
    client = jobs.client
    with translated(identity):
        try:
            client.get_table(f"{jobs.settings.project}.{PLATFORM}.{_fence_name(identity)}", retry=RETRY)
        except NotFound:
            pass
        else:
            return
        create_dataset(jobs, PLATFORM, "What is committed, what failed, and what is in quarantine; kept by Derived.")
        shards = [
            (ledger_shard(identity), SCHEMA),
            (quarantine_shard(identity), [schema_field(*column) for column in COLUMNS.items()]),
        ]
        made = [_shard(jobs, name, schema) for name, schema in shards]
    if not all(shard.labels.get(_SHOWN) for shard in made):
        views.create(jobs)
        for shard in made:
            # Whoever made it may have been killed before there were views.
            shard.labels = {_SHOWN: "yes"}
            with translated(identity), suppress(PreconditionFailed):
                client.update_table(shard, ["labels"], retry=RETRY)
    jobs.query(
        f"CREATE TABLE IF NOT EXISTS {fence_of(identity)} AS SELECT COALESCE(MAX(version), 0) AS version"
        f" FROM {shard_of(identity)} WHERE table_name = @identity",
        [parameter("identity", identity)],
    )


def bring_up_to_date(jobs: Jobs) -> None:
    """Give a ledger of an earlier version the columns of this one, NULL in the lines that are there, and its views."""
    with translated():
        try:
            shown = jobs.client.get_table(f"{jobs.settings.project}.{PLATFORM}.ledger", retry=RETRY)
        except NotFound:
            return
    if {column.name for column in LEDGER_COLUMNS} - {field.name for field in shown.schema}:
        for shard in views.names(jobs):
            if is_shard(f"{PLATFORM}.{shard}"):
                _add_columns(jobs, f"{jobs.settings.project}.{PLATFORM}.{shard}")
        views.create(jobs)
    elif views.version_of(shown) < views.VERSION:
        # Whoever may only read asks the older ones, and the next who writes renews them.
        with suppress(WarehouseError):
            views.create(jobs)


def _add_columns(jobs: Jobs, shard: str) -> None:
    with translated():
        there = jobs.client.get_table(shard, retry=RETRY)
        present = {field.name for field in there.schema}
        lacking = [column for column in LEDGER_COLUMNS if column.name not in present]
        there.schema = [*there.schema, *(schema_field(column.name, column.type) for column in lacking)]
        # Where another process adds them at the same time, they are there.
        with suppress(PreconditionFailed):
            jobs.client.update_table(there, ["schema"], retry=RETRY)


def create_dataset(jobs: Jobs, name: str, description: str) -> None:
    """Create a dataset where it is missing."""
    dataset = bigquery.Dataset(f"{jobs.settings.project}.{name}")
    dataset.location, dataset.description = jobs.settings.location, description
    jobs.client.create_dataset(dataset, exists_ok=True, retry=RETRY)


def set_fence(identity: str, known: int, version: int) -> tuple[str, list[Parameter]]:
    """Return the statement that lets a transaction go on only where the table's version is the one it knows."""
    expected = f"IF(version = @known_version, @next_version, ERROR('{OVERTAKEN}'))"
    return (
        f"UPDATE {fence_of(identity)} SET version = {expected} WHERE TRUE",
        [parameter("known_version", known), parameter("next_version", version)],
    )


def run_at(jobs: Jobs, identity: str, known: int, *statements: str, job_id: str | None = None) -> None:
    """Run statements that no transaction can hold, each of them only where the table's version is still `known`.

    However late the script runs, it undoes nothing that others have done since.

    Raises OvertakenError where they have.
    """
    asked = f"SELECT IF(version = @known_version, version, ERROR('{OVERTAKEN}')) AS version FROM {fence_of(identity)}"
    script = "".join(f"{asked};\n{statement};\n" for statement in statements)
    jobs.query(script, [parameter("known_version", known)], Cause(owner_of(identity)), job_id=job_id)


def append(entry: Entry, name: str = "entry") -> tuple[str, list[Parameter]]:
    """Return the statement that adds an entry, and its parameters, which begin with `name`."""
    places = ", ".join(f"@{name}_{column.name}" for column in LEDGER_COLUMNS)
    return (
        f"INSERT INTO {shard_of(entry.table)} ({listed(column.name for column in LEDGER_COLUMNS)}) VALUES ({places})",
        [parameter(f"{name}_{column.name}", column.value(entry), column.type) for column in LEDGER_COLUMNS],
    )


def keep(jobs: Jobs, definition: Definition) -> None:
    """Keep a definition; the first of its code version stays.

    One table holds those of all tables: a definition comes seldom.
    """
    own = [parameter("table_name", definition.table_name), parameter("code_version", definition.code_version)]
    is_kept = f"SELECT 1 FROM {_DEFINITIONS} WHERE table_name = @table_name AND code_version = @code_version"
    with translated(definition.table_name):
        schema = [schema_field(*column) for column in DEFINITION_COLUMNS.items()]
        made = bigquery.Table(f"{jobs.settings.project}.{DEFINITIONS}", schema=schema)
        made.clustering_fields = ["table_name"]
        jobs.client.create_table(made, exists_ok=True, retry=RETRY)
    if jobs.query(is_kept, own).rows:
        return
    values = [parameter(name, getattr(definition, name), type_) for name, type_ in DEFINITION_COLUMNS.items()]
    jobs.query(
        f"INSERT INTO {_DEFINITIONS} ({listed(DEFINITION_COLUMNS)})"
        f" SELECT {', '.join(f'@{name}' for name in DEFINITION_COLUMNS)} FROM (SELECT 1) WHERE NOT EXISTS ({is_kept})",
        values,
    )


def reset_of(table: Table, version: int, now: datetime) -> Entry:
    """Return the entry which says that all earlier commits of a table hold no longer."""
    return Entry(
        table=table.identity,
        kind="reset",
        window=None,
        run_id="",
        run_by="",
        code_version=code_version(table),
        git_commit="",
        began=now,
        upstreams={},
        version=version,
        committed_at=now,
        touched=(Touched(EVER, changed=True),),
    )


def version(jobs: Jobs, identity: str) -> int:
    """Return a table's newest version."""
    return int(jobs.query(f"SELECT version FROM {fence_of(identity)}").rows[0]["version"])


def reset(jobs: Jobs, table: Table, known: int, *statements: str) -> None:
    """Run statements with the record that what was committed before them holds no longer, in one transaction.

    Raises OvertakenError where another run has committed since version `known`.
    """
    if not known and not statements:
        return
    fence, first = set_fence(table.identity, known, known + 1)
    entry, second = append(reset_of(table, known + 1, jobs.now()))
    try:
        jobs.query(transaction(fence, *statements, entry), [*first, *second])
    except OvertakenError:
        # It may be its own, of which no answer came; of another's there is as little left.
        if newest(jobs, table.identity)["kind"] != "reset":
            raise


def refuse_turned(jobs: Jobs, identity: str, known: int) -> None:
    """Raise ConflictError where another run has begun, swapped or abandoned a generation since version `known`."""
    found = jobs.query(
        f"SELECT run_id, run_by FROM {shard_of(identity)} WHERE table_name = @identity AND version > @known"
        " AND kind IN ('begin', 'swap', 'abandon') ORDER BY version DESC LIMIT 1",
        [parameter("identity", owner_of(identity)), parameter("known", known)],
    ).rows
    if found:
        raise overtaken(owner_of(identity), None, found[0]["run_id"], found[0]["run_by"])


def last_writer(jobs: Jobs, identity: str) -> tuple[int, str]:
    """Return the version that a run wrote last, and its commit of the project.

    What only empties a table is no run's: one that does so before all else is not overtaken by itself.
    """
    found = jobs.query(
        f"SELECT version, git_commit FROM {shard_of(identity)} WHERE table_name = @identity"
        " AND kind NOT IN ('reset', 'failure') ORDER BY version DESC LIMIT 1",
        [parameter("identity", owner_of(identity))],
    ).rows
    return (found[0]["version"], found[0]["git_commit"] or "") if found else (0, "")


def has_commits(jobs: Jobs, table: Table) -> bool:
    """Say whether windows are committed since the table was last empty, of the generation that it holds."""
    entries = f"{shard_of(table.identity)} WHERE table_name = @identity"
    number = table.identity.rpartition("-g")[2] if owner_of(table.identity) != table.identity else None
    seen = f"(SELECT generation FROM {entries} AND kind = 'swap' ORDER BY version DESC LIMIT 1)"
    own = f"COALESCE(generation, 0) = COALESCE(@generation, {seen}, 0)"
    newest = "COALESCE(MAX(IF({}, version, NULL)), 0)"
    made = newest.format(f"kind IN ('commit', 'part', 'accept') AND {own}")
    emptied = newest.format("kind = 'reset'")
    found = jobs.query(
        f"SELECT {made} > {emptied} AS has FROM {entries}",
        [
            parameter("identity", owner_of(table.identity)),
            parameter("generation", number and int(number), Type("INT64")),
        ],
    )
    return bool(found.rows[0]["has"])


def written_since(jobs: Jobs, entry: Entry, known: int) -> int:
    """Return a table's newest version. Raises ConflictError where a run but that of the entry has written since."""
    newest = version(jobs, entry.table)
    if newest > known:
        rows = jobs.query(
            f"SELECT run_id, run_by FROM {shard_of(entry.table)} WHERE table_name = @identity AND version > @known"
            " AND run_id <> @run_id ORDER BY version DESC LIMIT 1",
            [parameter("identity", entry.table), parameter("known", known), parameter("run_id", entry.run_id)],
        ).rows
        if rows:
            raise overtaken(entry.table, entry.window, rows[0]["run_id"], rows[0]["run_by"])
    return newest


def mark(
    jobs: Jobs, entry: Entry, known: int, statements: Sequence[str] = (), parameters: Sequence[Parameter] = ()
) -> Entry:
    """Append an entry that is no commit, with other statements, where no other run has written one since `known`."""
    for attempt in range(1, LOOKS):
        marked = replace(entry, version=known + 1, committed_at=jobs.now())
        fence, first = set_fence(entry.table, known, marked.version)
        insert, second = append(marked)
        try:
            jobs.query(transaction(fence, *statements, insert), [*first, *parameters, *second])
        except OvertakenError:
            if version(jobs, entry.table) == known:
                # What was in the way was of another table, which has bad rows in the same shard.
                pause(attempt)
                continue
            found = newest(jobs, entry.table)
            if found["version"] > known and (found["kind"], found["run_id"]) == (entry.kind, entry.run_id):
                # It is this one, of which no answer came.
                return replace(marked, version=found["version"], committed_at=found["committed_at"])
            break
        else:
            return marked
    raise ConflictError(
        f"{entry.table}: another run has committed in the meantime. This run changed nothing; start it again to do "
        "what is left."
    )


def newest(jobs: Jobs, identity: str) -> dict[str, Any]:
    """Return the newest entry that the fence of a table let through."""
    return jobs.query(
        f"SELECT kind, run_id, version, committed_at, generation FROM {shard_of(identity)}"
        " WHERE table_name = @identity AND kind <> 'failure' ORDER BY version DESC LIMIT 1",
        [parameter("identity", identity)],
    ).rows[0]


def transaction(*statements: str) -> str:
    """Return a script that does all of the statements or none."""
    return "".join(f"{statement};\n" for statement in ("BEGIN TRANSACTION", *statements, "COMMIT TRANSACTION"))


def touched_of(rows: list[dict[str, Any]]) -> tuple[Touched, ...]:
    """Return what an entry says was touched."""
    return tuple(
        Touched(Window(row["range_start"].astimezone(UTC), row["range_end"].astimezone(UTC)), row["changed"])
        for row in rows
    )


def _fence_name(identity: str) -> str:
    return f"fence-{owner_of(identity).replace('.', '-')}"


def _shard(jobs: Jobs, name: str, schema: list[bigquery.SchemaField]) -> bigquery.Table:
    """Return a table of all entries or bad rows of some tables, which is made where it is missing."""
    made = bigquery.Table(f"{jobs.settings.project}.{PLATFORM}.{name}", schema=schema)
    made.clustering_fields = ["table_name"]
    try:
        return jobs.client.get_table(made.reference, retry=RETRY)
    except NotFound:
        return jobs.client.create_table(made, exists_ok=True, retry=RETRY)


SCHEMA = [schema_field(column.name, column.type, required=column.required) for column in LEDGER_COLUMNS]
"""Of a shard."""
