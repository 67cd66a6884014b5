"""A MySQL or MariaDB server for tests: the one at DERIVED_TEST_MYSQL, else one of our own from a binary on the PATH."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import pymysql

from flows.sources.connections import MysqlConnection
from tests.servers import Unavailable, certificate, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

DAEMONS = ("mariadbd", "mysqld")
NONE = "no MySQL: set DERIVED_TEST_MYSQL=mysql://user:password@host:port/, or run tests/servers/install.sh"
START_SECONDS = 180


class MysqlServer:
    """A server whose user may create databases."""

    def __init__(self, host: str, port: int, user: str, password: str, folder: Path | None) -> None:
        self.host, self.port, self.user, self.password, self.folder = host, port, user, password, folder
        self.process: subprocess.Popen[bytes] | None = None
        self.authority: Path | None = None
        """The certificate of our own server, which takes connections with and without TLS."""
        self._tls: list[str] = []

    def connect(self, database: str | None = None, **options: Any) -> pymysql.Connection:
        """Open a connection that commits each statement, in UTC."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            password=self.password,
            database=database,
            charset="utf8mb4",
            max_allowed_packet=64 << 20,
            **({"autocommit": True, "init_command": "SET time_zone = '+00:00', sql_mode = ''"} | options),
        )

    def execute(self, *statements: str, database: str | None = None) -> tuple[tuple[Any, ...], ...]:
        """Run statements, and return the rows of the last."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return tuple(cursor.fetchall())

    def settings(self, database: str, **fields: Any) -> MysqlConnection:
        """Return settings with which the project reads a database: without TLS, unless there is an authority."""
        login = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        tls = {} if "ssl_ca" in fields else {"ssl_mode": "disabled"}
        return MysqlConnection(**login | tls | fields, database=database)

    def url(self, database: str) -> str:
        """Return the URL of a database as the environment gives it to the project."""
        login = f"{quote(self.user)}:{quote(self.password, safe='')}"
        return f"mysql://{login}@{self.host}:{self.port}/{database}?ssl_mode=disabled"

    def start(self) -> None:
        """Start our own server, and wait until it answers."""
        self.process = subprocess.Popen(
            [
                next(filter(None, map(shutil.which, DAEMONS))),
                "--no-defaults",
                f"--datadir={self.folder}/data",
                f"--socket={self.folder}/socket",
                f"--pid-file={self.folder}/pid",
                f"--log-error={self.folder}/log",
                f"--port={self.port}",
                # While it is down, as a test wants it, a connection of any other process may be given its port.
                f"--port-open-timeout={START_SECONDS}",
                "--bind-address=127.0.0.1",
                # What is committed outlives the process, though not the machine.
                "--innodb-flush-log-at-trx-commit=2",
                "--max-allowed-packet=64M",
                *self._tls,
                *(["--user=root"] if os.getuid() == 0 else []),
            ],
            stderr=subprocess.DEVNULL,  # the rest is in its log
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except pymysql.Error:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, *, kill: bool = False) -> None:
        """End our own server."""
        assert self.process
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait()

    def install(self) -> None:
        """Make the folder of our own server's data."""
        if install := shutil.which("mariadb-install-db"):
            command = [install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        else:
            command = [shutil.which("mysqld"), "--no-defaults", "--initialize-insecure"]
        user = ["--user=root"] if os.getuid() == 0 else []
        subprocess.run([*command, f"--datadir={self.folder}/data", *user], check=True, capture_output=True)
        self.authority, key = certificate(self.folder)
        key.chmod(0o644)  # the server gives up its rights before it reads it
        self._tls = [f"--ssl-cert={self.authority}", f"--ssl-key={key}"]


@contextlib.contextmanager
def serving() -> Iterator[MysqlServer]:
    """The server at DERIVED_TEST_MYSQL, or one of our own for so long; Unavailable where there is neither."""
    if address := os.environ.get("DERIVED_TEST_MYSQL"):
        url = urlsplit(address)
        yield MysqlServer(url.hostname, url.port or 3306, unquote(url.username), unquote(url.password or ""), None)
        return
    if not any(map(shutil.which, DAEMONS)):
        raise Unavailable(NONE)
    with tempfile.TemporaryDirectory(prefix="mysql-") as folder:
        server = MysqlServer("127.0.0.1", free_port(), "root", "", Path(folder))
        server.install()
        server.start()
        try:
            yield server
        finally:
            server.stop(kill=True)
