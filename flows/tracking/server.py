"""Prefect's server on this machine, with SQLite: it looks for garbage in a thread of its own.

The collector runs in whatever thread allocates. In that of the event loop it may come upon a cursor that an error has
left behind, and resets its statement. For that it waits for the connection, in whose own thread SQLite waits for the
lock of another connection, up to its 60 seconds, and who holds that lock waits for the event loop: nobody is answered.
"""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

from prefect.server.api.server import create_app as create_prefect_app

if TYPE_CHECKING:
    from fastapi import FastAPI

FULL = 30
"""Of how many collections, one a second, one looks at all objects."""


def create_app() -> FastAPI:
    """Return Prefect's application, in a process that is its alone."""
    app = create_prefect_app(final=True)
    gc.collect()
    gc.freeze()
    gc.disable()
    threading.Thread(target=_collect, daemon=True).start()
    return app


def _collect() -> None:
    count = 0
    while True:
        time.sleep(1)
        count += 1
        gc.collect(2 if count % FULL == 0 else 1)
