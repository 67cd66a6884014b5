"""What shows only beside other files: whether a table's SQL and checks fit the tables that they name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from flows.model.errors import Fault, SqlError, did_you_mean, few_suggestions, nearest
from flows.model.types import Type, parse_type
from flows.project.stored import dump, load
from flows.project.stray import of_stray
from flows.project.table_file import own_error, with_names
from flows.project.text import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.model.dependency import Dependency, Tie
    from flows.model.differences import Kind
    from flows.project.files import Folder
    from flows.project.table_file import Query, TableFile
    from flows.sql import Analysis

WIDENS = {
    ("INT64", "NUMERIC"),
    ("INT64", "BIGNUMERIC"),
    ("INT64", "FLOAT64"),
    ("NUMERIC", "BIGNUMERIC"),
    ("NUMERIC", "FLOAT64"),
    ("BIGNUMERIC", "FLOAT64"),
}
"""Coercions that GoogleSQL does by itself (https://cloud.google.com/bigquery/docs/reference/standard-sql/conversion_rules)."""


class Face(NamedTuple):
    """What other tables see of a table."""

    types: dict[str, str | None]
    """Types by column; None for a type that is none."""
    partition: str | None
    """The partition column."""
    row_key: tuple[str, ...]
    """The columns that tell its rows apart."""
    requires_filter: bool
    """Whether BigQuery refuses to read it without a condition on that column."""
    mend: str | None
    """Where its own file's first fault stands, as `file:line`."""

    @property
    def schema(self) -> dict[str, Type]:
        """The columns that have a type."""
        return {name: parse_type(type_) for name, type_ in self.types.items() if type_ is not None}


class Findings(NamedTuple):
    """What shows of a file beside those that it names."""

    faults: tuple[Fault, ...] = ()
    read: bytes | None = None
    """What its SQL reads, and how, its ties and what differs, as JSON; None where that cannot be said."""
    is_odd: bool = False
    """Whether it reads something in a way that is no fault and yet hardly meant."""

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What its SQL reads, and how."""
        found: tuple[Dependency, ...] = load(self.read)[0] if self.read is not None else ()
        return found

    @property
    def ties(self) -> tuple[Tie, ...]:
        """Where BigQuery may break a tie of its SQL in another way on every retry."""
        found: tuple[Tie, ...] = load(self.read)[1] if self.read is not None else ()
        return found

    @property
    def differences(self) -> tuple[tuple[Kind, int], ...]:
        """In what the warehouses may differ that its SQL computes, each with its first line."""
        found: tuple[tuple[Kind, int], ...] = load(self.read)[2] if self.read is not None else ()
        return found


def face_of(file: TableFile) -> Face:
    """Return what others see of a file's table."""
    mend = f"{file.faults[0].file}:{file.faults[0].line}" if file.faults else None
    return Face(file.types, file.partition, file.row_key, file.requires_filter, mend)


def examine(file: TableFile, faces: Mapping[str, Face], folder: Folder) -> tuple[TableFile, Findings]:
    """Return a file with what its SQL names, and what shows beside the tables that it names.

    Args:
        file: the file.
        faces: all that are known of the tables of the project.
        folder: where their files stand, for suggestions.
    """
    if not file.named:
        file = with_names(file)
    faces = {**{name: faces[name] for name in file.mentioned if name in faces}, file.identity: face_of(file)}
    try:
        with few_suggestions():
            return file, _Comparison(file, faces, folder).findings()
    except Exception as error:  # noqa: BLE001 - one file stops no other
        return file, Findings((file.fault(1, "", own_error(error)),))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One file beside those that it names."""

    file: TableFile
    faces: Mapping[str, Face]
    folder: Folder

    def findings(self) -> Findings:
        faults: set[Fault] = set()
        dependencies: tuple[Dependency, ...] | None = ()
        ties: tuple[Tie, ...] = ()
        differences: tuple[tuple[Kind, int], ...] = ()
        query = self.file.query
        if query is not None:
            found = None if self.file.identity in self.file.reads else self.analysis(query)
            dependencies = None
            if isinstance(found, tuple):
                faults.update(found if not self.file.sourced else ())
            elif found is not None:
                dependencies = tuple(one.at(query.at) for one in found.dependencies)
                ties = tuple(replace(one, line=query.at(one.line)) for one in found.ties)
                differences = tuple((kind, query.at(line)) for kind, line in found.differences)
                seams = (*self.seams(query, found), *self.empty(query, found))
                faults.update((*self.output(found), *self.lookback(found), *self.unfiltered(query, found)))
                # What is said of the end of a range mends the rows there too.
                faults.update(seams or self.strays(found))
        faults.update(self.references())
        for check in self.file.queries:
            # A check of a table of which a column has a fault would miss that column.
            is_whole = self.file.is_typed or self.file.identity not in (check.names or ())
            found = self.analysis(check) if not check.own and check.names is not None and is_whole else None
            if found is not None:
                faults.update(
                    found
                    if isinstance(found, tuple)
                    else (*self.unfiltered(check, found), *self.seams(check, found), *self.empty(check, found))
                )
        read = None if dependencies is None else dump((dependencies, ties, differences))
        is_odd = bool(ties) or any(one.misplaced or one.unread for one in dependencies or ())
        return Findings(tuple(sorted(faults)), read, is_odd)

    def analysis(self, query: Query) -> Analysis | tuple[Fault, ...]:
        """Return what a query reads and gives, or why that cannot be said."""
        file, names = self.file, sorted(query.names or ())
        broken = [(name, self.faces[name].mend) for name in names if name in self.faces and name != file.identity]
        if faults := tuple(self.broken_upstream(query, name, mend) for name, mend in broken if mend):
            return faults
        schema: dict[str, dict[str, Type]] = {name: self.faces[name].schema for name in names if name in self.faces}
        partitions = {name: column for name in names if name in self.faces and (column := self.faces[name].partition)}
        found = self.analyzed(query, schema, partitions)
        if isinstance(found, tuple):
            # Names without columns are for suggestions only: what is read under such a name is a fault anyway.
            others: dict[str, dict[str, Type]] = {name: {} for name in self.folder.places if name != file.identity}
            found = self.analyzed(query, others | schema, partitions)
        return found

    def analyzed(
        self, query: Query, schema: dict[str, dict[str, Type]], partitions: dict[str, str]
    ) -> Analysis | tuple[Fault, ...]:
        from flows.sql import analyze  # noqa: PLC0415 - slow to import

        try:
            keys = {name: self.faces[name].row_key for name in schema if name in self.faces}
            column, size = self.file.owned, self.file.size
            owned = (column, size) if query.own and column is not None and size is not None else None
            by_window = self.file.strategy != "replace"
            return analyze(query.sql, schema, partitions, keys=keys, by_window=by_window, owned=owned)
        except SqlError as error:
            return tuple(self.file.fault(query.at(one.line), query.field, one.message) for one in error.faults)

    def broken_upstream(self, query: Query, name: str, mend: str) -> Fault:
        message = f"reads {name}, whose own file has faults. Mend that first: {mend}."
        return self.file.fault(query.at((query.names or {})[name]), query.field, message)

    def output(self, found: Analysis) -> Iterator[Fault]:
        """Compare the columns that the SQL gives with those that the file lists."""
        file, given = self.file, dict(found.columns)
        if file.sourced:
            return
        spellings = {name.lower(): name for name in given}
        types, meant = file.types, set[str | None]()
        for column, name in [(one, one.name) for one in file.columns if one.name is not None]:
            type_, wanted, spelt = given.get(name), types[name], spellings.get(name.lower())
            if spelt is None:
                near = nearest(name, given.keys() - types.keys() - meant)
                meant.add(near)
                hint = f" Did you mean '{near}'?" if near else f" It gives {', '.join(given)}."
                yield file.fault(column.line, f"{column.field}.name", f"the SQL gives no column '{name}'.{hint}")
            elif type_ is None:
                message = f"the SQL spells it '{spelt}'. Write the same in both, such as AS {name}."
                yield file.fault(column.line, f"{column.field}.name", message)
            elif wanted is not None and not _fits(type_, parse_type(wanted)):
                from flows.sql.shown import of_row  # noqa: PLC0415 - slow to import

                said = of_row(found.nodes[name].unalias(), [type_]) or _instead(type_)
                # A check that does not suit the type says so already.
                if not any(fault.field == f"{column.field}.checks.range" for fault in file.faults):
                    message = f"the SQL gives {type_}, the file says {wanted}.{said}"
                    yield file.fault(column.type_line, f"{column.field}.type", message)
        if types and all(column.name is not None for column in file.columns):
            yield from self.unlisted(found, {name: type_ for name, type_ in given.items() if name not in meant})

    def unlisted(self, found: Analysis, given: Mapping[str, Type]) -> Iterator[Fault]:
        """Say which columns the SQL gives that the file does not list, nor means by another name."""
        file = self.file
        spellings = {name.lower() for name in file.types}
        further = {name: type_ for name, type_ in given.items() if name.lower() not in spellings}
        by_star = [name for name in further if found.nodes[name].is_star]
        if len(by_star) > 1:
            message = (
                f"`*` gives {len(by_star)} columns that `columns` does not list: {listed(by_star)}. "
                "Write the columns that the table has in place of it, or list them all."
            )
            yield file.fault(file.query.at(found.line(by_star[0])) if file.query else 1, "sql", message)
        for name, type_ in further.items():
            if len(by_star) < 2 or name not in by_star:  # noqa: PLR2004 - one is told as any other
                example = f" Add {{name: {name}, type: {type_}}} to `columns`, or remove it from the SQL."
                message = f"the SQL gives a column '{name}' that `columns` does not list.{example}"
                yield file.fault(file.query.at(found.line(name)) if file.query else 1, "sql", message)

    def unfiltered(self, query: Query, found: Analysis) -> Iterator[Fault]:
        """Say where BigQuery would refuse to read a table, as nothing is asked of its partition column."""
        for one in found.dependencies:
            if one.unfiltered and self.faces[one.table].requires_filter and one.table != self.file.identity:
                message = (
                    f"{one.table} has `require_filter`, and nothing here bounds {one.column}, so BigQuery refuses to "
                    f"read it. Write WHERE {one.column} >= ... where it is read."
                )
                yield self.file.fault(query.at((query.names or {})[one.table]), query.field, message)

    def empty(self, query: Query, found: Analysis) -> Iterator[Fault]:
        """Say where no window would read any row of a table."""
        size = self.file.size
        for one in found.dependencies:
            if size is not None and one.is_empty(size):
                message = (
                    f"what bounds {one.column} of {one.table} ends before it begins, so that no window reads a row. "
                    f"Write {one.since} AND {one.until}."
                )
                yield self.file.fault(query.at((query.names or {})[one.table]), query.field, message)

    def seams(self, query: Query, found: Analysis) -> Iterator[Fault]:
        """Say where two windows would read the rows between them, or neither."""
        size = self.file.size
        if size is None or self.file.one_window:
            return
        for one in found.seams:
            if not one.is_between(size):
                continue
            if one.is_start:
                wrong = (
                    f"leaves out its start, where the window before ends: rows of that {one.unit} would stand in none"
                    if query.own
                    else f"leaves out its start: the check of no window would look at rows of that {one.unit}"
                )
            else:
                wrong = "includes its end, at which the next window begins: " + (
                    f"rows of that {one.unit} would stand in both"
                    if query.own
                    else f"the check of a window would look at rows of that {one.unit} too, which the next one has"
                )
            yield self.file.fault(query.at(one.line), query.field, f"'{one.written}' {wrong}. Write {one.instead}.")

    def lookback(self, found: Analysis) -> Iterator[Fault]:
        """Say where nothing would ever be looked back for."""
        line = self.file.lookback
        if line and not self.file.sourced and all(one.reach is not None for one in found.dependencies):
            message = (
                "the SQL bounds every table that it reads by the window, and changes in those are repaired anyway. "
            )
            yield self.file.fault(line, "window.lookback", message + "Remove it.")

    def strays(self, found: Analysis) -> Iterator[Fault]:
        """Say where windows would give rows of others, which are refused as they come."""
        file, size = self.file, self.file.size
        if file.query is None or file.owned is None or size is None:
            return
        for one in found.row_times:
            stray = one.stray(size)
            if stray is not None:
                message = of_stray(file.owned, one, stray)
                yield file.fault(file.query.at(one.line), "sql", message)
                return

    def references(self) -> Iterator[Fault]:
        own = self.file.types
        for one in self.file.references:
            face = self.faces.get(one.table)
            if face is None:
                message = f"there is no table '{one.table}'.{self.folder.hint(one.table)}"
                yield self.file.fault(one.line, one.field, message)
                continue
            mine, its = own.get(one.column or ""), face.types.get(one.other)
            if one.other not in face.types:
                if face.mend is None:
                    near = did_you_mean(one.other, face.types) or f" Its columns are {listed(face.types)}."
                    yield self.file.fault(one.line, one.field, f"{one.table} has no column '{one.other}'.{near}")
            elif face.requires_filter and one.table != self.file.identity:
                message = (
                    f"{one.table} has `require_filter`, and this reads it whole, which BigQuery refuses. "
                    "Write a check with `sql` that bounds its partition column."
                )
                yield self.file.fault(one.line, one.field, message)
            elif mine and its and not _comparable(parse_type(mine), parse_type(its)):
                message = f"the column is {mine} and {one.table}.{one.other} is {its}: they can never be equal."
                yield self.file.fault(one.line, one.field, message)


def circle_faults(file: TableFile, way: list[str]) -> tuple[Fault, ...]:
    """Return the fault of a table that in the end reads itself, on the line that begins the way back."""
    query = file.query
    if query is None or query.names is None:
        return ()
    message = f"reads itself: {' -> '.join(way)}. Take one of these out of the circle."
    return (file.fault(query.at(query.names[way[1]]), "sql", message),)


def _instead(given: Type) -> str:
    """Say what to write where a query gives a type that the file has not."""
    try:
        parse_type(str(given))
    except ValueError:
        return " Give each field of the STRUCT its name in the SQL, as in STRUCT(price AS amount)."
    return f" Write {given}, or CAST it in the SQL."


def _fits(given: Type, wanted: Type) -> bool:
    """Say whether a query's type may be stored as the file's type without a cast."""
    return given.base == wanted.base or (given.base.name, wanted.base.name) in WIDENS


def _comparable(one: Type, other: Type) -> bool:
    return _fits(one, other) or _fits(other, one)
