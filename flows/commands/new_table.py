"""Write the first version of a core table's file from what its source says of it."""

from __future__ import annotations

import os
import shlex
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.commands.terminal import out, out_json
from flows.model.errors import TableFileError, UsageError
from flows.model.sizes import plural
from flows.wiring import connection, kind_of_connection

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.sources.new_table import NewTable

FOLDER = Path("tables/core")


def write_new(connection_name: str, source: str, *, as_json: bool) -> None:
    """Write the first version of a table's file, and say what comes next."""
    table = _write(connection_name, source)
    file = f"tables/core/{table.name}.yaml"
    if as_json:
        out_json({"table": table.identity, "file": file, "columns": list(table.types)})
        return
    cursor = table.source.cursor if table.source else None
    how = f"merged by {', '.join(table.key)} as {cursor} moves on" if cursor else "copied as a whole each time"
    out(f"{file}: {plural(len(table.columns), 'column')}, {how}")
    out(f"Look at what its comments say, then: python -m flows.check {table.identity}")


def _write(connection_name: str, source: str) -> Table:
    """Write `tables/core/<name>.yaml` for a table or collection, below the working directory.

    Args:
        connection_name: what `source.connection` shall be.
        source: the table or collection as the database knows it.

    Raises:
        UsageError: the connection is not set up, there is such a file already, or it cannot be written.
        SourceError: the source is not there, or cannot be read.
    """
    from flows.sources.new_table import render  # noqa: PLC0415 - copying a table needs none of it

    new = _propose(connection_name, source)
    path = FOLDER / f"{new.name}.yaml"
    for known in FOLDER.glob("*"):
        if known.stem.lower() == new.name.lower():
            raise UsageError(f"{known} is there already. Edit it, or rename or remove it to have a new one written.")
    command = f"python -m flows.ingest --new {shlex.quote(connection_name)} {shlex.quote(source)}"
    text = render(new, command=command, today=datetime.now(UTC).date())
    table = _loaded(new.name, text)
    _put(path, text)
    return table


def _propose(name: str, source: str) -> NewTable:
    from flows.sources.connections import MongodbConnection, MysqlConnection  # noqa: PLC0415

    if kind_of_connection(name) is MysqlConnection:
        from flows.sources.mysql.reader import MysqlReader  # noqa: PLC0415

        return MysqlReader(connection(name, MysqlConnection)).propose(name, source)
    from flows.sources.mongodb.sample import sample  # noqa: PLC0415

    return sample(connection(name, MongodbConnection), name, source)


def _loaded(name: str, text: str) -> Table:
    """Return the table that a text gives. Raises UsageError where it would not be valid."""
    from flows.project.table_file import load_file  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, FOLDER, f"{name}.yaml")
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        try:
            return load_file(Path(folder), path)
        except TableFileError as error:
            raise UsageError(f"No valid file can be proposed; nothing was written. It would have\n{error}") from error


def _put(path: Path, text: str) -> None:
    """Write a file whole or not at all, and never over another."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names that begin with a dot are no tables.
        handle, draft = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(draft).chmod(0o644)
            path.hardlink_to(draft)
        finally:
            Path(draft).unlink()
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
