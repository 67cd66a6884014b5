"""All tables of a project and their graph. A bad file is a fault of its own table and of no other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, partial
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from flows.model.errors import Fault, TableFileError, UsageError
from flows.model.window import END, Window
from flows.project import graph
from flows.project.cache import opened
from flows.project.column_rules import too_many_partitions
from flows.project.differences import differences
from flows.project.faults import circle_faults, face_of
from flows.project.files import scan
from flows.project.reading import Reading
from flows.project.table_file import load_file, table_of
from flows.project.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flows.model.dependency import Dependency, Tie
    from flows.model.table import Table
    from flows.model.types import Type
    from flows.project.differences import Difference
    from flows.project.faults import Findings
    from flows.project.files import Folder
    from flows.project.table_file import Query, TableFile

_WINDOWS = 64
"""How many of a table's windows are looked at: among them are the ends of weeks and months."""


class Tables(Mapping[str, "Table"]):
    """The tables of the files without faults, by identity; each is made when somebody first asks for it."""

    def __init__(self, folder: Folder, files: Mapping[str, TableFile], cache: Path | None) -> None:
        self._folder = folder
        self._files = {name: file for name, file in files.items() if not file.faults}
        self._cache = cache
        self._kept: dict[str, bytes] | None = None
        self._made: dict[str, Table] = {}

    def __getitem__(self, name: str) -> Table:
        if name not in self._made:
            self._made[name] = self._make(self._files[name]) if name in self._files else self._other(name)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def _other(self, name: str) -> Table:
        """Return a table that was not asked for when the project was loaded. Raises KeyError where there is none."""
        if name not in self._folder.places:
            raise KeyError(name)
        return load_file(self._folder.root, Path(self._folder.places[name].path))

    def _make(self, file: TableFile) -> Table:
        if file.values is None and self._kept is None:
            with opened(self._cache) as cache:
                self._kept = cache.values({name: one.key for name, one in self._files.items()})
        values = file.values or (self._kept or {}).get(file.identity)
        # Somebody may have emptied the cache since.
        return (
            table_of(values) if values else load_file(self._folder.root, Path(self._folder.places[file.identity].path))
        )


