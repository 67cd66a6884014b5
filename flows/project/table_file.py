"""Read table files. All faults of a file are found at once, each with its line and in words for who wrote it."""

from __future__ import annotations

import re
import traceback
from dataclasses import replace
from itertools import islice
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, NamedTuple

from flows.model.errors import Fault, SqlError, TableFileError, few_suggestions
from flows.model.window import Size
from flows.project.column_rules import FINE
from flows.project.files import SUFFIX, Place, content
from flows.project.stored import dump, load
from flows.project.text import shortened

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from flows.model.table import Table
    from flows.project.document import Document, Path

MOST_FAULTS = 1_000
_REST_OF_TYPE = re.compile(r"\d+\).*|`?\w+`? +[A-Z][A-Z0-9]*([<(].*)?>*")
_CODE = FilePath(__file__).parents[1]


class ListedColumn(NamedTuple):
    """A column as the file lists it."""

    name: str | None
    """None where it has none, or one that it cannot keep."""
    type: str | None
    """Its canonical spelling; None where it is no type."""
    line: int
    """Line of the name."""
    type_line: int
    field: str
    """The column as messages call it."""


class Query(NamedTuple):
    """A query of a file: the table's own, or that of a check."""

    sql: str
    field: str
    line: int
    """Line of the field."""
    first: int | None
    """Line of the query's first line, where it begins on one of its own."""
    names: dict[str, int] | None = None
    """The tables that it names, each with its line in the query; None where there is no tree."""

    @property
    def own(self) -> bool:
        """Whether it makes the table's rows."""
        return self.field == "sql"

    def at(self, line: int) -> int:
        """Return the file's line of a line of the query."""
        return self.line if self.first is None else self.first + line - 1


class Reference(NamedTuple):
    """A `references` check: this column's values stand in a column of another table."""

    column: str | None
    table: str
    other: str
    line: int
    field: str


class TableFile(NamedTuple):
    """What a table file gives: its faults, its table, and what is compared with other files."""

    file: str
    """Path relative to the project, with `/`."""
    identity: str
    """`dataset.name`, from the folder's and the file's name."""
    faults: tuple[Fault, ...]
    values: bytes | None = None
    """The values of its table as JSON; None where the file has faults."""
    strategy: str | None = None
    partition: str | None = None
    """The partition column."""
    row_key: tuple[str, ...] = ()
    """The columns that tell its rows apart."""
    requires_filter: bool = False
    """Whether BigQuery refuses to read it without a condition on that column."""
    lookback: int | None = None
    """The line on which a lookback stands that is not 0."""
    endless: tuple[str, str, int] | None = None
    """Where its windows have no end and its partitions may be too many: what each is, the first window's start, and the
    line that says so."""
    one_window: bool = False
    """Whether its first window is its last."""
    window: str | None = None
    """The size of its windows, where it has any."""
    sourced: bool = False
    """Whether it names a source, be it well or badly."""
    columns: tuple[ListedColumn, ...] = ()
    queries: tuple[Query, ...] = ()
    references: tuple[Reference, ...] = ()
    named: bool = False
    """Whether it is known what its SQL names."""
    key: bytes = b""
    """A hash of its content."""

    @property
    def types(self) -> dict[str, str | None]:
        """Types by the columns' names; None for a type that is none."""
        return {column.name: column.type for column in self.columns if column.name is not None}

    @property
    def is_typed(self) -> bool:
        """Whether each of its columns has a name and a type."""
        return bool(self.columns) and all(None not in (column.name, column.type) for column in self.columns)

    @property
    def query(self) -> Query | None:
        """The table's own query, where it has a tree."""
        return next((one for one in self.queries if one.own and one.names is not None), None)

    @property
    def size(self) -> Size | None:
        """The size of its windows, where it has any."""
        return Size.parse(self.window) if self.window else None

    @property
    def owned(self) -> str | None:
        """The column by which each row belongs to one of several windows; None where rows do not."""
        by_window = self.strategy == "append" or self.partition in self.row_key
        return self.partition if by_window and not self.one_window and not self.sourced else None

    @property
    def reads(self) -> tuple[str, ...]:
        """The tables that the table's own query names, in alphabetical order."""
        return tuple(sorted((self.query.names or ()) if self.query else ()))

    @property
    def mentioned(self) -> tuple[str, ...]:
        """Every other table that the file names, in alphabetical order."""
        named = {name for query in self.queries for name in query.names or ()}
        return tuple(sorted((named | {one.table for one in self.references}) - {self.identity}))

    def fault(self, line: int, field: str, message: str) -> Fault:
        """Return a fault of the file."""
        return Fault(line, shortened(message), field, self.file)


