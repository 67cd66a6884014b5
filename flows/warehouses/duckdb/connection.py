"""Connections to a DuckDB file: open it, work in one transaction, tell its errors."""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack, contextmanager, suppress
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flows.model.errors import WarehouseBusyError, WarehouseError
from flows.project.private import make_private
from flows.warehouses.duckdb.explain import explained
from flows.warehouses.duckdb.faults import ELSEWHERE, unopened
from flows.warehouses.duckdb.signals import stoppable
from flows.warehouses.interface import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from flows.warehouses.duckdb.queue import Queue

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.25
IN_MEMORY = Path(":memory:")
_FENCE: dict[str, str | bool | int | float | list[str]] = {
    # Of files, SQL reaches the warehouse's own; DuckDB itself goes on to spill and to write its log.
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # A name that no table has would otherwise be looked for among the variables of Python.
    "python_enable_replacements": False,
    # Rows of a table have no order, and keeping one makes a big INSERT hold all of them.
    "preserve_insertion_order": False,
    # Groups of 122,880 rows that each thread gathers before it writes them; more of them are written no faster.
    "write_buffer_row_group_count": 1,
}
_SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    # The last: nothing can be set any more, so that no SQL takes the fence away.
    "SET GLOBAL lock_configuration = true",
)


class Transaction:
    """Statements of one connection that take effect together with `commit`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.is_open = True

    def commit(self) -> None:
        """Let all that was done take effect."""
        self._connection.execute("COMMIT")
        self.is_open = False


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[Transaction]:
    """Begin a transaction; leaving the context without its `commit` leaves no trace."""
    connection.execute("BEGIN TRANSACTION")
    work = Transaction(connection)
    try:
        yield work
    finally:
        if work.is_open:
            # After some errors DuckDB has rolled back already; what happened is the error that is on its way.
            with suppress(duckdb.Error):
                connection.execute("ROLLBACK")


def open_file(
    path: Path, queue: Queue, patience: float, report: Callable[[str], None], *, silence: float = FIRST_PAUSE
) -> duckdb.DuckDBPyConnection:
    """Open the file, and make it where it is missing; wait for a process that holds it, which gives it at a commit.

    One that says that it works on the file is waited for as long as it does; another one, which may hold it for good,
    for so many seconds of `patience`. What it waits for is told once, after some seconds of `silence`.
    """
    if path == IN_MEMORY:
        return _opened(path)
    _make_folder(path)
    with ExitStack() as place:
        opened = _open_in_turn(path, queue, patience, report, place, silence)
    queue.begin()
    return opened


def _open_in_turn(  # noqa: PLR0913, PLR0917 - what is waited for, how long, and who is told
    path: Path, queue: Queue, patience: float, report: Callable[[str], None], place: ExitStack, silence: float
) -> duckdb.DuckDBPyConnection:
    began = idle = time.monotonic()
    pause, waits, told = FIRST_PAUSE, False, False
    while True:
        try:
            return _opened(path)
        except duckdb.Error as error:
            holder = re.search(r"lock is held in .*?\(PID (\d+)\)", str(error))
            if holder is None and "Could not set lock" not in str(error):
                raise unopened(path, error) from error
            who = f"process {holder[1]}" if holder else "another process"
            if not waits:
                place.enter_context(queue.joined())
                waits = True
            since, now = queue.worked_on_since, time.monotonic()
            if since is not None:
                idle = now
            elif now > idle + patience:
                raise WarehouseBusyError(
                    f"The warehouse {path} has been held by {who} for {patience:.0f} seconds, and nothing says "
                    "that it works on it. One process at a time can have it: wait until that one has ended, or end it, "
                    "and start again."
                ) from error
            if not told and now >= began + silence:
                report(f"{who} {_holds(since)} the warehouse {path}; waiting{_until(since, patience)} for it")
                told = True
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(path), config=_FENCE)
    with stoppable(connection):
        locked = connection.execute("SELECT current_setting('lock_configuration')").fetchone()
        if locked == (False,):  # else this process has the file open already, with these settings
            for setting in _SETTINGS:
                connection.execute(setting)
    return connection


def _holds(since: datetime | None) -> str:
    return f"has worked since {since:%Y-%m-%d %H:%M:%S} UTC on" if since else "holds"


def _until(since: datetime | None, patience: float) -> str:
    return "" if since or isinf(patience) else f" up to {patience:.0f} seconds"


def _make_folder(path: Path) -> None:
    """Make the file's folder where it is missing, and let all that is made there be for its owner alone."""
    # DuckDB makes the file, its log and what it spills with the rights that the process gives.
    os.umask(0o077)
    try:
        make_private(path.parent)
        if path.exists():
            path.chmod(0o600)
    except OSError as error:
        done = "opened" if os.path.lexists(path) else "made"
        raise WarehouseError(
            f"The warehouse {path} cannot be {done}: {error.filename or path.parent}: {error.strerror}. {ELSEWHERE}"
        ) from error


@contextmanager
def translated(subject: str = "", made: object = None) -> Iterator[None]:
    """Let no error of the driver through as it is; `subject` is what was being made, perhaps by a query."""
    where = f"{subject}: " if subject else ""
    try:
        yield
    except duckdb.Error as error:
        raise explained(error, subject, made if isinstance(made, Query) else None) from error
    except UnicodeDecodeError as error:
        # DuckDB cuts the text of some errors within a character.
        raise WarehouseError(f"{where}{error.object.decode(errors='replace').partition(chr(10))[0]}") from error
