"""What there is to say of files before they are read, by a look at the first and the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.model.errors import SourceError
from flows.model.paths import plain_name, steps
from flows.sources.fields import named
from flows.sources.files.file import ProjectFile
from flows.sources.files.find import left_out
from flows.sources.files.formats import format_of
from flows.sources.interface import Inspection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from flows.model.table import Table
    from flows.sources.files.find import Files


def inspection(table: Table, root: Path, files: Files) -> Inspection:
    """Return which names the files have and the table does not give, or the other way round, and which are not read.

    Raises SourceError where a file cannot be read.
    """
    looked_at = [ProjectFile(path, root) for path in (files.found[0], *files.found[1:][-1:])]
    documents = _sample(looked_at)
    names = dict.fromkeys(
        name for file in looked_at if (names_of := format_of(file).names) is not None for name in names_of(file)
    )
    absent, unread = named(table).compare(documents)
    paths = [column.source_path or column.name for column in table.columns]
    # Names of columns are not divided at dots, but for the fields of a struct in Parquet.
    read = {next((name for name in (path, plain_name(path)) if name in names), steps(path)[0]) for path in paths}
    unread += [name for name in names if name not in read and name not in unread]
    places = " and ".join(map(str, looked_at))
    first = "document" if len(documents) == 1 else f"{len(documents):,} documents"
    warnings = [
        f"no field '{name.path}' in the first {first} of {places}: {name.what} is NULL there.{name.near}"
        for name in absent
    ]
    return Inspection(tuple(unread), (*left_out(root, files), *warnings))


def no_cursor(table: Table, files: Sequence[ProjectFile]) -> SourceError:
    """Return the error of files of which no document has a place for the cursor, with what was perhaps meant."""
    cursor = table.source.cursor if table.source else None
    column = next(column for column in table.columns if column.name == cursor)
    absent, _ = named(table).compare(_sample([files[0], *files[1:][-1:]]))
    near = next((name.near for name in absent if name.column == cursor), "")
    which = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1:,} more"
    return SourceError(
        f"{table.identity}: source.cursor: no document of {which} has a field '{column.source_path or column.name}', "
        f"by which its window is found; nothing was copied.{near} Where it has another name, write from: <its name>."
    )


def _sample(files: Iterable[ProjectFile]) -> list[dict[str, Any]]:
    return [document for file in files if (sample := format_of(file).sample) is not None for document in sample(file)]
