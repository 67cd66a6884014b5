"""All tables of a project and their graph. A bad file is a fault of its own table and of no other."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from flows.model.errors import Fault, SqlError, TableFileError, UsageError, did_you_mean
from flows.project.table_file import Loaded, named_tables, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from flows.model.dependency import Dependency
    from flows.model.table import Table
    from flows.model.types import Type
    from flows.project import document
    from flows.sql import Analysis

FOLDER = "tables"
SUFFIX = ".yaml"
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
        files: the table files by identity, good and bad.
        faults: the faults of where a file stands, by identity; under `""` those that belong to no table.
    """

    def __init__(self, root: Path, files: Mapping[str, Loaded], faults: Mapping[str, Iterable[Fault]]) -> None:
        self.root = root
        self._files = dict(sorted(files.items()))
        self._placed = {name: tuple(found) for name, found in faults.items()}
        self._analyses: dict[str, Analysis | tuple[Fault, ...]] = {}
        self._validated: dict[str, tuple[Fault, ...]] = {}
        self.tables: dict[str, Table] = {name: file.table for name, file in self._files.items() if file.table}
        self.broken: dict[str, tuple[Fault, ...]] = {
            name: file.faults for name, file in self._files.items() if file.table is None
        }

    def table(self, name: str) -> Table:
        """Return a table.

        Raises:
            UsageError: there is none of that name.
            TableFileError: its file has faults.
        """
        if name in self.tables:
            return self.tables[name]
        if name in self.broken:
            raise TableFileError(self.validate(name))
        raise UsageError(f"There is no table '{name}'.{self._hint(name)}")

    def upstreams(self, identity: str) -> tuple[Dependency, ...]:
        """Return what a table's SQL reads, and how; nothing for a core table.

        Raises:
            TableFileError: the SQL does not fit the tables that it reads.
        """
        return self.analysis(identity).dependencies if self.tables[identity].sql is not None else ()

    def analysis(self, identity: str) -> Analysis:
        """Return what a derived table's SQL reads and gives.

        Raises:
            TableFileError: the SQL does not fit the tables that it reads.
        """
        found = self._analysis(self._files[identity])
        if isinstance(found, tuple):
            raise TableFileError(found)
        return found

    def validate(self, identity: str) -> tuple[Fault, ...]:
        """Return a table's faults: those of its file, and those that show only beside the tables that it reads."""
        if identity not in self._validated:
            file = self._files[identity]
            found = {*file.faults, *self._placed.get(identity, ()), *self._cycles.get(identity, ())}
            rules = (self._output_faults, self._lookback_faults, self._reference_faults, self._check_faults)
            found.update(*(find(file) for find in rules))
            self._validated[identity] = tuple(sorted(found))
        return self._validated[identity]

    def require_valid(self, identity: str) -> None:
        """Raise TableFileError where a table has faults."""
        if faults := self.validate(identity):
            raise TableFileError(faults)

    @cached_property
    def invalid(self) -> frozenset[str]:
        """Identities of the tables with faults."""
        return frozenset(name for name in self._files if self.validate(name))

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """All faults of all tables and of the folder."""
        found = {fault for name in self._files for fault in self.validate(name)}
        return tuple(sorted({*found, *self._placed.get("", ())}))

    @cached_property
    def after(self) -> dict[str, tuple[str, ...]]:
        """Return for each table without faults the tables to bring up to date before it, by name; without circles.

        They are those that its SQL reads and, unless that would close a circle, those that its checks name.
        """
        good = self.tables.keys() - self.invalid
        reads = {name: self._known(self._files[name].reads) for name in sorted(good)}
        named = {name: self._known(self._files[name].mentioned) for name in reads}
        tangled = set(_unordered({name: [up for up in ups if up in good] for name, ups in named.items()}))
        return {name: reads[name] if name in tangled else named[name] for name in reads}

    def schema(self, identity: str) -> dict[str, dict[str, Type]]:
        """Return the types of a table and of all that its SQL and checks name, by identity and column."""
        return self._schema({identity, *self._files[identity].mentioned})

    def _schema(self, names: Iterable[str]) -> dict[str, dict[str, Type]]:
        return {name: self.tables[name].types for name in names if name in self.tables}

    def _partitions(self, names: Iterable[str]) -> dict[str, str]:
        tables = (self.tables[name] for name in names if name in self.tables)
        return {table.identity: table.partition.column for table in tables if table.partition}

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(name for name in names if name in self.tables))

    def _hint(self, name: str) -> str:
        """Return ` Did you mean 'x'?`, or where the file of a table would stand."""
        if name.endswith(SUFFIX) and name.removesuffix(SUFFIX).count("/"):
            return f" Write {'.'.join(name.removesuffix(SUFFIX).split('/')[-2:])}, without the folder and the ending."
        path = self.root / FOLDER / f"{name.replace('.', '/', 1)}{SUFFIX}"
        for wrong in (path.with_suffix(".yml"), path.with_suffix(".YAML")):
            if wrong.is_file():
                return f" Its file is {wrong.name}: rename it to {path.name}."
        known = self._files.keys() | _identities(self.root)
        if "." not in name:
            same = sorted(identity for identity in known if identity.endswith(f".{name}"))
            return f" Did you mean '{same[0]}'?" if same else " Write it as dataset.name."
        near = did_you_mean(name, known)
        return near or f" It would stand in {FOLDER}/{name.replace('.', '/', 1)}{SUFFIX}."

    def _analysis(self, file: Loaded) -> Analysis | tuple[Fault, ...]:
        if file.identity not in self._analyses:
            self._analyses[file.identity] = self._analyze(file, ("sql",))
        return self._analyses[file.identity]

    def _analyze(self, file: Loaded, where: document.Path) -> Analysis | tuple[Fault, ...]:
        from flows.sql import analyze  # noqa: PLC0415 - slow to import

        sql, reads = file.queries[where], file.names[where]
        if where == ("sql",) and file.identity in reads:
            return self._cycles[file.identity]
        bad = [name for name in reads if name in self.broken and name != file.identity]
        if bad:
            return tuple(self._broken_upstream(file, where, name) for name in bad)
        schema = self._schema(reads)
        if file.identity in reads and file.identity not in self.tables:
            known = file.draft.columns.items()
            schema[file.identity] = {name: type_ for name, type_ in known if type_ is not None}
        if not all(name in schema for name in reads):
            # Names without columns are for suggestions only: what is read under such a name is a fault anyway.
            schema = {name: {} for name in (self._files.keys() | _identities(self.root)) - {file.identity}} | schema
        try:
            return analyze(sql, schema, self._partitions(reads), by_window=file.draft.strategy != "replace")
        except SqlError as error:
            return tuple(file.sql_faults(where, error))

    def _broken_upstream(self, file: Loaded, where: document.Path, name: str) -> Fault:
        mend = self.broken[name][0]
        message = f"reads {name}, whose own file has faults. Mend that first: {mend.file}:{mend.line}."
        return file.fault(where, message, _line_of(file.queries[where], name))

    def _output_faults(self, file: Loaded) -> Iterator[Fault]:
        """Compare the columns that the SQL gives with those that the file lists."""
        if ("sql",) not in file.queries or ("source",) in file.document.lines:
            return
        found = self._analysis(file)
        if isinstance(found, tuple):
            yield from found
            return
        given = dict(found.columns)
        spellings = {name.lower(): name for name in given}
        listed = file.draft.columns
        told: set[str] = set()
        for path, _ in file.draft.items("columns"):
            name = file.draft.text(*path, "name")
            if name is None or name.lower() in told:
                continue
            told.add(name.lower())
            type_, wanted, spelt = given.get(name), listed[name], spellings.get(name.lower())
            if spelt is None:
                near = did_you_mean(name, given.keys() - listed.keys()) or f" It gives {', '.join(given)}."
                yield file.fault((*path, "name"), f"the SQL gives no column '{name}'.{near}")
            elif type_ is None:
                yield file.fault(
                    (*path, "name"), f"the SQL spells it '{spelt}'. Write the same in both, such as AS {name}."
                )
            elif wanted is not None and not _fits(type_, wanted):
                message = f"the SQL gives {type_}, the file says {wanted}. Write {type_}, or CAST it in the SQL."
                yield file.fault((*path, "type"), message)
        spellings = {name.lower(): name for name in listed}
        for name, type_ in given.items():
            if listed and file.draft.all_named and name.lower() not in spellings:
                example = f" Add {{name: {name}, type: {type_}}} to `columns`, or remove it from the SQL."
                yield file.fault(("sql",), f"the SQL gives a column '{name}' that `columns` does not list.{example}")

    def _lookback_faults(self, file: Loaded) -> Iterator[Fault]:
        """Say where nothing would ever be looked back for."""
        if not file.draft.get("window", "lookback") or ("sql",) not in file.queries or not file.draft.is_derived:
            return
        found = self._analysis(file)
        if not isinstance(found, tuple) and all(one.reach is not None for one in found.dependencies):
            message = (
                "the SQL bounds every table that it reads by the window, and changes in those are repaired anyway. "
            )
            yield file.fault(("window", "lookback"), message + "Remove it.")

    def _reference_faults(self, file: Loaded) -> Iterator[Fault]:
        for path, (name, other) in file.references.items():
            table = self._files.get(name)
            if table is None:
                yield file.fault(path, f"there is no table '{name}'.{self._hint(name)}")
                continue
            columns = table.draft.columns
            own, its = file.draft.columns.get(file.draft.text(*path[:2], "name") or ""), columns.get(other)
            if other not in columns:
                if table.table is not None:
                    near = did_you_mean(other, columns) or f" Its columns are {table.draft.listed_columns}."
                    yield file.fault(path, f"{name} has no column '{other}'.{near}")
            elif own and its and not (_fits(own, its) or _fits(its, own)):
                yield file.fault(path, f"the column is {own} and {name}.{other} is {its}: they can never be equal.")

    def _check_faults(self, file: Loaded) -> Iterator[Fault]:
        for path in file.queries:
            found = self._analyze(file, path) if path != ("sql",) else ()
            if isinstance(found, tuple):
                yield from found

    @cached_property
    def _cycles(self) -> dict[str, tuple[Fault, ...]]:
        """Return a fault for each table that, in the end, reads itself."""
        graph = {name: sorted(up for up in file.reads if up in self._files) for name, file in self._files.items()}
        found: dict[str, tuple[Fault, ...]] = {}
        for name in _unordered(graph):
            path = _path_back(graph, name)
            if path:
                message = f"reads itself: {' -> '.join(path)}. Take one of these out of the circle."
                line = _line_of(self._files[name].queries["sql",], path[1])
                found[name] = (self._files[name].fault(("sql",), message, line),)
        return found


