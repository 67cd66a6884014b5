"""All tables of a project and their graph. A bad file is a fault of its own table and of no other."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from flows.model.errors import Fault, SqlError, TableFileError, UsageError, did_you_mean
from flows.model.load import Loaded, read_table
from flows.model.table import OffendingRows, References

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from flows.model.sql import Analysis, Dependency
    from flows.model.table import Table
    from flows.model.types import Type

FOLDER = "tables"
WIDENS = {
    ("INT64", "NUMERIC"),
    ("INT64", "BIGNUMERIC"),
    ("INT64", "FLOAT64"),
    ("NUMERIC", "BIGNUMERIC"),
    ("NUMERIC", "FLOAT64"),
    ("BIGNUMERIC", "FLOAT64"),
}
"""Coercions that GoogleSQL does by itself (https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules)."""


class Project:
    """The tables that were loaded, their faults, and what reads what.

    Args:
        root: the project's folder.
        loaded: the good tables by identity.
        broken: the faults of each bad table by identity.
        faults: the faults that belong to no table.
    """

    def __init__(
        self, root: Path, loaded: dict[str, Loaded], broken: dict[str, tuple[Fault, ...]], faults: Iterable[Fault]
    ) -> None:
        self.root = root
        self.tables: dict[str, Table] = {name: item.table for name, item in sorted(loaded.items()) if item.table}
        self._loaded = loaded
        self.broken = broken
        self._own_faults = tuple(faults)
        self._analyses: dict[str, Analysis | tuple[Fault, ...]] = {}

    def table(self, name: str) -> Table:
        """Return a table.

        Raises:
            UsageError: there is none of that name.
            TableFileError: its file has faults.
        """
        if name in self.tables:
            return self.tables[name]
        if name in self.broken:
            raise TableFileError(self.broken[name])
        known = {*self.tables, *self.broken, *_identities(self.root)}
        hint = did_you_mean(name, known) or f" It would stand in {FOLDER}/{name.replace('.', '/', 1)}.yaml."
        raise UsageError(f"There is no table '{name}'.{hint}")

    def upstreams(self, identity: str) -> tuple[Dependency, ...]:
        """Return what a good table's SQL reads; nothing for a core table.

        Raises:
            TableFileError: the SQL does not fit the tables that it reads.
        """
        if self.tables[identity].sql is None:
            return ()
        found = self._analysis(identity)
        if isinstance(found, tuple):
            raise TableFileError(found)
        return found.dependencies

    def validate(self, identity: str) -> tuple[Fault, ...]:
        """Return a table's faults, those that show only beside the tables that it reads included."""
        if identity in self.broken:
            return self.broken[identity]
        faults = [*self._output_faults(identity), *self._reference_faults(identity), *self._check_faults(identity)]
        return tuple(sorted({*faults, *self._cycles.get(identity, ())}))

    def require_valid(self, identity: str) -> None:
        """Raise TableFileError where a table has faults."""
        if faults := self.validate(identity):
            raise TableFileError(faults)

    @cached_property
    def invalid(self) -> frozenset[str]:
        """Identities of the tables with faults."""
        return frozenset(name for name in (*self.tables, *self.broken) if self.validate(name))

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """All faults of all tables and of the folder."""
        found = {fault for name in (*self.tables, *self.broken) for fault in self.validate(name)}
        return tuple(sorted(found | set(self._own_faults)))

    def order(self) -> tuple[str, ...]:
        """Return the good tables so that each comes after those that it reads; ties by name."""
        sorter = TopologicalSorter({name: self._reads(name) for name in self.tables if name not in self._cycles})
        sorter.prepare()
        order: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            order += [name for name in ready if name in self.tables]
            sorter.done(*ready)
        return tuple(order)

    def _reads(self, identity: str) -> tuple[str, ...]:
        """Return the identities that a table's SQL names, whether they exist or not."""
        sql = self.tables[identity].sql
        if sql is None:
            return ()
        from flows.model.sql import tables  # noqa: PLC0415 - slow to import

        return tables(sql)

    def schema(self, identity: str) -> dict[str, dict[str, Type]]:
        """Return the types of a table and of all that its SQL and checks name, by identity and column."""
        return self._schema({identity, *_mentioned(self.tables[identity])})

    def _schema(self, names: Iterable[str]) -> dict[str, dict[str, Type]]:
        return {name: self.tables[name].types for name in names if name in self.tables}

    def _partitions(self, names: Iterable[str]) -> dict[str, str]:
        tables = (self.tables[name] for name in names if name in self.tables)
        return {table.identity: table.partition.column for table in tables if table.partition}

    def _analysis(self, identity: str) -> Analysis | tuple[Fault, ...]:
        if identity not in self._analyses:
            self._analyses[identity] = self._analyze(identity, self.tables[identity].sql or "", ("sql",))
        return self._analyses[identity]

    def _analyze(self, identity: str, sql: str, where: tuple[str | int, ...]) -> Analysis | tuple[Fault, ...]:
        from flows.model.sql import analyze, tables, to_duckdb  # noqa: PLC0415 - slow to import

        reads = tables(sql)
        missing = [name for name in reads if name not in self.tables]
        if missing:
            return tuple(self._missing(identity, name, where) for name in missing)
        try:
            schema = self._schema(reads)
            analysis = analyze(sql, schema, self._partitions(reads))
            to_duckdb(sql, schema)
        except SqlError as error:
            return tuple(self._loaded[identity].sql_faults(where, error))
        return analysis

    def _missing(self, identity: str, name: str, where: tuple[str | int, ...]) -> Fault:
        """Return the fault of reading a table that is not there, on the line that names it."""
        loaded = self._loaded[identity]
        if name in self.broken:
            message = f"reads {name}, whose own file has faults. Mend {FOLDER}/{name.replace('.', '/', 1)}.yaml first."
        else:
            known = {*self.tables, *self.broken, *_identities(self.root)} - {identity}
            hint = did_you_mean(name, known) or f" It would stand in {FOLDER}/{name.replace('.', '/', 1)}.yaml."
            message = f"there is no table '{name}'.{hint}"
        sql = self.tables[identity].sql if where == ("sql",) else self.tables[identity].checks[int(where[1])].sql  # type: ignore[union-attr]
        line = _line_of(sql or "", name)
        return loaded.fault(where, message, line)

    def _output_faults(self, identity: str) -> Iterator[Fault]:
        """Compare the columns that the SQL gives with those that the file lists."""
        table, loaded = self.tables[identity], self._loaded[identity]
        if table.sql is None:
            return
        found = self._analysis(identity)
        if isinstance(found, tuple):
            yield from found
            return
        given = dict(found.columns)
        for number, column in enumerate(table.columns):
            type_ = given.get(column.name)
            where = ("columns", number, "name")
            if type_ is None:
                near = did_you_mean(column.name, given) or f" It gives {', '.join(given)}."
                yield loaded.fault(where, f"the SQL gives no column '{column.name}'.{near}")
            elif not _fits(type_, column.type):
                message = f"the SQL gives {type_}, the file says {column.type}. Write {type_}, or CAST it in the SQL."
                yield loaded.fault(("columns", number, "type"), message)
        for name in given.keys() - table.types.keys():
            near = did_you_mean(name, table.types) or f" Add it: {{name: {name}, type: {given[name]}}}."
            yield loaded.fault(("sql",), f"the SQL gives a column '{name}' that `columns` does not list.{near}")

    def _reference_faults(self, identity: str) -> Iterator[Fault]:
        table, loaded = self.tables[identity], self._loaded[identity]
        for number, column in enumerate(table.columns):
            for place, check in enumerate(column.checks):
                if not isinstance(check, References):
                    continue
                where = ("columns", number, "checks", place)
                name, _, other = check.references.rpartition(".")
                if name in self.broken:
                    continue
                if name not in self.tables:
                    yield loaded.fault(where, f"there is no table '{name}'.{did_you_mean(name, self.tables)}")
                elif other not in self.tables[name].types:
                    near = did_you_mean(other, self.tables[name].types)
                    yield loaded.fault(where, f"{name} has no column '{other}'.{near}")

    def _check_faults(self, identity: str) -> Iterator[Fault]:
        for number, check in enumerate(self.tables[identity].checks):
            if isinstance(check, OffendingRows):
                found = self._analyze(identity, check.sql, ("checks", number, "sql"))
                yield from found if isinstance(found, tuple) else ()

    @cached_property
    def _cycles(self) -> dict[str, tuple[Fault, ...]]:
        """Return a fault for each table that, in the end, reads itself."""
        graph = {name: [up for up in self._reads(name) if up in self.tables] for name in self.tables}
        found: dict[str, tuple[Fault, ...]] = {}
        for name in graph:
            path = _path_back(graph, name)
            if path:
                shown = " -> ".join(path)
                message = f"reads itself: {shown}. Take one of these out of the circle."
                found[name] = (self._loaded[name].fault(("sql",), message),)
        return found


