"""What a MySQL database says of a table, and whether a core table's file still agrees with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pymysql
from pymysql.constants import ER

from flows.model.errors import SourceError, did_you_mean
from flows.sources.interface import Inspection
from flows.sources.mysql.session import rows
from flows.sources.mysql.types import SourceColumn, misfit

if TYPE_CHECKING:
    from flows.model.table import Column, Table
    from flows.sources.mysql.session import Session

INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
CURSORS = INTEGERS | {"timestamp", "datetime"}
_MOST_LETTERS = 64
_NAME = re.compile(r"(?:`((?:[^`]|``)+)`|([^`.]+))(?:\.(?:`((?:[^`]|``)+)`|([^`.]+)))?")


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table or view as the database describes it."""

    database: str
    name: str
    comment: str
    is_view: bool
    columns: tuple[SourceColumn, ...]
    """In the table's order."""
    primary_key: tuple[str, ...]
    indexed: frozenset[str]
    """Columns with which an index starts."""

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"

    @property
    def quoted(self) -> str:
        """Its name in a statement with parameters."""
        return f"{quoted(self.database)}.{quoted(self.name)}"

    def find(self, name: str) -> SourceColumn | None:
        """Return the column of that name; MySQL does not tell upper from lower case in it."""
        return next((column for column in self.columns if column.name.lower() == name.lower()), None)


def quoted(name: str) -> str:
    """Quote a name for a statement with parameters, in which `%` stands for one."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def split_name(text: str, database: str) -> tuple[str, str]:
    """Return the database and the table that `source.table` names. Raises SourceError."""
    match = _NAME.fullmatch(text)
    names = [] if match is None else [name for name in match.groups() if name]
    names = [name.replace("``", "`") if f"`{name}`" in text else name for name in names]
    if not names or any(len(name) > _MOST_LETTERS or "\0" in name or name != name.rstrip() for name in names):
        raise SourceError(
            f"source.table: '{text}' is not a table's name. Write table or database.table; a name with a dot or a "
            "backtick stands in backticks, such as `odd.name`."
        )
    return (database, names[0]) if len(names) == 1 else (names[0], names[1])


def describe(session: Session, text: str, database: str) -> SourceTable:
    """Return what the database says of a table.

    Args:
        session: a session with the database.
        text: the table as `source.table` names it.
        database: the database of a name that gives none.

    Raises SourceError where there is no such table, and the driver's errors.
    """
    database, name = split_name(text, database)
    place = (database, name)
    columns = rows(
        session,
        "SELECT column_name, data_type, column_type, is_nullable, numeric_precision, numeric_scale, column_comment,"
        " extra FROM information_schema.columns WHERE table_schema = %s AND table_name = %s ORDER BY ordinal_position",
        place,
    )
    if not columns:
        _refuse_missing(session, database, name)
        raise SourceError(f"{database}.{name} shows no columns. Grant the connection's user SELECT on it.")
    about = rows(
        session,
        "SELECT table_type, table_comment FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
        place,
    )[0]
    indexes = rows(
        session,
        "SELECT index_name, column_name FROM information_schema.statistics"
        " WHERE table_schema = %s AND table_name = %s AND (index_name = 'PRIMARY' OR seq_in_index = 1)"
        " ORDER BY index_name, seq_in_index",
        place,
    )
    checks = _checks(session, place)
    is_view = about["table_type"] != "BASE TABLE"
    return SourceTable(
        database=database,
        name=name,
        comment="" if is_view else about["table_comment"],
        is_view=is_view,
        columns=tuple(
            SourceColumn(
                name=row["column_name"],
                data_type=row["data_type"].lower(),
                column_type=row["column_type"],
                nullable=row["is_nullable"] == "YES",
                precision=row["numeric_precision"],
                scale=row["numeric_scale"],
                comment=row["column_comment"],
                is_json=row["data_type"].lower() == "json" or f"json_valid(`{row['column_name']}`)" in checks,
                updates_itself="on update" in row["extra"].lower(),
            )
            for row in columns
        ),
        primary_key=tuple(row["column_name"] for row in indexes if row["index_name"] == "PRIMARY"),
        # An index over an expression names no column.
        indexed=frozenset(row["column_name"] for row in _first_of_each(indexes) if row["column_name"]),
    )


def _refuse_missing(session: Session, database: str, name: str) -> None:
    """Raise what the server says of a table that shows no columns: it is not there, or may not be read."""
    try:
        with session.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {quoted(database)}.{quoted(name)} LIMIT 0", ())  # noqa: S608 - quoted
    except pymysql.err.ProgrammingError as error:
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        near = did_you_mean(name, [str(row["table_name"]) for row in rows(session, sql, (database,))])
        if error.args[0] != ER.NO_SUCH_TABLE or not near:
            raise
        raise SourceError(
            f"{database}.{name} does not exist.{near} Where it was renamed, mend source.table in the table's file."
        ) from None


def columns_of(table: Table, source: SourceTable) -> tuple[SourceColumn, ...]:
    """Return the source's column of each of the table's. Raises SourceError naming all that do not agree."""
    faults, found = [], []
    for column in table.columns:
        fault = _fault(table, column, source)
        if fault:
            faults.append(fault)
        elif there := source.find(_name_of(column)):
            found.append(there)
    faults += _cursor_faults(table, source)
    if faults:
        raise SourceError(
            f"{table.identity} does not agree with {source} any more; nothing was read.\n  " + "\n  ".join(faults)
        )
    return tuple(found)


def cursor_of(table: Table, source: SourceTable) -> SourceColumn | None:
    """Return the source's column over which the table's windows run."""
    cursor = table.source.cursor if table.source else None
    declared = next((column for column in table.columns if column.name == cursor), None)
    return source.find(_name_of(declared) if declared else cursor) if cursor else None


def remarks(session: Session, table: Table, source: SourceTable) -> Inspection:
    """Return what there is to say of a table whose columns agree. Raises the driver's errors."""
    read = {_name_of(column).lower() for column in table.columns}
    unread = tuple(column.name for column in source.columns if column.name.lower() not in read)
    warnings = []
    cursor = cursor_of(table, source)
    if cursor and not source.is_view and cursor.name not in source.indexed:
        create = f"CREATE INDEX {_plain(f'{source.name}_{cursor.name}'[:_MOST_LETTERS])}"
        warnings.append(
            f"{source} has no index that starts with {cursor.name}, so that every window reads the whole table. "
            f"Create one: {create} ON {_plain(source.name)} ({_plain(cursor.name)})"
        )
    elif cursor and not source.is_view:
        column = quoted(cursor.name)
        for value, condition in (("NULL", f"{column} IS NULL"), ("zero", f"{column} = 0")):
            if rows(session, f"SELECT 1 FROM {source.quoted} WHERE {condition} LIMIT 1", ()):  # noqa: S608 - quoted
                warnings.append(
                    f"{source} has rows whose {cursor.name} is {value}: they belong to no window and are left out. "
                    f"Give them a value, and make the column NOT NULL."
                )
    held = {_name_of(column).lower() for column in table.columns if column.name in table.key}
    if table.key and source.primary_key and not {name.lower() for name in source.primary_key} <= held:
        warnings.append(
            f"the key of {table.identity} does not hold the primary key of {source}: of rows that share it, only the "
            f"latest is kept. Where that is not meant, write `key: [{', '.join(source.primary_key)}]`."
        )
    return Inspection(unread, tuple(warnings))


