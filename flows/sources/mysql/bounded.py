"""Statements that must not take long, whatever the size of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pymysql

from flows.sources.mysql.session import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sources.mysql.driver import Session

SECONDS = 5
"""How long a statement may take that only serves to say more of a table."""
_TIME_LIMITS = {1969, 3024}


def row_within(session: Session, select: str, parameters: Sequence[object] = ()) -> dict[str, Any] | None:
    """Return the only row of a SELECT, or None where the server needs more than SECONDS for it.

    Args:
        session: a session with the server.
        select: the statement without the word SELECT.
        parameters: its parameters.

    Raises the driver's errors.
    """
    if "mariadb" in session.get_server_info().lower():  # type: ignore[no-untyped-call]
        sql = f"SET STATEMENT max_statement_time = {SECONDS} FOR SELECT {select}"
    else:
        sql = f"SELECT /*+ MAX_EXECUTION_TIME({SECONDS * 1000}) */ {select}"
    try:
        return rows(session, sql, parameters)[0]
    except pymysql.Error as error:
        if error.args[0] in _TIME_LIMITS:
            return None
        raise