def load_project(root: Path, names: Iterable[str] | None = None) -> Project:
    """Load a project's tables.

    Args:
        root: the project's folder, which holds `tables/`.
        names: only these tables, and those that they read directly; all where it is None.

    Raises:
        UsageError: there is no folder `tables/`.
    """
    if not (root / FOLDER).is_dir():
        raise UsageError(f"There is no folder {FOLDER}/ here ({root}). Run this in the project's folder.")
    if names is not None:
        return _load_some(root, names)
    files, faults = _scan(root)
    loaded: dict[str, Loaded] = {}
    broken: dict[str, tuple[Fault, ...]] = {}
    for identity, path in files.items():
        _load_one(root, identity, path, loaded, broken)
    return Project(root, loaded, broken, faults)


def _load_some(root: Path, names: Iterable[str]) -> Project:
    loaded: dict[str, Loaded] = {}
    broken: dict[str, tuple[Fault, ...]] = {}
    for name in names:
        _load_named(root, name, loaded, broken)
    for table in [item.table for item in loaded.values() if item.table]:
        for other in _mentioned(table):
            _load_named(root, other, loaded, broken)
    return Project(root, loaded, broken, ())


def _load_named(root: Path, name: str, loaded: dict[str, Loaded], broken: dict[str, tuple[Fault, ...]]) -> None:
    dataset, _, table = name.partition(".")
    path = root / FOLDER / dataset / f"{table}.yaml"
    if name not in loaded and re.fullmatch(r"\w+\.\w+", name) and path.is_file():
        _load_one(root, name, path, loaded, broken)


