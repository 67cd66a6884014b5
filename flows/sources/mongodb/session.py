"""Sessions with a MongoDB server, replica set or cluster; and what its errors mean."""

from __future__ import annotations

import re
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import unquote, urlsplit

from bson.errors import BSONError
from pymongo import MongoClient
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.uri_parser import split_options

from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.sizes import plural
from flows.sources.connections import MONGODB_EXAMPLE
from flows.sources.mongodb.options import uses_tls
from flows.sources.values.texts import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.sources.connections import MongodbConnection

Client: TypeAlias = "MongoClient[dict[str, Any]]"

CONNECT_SECONDS = 10

_TIME_LIMIT = 50
_UNAUTHORIZED = 13
_AUTHENTICATION_FAILED = {18, 8000}
_TRANSIENT = {
    # host unreachable, not found, network timeout, shutdown, no primary, socket
    *(6, 7, 89, 91, 133, 189, 9001, 10058, 10107, 11600, 11602, 13435, 13436),
    # the operation was stopped, or its cursor was: time limit, killed, not found, plan gone, snapshot gone, conflict
    *(_TIME_LIMIT, 24, 43, 112, 136, 175, 237, 239, 246, 262, 11601),
    # read concern or routing that is not yet there
    *(13388, 63, 134, 150, 234, 13113),
}

_OF_VALUES = {241, 10334}
"""A value that cannot be converted, a document that is too large."""

_slots_lock = threading.Lock()
_slots: dict[MongodbConnection, threading.BoundedSemaphore] = {}


def slots(settings: MongodbConnection) -> threading.BoundedSemaphore:
    """Return the semaphore that bounds this process's readings of one database."""
    with _slots_lock:
        return _slots.setdefault(settings, threading.BoundedSemaphore(settings.max_connections))


@contextmanager
def opened(settings: MongodbConnection) -> Iterator[Client]:
    """Open a client of one connection, beside the one by which the driver watches the servers.

    Raises SourceError, or SourceUnavailableError where trying again may help.
    """
    with translated(settings), _client(settings) as client:
        yield client


def interrupt(client: Client) -> None:
    """Wake a thread that waits for the server; its read ends with a lost connection."""
    # The driver has no public way to do this; without it the thread ends with its time limit.
    with suppress(AttributeError):
        for server in list(client._topology._servers.values()):  # noqa: SLF001
            server.pool.reset(interrupt_connections=True)


@contextmanager
def translated(settings: MongodbConnection, subject: str = "") -> Iterator[None]:
    """Raise what the driver raises as SourceError or SourceUnavailableError.

    Args:
        settings: for the message, which never shows the URI.
        subject: what was read, such as `core.orders`.
    """
    try:
        yield
    except (PyMongoError, BSONError) as error:
        raise _translate(error, settings, subject) from None
    except OSError as error:
        message = f"{_where(settings, subject)}: the connection was lost ({_shown(error, settings)})."
        raise SourceUnavailableError(message) from None
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, struct.error) as error:
        # The driver and we stumble over what is no answer to what was asked.
        message = f"{_where(settings, subject)}: the server's answer makes no sense ({type(error).__name__})."
        raise SourceError(message) from error


def ping(settings: MongodbConnection) -> str:
    """Connect, count the collections that can be seen, and say what was reached.

    Raises SourceError with what to change, or SourceUnavailableError where trying again may help.
    """
    with opened(settings) as client:
        version = client.server_info()["version"]
        seen = len(client[settings.database].list_collection_names(authorizedCollections=True))
    return f"Connected to MongoDB {version}: {plural(seen, 'collection')} in '{settings.database}'."


def _client(settings: MongodbConnection) -> Client:
    uri = settings.uri.get_secret_value()
    ours: dict[str, Any] = {
        "appname": "derived",
        "connectTimeoutMS": CONNECT_SECONDS * 1000,
        "serverSelectionTimeoutMS": CONNECT_SECONDS * 1000,
        # A server that hangs would otherwise be waited for without end.
        "socketTimeoutMS": (settings.statement_timeout + CONNECT_SECONDS) * 1000,
    }
    given = settings.options
    options = {name: value for name, value in ours.items() if name.lower() not in given}
    try:
        # What the driver cannot understand it would only warn of.
        if query := urlsplit(uri).query:
            split_options(query, warn=False)
        return MongoClient(uri, maxPoolSize=1, tls=uses_tls(given), **options)
    except (PyMongoError, ValueError, TypeError, OSError) as error:
        message = f"{_where(settings, '')}: its URI cannot be used: {_shown(error, settings)}."
    # Outside the handler, so that no traceback can lead back to the value.
    raise SourceError(f"{message} Write it as {MONGODB_EXAMPLE}")


def _translate(error: PyMongoError | BSONError, settings: MongodbConnection, subject: str) -> SourceError:
    message = f"{_where(settings, subject)}: {_shown(error, settings)}."
    if isinstance(error, (InvalidURI, ConfigurationError)):
        return SourceError(message + " Mend the connection's URI.")
    if isinstance(error, ServerSelectionTimeoutError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        hint = " Give the file of the authority that signed the server's certificate: tlsCAFile=/etc/ssl/db.pem"
        return SourceError(message + ("" if "tlscafile" in settings.options else hint))
    if isinstance(error, ServerSelectionTimeoutError) and not {"tls", "ssl"} & settings.options.keys():
        message += " It has to speak TLS; a server on this machine that does not is reached with tls=false."
    if isinstance(error, OperationFailure):
        if error.code in _AUTHENTICATION_FAILED:
            return SourceError(message + " Mend the user, the password or authSource in the connection's URI.")
        if error.code == _UNAUTHORIZED:
            return SourceError(message + " Grant the connection's user the role read on the database.")
        if error.code not in _TRANSIENT and not error.has_error_label("RetryableError"):
            return SourceError(message, of_rows=error.code in _OF_VALUES)
    elif not isinstance(error, ConnectionFailure):
        return SourceError(message, of_rows=isinstance(error, BSONError))
    if isinstance(error, NetworkTimeout) or getattr(error, "code", None) == _TIME_LIMIT:
        message += f" The connection's statement_timeout is {settings.statement_timeout} seconds."
    return SourceUnavailableError(message)


def _shown(error: Exception, settings: MongodbConnection) -> str:
    """Return what the driver says, on one line, unless it repeats a secret of the URI."""
    text = str(error).split(", full error:")[0].split(", Timeout: ")[0]
    text = one_line(text).rstrip(".") or type(error).__name__
    return type(error).__name__ if any(secret in text for secret in _secrets(settings)) else text


def _secrets(settings: MongodbConnection) -> list[str]:
    """Return what of the URI must not be shown: the password, and the values of options that hold one."""
    uri = settings.uri.get_secret_value()
    rest = uri.partition("://")[2]
    user, at, _ = rest.rpartition("@")
    # Without its @ a password looks like a port.
    ports = [host.partition(":")[2] for host in re.split(r"[/?#]", rest)[0].split(",")]
    pieces = re.split(r"[:/?#@]", user.partition(":")[2]) if at else ports
    pieces += re.findall(r"(?i)(?:authMechanismProperties|tlsCertificateKeyFilePassword)=([^&]+)", uri)
    shown = [form for piece in pieces if piece and (at or not piece.isdigit()) for form in (piece, unquote(piece))]
    return [uri, *shown]


def _where(settings: MongodbConnection, subject: str) -> str:
    server = f"MongoDB database '{settings.database}'"
    return f"{subject} on {server}" if subject else f"the {server}"
