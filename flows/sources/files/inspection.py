"""What there is to say of files before they are read, by a look at the first and the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.paths import plain_name, steps
from flows.sources.fields import named
from flows.sources.files.file import ProjectFile
from flows.sources.files.find import left_out
from flows.sources.files.formats import format_of
from flows.sources.interface import Inspection

if TYPE_CHECKING:
    from pathlib import Path

    from flows.model.table import Table
    from flows.sources.files.find import Files


def inspection(table: Table, root: Path, files: Files) -> Inspection:
    """Return which names the files have and the table does not give, or the other way round, and which are not read.

    Raises SourceError where a file cannot be read.
    """
    looked_at = [ProjectFile(path, root) for path in (files.found[0], *files.found[1:][-1:])]
    documents, names = [], dict[str, None]()
    for file in looked_at:
        format_ = format_of(file)
        documents += format_.sample(file) if format_.sample else []
        names |= dict.fromkeys(format_.names(file) if format_.names else [])
    absent, unread = named(table).compare(documents)
    paths = [column.source_path or column.name for column in table.columns]
    # Names of columns are not divided at dots, but for the fields of a struct in Parquet.
    read = {name for path in paths for name in (path, plain_name(path), steps(path)[0])}
    unread += [name for name in names if name not in read and name not in unread]
    places = " and ".join(map(str, looked_at))
    warnings = [
        f"no field '{name.path}' in the first {len(documents):,} document{'' if len(documents) == 1 else 's'} of "
        f"{places}: column {name.column} is NULL there.{name.near}"
        for name in absent
    ]
    return Inspection(tuple(unread), (*left_out(root, files), *warnings))
