"""A table in BigQuery: made, compared with its file, and altered."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.cloud import bigquery

from flows.model.asked import copy_again
from flows.model.column_changes import ColumnChanges, column_changes
from flows.model.errors import ConflictError, WarehouseError
from flows.warehouses.bigquery import ledger, parts, quarantine, units
from flows.warehouses.bigquery.faults import OvertakenError
from flows.warehouses.bigquery.jobs import LOOKS, RETRY, labels, pause, translated
from flows.warehouses.bigquery.types import parameter, quote, quote_table, schema_field, spelled, type_of
from flows.warehouses.interface import cursor_bounds, every_row, owner_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.types import Type
    from flows.warehouses.bigquery.jobs import Jobs

MOST_ASKED = 16
"""Of so many tables each is asked for whether it is there."""
LISTED = 1_000
"""Tables that one answer lists, at most."""
_TOLD = ("schema", "description", "labels", "clustering_fields", "require_partition_filter")
"""What BigQuery is told of a table that is there."""
_WIDER = {
    "INT64": ("NUMERIC", "BIGNUMERIC", "FLOAT64"),
    "NUMERIC": ("BIGNUMERIC", "FLOAT64"),
    "BIGNUMERIC": ("FLOAT64",),
    "DATE": ("DATETIME",),
}
"""https://cloud.google.com/bigquery/docs/managing-table-schemas#change_column_type, where no value is lost."""


def find(jobs: Jobs, identity: str) -> bigquery.Table | None:
    """Return a table, or None."""
    with translated(identity):
        try:
            return jobs.client.get_table(f"{jobs.settings.project}.{identity}", retry=RETRY)
        except NotFound:
            return None


def present(jobs: Jobs, identities: Collection[str]) -> set[str]:
    """Return which tables are there: each of a few is asked for, of many their datasets are listed."""
    if len(identities) <= MOST_ASKED:
        return {identity for identity in identities if find(jobs, identity)}
    found = set()
    for dataset in {identity.partition(".")[0] for identity in identities}:
        with translated(dataset), suppress(NotFound):
            listed = jobs.client.list_tables(f"{jobs.settings.project}.{dataset}", page_size=LISTED, retry=RETRY)
            found |= {f"{dataset}.{item.table_id}" for item in listed}
    return found.intersection(identities)


def prepare(jobs: Jobs, table: Table, known: int, is_older: Callable[[str], bool]) -> None:
    """Create a table, or alter it to be as its file says, for a run that planned at version `known`.

    It is looked at again where another run has committed meanwhile.
    """
    for attempt in range(1, LOOKS):
        there, seen = find(jobs, table.identity), known
        if there is None or differs(table, there):
            # In this order, so that what is found was of the generation that the run knows, and no commit is behind it.
            seen = ledger.version(jobs, table.identity)
            there = find(jobs, table.identity)
            ledger.refuse_turned(jobs, table.identity, known)
        if there is None:
            create(jobs, table, known)
            return
        try:
            _describe_again(jobs, table, _alter(jobs, table, there, seen), known, is_older)
        except OvertakenError:
            pause(attempt)
        else:
            break
    else:
        raise ConflictError(
            f"{table.identity}: other runs commit to the table all the time, so this one did not alter it; start it "
            "again."
        )
    if table.is_folded:
        _prepare_parts(jobs, table, known)


def create(jobs: Jobs, table: Table, known: int) -> None:
    """Create a table; what the ledger knows of one of that name, which is of version `known`, holds no longer."""
    schema = [schema_field(column.name, column.type, column.description) for column in table.columns]
    made = bigquery.Table(f"{jobs.settings.project}.{table.identity}", schema=schema)
    made.time_partitioning = _partitioning(table)
    _describe(made, table)
    if owner_of(table.identity) == table.identity:
        # Of a table that is there and a ledger that knows of no reset nobody could tell that it is empty.
        ledger.reset(jobs, table, known, *_without_parts(jobs, table))
    with translated(table.identity):
        ledger.create_dataset(jobs, table.dataset, "")
    if table.is_folded:
        # First, so that none is ever beside a table that it says nothing of.
        _make_parts_fit(jobs, table)
    with translated(table.identity):
        jobs.client.create_table(made, exists_ok=True, retry=RETRY)


def _prepare_parts(jobs: Jobs, table: Table, known: int) -> None:
    """Make the table of a merge's parts where none fits it; what was merged without it is made again."""
    if not parts.is_fit(table, find(jobs, parts_of(table.identity))):
        empty(jobs, table, known)
        _make_parts_fit(jobs, table)


def _make_parts_fit(jobs: Jobs, table: Table) -> None:
    """Make the table of parts, without any, where the one that is there cannot hold those of a table."""
    name = parts_of(table.identity)
    present = find(jobs, name)
    if present is not None and not parts.is_fit(table, present):
        known = ledger.version(jobs, table.identity)
        # Another run may have done the same meanwhile, and have committed.
        present = find(jobs, name)
        if present is not None and not parts.is_fit(table, present):
            _drop_at(jobs, name, known)
            present = None
    if present is None:
        parts.create(jobs, table)