class Project:
    """The tables that were loaded, their faults, and what reads what."""

    def __init__(
        self,
        folder: Folder,
        files: Mapping[str, TableFile],
        findings: Mapping[str, Findings],
        ways_back: Mapping[str, list[str]],
        cache: Path | None = None,
    ) -> None:
        self.root = folder.root
        self._folder = folder
        self._files = dict(sorted(files.items()))
        self._findings = findings
        self._ways_back = ways_back
        self.tables = Tables(folder, self._files, cache)
        self.broken: dict[str, tuple[Fault, ...]] = {
            name: file.faults for name, file in self._files.items() if file.faults
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
        raise UsageError(f"There is no table '{name}'.{self._folder.hint(name)}")

    def upstreams(self, identity: str) -> tuple[Dependency, ...]:
        """Return what a table's SQL reads, and how; nothing for a core table.

        Raises:
            TableFileError: the SQL does not fit the tables that it reads.
        """
        found = self._findings[identity]
        if found.read is None:
            raise TableFileError(self.validate(identity))
        return found.dependencies

    def odd(self, identity: str) -> tuple[Dependency, ...]:
        """Return what a table's SQL reads in a way that is no fault and yet hardly meant."""
        if not self._findings[identity].is_odd:
            return ()
        return tuple(one for one in self.upstreams(identity) if one.misplaced or one.unread)

    def place(self, identity: str) -> str:
        """Return the path of a table's file, relative to the project."""
        return self._files[identity].file

    def line(self, identity: str, upstream: str) -> int:
        """Return the first line on which a table's SQL names another table."""
        query = self._files[identity].query
        return query.at((query.names or {})[upstream]) if query else 1

    def lines(self, identity: str) -> dict[str, Callable[[int], str]]:
        """Return what the lines of the queries in a table's file are called, as `file:line`, by the text of each."""
        file = self._files.get(identity)
        return {query.sql: partial(_line_of, file.file, query) for query in file.queries} if file else {}

    def summed_again(self, identity: str) -> tuple[Dependency, ...]:
        """Return what a table's windows add up again, since several of them read the same rows of it.

        It is nothing where one of them reads an upstream's rows once: the others are looked up for those. Where the SQL
        names the window more often than both ends of each read and columns that say of which window a row is, that may
        choose among the rows; and where such a column is of the key, each window has sums of its own.
        """
        file = self._files[identity]
        if file.strategy != "merge" or file.one_window or not file.reads:
            return ()
        table, found = self.tables[identity], self.upstreams(identity)
        if table.window is None or "sum" not in table.merge.values():
            return ()
        from flows.sql.stamps import stamps  # noqa: PLC0415 - slow to import, and few tables sum

        windowed = [one for one in found if one.reach is not None]
        marks = stamps(table.sql or "")
        if not marks.keys().isdisjoint(name.lower() for name in table.key):
            return ()
        named = (table.sql or "").lower().count("@window_") - sum(marks.values())
        if not windowed:
            return found if not named else ()
        windows = list(islice(table.window.size.split(Window(table.window.start, END)), _WINDOWS))
        again = [one for one in windowed if any(one.overlaps(*pair) for pair in pairwise(windows))]
        is_all = len(again) == len(windowed) and named <= 2 * sum(one.places for one in windowed)
        return tuple(again) if is_all else ()

    def differences(self, identity: str) -> tuple[Difference, ...]:
        """Return where the warehouses may hold different values of a table."""
        return tuple(differences(self._files[identity], self._findings[identity].differences))

    def validate(self, identity: str) -> tuple[Fault, ...]:
        """Return a table's faults: those of its file, and those that show only beside the tables that it reads."""
        file = self._files[identity]
        found = {*file.faults, *self._folder.faults.get(identity, ())}
        if identity in self._findings:
            found.update(self._findings[identity].faults)
        if identity in self._ways_back:
            found.update(circle_faults(file, self._ways_back[identity]))
        return tuple(sorted(found))

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
        return tuple(sorted({*found, *self._folder.faults.get("", ())}))

    @cached_property
    def after(self) -> dict[str, tuple[str, ...]]:
        """Return for each table without faults the tables to bring up to date before it, by name; without circles.

        They are those that its SQL reads and, unless that would close a circle, those that its checks name.
        """
        good = [name for name in self.tables if name not in self.invalid]
        reads = {name: self._known(self._files[name].reads) for name in good}
        return graph.order(reads, {name: self._known(self._files[name].mentioned) for name in good})

    def schema(self, identity: str) -> dict[str, dict[str, Type]]:
        """Return the types of a table and of all that its SQL and checks name, by identity and column."""
        names = (identity, *self._files[identity].mentioned)
        return {name: face_of(self._files[name]).schema for name in names if name in self.tables}

    def keys(self, identity: str) -> dict[str, tuple[str, ...]]:
        """Return the columns that tell their rows apart of what a table's SQL and checks name, by identity."""
        names = (name for name in self._files[identity].mentioned if name in self.tables)
        return {name: self._files[name].row_key for name in names}

    def ties(self, identity: str) -> tuple[Tie, ...]:
        """Return where BigQuery may break a tie of a table's SQL in another way on every retry."""
        return self._findings[identity].ties

    def _known(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.tables)


def _line_of(file: str, query: Query, line: int) -> str:
    return f"{file}:{query.at(line)}"


def load_project(
    root: Path, names: Iterable[str] | None = None, *, cache: Path | None = None, now: datetime | None = None
) -> Project:
    """Load a project's tables.

    Args:
        root: the project's folder, which holds `tables/`.
        names: only these tables, and those that their SQL and checks name; all where it is None.
        cache: the folder in which to keep what the files gave; nothing is kept where it is None.
        now: until when windows without an end are counted; None: the machine's clock.

    Raises:
        UsageError: there is no folder `tables/`.
    """
    folder, named = scan(root), set(names or ())
    with opened(cache) as kept, Workers(folder) as workers:
        if names is None and kept.is_empty:
            workers.prepare(len(folder.places))
        reading = Reading(folder, kept, workers)
        findings = reading.findings(name for name in folder.places if names is None or name in named)
        ways_back = reading.ways_back(findings)
        reading.keep()
    files = reading.files if names is None else {name: reading.files[name] for name in reading.beside(findings)}
    today = now or datetime.now(UTC)
    findings = {name: _counted(found, reading.files[name], today) for name, found in findings.items()}
    return Project(folder, files, findings, ways_back, cache)


def _counted(found: Findings, file: TableFile, now: datetime) -> Findings:
    """Return what was found of a file with what only the time says, which nobody may keep."""
    if file.endless is None:
        return found
    by, start, line = file.endless
    message = too_many_partitions(by, datetime.fromisoformat(start), now, "today")
    if message is None:
        return found
    return found._replace(faults=(*found.faults, file.fault(line, "partition.by", message)))