def load_project(root: Path, names: Iterable[str] | None = None) -> Project:
    """Load a project's tables.

    Args:
        root: the project's folder, which holds `tables/`.
        names: only these tables, and those that their SQL and checks name; all where it is None.

    Raises:
        UsageError: there is no folder `tables/`.
    """
    if not (root / FOLDER).is_dir():
        raise UsageError(f"There is no folder {FOLDER}/ here ({root}). Run this in the project's folder.")
    if names is not None:
        return Project(root, _some_files(root, names), {})
    paths, faults = _scan(root)
    return Project(root, {name: read_table(root, path) for name, path in paths.items()}, faults)


def _some_files(root: Path, names: Iterable[str]) -> dict[str, Loaded]:
    named = {name: file for name in names if (file := _file_of(root, name))}
    others = {name for file in named.values() for name in file.mentioned} - named.keys()
    return named | {name: file for name in others if (file := _file_of(root, name))}


def _file_of(root: Path, name: str) -> Loaded | None:
    dataset, _, table = name.partition(".")
    path = root / FOLDER / dataset / f"{table}{SUFFIX}"
    return read_table(root, path) if re.fullmatch(r"\w+\.\w+", name) and path.is_file() else None


def _identities(root: Path) -> set[str]:
    return {f"{path.parent.name}.{path.stem}" for path in (root / FOLDER).glob(f"*/*{SUFFIX}")}


