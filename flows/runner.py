"""Bring one table up to date: load, plan, run each window. What `derive`, `ingest` and `run` share."""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from flows.engine import ledger
from flows.engine.commit import TAKEN_BACK, TableRun, commit_step
from flows.engine.plan import Moment, Plan, plan
from flows.model.column_changes import ColumnChanges
from flows.model.errors import UsageError
from flows.model.window import BEGINNING, EVER, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.sources.connections import Settings
    from flows.sources.interface import Source
    from flows.warehouses.interface import Warehouse

Kind = Literal["derive", "ingest"]
HOME = "DERIVED_HOME"
WAREHOUSE_FILE = "warehouse.duckdb"


@dataclass(frozen=True, slots=True)
class Request:
    """What a person or a schedule asks of one table."""

    table: str
    bounds: Window = EVER
    """Only windows that lie in this range."""
    force: bool = False
    """Do these windows again though they are committed."""
    rebuild: bool = False
    """Make a merge table again from nothing."""


@dataclass
class Outcome:
    """What a run of one table did."""

    table: str
    plan: Plan
    entries: list[Entry] = field(default_factory=list)
    upstreams: tuple[str, ...] = ()
    """Identities of the tables that it read."""

    @property
    def rows(self) -> int:
        """Rows of all windows that were done."""
        return sum(entry.rows for entry in self.entries)

    @property
    def seconds(self) -> float:
        """Seconds that the windows took together."""
        return sum(entry.seconds for entry in self.entries)


class Observer(Protocol):
    """Whom a run tells what it does: a person's terminal, or Prefect."""

    def planned(self, table: str, plan: Plan) -> None:
        """Take what the run will do, before it does it."""

    def window(self, name: str, work: Callable[[], Entry]) -> Entry:
        """Do the work of one window and return its entry; may do it again after a transient error."""

    def say(self, line: str) -> None:
        """Take a line for the log."""


def open_warehouse(root: Path, report: Callable[[str], None], *, write: bool = True) -> Warehouse:
    """Open the embedded warehouse under DERIVED_HOME.

    Args:
        root: the project's folder.
        report: is told what it waits for.
        write: whether to create the file where it is missing.
    """
    from flows.warehouses.duckdb.warehouse import DuckDB  # noqa: PLC0415 - slow to import

    path = Path(os.environ.get(HOME) or root / ".derived") / WAREHOUSE_FILE
    return DuckDB(path if write or path.exists() else Path(":memory:"), report=report)


def make_plan(project: Project, table: Table, warehouse: Warehouse, request: Request) -> tuple[Plan, TableRun]:
    """Return what is to do for a table, and what its windows share."""
    _refuse(table, request, warehouse.now())
    known = ledger.state(warehouse, table)
    dependencies = project.upstreams(table.identity) if table.sql else ()
    upstreams = {item.table: ledger.upstream(warehouse, project.tables[item.table]) for item in dependencies}
    now = warehouse.now()
    moment = Moment(now, _due(table, now))
    todo = plan(
        table, dependencies, known, upstreams, moment, bounds=request.bounds, force=request.force or request.rebuild
    )
    job = TableRun(
        table=table,
        run_id=uuid.uuid4().hex,
        run_by=os.environ.get("DERIVED_RUN_BY") or f"{_user()}@{socket.gethostname()}",
        git_commit=_git_commit(Path.cwd()),
        known_version=known.version,
        upstreams={name: upstream.version for name, upstream in upstreams.items()},
        schema=project.schema(table.identity),
        source=_source(table, project.root) if table.source else None,
        rebuild=request.rebuild,
    )
    return todo, job


def _refuse(table: Table, request: Request, now: datetime) -> None:
    """Raise UsageError where nothing of the table can be meant."""
    if request.rebuild and table.strategy != "merge":
        raise UsageError(f"{table.identity} is not merged, so that --force does what --rebuild would.")
    if request.rebuild and request.bounds != EVER:
        raise UsageError("--rebuild makes the whole table again: leave --from and --to out.")
    if request.bounds == EVER:
        return
    if table.window is None:
        raise UsageError(f"{table.identity} is made as a whole and has no windows: leave --from and --to out.")
    closed, size = table.window.closed(now), table.window.size
    span = closed.intersect(request.bounds) if closed else None
    if span is None or size.ceiling(span.start) >= size.floor(span.end):
        there = f"those that have closed go from {closed}" if closed else "none has closed yet"
        raise UsageError(
            f"{table.identity}: no window of {size} lies between --from and --to; {there.replace('..', ' to ')}."
        )


