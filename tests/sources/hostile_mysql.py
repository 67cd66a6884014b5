"""MySQL servers that mean harm: one that a test plays, and one in the middle, before a real one."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from tests.servers.mysql import MysqlServer

OK = b"\0\0\0\2\0\0\0"
END = b"\xfe\0\0\2\0"
_QUERY = 3
_CAPABILITIES = 0x00AFF7FF
_SSL = 0x800


class Talk:
    """A connection of a client, and what the client has sent over it."""

    def __init__(self, client: socket.socket) -> None:
        self.client, self.said, self.number = client, b"", 0

    def send(self, payload: bytes) -> None:
        """Send a packet, with the number that is next."""
        self.client.sendall(packet(payload, self.number))
        self.number += 1

    def receive(self) -> bytes:
        """Return the payload of the client's next packet."""
        header = self._take(4)
        payload = self._take(int.from_bytes(header[:3], "little"))
        self.said += payload
        self.number = header[3] + 1
        return payload

    def greet(self, plugin: str = "mysql_native_password", tls: ssl.SSLContext | None = None) -> None:
        """Greet as MySQL 8 does, and take the client's login, over TLS where there is a context."""
        capabilities = _CAPABILITIES | (_SSL if tls else 0)
        low, high = (capabilities & 0xFFFF).to_bytes(2, "little"), (capabilities >> 16).to_bytes(2, "little")
        start = b"\x0a8.0.40\0" + bytes(4) + b"12345678\0" + low + b"\x21\2\0" + high + b"\x15" + bytes(10)
        self.send(start + b"123456789012\0" + plugin.encode() + b"\0")
        if tls and len(self.receive()) == 32:
            self.client = tls.wrap_socket(self.client, server_side=True)
            self.receive()

    def switch(self, plugin: str) -> bytes:
        """Ask the client to sign in by another plugin, and return what it sends."""
        self.send(b"\xfe" + plugin.encode() + b"\0" + b"12345678901234567890\0")
        return self.receive()

    def _take(self, size: int) -> bytes:
        taken = b""
        while len(taken) < size:
            some = self.client.recv(size - len(taken))
            if not some:
                raise EOFError
            taken += some
        return taken


def packet(payload: bytes, number: int) -> bytes:
    """Return the packet of a payload."""
    return len(payload).to_bytes(3, "little") + bytes([number % 256]) + payload


@contextmanager
def listening(play: Callable[[Talk], None]) -> Iterator[int]:
    """Let a function play a server on 127.0.0.1; give its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=each, args=(client,), daemon=True).start()

        def each(client: socket.socket) -> None:
            talk = Talk(client)
            with suppress(EOFError, OSError):
                play(talk)
            talk.client.close()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(server: MysqlServer, answer: Callable[[str], bytes | None]) -> Iterator[int]:
    """Stand between a client and a real server; give the port.

    Args:
        server: the real one.
        answer: returns what the client gets for a statement instead of the real answer, or None.
    """

    def play(talk: Talk) -> None:
        client = talk.client
        with socket.create_connection((server.host, server.port)) as real:
            asked = b""
            while True:
                ready, _, _ = select.select([client, real], [], [])
                if real in ready:
                    client.sendall(_some(real))
                    continue
                asked += _some(client)
                while len(asked) >= 4 and len(asked) >= (end := 4 + int.from_bytes(asked[:3], "little")):
                    command, asked = asked[:end], asked[end:]
                    is_query = command[3] == 0 and command[4:5] == bytes([_QUERY])
                    instead = answer(command[5:].decode()) if is_query else None
                    if instead is None:
                        real.sendall(command)
                    else:
                        client.sendall(instead)

    with listening(play) as port:
        yield port


def _some(from_: socket.socket) -> bytes:
    some = from_.recv(1 << 16)
    if not some:
        raise EOFError
    return some