def _scan(root: Path) -> tuple[dict[str, Path], dict[str, list[Fault]]]:
    """Return the table files by identity, and the faults of where files stand."""
    paths: dict[str, Path] = {}
    faults: defaultdict[str, list[Fault]] = defaultdict(list)
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((root / FOLDER).rglob("*")):
        parts = path.relative_to(root / FOLDER).parts
        if any(part.startswith(".") for part in parts):
            continue
        identity = f"{path.parent.name}.{path.stem}"
        message = _misplaced(path, parts)
        if message is not None:
            faults[""].append(Fault(path.relative_to(root).as_posix(), 1, "", message))
        elif path.suffix == SUFFIX and len(parts) == 2:  # noqa: PLR2004 - dataset and file
            paths[identity] = path
            spellings[identity.lower()].append(identity)
    for names in spellings.values():
        for name in names[1:]:
            message = f"is the same table as {names[0]}: warehouses do not tell upper from lower case. Rename it."
            faults[name].append(Fault(paths[name].relative_to(root).as_posix(), 1, "", message))
    return paths, faults


def _misplaced(path: Path, parts: tuple[str, ...]) -> str | None:
    """Say why what lies in the folder of tables is not read, where somebody may expect it to be."""
    if path.is_dir():
        below = "is a folder below a dataset. Move its files up: tables/<dataset>/<name>.yaml."
        return below if len(parts) == 2 else None  # noqa: PLR2004 - deeper ones are told with their parent
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return None
    if len(parts) == 1:
        return "stands in no dataset. Move it into a folder: tables/<dataset>/<name>.yaml."
    if path.suffix != SUFFIX and len(parts) == 2:  # noqa: PLR2004 - dataset and file
        twin = path.with_suffix(SUFFIX)
        instead = f"{twin.name} stands beside it: remove one of them" if twin.exists() else f"rename it to {twin.name}"
        return f"ends in {path.suffix} and is not read: {instead}."
    return None


def _unordered(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what lies on a circle, or between or after circles: all for which there is no order."""
    waits = {name: len(set(ups)) for name, ups in graph.items()}
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for name, ups in graph.items():
        for up in set(ups):
            readers[up].append(name)
    ready = [name for name, count in waits.items() if not count]
    for name in ready:
        for reader in readers[name]:
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    return sorted(graph.keys() - set(ready))


def _path_back(graph: dict[str, list[str]], start: str) -> list[str] | None:
    """Return the shortest path from a table back to itself; of equally short ones the first by name."""
    came_from: dict[str, str] = {}
    queue = [start]
    for name in queue:
        for up in graph[name]:
            if up == start:
                path = [start]
                while name != start:
                    path.append(name)
                    name = came_from[name]  # noqa: PLW2901 - walking back
                return [start, *reversed(path)]
            if up not in came_from:
                came_from[up] = name
                queue.append(up)
    return None


def _fits(given: Type, wanted: Type) -> bool:
    """Say whether a query's type may be stored as the file's type without a cast."""
    return given.base == wanted.base or (given.base.name, wanted.base.name) in WIDENS


def _line_of(sql: str, name: str) -> int:
    """Return the line of a query that names a table."""
    return next((line for known, line in named_tables(sql) if known == name), 1)