def load_file(root: FilePath, path: FilePath) -> Table:
    """Read one table file.

    Args:
        root: the project's folder.
        path: the file, below `root`.

    Raises:
        TableFileError: with every fault of the file.
    """
    found = read_table(root, path)
    if found.values is None:
        raise TableFileError(found.faults)
    return table_of(found.values)


def table_of(values: bytes) -> Table:
    """Return the table that the values of a file without faults make."""
    from flows.model.table import Table  # noqa: PLC0415 - slow to import, and most uses of a file need no table

    return Table.model_validate(load(values))


def read_table(root: FilePath, path: FilePath) -> TableFile:
    """Read one table file; its faults are part of the answer."""
    place = Place(str(path), path.relative_to(root).as_posix(), path.parent.name, path.name.removesuffix(SUFFIX))
    return with_names(describe(place.file, place.dataset, place.name, content(place.path)))


def describe(file: str, dataset: str, name: str, given: bytes | str) -> TableFile:
    """Return what a file gives, all but what its SQL names.

    Args:
        file: its path relative to the project.
        dataset: the folder's name.
        name: the file's name.
        given: its bytes, or why it cannot be read.
    """
    unread = TableFile(file, f"{dataset}.{name}", ())
    if isinstance(given, str):
        return unread._replace(faults=(Fault(1, given, file=file),))
    try:
        with few_suggestions():
            return _describe(unread, dataset, name, given)
    except Exception as error:  # noqa: BLE001 - one file stops no other
        return unread._replace(faults=(Fault(1, own_error(error), file=file),))


def with_names(file: TableFile) -> TableFile:
    """Return the file with what its SQL names, and with the faults that SQL has by itself."""
    faults: set[Fault] = set()
    queries = []
    for query in file.queries:
        names, found = _names(file, query)
        faults.update(found)
        queries.append(query._replace(names=names))
    known = tuple(sorted({*file.faults, *faults}))
    return file._replace(faults=known, queries=tuple(queries), values=None if known else file.values, named=True)


