"""Read table files. All faults of a file are found at once, each with its line and in words for who wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from flows.model.checks import check_kind
from flows.model.errors import Fault, SqlError, TableFileError
from flows.model.table import Table
from flows.project import column_rules, rules
from flows.project.document import Document, Flaw, clip, parse
from flows.project.draft import Draft
from flows.project.words import explain, path_of, value_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path as FilePath

    from sqlglot import exp

    from flows.project.document import Path
    from flows.project.draft import Note

RULES = (*rules.RULES, *column_rules.RULES)
_REST_OF_TYPE = re.compile(r"\d+\).*|`?\w+`? +[A-Z][A-Z0-9]*([<(].*)?>*")
CUT_TYPE = "Inside { } a comma ends a value: put the whole type in quotes."


@dataclass(frozen=True)
class Loaded:
    """A table file: its table, or what is wrong with it, and where in it everything stands."""

    file: str
    """Path relative to the project, with `/`."""
    identity: str
    """`dataset.name`, from the folder's and the file's name."""
    table: Table | None
    """None where the file has faults."""
    faults: tuple[Fault, ...]
    document: Document

    @cached_property
    def draft(self) -> Draft:
        """What the file gives, be it good or bad."""
        dataset, _, name = self.identity.rpartition(".")
        return Draft(dataset, name, self.document)

    @cached_property
    def queries(self) -> dict[Path, str]:
        """The queries that have a syntax tree, by where they stand: the table's own and those of its checks."""
        return {path: sql for path, sql in _queries(self.document.values) if _tree(sql) is not None}

    @cached_property
    def names(self) -> dict[Path, tuple[str, ...]]:
        """The tables that each of those queries names, in alphabetical order."""
        return {path: tuple(sorted({name for name, _ in named_tables(sql)})) for path, sql in self.queries.items()}

    @property
    def reads(self) -> tuple[str, ...]:
        """The tables that the table's own query names."""
        return self.names.get(("sql",), ())

    @cached_property
    def references(self) -> dict[Path, tuple[str, str]]:
        """Table and column of each `references` check, by where it stands."""
        found: dict[Path, tuple[str, str]] = {}
        for column, _ in self.draft.items("columns"):
            for path, _ in self.draft.items(*column, "checks"):
                given = self.draft.text(*path, "references")
                if given is not None and given.count(".") == 2:  # noqa: PLR2004 - dataset, table, column
                    table, _, name = given.rpartition(".")
                    found[*path, "references"] = (table, name)
        return found

    @property
    def mentioned(self) -> set[str]:
        """Every other table that the file names."""
        named = {name for names in self.names.values() for name in names}
        return (named | {table for table, _ in self.references.values()}) - {self.identity}

    def fault(self, path: Path, message: str, sql_line: int | None = None) -> Fault:
        """Return a fault of a field; of a query with the line inside it, counted from 1."""
        line = self.document.line(path)
        first = self.document.blocks.get(path)
        if sql_line is not None and first is not None:
            line = first + sql_line - 1
        return Fault(self.file, line, self._dotted(path), message)

    def sql_faults(self, path: Path, error: SqlError) -> Iterator[Fault]:
        """Give the faults of a query, each on the line of the file on which the word stands."""
        for fault in error.faults:
            yield self.fault(path, fault.message, fault.line)

    def _dotted(self, path: Path) -> str:
        """Return a path for people: columns and checks by their names, other items counted from 1."""
        words: list[str] = []
        value: Any = self.document.values
        for part in path:
            value = value.get(part) if isinstance(value, dict) else value[part] if isinstance(value, tuple) else None  # type: ignore[index]
            if isinstance(part, str):
                words += [part] if not words or words[-1] != part else []
            elif not words:
                break
            elif words[-1] == "columns" and isinstance(value, dict) and isinstance(value.get("name"), str):
                words.append(clip(value["name"]))
            else:
                words.append(check_kind(value) or str(part + 1) if words[-1] == "checks" else str(part + 1))
        return ".".join(words)


def load_file(root: FilePath, path: FilePath) -> Table:
    """Read one table file.

    Args:
        root: the project's folder.
        path: the file, below `root`.

    Raises:
        TableFileError: with every fault of the file.
    """
    loaded = read_table(root, path)
    if loaded.table is None:
        raise TableFileError(loaded.faults)
    return loaded.table


