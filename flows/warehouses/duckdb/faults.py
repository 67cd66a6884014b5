"""What errors of DuckDB say of its file and the disk that it is on, for people."""

from __future__ import annotations

import os
import re
from pathlib import Path

import duckdb

from flows.model.errors import WarehouseError
from flows.model.safe_text import unended

ELSEWHERE = "Set DERIVED_HOME to a folder in which you may write."
_DISK = re.compile(r'"(?P<path>/[^"]+)"[^"]*: (?P<why>No space left on device|Disk quota exceeded|File too large)')
_NO_DATABASE = f"it is no database of DuckDB. {ELSEWHERE} Or move that file away."
_DAMAGED = (
    "it is damaged: {why}. Put a copy of it in its place; or move it away, and the next runs make all tables anew."
)
_UNOPENED: tuple[tuple[str, str], ...] = (
    ("not a valid DuckDB", _NO_DATABASE),
    ("external extensions", _NO_DATABASE),
    (
        "newer version of DuckDB",
        f"a newer version of DuckDB than this one, {duckdb.__version__}, has written it. Install that one here.",
    ),
    ("Corrupt database", _DAMAGED),
    ("enough bytes", _DAMAGED),
)
"""What is said where a file cannot be opened, by words in DuckDB's error."""


def unopened(path: Path, error: duckdb.Error) -> WarehouseError:
    """Return what to say of a file that DuckDB does not open."""
    why = unended(first_line(error))
    told = next((said for words, said in _UNOPENED if words in str(error)), "{why}. " + ELSEWHERE)
    said = of_disk(error) or f"The warehouse {path} cannot be opened: {told.format(why=why)}"
    return WarehouseError(said)


def of_disk(error: duckdb.Error) -> str:
    """Return what to say where a disk takes no more; an empty text where that is not why it failed."""
    found = _DISK.search(str(error))
    if found is None:
        return ""
    folder = Path(found["path"]).parent
    disk = os.statvfs(folder)
    free, size = (blocks * disk.f_frsize // 10**6 for blocks in (disk.f_bavail, disk.f_blocks))
    return (
        f"the disk of the warehouse is full: {found['why']}; {free:,} of {size:,} MB are free in {folder}. What was "
        "being written is not there, and what was committed before is. Make room, or move that folder to a larger disk "
        "and let DERIVED_HOME name it; then start again."
    )


def first_line(error: Exception) -> str:
    """Return what an error of DuckDB says, without the place in the SQL."""
    line = str(error).split("\n", 1)[0]
    zone = re.search(r"Unknown TimeZone '(.*)'", line)
    return f"'{zone[1]}' is not a time zone. Write its name, such as Europe/Berlin, or +05:30" if zone else line
