"""Sessions with a MySQL or MariaDB server: read-only, in UTC, in one consistent snapshot; and what its errors mean."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql

from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.sizes import plural
from flows.sources.mysql.driver import UNPROVEN, Session
from flows.sources.values.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sources.connections import MysqlConnection

CONNECT_SECONDS = 10
# How long the server lets us pause between reads, while the warehouse takes what was read.
WRITE_SECONDS = 3600
# A consistent read waits for nothing but a change of the table's definition.
LOCK_SECONDS = 60

_NO_TLS = 2026
_TIME_LIMITS = {1969, 3024}
_ROW_TOO_LARGE = {1153, 2020}
_TRANSIENT = _TIME_LIMITS | {
    # server: too many connections, shutdown, aborted, network
    *(1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1203, 1226),
    # lock wait, deadlock, table changed since the snapshot, failover to a read-only server
    *(1205, 1213, 1290, 1412, 1836),
    # the session or its statement was killed, or idle for too long
    *(1317, 1927, 4031),
    # client: cannot connect, gone away, lost
    *(2002, 2003, 2006, 2013),
}

_slots_lock = threading.Lock()
_slots: dict[MysqlConnection, threading.BoundedSemaphore] = {}


def slots(settings: MysqlConnection) -> threading.BoundedSemaphore:
    """Return the semaphore that bounds this process's sessions with one database."""
    with _slots_lock:
        return _slots.setdefault(settings, threading.BoundedSemaphore(settings.max_connections))


@contextmanager
def opened(settings: MysqlConnection) -> Iterator[Session]:
    """Open a read-only session in UTC whose statements all see the state of this moment.

    It is closed without waiting for what was not read.

    Raises SourceError, or SourceUnavailableError where trying again may help.
    """
    with translated(settings):
        session = _connect(settings)
        try:
            _prepare(session, settings)
            yield session
        finally:
            if session.open:
                session.close()


def abort(session: Session) -> None:
    """Wake a thread that waits for the server; its read ends with a lost connection."""
    sock = getattr(session, "_sock", None)
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def translated(settings: MysqlConnection, subject: str = "") -> Iterator[None]:
    """Raise what the driver raises as SourceError or SourceUnavailableError.

    Args:
        settings: for the message: user, host, port and database; never the password.
        subject: what was read, such as `shop.payments`.
    """
    try:
        yield
    except pymysql.Error as error:
        raise _translate(error, settings, subject) from None
    except OSError as error:
        raise SourceUnavailableError(f"{_where(settings, subject)}: the connection was lost ({error}).") from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # It answered a question of ours with other columns, rows or types than those that were asked for.
        raise SourceError(f"{_where(settings, subject)}: the server's answer makes no sense ({error!r}).") from error