def read_table(root: FilePath, path: FilePath) -> Loaded:
    """Read one table file; its faults are part of the answer."""
    file = path.relative_to(root).as_posix()
    dataset, name = path.parent.name, path.stem
    given = _read(path)
    document = replace(given, values={"dataset": dataset, "name": name} | given.values)
    loaded = Loaded(file, f"{dataset}.{name}", None, (), document)
    faults = [
        Fault(file, flaw.line, loaded._dotted(flaw.path), flaw.message)  # noqa: SLF001 - its own module
        for flaw in document.flaws
        if flaw.message and not _told_by_type(flaw, document)
    ]
    if given.flaws and not any(path and isinstance(path[0], str) for path in given.lines):
        return replace(loaded, faults=tuple(faults))

    table, shapes = _shape(document)
    told = {flaw.path for flaw in document.flaws} - {()}
    shapes = {path: message for path, message in shapes.items() if not _is_within(path, told)}
    told |= shapes.keys()
    broken = [note for note in _broken_rules(loaded.draft) if not _is_within(note[0], told)]
    faults += [loaded.fault(path, message) for path, message in [*shapes.items(), *broken]]
    faults += _sql_faults(loaded)
    return replace(loaded, table=None if faults else table, faults=tuple(sorted(set(faults))))


def _read(path: FilePath) -> Document:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        return Document({}, (Flaw(1, (), f"cannot be read: {error.strerror}."),))


def _is_within(path: Path, told: set[Path]) -> bool:
    """Say whether a value, or a group around it, has a fault already."""
    return any(path[:length] in told for length in range(1, len(path) + 1))


def _shape(document: Document) -> tuple[Table | None, dict[Path, str]]:
    """Return the table, or what is wrong with the shape of its values by where they stand."""
    try:
        return Table.model_validate(document.values), {}
    except ValidationError as error:
        notes: dict[Path, str] = {}
        for detail in error.errors(include_url=False):
            path = path_of(detail, document.values)
            # A list whose items all have faults counts as empty, which it is not.
            emptied = detail["type"] == "too_short" and bool(value_at(path, document.values))
            if path not in notes and not emptied:
                notes[path] = _cut_type(path, document) or explain(detail, path, document)
        return None, notes


def _cut_type(path: Path, document: Document) -> str | None:
    """Explain a type that a comma inside { } has cut: `{type: STRUCT<a STRING, b INT64>}`."""
    if path[:1] != ("columns",) or path[-1] != "type":
        return None
    given = value_at(path, document.values)
    return f"'{clip(given)}' is cut off. {CUT_TYPE}" if isinstance(given, str) and _is_open(given) else None


def _is_open(text: str) -> bool:
    return text.count("<") > text.count(">") or text.count("(") > text.count(")")


def _told_by_type(flaw: Flaw, document: Document) -> bool:
    """Say whether a flaw is the rest of a type that a comma has cut, which is told where the type begins."""
    column = value_at(flaw.path[:-1], document.values) if flaw.path[:1] == ("columns",) and len(flaw.path) > 1 else None
    type_ = column.get("type") if isinstance(column, dict) else None
    return isinstance(type_, str) and _is_open(type_) and _REST_OF_TYPE.fullmatch(str(flaw.path[-1])) is not None


def _broken_rules(draft: Draft) -> Iterator[Note]:
    for rule in RULES:
        yield from rule(draft)


def named_tables(sql: str) -> Iterator[tuple[str, int]]:
    """Give the tables that a query names, each with its line in it; nothing where there is no tree."""
    from flows.sql.parse.tree import base_tables, line_of, table_identity  # noqa: PLC0415 - slow to import

    tree = _tree(sql)
    for node in base_tables(tree) if tree is not None else ():
        identity = table_identity(node)
        if identity is not None:
            yield identity, line_of(node)


def _tree(sql: str) -> exp.Query | None:
    from flows.sql.parse.parser import read  # noqa: PLC0415 - slow to import, and not every file has SQL

    try:
        return read(sql)[0]
    except SqlError:
        return None


def _queries(values: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Give the queries of a file with where they stand: the table's own and those of its checks."""
    if isinstance(values.get("sql"), str):
        yield ("sql",), values["sql"]
    checks = values.get("checks")
    for index, check in enumerate(checks if isinstance(checks, tuple) else ()):
        if isinstance(check, dict) and isinstance(check.get("sql"), str):
            yield ("checks", index, "sql"), check["sql"]


def _sql_faults(loaded: Loaded) -> Iterator[Fault]:
    for path, sql in _queries(loaded.document.values):
        from flows.sql import parse as parse_sql  # noqa: PLC0415 - slow to import, and core tables have no SQL

        try:
            parse_sql(sql)
        except SqlError as error:
            yield from loaded.sql_faults(path, error)
            continue
        if loaded.document.values.get("strategy") == "replace" and "@window_" in sql.lower():
            line = next(number for number, text in enumerate(sql.lower().splitlines(), 1) if "@window_" in text)
            message = "a table that is replaced as a whole has no windows. Remove the parameter, or `replace`."
            yield loaded.fault(path, message, line)