def _load_one(
    root: Path, identity: str, path: Path, loaded: dict[str, Loaded], broken: dict[str, tuple[Fault, ...]]
) -> None:
    item = read_table(root, path)
    if item.table is None:
        broken[identity] = item.faults
    else:
        loaded[identity] = item


def _mentioned(table: Table) -> set[str]:
    """Return the tables that a table's SQL and checks name."""
    names = {
        check.references.rpartition(".")[0]
        for column in table.columns
        for check in column.checks
        if isinstance(check, References)
    }
    queries = [check.sql for check in table.checks if isinstance(check, OffendingRows)]
    if table.sql:
        queries.append(table.sql)
    if queries:
        from flows.model.sql import tables  # noqa: PLC0415 - slow to import

        names.update(name for sql in queries for name in tables(sql))
    return names - {table.identity}


def _identities(root: Path) -> set[str]:
    return {f"{path.parent.name}.{path.stem}" for path in (root / FOLDER).glob("*/*.yaml")}


def _scan(root: Path) -> tuple[dict[str, Path], list[Fault]]:
    """Return the table files by identity, and the faults of where files stand."""
    files: dict[str, Path] = {}
    faults: list[Fault] = []
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((root / FOLDER).rglob("*")):
        name = path.relative_to(root).as_posix()
        depth = len(path.relative_to(root / FOLDER).parts)
        if path.is_dir():
            if depth > 1:
                faults.append(
                    Fault(name, 1, "", "is a folder below a dataset. Move its files up: tables/<dataset>/<name>.yaml.")
                )
            continue
        if path.suffix not in {".yaml", ".yml"} or depth > 2:  # noqa: PLR2004 - dataset and file
            continue
        if depth == 1:
            faults.append(
                Fault(name, 1, "", "stands in no dataset. Move it into a folder: tables/<dataset>/<name>.yaml.")
            )
        elif path.suffix == ".yml":
            twin = path.with_suffix(".yaml")
            instead = (
                f"{twin.name} stands beside it: remove one of them" if twin.exists() else f"rename it to {twin.name}"
            )
            faults.append(Fault(name, 1, "", f"ends in .yml and is not read: {instead}."))
        else:
            identity = f"{path.parent.name}.{path.stem}"
            files[identity] = path
            spellings[identity.lower()].append(name)
    for names in spellings.values():
        message = f"is the same table as {names[0]}: names differ in more than their case. Rename it."
        faults.extend(Fault(name, 1, "", message) for name in names[1:])
    return files, faults


def _path_back(graph: dict[str, list[str]], start: str) -> list[str] | None:
    """Return the shortest path from a table back to itself, beginning at the circle's first name."""
    trail: dict[str, str] = {}
    queue = [start]
    for name in queue:
        for up in sorted(graph[name]):
            if up == start:
                path = [start]
                while name != start:
                    path.append(name)
                    name = trail[name]  # noqa: PLW2901 - walking back
                circle = path[::-1][:-1] if len(path) > 1 else []
                return [start, *circle, start]
            if up not in trail:
                trail[up] = name
                queue.append(up)
    return None


def _fits(given: Type, wanted: Type) -> bool:
    """Say whether a query's type may be stored as the file's type without a cast."""
    return given.base == wanted.base or (given.base.name, wanted.base.name) in WIDENS


def _line_of(sql: str, name: str) -> int:
    """Return the line of a query that names a table."""
    pattern = re.compile(r"`?\.`?".join(map(re.escape, name.split("."))))
    return next((number for number, text in enumerate(sql.splitlines(), 1) if pattern.search(text)), 1)
