"""Load a table file; find all its faults at once.

A file is read as values that know their lines, each value is validated by the models, and the rules look at what the
values say together, whatever else is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from flows.model.column_rules import COLUMN_RULES
from flows.model.document import Document, parse
from flows.model.draft import Draft
from flows.model.errors import Fault, SqlError, SqlFault, TableFileError
from flows.model.rules import RULES
from flows.model.table import Table
from flows.model.words import explain, path_of, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from flows.model.document import Path
    from flows.model.draft import Note


def load_file(root: FilePath, path: FilePath) -> LoadedTable:
    """Load one table file.

    Args:
        root: the project's folder.
        path: the file, `root/tables/<dataset>/<name>.yaml`.

    Raises:
        TableFileError: with all its faults.
    """
    name = path.relative_to(root).as_posix()
    try:
        document = parse(path.read_bytes())
    except OSError as error:
        raise TableFileError([Fault(name, 1, "", f"cannot be read: {error.strerror}.")]) from None
    faults = [Fault(name, flaw.line, field(flaw.path, document), flaw.message) for flaw in document.flaws]
    if not document.values:
        raise TableFileError(faults)
    draft = Draft(path.parent.name, path.stem, document)
    told = {flaw.path for flaw in document.flaws}
    table, notes = _validated(draft, told)
    for where, message in notes:
        if where not in told or not where:
            faults.append(Fault(name, document.line(where), field(where, document), message))
    faults.extend(_sql_faults(name, draft))
    if faults or table is None:
        raise TableFileError(faults)
    return LoadedTable(table, name, document)


class LoadedTable:
    """A table together with the lines of its file, for the faults that only other tables show."""

    def __init__(self, table: Table, file: str, document: Document) -> None:
        self.table = table
        self._file = file
        self._document = document

    def fault(self, where: Path, message: str) -> Fault:
        """Return a fault of a field."""
        return Fault(self._file, self._document.line(where), field(where, self._document), message)

    def sql_faults(self, where: Path, error: SqlError) -> Iterator[Fault]:
        """Give the faults of a query, each on the line of the file on which the word stands."""
        yield from _in_file(self._file, where, self._document, error)


def _validated(draft: Draft, told: set[Path]) -> tuple[Table | None, list[Note]]:
    values = {**draft.document.values, "dataset": draft.dataset, "name": draft.name}
    notes: list[Note] = []
    table = None
    try:
        table = Table.model_validate(values)
    except ValidationError as invalid:
        for error in invalid.errors(include_url=False):
            where = path_of(error, values)
            # A list whose items all have faults counts as empty, which it is not.
            emptied = error["type"] == "too_short" and bool(value_at(where, values))
            if where not in told and not emptied:
                notes.append((where, explain(error, where, draft.document)))
    shaped = {where for where, _ in notes}
    for rule in (*RULES, *COLUMN_RULES):
        notes += [note for note in rule(draft) if not note[0] or note[0] not in shaped]
    return table, notes


def _sql_faults(name: str, draft: Draft) -> Iterator[Fault]:
    """Give the faults of the file's queries on their own, without the tables that they read."""
    from flows.model.sql import parse as parse_sql  # noqa: PLC0415 - slow to import, and a core table has no SQL

    checks = [(*path, "sql") for path, _ in draft.items("checks")]
    for where in [("sql",), *checks]:
        sql = draft.text(*where)
        if sql is None:
            continue
        try:
            parse_sql(sql)
        except SqlError as error:
            yield from _in_file(name, where, draft.document, error)
            continue
        if draft.strategy == "replace" and where == ("sql",) and "@window_" in sql.lower():
            line = next(number for number, text in enumerate(sql.lower().splitlines(), 1) if "@window_" in text)
            message = "a table that is replaced as a whole has no windows. Remove the parameter, or give it `window`."
            yield from _in_file(name, where, draft.document, SqlError([SqlFault(line, message)]))


def _in_file(name: str, where: Path, document: Document, error: SqlError) -> Iterator[Fault]:
    first = document.blocks.get(where)
    for fault in error.faults:
        line = first + fault.line - 1 if first is not None else document.line(where)
        yield Fault(name, line, field(where, document), fault.message)


def field(path: Path, document: Document) -> str:
    """Return a path as people write it; a column by its name: `columns.day.type`."""
    parts: list[str] = []
    values: object = document.values
    for part in path:
        values = value_at((part,), values)
        if isinstance(part, int) and parts == ["columns"] and isinstance(values, dict):
            parts.append(str(values.get("name", part + 1)))
        elif isinstance(part, int):
            parts[-1] += f"[{part + 1}]"
        else:
            parts.append(str(part))
    return ".".join(parts)
