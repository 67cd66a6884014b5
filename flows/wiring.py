"""Read the environment and put parts together: the warehouse, the source of a table, who runs. Nothing else does."""

from __future__ import annotations

import getpass
import os
import re
import socket
from contextlib import closing, contextmanager, suppress
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flows.api.settings import Settings as PrefectSettings
from flows.model.errors import UsageError
from flows.model.safe_text import without_password
from flows.project.git import commit_of, files_ever, precedes
from flows.project.private import make_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from blocks.stage import StageBlock
    from flows.engine.outcome import Observer, Outcome
    from flows.engine.request import Author, Request
    from flows.engine.table_run import Parts
    from flows.extracts.stage import Stage
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.sources.connections import MongodbConnection, MysqlConnection, Settings
    from flows.sources.interface import Source
    from flows.warehouses.interface import Warehouse

Kind = Literal["derive", "ingest"]
HOME = "DERIVED_HOME"
WAREHOUSE = "DERIVED_WAREHOUSE"
STAGE = "DERIVED_STAGE"
EMBEDDED = "duckdb"
WAREHOUSE_FILE = "warehouse.duckdb"
CACHE_FOLDER = "cache"
_BLOCK_NAME = re.compile(r"[a-z0-9-]+")
_BLOCK = re.compile(r"(?:gcs-bucket|local-file-system)/[a-z0-9-]+")
_BUCKET = re.compile(r"gs://(?P<bucket>[a-z0-9._-]+)(?:/(?P<prefix>.*?))?/?")


