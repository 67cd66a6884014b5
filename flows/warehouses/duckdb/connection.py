"""Connections to a DuckDB file: open it, work in one transaction, tell its errors."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import duckdb

from flows.model.errors import ConflictError, WarehouseBusyError, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0


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


def open_file(path: Path, patience: float, report: Callable[[str], None]) -> duckdb.DuckDBPyConnection:
    """Open the file; wait for a process that holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    pause, told = FIRST_PAUSE, False
    while True:
        try:
            return duckdb.connect(str(path))
        except duckdb.Error as error:
            holder = re.search(r"lock is held in .*?\(PID (\d+)\)", str(error))
            if holder is None and "Could not set lock" not in str(error):
                raise WarehouseError(f"The warehouse {path} cannot be opened: {first_line(error)}") from error
            who = f"process {holder[1]}" if holder else "another process"
            if time.monotonic() > deadline:
                raise WarehouseBusyError(
                    f"The warehouse {path} has been held by {who} for {patience:.0f} seconds. One process at a time "
                    "can work on it: wait until that one has ended, or end it, and start again."
                ) from error
            if not told:
                report(f"{who} holds the warehouse {path}; waiting up to {patience:.0f} seconds for it")
                told = True
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


@contextmanager
def translated(subject: str = "") -> Iterator[None]:
    """Let no error of the driver through as it is; `subject` is what was being made."""
    where = f"{subject}: " if subject else ""
    try:
        yield
    except duckdb.Error as error:
        if isinstance(error, duckdb.TransactionException) and "conflict" in str(error).lower():
            raise ConflictError(
                f"{where}another run changed the same rows first, so this one changed nothing: {first_line(error)}"
            ) from error
        raise WarehouseError(f"{where}{first_line(error)}") from error
    except RuntimeError as error:
        # DuckDB tells Ctrl-C in the middle of a query so.
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def first_line(error: Exception) -> str:
    """Return what an error of DuckDB says, without the place in the SQL."""
    return str(error).split("\n", 1)[0]