def own_error(error: Exception) -> str:
    """Say that Derived itself failed, and where, so that it can be reported."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith(str(_CODE))]
    last = frames[-1]
    place = f"{FilePath(last.filename).relative_to(_CODE.parent).as_posix()}:{last.lineno}"
    said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return (
        f"Derived itself failed over this file, which is a fault of its own ({said}, {place}). "
        "Send this line and the file to the platform team; other tables go on."
    )


def _describe(unread: TableFile, dataset: str, name: str, given: bytes) -> TableFile:
    from flows.project.yaml_file import parse  # noqa: PLC0415 - what is known of a file needs no YAML

    document = parse(given, unread.file, dataset, name)
    if any(isinstance(path[0], str) for path in document.lines if path):
        from flows.project.shape import regrouped  # noqa: PLC0415 - what is known of a file needs no models

        document = regrouped(document)
    faults = [fault for fault in document.faults if not _told_by_type(fault, document)]
    if document.faults and not any(isinstance(path[0], str) for path in document.lines if path):
        return unread._replace(faults=tuple(sorted(set(faults))))
    found = faults + list(islice(_broken(document), MOST_FAULTS))
    told = {fault.path for fault in found}
    lookback: Path = ("window", "lookback")
    is_lookback = bool(document.get(*lookback)) and lookback not in told
    return unread._replace(
        faults=tuple(sorted(set(found))),
        values=None if found else dump(document.values),
        strategy=document.strategy,
        partition=document.text("partition", "column"),
        row_key=tuple(name for _, name in document.texts("key")) if document.strategy == "merge" else (),
        requires_filter=document.get("partition", "require_filter") is True,
        lookback=document.line(lookback) if is_lookback else None,
        endless=_endless(document),
        one_window=_has_one_window(document),
        window=str(document.size) if document.size else None,
        sourced=("source",) in document.lines,
        columns=tuple(_columns(document, told)),
        queries=tuple(_queries(document)),
        references=tuple(_references(document)),
    )


def _broken(document: Document) -> Iterator[Fault]:
    """Give what is wrong with the shape of values, and what breaks a rule where the shape is right."""
    from flows.project import check_rules, column_rules, rules, shape  # noqa: PLC0415 - as above

    shapes = shape.faults(document)
    if shapes or document.faults:
        document = replace(document, flawed=document.flawed | shape.misspelt(document))
        shapes = [fault for fault in shapes if not shape.is_within(fault.path, document.flawed)]
    yield from shapes
    told = document.flawed | {fault.path for fault in shapes}
    for rule in (*rules.RULES, *column_rules.RULES, *check_rules.RULES):
        yield from (fault for fault in rule(document) if not shape.is_within(fault.path, told))


def _told_by_type(fault: Fault, document: Document) -> bool:
    """Say whether a fault is the rest of a type that a comma has cut, which is told where the type begins."""
    path = fault.path
    column = document.get(*path[:-1]) if path[:1] == ("columns",) and len(path) > 1 else None
    type_ = column.get("type") if isinstance(column, dict) else None
    from flows.project.shape import is_open  # noqa: PLC0415 - as above

    return isinstance(type_, str) and is_open(type_) and _REST_OF_TYPE.fullmatch(str(path[-1])) is not None


def _endless(document: Document) -> tuple[str, str, int] | None:
    start, by = document.moment("window", "start"), document.text("partition", "by")
    if start is None or document.has("window", "end") or by not in FINE:
        return None
    return by, start.isoformat(), document.line(("partition", "by"))


def _has_one_window(document: Document) -> bool:
    start, end, size = document.moment("window", "start"), document.moment("window", "end"), document.size
    return None not in (start, end, size) and size.next(start) >= end  # type: ignore[union-attr, arg-type, operator]


def _columns(document: Document, told: Container[Path]) -> Iterator[ListedColumn]:
    for path, _ in document.items("columns"):
        type_ = document.type(*path)
        yield ListedColumn(
            document.text(*path, "name") if (*path, "name") not in told else None,
            str(type_) if type_ else None,
            document.line((*path, "name")),
            document.line((*path, "type")),
            document.dotted(path),
        )


def _queries(document: Document) -> Iterator[Query]:
    from flows.project.check_rules import MOST_CHECKS  # noqa: PLC0415 - as above

    checks = islice(document.items("checks"), MOST_CHECKS)
    places: list[Path] = [("sql",), *((*path, "sql") for path, _ in checks)]
    for path in places:
        sql = document.text(*path)
        if sql is not None:
            yield Query(sql, document.dotted(path), document.line(path), document.blocks.get(path))


def _references(document: Document) -> Iterator[Reference]:
    """Give the `references` checks that name a table and a column."""
    for column, _ in document.items("columns"):
        for path, _ in document.items(*column, "checks"):
            given = document.text(*path, "references")
            if given is not None and given.count(".") == 2:  # noqa: PLR2004 - dataset, table, column
                table, _, other = given.rpartition(".")
                place = (*path, "references")
                name = document.text(*column, "name")
                yield Reference(name, table, other, document.line(place), document.dotted(place))


def _names(file: TableFile, query: Query) -> tuple[dict[str, int] | None, list[Fault]]:
    """Return the tables that a query names, and the faults that it has by itself."""
    from flows.sql import names_of  # noqa: PLC0415 - slow to import, and core tables have no SQL

    try:
        with few_suggestions():
            names, found = names_of(query.sql)
    except SqlError as error:
        names, found = None, error.faults
    except Exception as error:  # noqa: BLE001 - one file stops no other
        names, found = None, (Fault(1, own_error(error)),)
    faults = [file.fault(query.at(fault.line), query.field, fault.message) for fault in found]
    if not faults and file.strategy == "replace" and file.window is None and "@window_" in query.sql.lower():
        lines = enumerate(query.sql.lower().splitlines(), 1)
        line = next(number for number, text in lines if "@window_" in text)
        instead = "the latest time of what it reads, (SELECT MAX(created_at) FROM ...), or remove `replace`"
        message = f"a table that is replaced as a whole has no windows. Write {instead}."
        faults.append(file.fault(query.at(line), query.field, message))
    return names, faults