def project_folder() -> Path:
    """Return the folder of the project that is worked on: the one in which a person stands."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError("The folder in which this runs is there no more. Run it in the project's folder.") from None


def tables_ever() -> tuple[set[str], str]:
    """Return the tables whose files commits of this folder have had, and why git does not know all, if it does not."""
    from flows.project.files import FOLDER, SUFFIX  # noqa: PLC0415 - deploying alone needs it

    files, unknown = files_ever(project_folder(), FOLDER)
    paths = [path for path in map(Path, files) if path.suffix == SUFFIX]
    return {f"{path.parent.name}.{path.stem}" for path in paths}, unknown or ("" if paths else "no commit has a table")


def run_alone(kind: Kind, request: Request, observer: Observer) -> Outcome:
    """Bring one table of the project in this folder up to date.

    Raises:
        UsageError: there is no such table, or it is not of this kind.
        DerivedError: as `run_table` does.
    """
    from flows.engine.reaching import Sources  # noqa: PLC0415 - who plans or checks runs nothing
    from flows.engine.readings import Readings  # noqa: PLC0415
    from flows.engine.table_run import Parts, run_table  # noqa: PLC0415

    project = load_alone(kind, request.table)
    table = project.table(request.table)
    project.require_valid(table.identity)
    sources = Sources(lambda one: source_of(one, project.root), observer)
    if table.source:  # nobody waits for it while they hold the warehouse's file, for which others wait
        sources.of(table)
    with closing(open_warehouse(project.root, observer.say)) as warehouse:
        stage = open_stage(project.root) if table.source else None
        readings = Readings(warehouse, project.tables)
        parts = Parts(project, readings, author(project.root), sources.of, stage)
        return run_table(parts, request, observer)


def open_project(names: Iterable[str] | None = None) -> Project:
    """Load the project that is worked on, with what is known of its files from earlier times.

    Args:
        names: only these tables, and those that their SQL and checks name; all where it is None.

    Raises:
        UsageError: there is no folder `tables/`.
    """
    from flows.project.project import load_project  # noqa: PLC0415 - slow to import

    root = project_folder()
    # A few tables are read as fast without it, and a dry run is to leave nothing behind.
    keeps = names is None or _home(root).is_dir()
    return load_project(root, names, cache=private_home(root) / CACHE_FOLDER if keeps else None)


def _home(root: Path) -> Path:
    """Return the folder of what Derived keeps of a project."""
    return Path(os.environ.get(HOME) or root / ".derived")


def private_home(root: Path) -> Path:
    """Return that folder, made for its owner alone; where it cannot be made, who needs it says so."""
    home = _home(root)
    with suppress(OSError):
        make_private(home)
        if not os.environ.get(HOME):  # a folder that a person made and named has the rights that they gave it
            home.chmod(0o700)
    return home


def load_alone(kind: Kind, name: str) -> Project:
    """Load one table and what it reads.

    Raises:
        UsageError: there is no such table, or it is not of this kind.
        TableFileError: its file has faults.
    """
    project = open_project([name])
    table = project.table(name)
    other: Kind = "ingest" if table.source else "derive"
    if other != kind:
        what = "a core table, copied from its source" if other == "ingest" else "a derived table, made by its SQL"
        raise UsageError(f"{name} is {what}: python -m flows.{other} {name}")
    return project


def open_warehouse(root: Path, report: Callable[[str], None], *, write: bool = True) -> Warehouse:
    """Open the warehouse that DERIVED_WAREHOUSE names: an address or a block; by default the embedded one.

    Args:
        root: the project's folder.
        report: is told what it waits for.
        write: whether to create the embedded one's file where it is missing.

    Raises:
        UsageError: DERIVED_WAREHOUSE names no warehouse.
    """
    address = os.environ.get(WAREHOUSE) or EMBEDDED
    if address != EMBEDDED:
        return _open_bigquery(address)
    from flows.warehouses.duckdb.warehouse import DuckDB  # noqa: PLC0415 - slow to import

    path = (private_home(root) if write else _home(root)) / WAREHOUSE_FILE
    return DuckDB(path if write or path.exists() else Path(":memory:"), report=report)


def _open_bigquery(address: str) -> Warehouse:
    from flows.warehouses.bigquery.settings import emulator_of, parse_address  # noqa: PLC0415 - seldom needed

    emulator = emulator_of(os.environ)
    if address.startswith("bigquery:"):
        from flows.warehouses.bigquery.warehouse import BigQuery  # noqa: PLC0415 - slow to import

        return BigQuery(parse_address(address), emulator)
    if not _BLOCK_NAME.fullmatch(address) or not api_configured():
        unknown = ", and no Prefect API is configured to know a block" if _BLOCK_NAME.fullmatch(address) else ""
        raise UsageError(
            f"{WAREHOUSE}: '{without_password(address)}' is no warehouse{unknown}. "
            "Write duckdb or bigquery://my-project?location=EU."
        )
    from blocks.warehouse import warehouse_block  # noqa: PLC0415 - Prefect is slow to import
    from flows.warehouses.bigquery.warehouse import BigQuery  # noqa: PLC0415 - slow to import

    block = warehouse_block(address)
    return BigQuery(block.settings(), emulator, None if emulator else block.credentials())


def open_stage(root: Path) -> Stage | None:
    """Open the stage that DERIVED_STAGE names: a folder, `gs://bucket/prefix`, or a block as `gcs-bucket/name`.

    None where it names none: rows then go from their source straight into the warehouse.

    Raises:
        UsageError: it names a block that is not there, or no Prefect API is configured to ask for it.
        WarehouseError: Google Cloud's environment names nobody who could ask.
    """
    address = os.environ.get(STAGE)
    if not address:
        return None
    from flows.extracts.stage import Stage  # noqa: PLC0415 - slow to import

    if _BLOCK.fullmatch(address):
        if not api_configured():
            raise UsageError(f"{STAGE}: '{address}' is a block, and no Prefect API is configured that knows it.")
        from blocks.stage import block_of, store_of  # noqa: PLC0415 - Prefect is slow to import

        return Stage(store_of(block_of(address)))
    if found := _BUCKET.fullmatch(address):
        from flows.warehouses.bucket import Bucket  # noqa: PLC0415 - slow to import

        return Stage(Bucket(found["bucket"], found["prefix"] or ""))
    from flows.extracts.folder import Folder  # noqa: PLC0415 - a bucket needs none

    return Stage(Folder(_stage_folder(address, root)))


def stage_block(root: Path) -> StageBlock:
    """Return a saved block of the same place, in which Prefect keeps the results of what was read."""
    from blocks.stage import block_of, bucket_block, folder_block  # noqa: PLC0415 - Prefect is slow to import

    address = os.environ[STAGE]
    if _BLOCK.fullmatch(address):
        return block_of(address)
    if found := _BUCKET.fullmatch(address):
        return bucket_block(found["bucket"], found["prefix"] or "")
    return folder_block(_stage_folder(address, root))


def _stage_folder(address: str, root: Path) -> Path:
    if "://" in address or address.startswith(("gcs-bucket/", "local-file-system/")):
        raise UsageError(
            f"{STAGE}: '{without_password(address)}' is no stage. Write a folder, gs://bucket/prefix, or a block as "
            "gcs-bucket/name."
        )
    return (root / address).resolve()


@contextmanager
def all_parts(project: Project, observer: Observer) -> Iterator[Parts]:
    """Begin to reach all sources, open the warehouse, and give what runs of the tables are put together from."""
    from flows.engine.reaching import Sources  # noqa: PLC0415 - as above
    from flows.engine.readings import Readings  # noqa: PLC0415
    from flows.engine.table_run import Parts  # noqa: PLC0415

    sources = Sources(lambda table: source_of(table, project.root), observer)
    sources.begin(project.tables[name] for name in project.after if project.tables[name].source)
    with closing(open_warehouse(project.root, observer.say)) as warehouse:
        order = TopologicalSorter(project.after).static_order()
        ahead = {name: project.after[name] for name in order if name in project.after}
        readings, stage = Readings(warehouse, project.tables, ahead), open_stage(project.root)
        yield Parts(project, readings, author(project.root), sources.of, stage, sources.awaited)


def author(root: Path) -> Author:
    """Return who runs this, and from which commit the project's files come."""
    from flows.engine.request import Author  # noqa: PLC0415 - as above

    name = os.environ.get("DERIVED_RUN_BY") or f"{_user()}@{socket.gethostname()}"
    commit = os.environ.get("DERIVED_GIT_COMMIT") or commit_of(root.resolve())
    return Author(name, commit, partial(precedes, root, commit))