def run_table(project: Project, warehouse: Warehouse, request: Request, observer: Observer) -> Outcome:
    """Bring one table up to date.

    Raises:
        TableFileError: its file has faults.
        UsageError: there is no such table.
        DerivedError: a window failed; those before it are committed.
    """
    table = project.table(request.table)
    project.require_valid(table.identity)
    todo, job = make_plan(project, table, warehouse, request)
    outcome = Outcome(table.identity, todo, upstreams=tuple(job.upstreams))
    observer.planned(table.identity, todo)
    changes = warehouse.column_changes(table) if job.source else ColumnChanges()
    if todo.windows:
        warehouse.prepare(table)
    elif job.source and (changes.added or changes.retyped):
        job.source.inspect(table)
        warehouse.extend(table)
    for planned in todo.windows:
        work = partial(commit_step, job, planned, warehouse, first=not outcome.entries)
        outcome.entries.append(observer.window(str(planned.window or "whole table"), work))
    if table.window and not (request.force and request.bounds == EVER):
        again = f"python -m flows.ingest {table.identity} --force copies them again"
        for columns, what, became in ((changes.added, "new", "NULL in"), (changes.retyped, "retyped", "converted in")):
            if columns:
                named = f"{what} column{'s' if len(columns) > 1 else ''} {', '.join(columns)}"
                observer.say(f"{table.identity}: {named}: {became} rows copied before; {again}")
    if table.merge and (changed := ledger.warned(warehouse, table, TAKEN_BACK)):
        observer.say(
            f"{table.identity}: {' and '.join(sorted(changed))} changed or removed rows from which it was merged, "
            f"and a merge takes nothing back: python -m flows.derive {table.identity} --rebuild makes it from nothing"
        )
    return outcome


def run_alone(kind: Kind, request: Request, observer: Observer) -> Outcome:
    """Bring one table of the project in this folder up to date.

    Raises:
        UsageError: there is no such table, or it is not of this kind.
        DerivedError: as `run_table` does.
    """
    project = load_alone(kind, request.table)
    with closing(open_warehouse(project.root, observer.say)) as warehouse:
        return run_table(project, warehouse, request, observer)


def load_alone(kind: Kind, name: str) -> Project:
    """Load one table and what it reads.

    Raises:
        UsageError: there is no such table, or it is not of this kind.
        TableFileError: its file has faults.
    """
    from flows.project.project import load_project  # noqa: PLC0415 - parsing SQL is slow to import

    project = load_project(Path.cwd(), [name])
    table = project.table(name)
    other: Kind = "ingest" if table.source else "derive"
    if other != kind:
        what = "a core table, copied from its source" if other == "ingest" else "a derived table, made by its SQL"
        raise UsageError(f"{name} is {what}: python -m flows.{other} {name}")
    return project


def _source(table: Table, root: Path) -> Source:
    assert table.source is not None  # noqa: S101 - callers looked
    if table.source.kind == "files":
        from flows.sources.files.reader import FilesReader  # noqa: PLC0415 - a derived table needs no Arrow

        return FilesReader(root)
    if table.source.kind == "mysql":
        from flows.sources.connections import MysqlConnection  # noqa: PLC0415
        from flows.sources.mysql.reader import MysqlReader  # noqa: PLC0415

        return MysqlReader(connection(table.source.connection, MysqlConnection))
    from flows.sources.connections import MongodbConnection  # noqa: PLC0415
    from flows.sources.mongodb.reader import MongodbReader  # noqa: PLC0415

    return MongodbReader(connection(table.source.connection, MongodbConnection))


def connection(name: str, kind: type[Settings]) -> Settings:
    """Return a connection's settings, from a Prefect block where an API is configured. Raises SourceError, ApiError."""
    from flows.tracking import api_configured, asking_api  # noqa: PLC0415 - it builds on this module

    if api_configured():
        from blocks import connection  # noqa: PLC0415 - Prefect is slow to import

        with asking_api():
            return connection(name, kind)
    from flows.sources.connections import from_environment  # noqa: PLC0415 - most tables need none

    return from_environment(name, kind, os.environ)


def _due(table: Table, now: datetime) -> datetime:
    """Return when the schedule of a full copy was due last; other tables look at their windows instead."""
    if table.source is None or table.window is not None:
        return BEGINNING
    from croniter import croniter  # noqa: PLC0415 - slow to import, and only a full copy needs it

    moment: datetime = croniter(table.schedule, now).get_prev(datetime)
    return moment.astimezone(UTC)


def _user() -> str:
    """Return who runs this; in a container there may be a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _git_commit(folder: Path) -> str:
    """Return the commit that the project's files come from; empty where it is not in git."""
    if given := os.environ.get("DERIVED_GIT_COMMIT"):
        return given
    git = folder / ".git"
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        reference = git / head.removeprefix("ref: ")
        if reference.exists():
            return reference.read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
        return next((line.split(" ")[0] for line in packed if line.endswith(head.removeprefix("ref: "))), "")
    except OSError:
        return ""
