"""A MongoDB server: the one at DERIVED_TEST_MONGODB, else one of our own: mongod from the PATH, or the one in Java here."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from pymongo import MongoClient

from flows.sources.connections import MongodbConnection
from tests.servers import Unavailable, certificate, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_BUILT = 3
SERVE = Path(__file__).with_name("serve")
START_SECONDS = 180
STOP_SECONDS = 10


class MongodbServer:
    """A server whose user may create databases.

    Args:
        address: its connection string, without a database.
        command: what starts it, without the port; None where it is not ours to start and stop.
    """

    def __init__(self, address: str, command: list[str | Path] | None = None) -> None:
        self.address, self.command = address, command
        self.process: subprocess.Popen[bytes] | None = None
        self.client = self._connect()

    def _connect(self) -> MongoClient[dict[str, Any]]:
        return MongoClient(self.uri(), connect=False, serverSelectionTimeoutMS=1000 * START_SECONDS)

    def uri(self, database: str = "", **options: str | int) -> str:
        """Return the connection string of a database, with options of the driver."""
        parts = urlsplit(self.address)
        # Else the user would be looked for in the database.
        login = {"authSource": "admin"} if parts.username else {}
        query = urlencode(login | dict(parse_qsl(parts.query)) | options)
        return urlunsplit(parts._replace(path=f"/{database}", query=query))

    def settings(self, database: str, **fields: Any) -> MongodbConnection:
        """Return settings with which the project reads a database."""
        return MongodbConnection(**{"uri": self.uri(database), "database": database} | fields)

    def start(self, *, die_after_getmores: int | None = None, hang_after_getmores: int | None = None) -> None:
        """Start our own server, again if need be, and wait until it listens; the port stays, and `client` is a new one.

        Args:
            die_after_getmores: ask it, where it is in Java, to die (as by kill -9) instead of answering one `getMore` more.
            hang_after_getmores: the same, but it never answers.

        Raises:
            Unavailable: the server in Java is not built.
        """
        assert self.command
        if self.process:
            self.kill()
        parts = urlsplit(self.address)
        faults = {"--die-after-getmores": die_after_getmores, "--hang-after-getmores": hang_after_getmores}
        asked = [str(word) for name, number in faults.items() if number is not None for word in (name, number)]
        self.process = subprocess.Popen([*self.command, "--port", str(parts.port), *asked], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() == NOT_BUILT:
                raise Unavailable("no MongoDB in Java: run tests/servers/install.sh")
            try:
                socket.create_connection((parts.hostname, parts.port)).close()
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)
            else:
                break
        self.client.close()
        self.client = self._connect()

    def stop(self) -> None:
        """End our own server, as a service is ended."""
        assert self.process
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End our own server at once (kill -9); nothing happens where it has died already."""
        assert self.process
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(
    *, keep: bool = False, tls: bool = False, user: str | None = None, password: str = "", faults: bool = False
) -> Iterator[MongodbServer]:
    """Give a server for so long; with any option it is one of our own, in Java.

    Args:
        keep: its data outlives `stop` and `kill`, until the end.
        tls: it takes connections with TLS only; `uri` names its certificate.
        user: it lets in this user only, by SCRAM-SHA-256; `uri` names both.
        password: the user's.
        faults: `start` may ask for faults.

    Raises:
        Unavailable: there is none.
    """
    ours = keep or tls or user or faults
    if (address := os.environ.get("DERIVED_TEST_MONGODB")) and not ours:
        server = MongodbServer(address)
        with server.client:
            yield server
        return
    mongod = shutil.which("mongod")
    with tempfile.TemporaryDirectory(prefix="mongodb-") as name:
        folder, login, options = Path(name), "", "?tls=false"
        command: list[str | Path] = [SERVE]
        if mongod and not ours:
            command = [mongod, "--quiet", "--bind_ip", "127.0.0.1", "--dbpath", folder]
        if keep:
            command += ["--h2", folder / "data"]
        if tls:
            command += ["--tls", *certificate(folder)]
            options = f"?tls=true&tlsCAFile={quote(str(command[-2]))}"
        if user:
            command += ["--user", user, "--password", password]
            login = f"{quote(user, safe='')}:{quote(password, safe='')}@"
        server = MongodbServer(f"mongodb://{login}127.0.0.1:{free_port()}/{options}", command)
        try:
            server.start()
            yield server
        finally:
            server.client.close()
            server.kill()