def source_of(table: Table, root: Path) -> Source:
    """Return where a core table's rows come from. Raises SourceError, ApiError."""
    assert table.source is not None  # noqa: S101 - a core table has one
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


def api_configured() -> bool:
    """Say whether runs are tracked by Prefect. Raises UsageError for a settings file that cannot be read."""
    return prefect_settings().api_configured


def prefect_settings() -> PrefectSettings:
    """Return what says where Prefect's API is, and who asks."""
    return PrefectSettings(os.environ, Path(), Path.home())


def require_api() -> None:
    """Raise UsageError where no Prefect API is configured."""
    if not api_configured():
        raise UsageError(
            "No Prefect API is configured. Set PREFECT_API_URL, as in http://127.0.0.1:4200/api, or log in: "
            "prefect cloud login"
        )


def use_api(url: str, home: Path, **more: str) -> None:
    """Have this process, and those that it starts from now on, use a Prefect API; `home` is where it keeps things."""
    os.environ.update(PREFECT_API_URL=url, PREFECT_HOME=str(home), **more)


def enter(environment: Mapping[str, str]) -> None:
    """Have this process be in another environment than the one that it was started in."""
    os.environ.clear()
    os.environ.update(environment)


def connection(name: str, kind: type[Settings]) -> Settings:
    """Return a connection's settings, from a Prefect block where an API is configured. Raises SourceError, ApiError."""
    if api_configured():
        from blocks import connection  # noqa: PLC0415 - Prefect is slow to import

        return connection(name, kind)
    from flows.sources.connections import from_environment  # noqa: PLC0415 - most tables need none

    return from_environment(name, kind, os.environ)


def kind_of_connection(name: str) -> type[MysqlConnection | MongodbConnection]:
    """Return the kind of database that a connection leads to. Raises UsageError, SourceError, ApiError."""
    if api_configured():
        from blocks import kind_of  # noqa: PLC0415 - Prefect is slow to import

        return kind_of(name)
    from flows.sources.connections import kind_in_environment  # noqa: PLC0415 - most tables need none

    return kind_in_environment(name, os.environ)


def reached(name: str) -> str:
    """Connect to a database and return what was reached. Raises UsageError, SourceError, ApiError."""
    from flows.sources.connections import MysqlConnection  # noqa: PLC0415 - most tables need none

    kind = kind_of_connection(name)
    settings = connection(name, kind)
    if isinstance(settings, MysqlConnection):
        from flows.sources.mysql.session import probe  # noqa: PLC0415 - drivers are slow to import

        return probe(settings)
    from flows.sources.mongodb.session import ping  # noqa: PLC0415 - the same

    return ping(settings)


def _user() -> str:
    """Return who runs this; in a container there may be a number without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