def _plain(name: str) -> str:
    return quoted(name).replace("%%", "%")


def _name_of(column: Column) -> str:
    return column.source_path or column.name


def _fault(table: Table, column: Column, source: SourceTable) -> str | None:
    name = _name_of(column)
    there = source.find(name)
    if there is None:
        used = {_name_of(other).lower() for other in table.columns}
        near = did_you_mean(name, [other.name for other in source.columns if other.name.lower() not in used])
        return (
            f"columns.{column.name}: {source} has no column '{name}'.{near} Where it was renamed, write "
            "from: <its new name>; where it is gone, take the column out of the file."
        )
    fault = misfit(there, column.type)
    return fault and f"columns.{column.name}: '{there.name}' in {source} is {fault}"


def _cursor_faults(table: Table, source: SourceTable) -> list[str]:
    if table.source is None or table.source.cursor is None:
        return []
    cursor = cursor_of(table, source)
    if cursor is None:
        name = table.source.cursor
        return [f"source.cursor: {source} has no column '{name}'. Name the one that moves on with every change."]
    if cursor.data_type not in CURSORS:
        fault = f"source.cursor: '{cursor.name}' in {source} is {cursor.column_type}."
        return [f"{fault} A cursor is a TIMESTAMP, a DATETIME in UTC, or an integer of seconds since 1970."]
    return []


def _checks(session: Session, place: tuple[str, str]) -> set[str]:
    """Return MariaDB's checks of a table, whose JSON is text with the check json_valid(`column`)."""
    if "mariadb" not in session.get_server_info().lower():  # type: ignore[no-untyped-call]
        return set()
    found = rows(
        session,
        "SELECT check_clause FROM information_schema.check_constraints"
        " WHERE constraint_schema = %s AND table_name = %s",
        place,
    )
    return {row["check_clause"] for row in found}


def _first_of_each(indexes: list[dict[str, str]]) -> list[dict[str, str]]:
    seen: dict[str, dict[str, str]] = {}
    for row in indexes:
        seen.setdefault(row["index_name"], row)
    return list(seen.values())