def empty(jobs: Jobs, table: Table, known: int) -> None:
    """Let all rows of a table go, with its parts and with a reset in the ledger."""
    ledger.reset(jobs, table, known, f"TRUNCATE TABLE {quote_table(table.identity)}", *_without_parts(jobs, table))


def trim(jobs: Jobs, table: Table, entry: Entry, known: int) -> Entry:
    """Let the rows of a core table go whose cursor lies in the entry's window, with the entry."""
    cursor, *bounds = cursor_bounds(table, entry.window)
    given = [parameter(name, value, table.types[cursor]) for name, value in zip(("low", "high"), bounds, strict=True)]
    inside = f"{quote(cursor)} >= @low AND {quote(cursor)} < @high"
    rows = f"{quote_table(table.identity)} WHERE {every_row(table)} AND {inside}"
    # First, so that what is found is what goes: where it is not, the fence says so.
    newest = ledger.written_since(jobs, entry, known)
    units_ = f"SELECT DISTINCT AS STRUCT {units.unit_of(table)} AS unit_start, TRUE AS is_change FROM {rows}"
    found = jobs.query(f"SELECT ARRAY({units_}) AS units", given).rows[0]["units"]
    taken, more = quarantine.gone(jobs, entry)
    more += [quarantine.holder(entry)] if taken else []
    seen = units.touched(table, entry.window, found) if table.identity == entry.table else ()
    trimmed = replace(entry, touched=seen)
    return ledger.mark(jobs, trimmed, newest, [f"DELETE FROM {rows}", *taken], [*given, *more])


def _without_parts(jobs: Jobs, table: Table) -> list[str]:
    name = parts_of(table.identity)
    return [f"TRUNCATE TABLE {quote_table(name)}"] if table.is_folded and find(jobs, name) else []


def changes(table: Table, present: bigquery.Table) -> ColumnChanges:
    """Return how the columns of a table differ from those of its file; case makes no difference to BigQuery."""
    wanted = {name: str(type_) for name, type_ in table.types.items()}
    found = column_changes({field.name: str(type_of(field)) for field in present.schema}, wanted)
    return ColumnChanges(added=found.added, retyped=found.retyped, removed=found.removed)


def _alter(jobs: Jobs, table: Table, present: bigquery.Table, seen: int) -> bigquery.Table:
    """Give a table, which was found at version `seen`, the columns of its file; return it as it is then."""
    if differs(table, present) and not ledger.has_commits(jobs, table):
        # Nothing was ever made by the definition that it was made for.
        _make_anew(jobs, table, seen)
    elif statements := _alterations(table, present):
        _alter_at(jobs, table, seen, statements)
        if ledger.version(jobs, table.identity) != seen:
            raise _altered(table)
    else:
        return present
    if found := find(jobs, table.identity):
        return found
    raise _altered(table)


def require_alterable(jobs: Jobs, table: Table) -> None:
    """Raise WarehouseError where the table cannot be given the columns of its file."""
    there = find(jobs, table.identity)
    if there is not None:
        _alterations(table, there)


def _alterations(table: Table, present: bigquery.Table) -> list[str]:
    """Return what gives a table the columns of its file; BigQuery allows five changes of a table in ten seconds."""
    todo = changes(table, present)
    narrower = [name for name in todo.retyped if not _is_wider(_type_in(present, name), table.types[name])]
    _refuse_new_rulers(table, todo)
    if _is_parted_otherwise(table, present, todo):
        raise WarehouseError(f"{table.identity}: its partition cannot be changed. {copy_again(table.identity)}")
    for column in narrower:
        raise WarehouseError(
            f"{table.identity}: the column {column} cannot become {table.types[column]}: BigQuery turns "
            f"{_type_in(present, column)} into a wider type only. Name the new column differently. "
            + copy_again(table.identity)
        )
    return [
        *_each("ADD COLUMN IF NOT EXISTS {} {}", [(name, spelled(table.types[name])) for name in todo.added]),
        *(f"ALTER COLUMN {quote(name)} SET DATA TYPE {spelled(table.types[name])}" for name in todo.retyped),
    ]


def differs(table: Table, present: bigquery.Table) -> bool:
    """Say whether a table is not as its file says, be it in the order of its columns."""
    todo = changes(table, present)
    there = [field.name.lower() for field in present.schema]
    wanted = [name.lower() for name in table.types]
    return bool(todo.retyped) or there != wanted or _is_parted_otherwise(table, present, todo)


def _describe_again(jobs: Jobs, table: Table, at: bigquery.Table, known: int, is_older: Callable[[str], bool]) -> None:
    """Tell BigQuery what the file says of a table and its columns, where it says something new.

    What another run has said stays that has committed since version `known`, or by a newer commit of the project.
    """
    described = {column.name.lower(): column.description for column in table.columns}
    before = _told(at)
    at.schema = [_with_description(field, described.get(field.name.lower(), field.description)) for field in at.schema]
    _describe(at, table)
    if before == _told(at):
        return
    version, theirs = ledger.last_writer(jobs, table.identity)
    if version > known or is_older(theirs):
        return
    with translated(table.identity):
        try:
            jobs.client.update_table(at, _TOLD, retry=RETRY)
        except PreconditionFailed:
            # The answer to this was lost, or another process has altered the table since, or put another in its place.
            raise _altered(table) from None


