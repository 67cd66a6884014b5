"""The ledger as the runs of one process see it: asked for many tables at once, and again for those that have changed.

What another process commits meanwhile is seen a little later. A run loses nothing by that: it has read at least what
its entry says, and a window that was committed since its reading conflicts.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from flows.engine import ledger

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from flows.engine.state import Reading
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse

MOST_ENTRIES = 50_000
"""How many entries are held at once: what is known of a table's window takes about a kilobyte."""
FRESH_SECONDS = 60.0
"""How old a reading may be from which a run is planned."""


class Readings:
    """Reads what plans need, and keeps it for the plans that follow.

    Args:
        warehouse: whose ledger.
        tables: all tables that may be asked for.
        ahead: those of them that will be, in that order, and so are read with others before they are.
    """

    def __init__(self, warehouse: Warehouse, tables: Mapping[str, Table], ahead: Iterable[str] = ()) -> None:
        self.warehouse, self._tables, self._ahead = warehouse, tables, tuple(ahead)
        self._known: dict[str, tuple[float, Reading]] = {}
        self._sizes: dict[str, int] | None = None
        self._lock = threading.Lock()

    def of(self, name: str, upstreams: Iterable[str] = ()) -> dict[str, Reading]:
        """Return what the ledger says of a table and of those that it reads."""
        wanted = [name, *upstreams]
        with self._lock:
            oldest = time.monotonic() - FRESH_SECONDS
            missing = [name for name in wanted if name not in self._known or self._known[name][0] < oldest]
            if missing:
                self._read(missing, {*self._ahead, *wanted[1:]})
            return {name: self._known[name][1] for name in wanted}

    def forget(self, name: str) -> None:
        """Let a table be read again, which has changed."""
        with self._lock:
            self._known.pop(name, None)

    def _read(self, missing: list[str], upstreams: Container[str]) -> None:
        if self._ahead and self._sizes is None:
            self._sizes = ledger.sizes(self.warehouse, self._ahead)
        sizes = self._sizes or {}
        kept = sum(sizes.get(name, 0) for name in self._known)
        batch = dict.fromkeys(missing)
        size = sum(sizes.get(name, 0) for name in batch)
        if kept + size > MOST_ENTRIES:
            self._known = {}
            kept = 0
        for name in self._ahead:
            if name not in self._known and name not in batch:
                size += sizes.get(name, 0)
                if kept + size > MOST_ENTRIES:
                    break
                batch[name] = None
        found = ledger.read(self.warehouse, (self._tables[name] for name in batch), upstreams)
        # Not before: what takes long to read would be old at once, and be read again for each table.
        now = time.monotonic()
        self._known |= {name: (now, reading) for name, reading in found.items()}