def rows(session: Session, sql: str, parameters: Sequence[object] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a small result by column name, in lower case."""
    with session.cursor() as cursor:
        cursor.execute(sql, parameters)
        names = [str(column[0]).lower() for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def probe(settings: MysqlConnection) -> str:
    """Connect, read something, and say what was reached. Raises SourceError or SourceUnavailableError."""
    with opened(settings) as session:
        seen = rows(
            session,
            "SELECT VERSION() AS version, @@read_only AS read_only,"
            " (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()) AS seen",
        )[0]
        encrypted = rows(session, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0]["value"]
    replica = " (read-only)" if seen["read_only"] else ""
    tls = f"TLS {encrypted}" if encrypted else "no TLS"
    return f"Connected to {seen['version']}{replica}, {tls}: {plural(seen['seen'], 'table')} in '{settings.database}'."


def _connect(settings: MysqlConnection) -> Session:
    mode = settings.ssl_mode
    optional = mode == "preferred" and settings.ssl_cert is None
    session = Session(
        proven=settings.proves_server,
        host=settings.host,
        port=settings.port,
        user=settings.user,
        # As bytes, because the driver takes text for Latin-1.
        password=settings.password.get_secret_value().encode(),
        database=settings.database,
        charset="utf8mb4",
        autocommit=None,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=CONNECT_SECONDS,
        write_timeout=CONNECT_SECONDS,
        program_name="derived",
        defer_connect=True,
        **({"ssl_disabled": True} if optional or mode == "disabled" else {"ssl": _tls(settings)}),
    )
    if optional:
        # The driver's own context for this loads all authorities of the machine, which takes longer than to connect.
        session.ssl, session.ctx = True, _context(settings)  # type: ignore[attr-defined]
    session.connect()
    # A server that does not greet is not waited for as long as one that works on a statement.
    session._read_timeout = settings.statement_timeout + CONNECT_SECONDS  # type: ignore[attr-defined]  # noqa: SLF001
    return session


def _tls(settings: MysqlConnection) -> ssl.SSLContext:
    try:
        return _context(settings)
    except OSError as error:
        files = ", ".join(file for file in (settings.ssl_ca, settings.ssl_cert, settings.ssl_key) if file)
        raise SourceError(f"{_where(settings, '')}: the TLS files {files} cannot be used: {error}") from None


def _context(settings: MysqlConnection) -> ssl.SSLContext:
    if settings.proves_server:
        context = ssl.create_default_context(cafile=settings.ssl_ca)
        context.check_hostname = settings.ssl_mode == "verify_identity"
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # The certificates that servers make for themselves do not pass the strictest reading of the standard.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if settings.ssl_cert is not None:
        context.load_cert_chain(settings.ssl_cert, settings.ssl_key)
    return context


def _prepare(session: Session, settings: MysqlConnection) -> None:
    with session.cursor() as cursor:
        cursor.execute(
            "SET SESSION time_zone = '+00:00', sql_mode = '', net_write_timeout = %s, lock_wait_timeout = %s",
            (WRITE_SECONDS, LOCK_SECONDS),
        )
        if "mariadb" in session.get_server_info().lower():  # type: ignore[no-untyped-call]
            cursor.execute("SET SESSION max_statement_time = %s", (settings.statement_timeout,))
        else:
            cursor.execute("SET SESSION max_execution_time = %s", (settings.statement_timeout * 1000,))
        cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET SESSION TRANSACTION READ ONLY")
        cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def _translate(error: pymysql.Error, settings: MysqlConnection, subject: str) -> SourceError:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = one_line(str(error.args[1]) if len(error.args) > 1 else str(error))
    cause = getattr(error, "original_exception", None)
    message = f"{_where(settings, subject)}: {text.rstrip('.')}{f' ({number})' if number else ''}."
    if isinstance(cause, ssl.SSLCertVerificationError):
        return SourceError(message + _unproven(settings))
    if number in _TIME_LIMITS:
        message += f" The connection's statement_timeout is {settings.statement_timeout} seconds."
    # The driver's own disorder (packets out of sequence) follows a broken connection.
    if number in _TRANSIENT or isinstance(error, pymysql.err.InternalError):
        return SourceUnavailableError(message)
    of_rows = number in _ROW_TOO_LARGE or isinstance(error, pymysql.err.DataError)
    return SourceError(message + _HINTS.get(number, ""), of_rows=of_rows)


def _unproven(settings: MysqlConnection) -> str:
    """Say what makes a server's certificate good."""
    if settings.ssl_ca is None:
        return " Give the file of the authority that signed its certificate: ssl_ca=/etc/ssl/db.pem"
    return f" It has to have a certificate for {settings.host}, signed by the authority in {settings.ssl_ca}."


_HINTS = {
    1044: " Grant the connection's user SELECT on it.",
    1045: " Mend the connection's user or password.",
    1049: " Mend the connection's database.",
    1142: " Grant the connection's user SELECT on it.",
    1143: " Grant the connection's user SELECT on it.",
    1146: " Mend source.table in the table's file.",
    _NO_TLS: " Turn TLS on there; a server on this machine may be reached with ssl_mode=disabled.",
    UNPROVEN: " Give the file of the authority that signed its certificate (ssl_ca=/etc/ssl/db.pem), and no ssl_mode.",
}


def _where(settings: MysqlConnection, subject: str) -> str:
    server = f"{settings.user}@{settings.host}:{settings.port}/{settings.database}"
    return f"{subject} on MySQL {server}" if subject else f"MySQL {server}"