def _altered(table: Table) -> OvertakenError:
    return OvertakenError(f"{table.identity}: another run has altered it in the meantime. This run changed nothing.")


def _told(there: bigquery.Table) -> list[object]:
    return [getattr(there, name) for name in _TOLD]


def _describe(made: bigquery.Table, table: Table) -> None:
    made.description = table.description
    made.labels = dict(labels(owner=table.owner, dataset=table.dataset))
    made.clustering_fields = list(table.cluster) or None
    requires_filter = table.partition is not None and table.partition.require_filter
    if bool(made.require_partition_filter) != requires_filter:
        made.require_partition_filter = requires_filter


def _with_description(field: bigquery.SchemaField, description: str | None) -> bigquery.SchemaField:
    told = field.to_api_repr()
    told.pop("description", None)
    return bigquery.SchemaField.from_api_repr(told | ({"description": description} if description else {}))


def _partitioning(table: Table) -> bigquery.TimePartitioning | None:
    if table.partition is None:
        return None
    return bigquery.TimePartitioning(type_=table.partition.by.upper(), field=table.partition.column)


def _is_parted_otherwise(table: Table, present: bigquery.Table, todo: ColumnChanges) -> bool:
    wanted, there = _partitioning(table), present.time_partitioning
    if wanted is None or there is None:
        return wanted is not there
    return (
        wanted.type_ != there.type_
        or wanted.field.lower() != (there.field or "").lower()
        or wanted.field in (*todo.added, *todo.retyped)
    )


def _refuse_new_rulers(table: Table, todo: ColumnChanges) -> None:
    """Let no old row stay where what says to which place a row belongs is new: it could not be found again."""
    ruling = {*table.key, *([table.partition.column] if table.partition else [])}
    new = sorted(ruling.intersection(todo.added))
    if new:
        raise WarehouseError(
            f"{table.identity}: {', '.join(new)} of its key or partition is a new column, which the rows copied "
            f"before do not have. {copy_again(table.identity)}"
        )


def _make_anew(jobs: Jobs, table: Table, seen: int) -> None:
    """Make a table again, without any rows, as its file says."""
    # Its commits hold no longer from then on, whether or not the ledger comes to say so.
    _drop_at(jobs, table.identity, seen)
    create(jobs, table, seen)


def _drop_at(jobs: Jobs, identity: str, known: int) -> None:
    """Drop a table of which nothing holds, unless another run has committed to it since version `known`."""
    ledger.run_at(jobs, identity, known, f"DROP TABLE IF EXISTS {quote_table(identity)}")


def drop(jobs: Jobs, identity: str) -> None:
    """Drop a table, where it is there."""
    with translated(identity):
        jobs.client.delete_table(f"{jobs.settings.project}.{identity}", not_found_ok=True, retry=RETRY)


def drop_columns(jobs: Jobs, table: Table, names: Sequence[str], known: int) -> None:
    """Drop those of some columns that a table has, for a run that has written version `known`."""
    wanted = {name.lower() for name in names}
    for attempt in range(1, LOOKS):
        seen = ledger.version(jobs, table.identity)
        ledger.refuse_turned(jobs, table.identity, known)
        there = find(jobs, table.identity)
        gone = [(field.name,) for field in there.schema if field.name.lower() in wanted] if wanted and there else []
        try:
            _alter_at(jobs, table, seen, _each("DROP COLUMN IF EXISTS {}", gone))
        except OvertakenError:
            pause(attempt)
        else:
            return


def _type_in(present: bigquery.Table, column: str) -> Type:
    return next(type_of(field) for field in present.schema if field.name.lower() == column.lower())


def _is_wider(present: Type, wanted: Type) -> bool:
    """Say whether BigQuery turns every value of a type into one of another by itself."""
    if present.name == wanted.name and present.element is None and not present.fields:
        if present.decimal is None or wanted.decimal is None:
            return wanted.decimal is None
        (digits, scale), (more_digits, more_scale) = present.decimal, wanted.decimal
        return more_scale >= scale and more_digits - more_scale >= digits - scale
    return wanted.decimal is None and wanted.name in _WIDER.get(present.name, ())


def _each(change: str, columns: Iterable[tuple[str, ...]]) -> list[str]:
    """Return one change of all columns, each by its name and what else it takes; none where there is no column."""
    parts = [change.format(quote(name), *more) for name, *more in columns]
    return [", ".join(parts)] if parts else []


def _alter_at(jobs: Jobs, table: Table, known: int, changes: Sequence[str]) -> None:
    """Alter a table of which nothing was committed since version `known`: it may be another by now."""
    if changes:
        statements = (f"ALTER TABLE {quote_table(table.identity)} {change}" for change in changes)
        ledger.run_at(jobs, table.identity, known, *statements)
