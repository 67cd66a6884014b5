"""The driver's connection, safe from what a server may send: garbage, no end of it, and wishes for the password.

The driver raises whatever it stumbles over, keeps all that it is sent, and answers any plugin that the server names:
some of them with the password itself, or with the password under a key that the server has just given.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pymysql
import pymysql.connections
from pymysql._auth import scramble_caching_sha2
from pymysql.err import DataError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_BYTES = 64 << 20
"""What a server may send in answer to one statement, beside the rows of a table that is copied."""
UNPROVEN = 2061
"""The number of the error that says so; the driver's own for a plugin that failed."""
_FAST_IS_GOOD = b"\x03"


class Session(pymysql.connections.Connection):
    """A connection that raises no errors but the driver's and OSError, and reads no more than it can hold."""

    _left = MOST_BYTES

    def __init__(self, *, proven: bool, **options: Any) -> None:  # noqa: ANN401
        """Take the driver's own options.

        Args:
            proven: whether TLS proves that the server is the one that is meant, so that it may have the password.
            options: the driver's.
        """
        self._proven = proven
        super().__init__(auth_plugin_map={} if proven else _CAREFUL, **options)

    def connect(self, sock: Any = None) -> None:  # noqa: ANN401 - as the driver has it
        """Connect and sign in."""
        self._left = MOST_BYTES
        with self._understood():
            super().connect(sock)

    def _get_server_information(self) -> None:
        super()._get_server_information()  # type: ignore[misc]
        if not self._proven and _CAREFUL.get(self._auth_plugin_name) is _Refused:  # type: ignore[has-type]
            # The driver answers one of these before it asks who handles it. The server may name it again.
            self._auth_plugin_name = "mysql_native_password"

    def _execute_command(self, command: int, sql: str | bytes) -> None:
        self._left = MOST_BYTES
        with self._understood():
            super()._execute_command(command, sql)  # type: ignore[misc]

    def _read_query_result(self, unbuffered: bool = False) -> Any:  # noqa: ANN401
        with self._understood():
            try:
                return super()._read_query_result(unbuffered=unbuffered)  # type: ignore[misc]
            except RuntimeError:
                self._force_close()
                raise DataError(0, "the server asked for a file of this machine (LOAD DATA LOCAL INFILE)") from None

    def _read_bytes(self, num_bytes: int) -> Any:  # noqa: ANN401
        self._left -= num_bytes
        if self._left < 0:
            self._force_close()
            raise DataError(0, f"the server sent more than {MOST_BYTES >> 20} MiB where a few rows were asked for")
        return super()._read_bytes(num_bytes)  # type: ignore[misc]

    @contextmanager
    def _understood(self) -> Iterator[None]:
        try:
            yield
        except (pymysql.Error, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever the driver stumbles over
            self._force_close()
            # What a plugin lacks on this machine it says in words.
            why = str(error) if isinstance(error, RuntimeError) else type(error).__name__
            raise DataError(0, f"the server sent what is no answer of a MySQL server ({why})") from None

    def _force_close(self) -> None:
        super()._force_close()  # type: ignore[misc]


class _Refused:
    """A plugin that would give the password, or what stands for it, to a server that has not shown who it is."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def authenticate(self, _: Any) -> Any:  # noqa: ANN401
        raise OperationalError(UNPROVEN, "it asks for the password, and has not shown that it is the server meant")


class _FastOnly(_Refused):
    """`caching_sha2_password` as far as it proves the password without giving it: where the server remembers it."""

    def authenticate(self, packet: Any) -> Any:  # noqa: ANN401
        session: Any = self._session
        if packet.is_auth_switch_request():
            session.salt = packet.read_all().removesuffix(b"\0")
            session.write_packet(scramble_caching_sha2(session.password, session.salt))
            return session._read_packet()  # noqa: SLF001
        if packet.get_all_data()[1:2] == _FAST_IS_GOOD:
            return session._read_packet()  # noqa: SLF001
        return super().authenticate(packet)


_CAREFUL: dict[str, Callable[[Any], Any]] = {
    "mysql_clear_password": _Refused,
    "mysql_old_password": _Refused,
    "dialog": _Refused,
    "sha256_password": _Refused,
    "caching_sha2_password": _FastOnly,
}
