"""What a MySQL database says of a table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import ER

from flows.model.errors import SourceError, did_you_mean
from flows.sources.mysql.session import rows
from flows.sources.mysql.types import SourceColumn

if TYPE_CHECKING:
    from flows.sources.mysql.driver import Session

INTEGERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
MOST_LETTERS = 64
_NAME = re.compile(r"(?:`((?:[^`]|``)+)`|([^`.]+))(?:\.(?:`((?:[^`]|``)+)`|([^`.]+)))?")


class NoTableError(SourceError):
    """There is no such table in the database."""


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
    clustered: tuple[str, tuple[str, ...]] | None
    """The index in whose order the rows are kept, and its columns, whole and ascending; None where it is not known."""

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


def backticked(name: str) -> str:
    """Quote a name for a statement that a person may copy."""
    return quoted(name).replace("%%", "%")


def split_name(text: str, database: str) -> tuple[str, str]:
    """Return the database and the table that `source.table` names. Raises SourceError."""
    match = _NAME.fullmatch(text)
    names = [] if match is None else [name for name in match.groups() if name]
    names = [name.replace("``", "`") if f"`{name}`" in text else name for name in names]
    if not names or any(len(name) > MOST_LETTERS or "\0" in name or name != name.rstrip() for name in names):
        raise NoTableError(
            f"'{text}' is not a table's name. Write table or database.table; a name with a dot or a "
            "backtick stands in backticks, such as `odd.name`."
        )
    return (database, names[0]) if len(names) == 1 else (names[0], names[1])


def schema_of(session: Session, text: str, database: str) -> SourceTable:
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
        "SELECT index_name, column_name, seq_in_index, non_unique, nullable, sub_part, collation AS direction"
        " FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s"
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
        indexed=frozenset(row["column_name"] for row in indexes if row["column_name"] and row["seq_in_index"] == 1),
        clustered=None if is_view else _clustered(indexes),
    )


def _refuse_missing(session: Session, database: str, name: str) -> None:
    """Raise what the server says of a table that shows no columns: it is not there, or may not be read."""
    try:
        with session.cursor() as cursor:
            cursor.execute(f"SELECT 1 FROM {quoted(database)}.{quoted(name)} LIMIT 0", ())  # noqa: S608 - quoted
    except pymysql.err.ProgrammingError as error:
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
        near = did_you_mean(name, [str(row["table_name"]) for row in rows(session, sql, (database,))])
        if error.args[0] != ER.NO_SUCH_TABLE:
            raise
        if near:
            raise NoTableError(f"{database}.{name} does not exist.{near}") from None
        raise NoTableError(f"Table '{database}.{name}' doesn't exist.") from None


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


def _clustered(indexes: list[dict[str, Any]]) -> tuple[str, tuple[str, ...]] | None:
    """Return the primary key, or where there is none the only index that InnoDB can take for it."""
    unique: dict[str, list[dict[str, Any]]] = {}
    for row in indexes:
        if not row["non_unique"]:
            unique.setdefault(row["index_name"], []).append(row)
    fit = {name: rows for name, rows in unique.items() if not any(row["nullable"] == "YES" for row in rows)}
    name = "PRIMARY" if "PRIMARY" in fit else next(iter(fit)) if len(fit) == 1 else None
    if name is None or any(row["sub_part"] or row["direction"] != "A" or not row["column_name"] for row in fit[name]):
        return None
    return name, tuple(row["column_name"] for row in fit[name])
