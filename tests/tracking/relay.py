"""What lies between a run and Prefect's server, so that something can happen at the moment at which the run tells."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from queue import Queue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, StreamReader, StreamWriter
    from collections.abc import Callable, Iterator

    from tests.prefect_api import Server


@contextmanager
def relayed(server: Server, state: str, happens: Callable[[], None]) -> Iterator[Server]:
    """Give a way to a server on which something happens, once, before the server hears that a run is in a state."""
    started: Queue[tuple[int, AbstractEventLoop, asyncio.Event]] = Queue()
    thread = threading.Thread(target=lambda: asyncio.run(_relay(server, state.encode(), happens, started)))
    thread.start()
    port, loop, end = started.get(timeout=60)
    try:
        yield replace(server, url=f"http://127.0.0.1:{port}{urlsplit(server.url).path}")
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


async def _relay(server: Server, state: bytes, happens: Callable[[], None], started: Queue) -> None:
    there, end = urlsplit(server.url), asyncio.Event()
    left = [happens]

    async def pass_on(reader: StreamReader, writer: StreamWriter, *, asks: bool) -> None:
        said = b""
        with suppress(OSError):
            while part := await reader.read(1 << 16):
                said = (said + part)[-(1 << 17) :] if asks and left else b""
                if b"/set_state" in said and b'"type":"' + state in said:
                    await asyncio.to_thread(left.pop())
                writer.write(part)
                await writer.drain()
        writer.close()

    async def connected(reader: StreamReader, writer: StreamWriter) -> None:
        answers, asks = await asyncio.open_connection(there.hostname, there.port)
        await asyncio.gather(pass_on(reader, asks, asks=True), pass_on(answers, writer, asks=False))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as listening:
        started.put((listening.sockets[0].getsockname()[1], asyncio.get_running_loop(), end))
        await end.wait()
