"""What table files gave, kept by their content: safe to delete, shared by processes, dead with any other code.

One SQLite file holds, for each table, what its file gives and what it gives beside those that it names. Its name is a
hash of Derived's own code and of the packages that read SQL and YAML, so that no other version finds it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from flows.model.errors import Fault
from flows.project.faults import Face, Findings
from flows.project.private import make_private
from flows.project.table_file import ListedColumn, Query, Reference, TableFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_CODE = Path(__file__).parents[1]
_DECIDES = ("model", "project", "sql")
"""The packages of Derived that decide what a file gives."""
_PACKAGES = ("sqlglot", "yaml", "pydantic", "pydantic_core", "pyarrow", "croniter")
FEW = 100
"""Up to as many tables are looked up one by one."""
_WAIT = 1.0
"""Seconds to wait for another process that writes."""
_TABLES = """
CREATE TABLE IF NOT EXISTS files (identity TEXT PRIMARY KEY, key BLOB, given BLOB, table_values BLOB);
CREATE TABLE IF NOT EXISTS findings (identity TEXT PRIMARY KEY, key BLOB, given BLOB, read BLOB, is_odd INTEGER);
"""


class Cache:
    """What was kept of a project's files; where nothing can be kept, nothing is found."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known of any file."""
        if self._connection is None:
            return True
        with suppress(sqlite3.Error):
            return self._connection.execute("SELECT 1 FROM files LIMIT 1").fetchone() is None
        return True

    def files(self, keys: Mapping[str, bytes]) -> dict[str, TableFile]:
        """Return what is known of files, by identity, of those whose key is the same."""
        found = {}
        for identity, given in self._rows("files", "given", keys):
            with suppress(ValueError, TypeError):
                found[identity] = _file(identity, keys[identity], orjson.loads(given))
        return found

    def findings(self, keys: Mapping[str, bytes]) -> dict[str, Findings]:
        """Return what is known of files beside others, by identity, of those whose key is the same."""
        found = {}
        for identity, given, read, is_odd in self._rows("findings", "given, read, is_odd", keys):
            with suppress(ValueError, TypeError):
                name, faults = orjson.loads(given)
                found[identity] = Findings(_faults(name, faults), read, bool(is_odd))
        return found

    def values(self, keys: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the values of tables, by identity, of those whose key is the same."""
        return {identity: values for identity, values in self._rows("files", "table_values", keys) if values}

    def keep(
        self,
        files: Iterable[tuple[bytes, TableFile]],
        findings: Iterable[tuple[bytes, TableFile, Findings]],
    ) -> None:
        """Keep what was found, in the place of what was known."""
        if self._connection is None:
            return
        with suppress(sqlite3.Error), self._connection:
            self._connection.executemany(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                ((file.identity, key, orjson.dumps(plain(file)), file.values) for key, file in files),
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO findings VALUES (?, ?, ?, ?, ?)",
                (
                    (
                        file.identity,
                        key,
                        orjson.dumps((file.file, _plain_faults(found.faults))),
                        found.read,
                        found.is_odd,
                    )
                    for key, file, found in findings
                ),
            )

    def _rows(self, table: str, columns: str, keys: Mapping[str, bytes]) -> Iterator[tuple[Any, ...]]:
        """Give identity and columns of the rows whose key is the same."""
        if self._connection is None or not keys:
            return
        few = len(keys) < FEW
        where = f" WHERE identity IN ({', '.join('?' * len(keys))})" if few else ""
        query = f"SELECT identity, key, {columns} FROM {table}{where}"
        with suppress(sqlite3.Error):
            for identity, key, *rest in self._connection.execute(query, list(keys) if few else ()):
                if keys.get(identity) == key:
                    yield identity, *rest


@contextmanager
def opened(folder: Path | None) -> Iterator[Cache]:
    """Open the cache in a folder; one that cannot be used holds nothing."""
    connection = None
    if folder is not None:
        try:
            connection = _connect(folder)
        except (OSError, sqlite3.Error):
            connection = None
    if connection is None:
        yield Cache(None)
        return
    with closing(connection):
        yield Cache(connection)


def _connect(folder: Path) -> sqlite3.Connection:
    make_private(folder)
    path = folder / f"{version()}.sqlite"
    try:
        return _open(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        path.unlink()  # it is damaged, and holds nothing that cannot be found again
        return _open(path)


def _open(path: Path) -> sqlite3.Connection:
    if not path.exists():
        for old in path.parent.glob("*.sqlite*"):
            old.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
    connection = sqlite3.connect(path, timeout=_WAIT)
    try:
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@lru_cache
def version() -> str:
    """Return a hash of the code that decides what a file gives: Derived's own, Python's and that of the packages."""
    found = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for package in _DECIDES:
        for path in sorted((_CODE / package).rglob("*.py")):
            found.update(path.relative_to(_CODE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    specs = (find_spec(name) for name in _PACKAGES)
    for folder in sorted({str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin}):
        installed = (name for name in os.listdir(folder) if name.endswith(".dist-info"))  # noqa: PTH208 - names alone
        found.update("\n".join(sorted(installed)).encode())
    return found.hexdigest()


def key_of(file: str, content: bytes | str) -> bytes:
    """Return the key of what a file gives by itself."""
    given = content.encode() if isinstance(content, str) else content
    return hashlib.blake2b(f"{type(content).__name__} {file}\0".encode() + given, digest_size=16).digest()


def digest_of(face: Face) -> bytes:
    """Return a hash of what others see of a table."""
    return hashlib.blake2b(orjson.dumps(tuple(face)), digest_size=16).digest()


def key_beside(key: bytes, file: TableFile, digests: Mapping[str, bytes]) -> bytes:
    """Return the key of what a file gives beside those that it names."""
    found = hashlib.blake2b(key, digest_size=16)
    for name in file.mentioned:
        found.update(digests.get(name, b"none"))
    return found.digest()


def plain(file: TableFile) -> tuple[Any, ...]:
    """Return a file without the values of its table, of nothing but lists, texts and numbers."""
    return (
        file.file,
        _plain_faults(file.faults),
        file.strategy,
        file.partition,
        file.row_key,
        file.requires_filter,
        file.lookback,
        file.endless,
        file.one_window,
        file.window,
        file.sourced,
        [tuple(column) for column in file.columns],
        [tuple(query) for query in file.queries],
        [tuple(reference) for reference in file.references],
    )


def _plain_faults(faults: Iterable[Fault]) -> list[tuple[int, str, str]]:
    return [(fault.line, fault.message, fault.field) for fault in faults]


def _faults(file: str, given: Iterable[Any]) -> tuple[Fault, ...]:
    return tuple(Fault(line, message, field, file) for line, message, field in given)


def _file(identity: str, key: bytes, given: Any) -> TableFile:  # noqa: ANN401 - as JSON has it
    (
        name,
        faults,
        strategy,
        partition,
        row_key,
        requires_filter,
        lookback,
        endless,
        one_window,
        window,
        sourced,
        *lists,
    ) = given
    columns, queries, references = lists
    return TableFile(
        name,
        identity,
        _faults(name, faults),
        None,
        strategy,
        partition,
        tuple(row_key),
        requires_filter,
        lookback,
        tuple(endless) if endless else None,
        one_window,
        window,
        sourced,
        tuple(map(ListedColumn._make, columns)),
        tuple(map(Query._make, queries)),
        tuple(map(Reference._make, references)),
        named=True,
        key=key,
    )
