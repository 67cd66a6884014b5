"""The ledger as the runs of one process see it: asked for many tables at once, and again for those that have changed.

What another process commits meanwhile is seen a little later. A run loses nothing by that: it has read at least what
its entry says, and a window that was committed since its reading conflicts.
"""

from __future__ import annotations

import threading
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from flows.engine import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flows.engine.state import Reading
    from flows.model.table import Table
    from flows.warehouses.interface import Warehouse

MOST_ENTRIES = 3_000_000
"""How many entries are held as they came from the warehouse: packed, each takes some 30 bytes."""
MOST_MADE_OUT = 50_000
"""How many of them are held as plans need them: what is known of a table's window takes about a kilobyte."""
FRESH_SECONDS = 60.0
"""How old a reading may be from which a run is planned."""
LATELY = 100
"""So many tables that were asked for last are held in any case: runs side by side ask for theirs again."""


class Readings:
    """Reads what plans need, and keeps it for the plans that follow.

    Args:
        warehouse: whose ledger.
        tables: all tables that may be asked for.
        ahead: those of them that will be, in that order and each with what it comes after: they are read with others
            before they are.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        tables: Mapping[str, Table],
        ahead: Mapping[str, Iterable[str]] = MappingProxyType({}),
    ) -> None:
        self.warehouse, self._tables = warehouse, tables
        self._ahead = dict(ahead)
        """Without those that were asked for by now."""
        self._read_by_others = frozenset(ahead)
        self._known: dict[str, tuple[float, Mapping[str, Reading]]] = {}
        self._made_out: dict[str, Reading] = {}
        """Those that plans were made from lately, the last one last."""
        self._weight = 0
        """How many entries they have."""
        self._asked: dict[str, None] = {}
        """What was asked for, the last one last."""
        self._sizes: Mapping[str, int] | None = None
        self._lendings = warehouse.lendings
        self._lock = threading.Lock()

    def of(self, name: str, upstreams: Iterable[str] = ()) -> dict[str, Reading]:
        """Return what the ledger says of a table and of those that it reads."""
        wanted = [name, *upstreams]
        with self._lock:
            self._ahead.pop(name, None)
            for one in wanted:
                self._asked.pop(one, None)
                self._asked[one] = None
            if self._lendings != self.warehouse.lendings:
                self._let_go(list(self._known))
                self._lendings = self.warehouse.lendings
            oldest = time.monotonic() - FRESH_SECONDS
            missing = [one for one in wanted if one not in self._known or self._known[one][0] < oldest]
            if missing:
                # What is old is read again with others as well, not each by itself.
                self._let_go([one for one, (at, _) in self._known.items() if at < oldest])
                self._read(missing, {*self._read_by_others, *wanted[1:]})
            found = {one: self._reading(one) for one in wanted}
            while self._weight > MOST_MADE_OUT and len(self._made_out) > LATELY:
                self._forget_made_out(next(iter(self._made_out)))
            return found

    def forget(self, name: str) -> None:
        """Let a table be read again, which has changed."""
        with self._lock:
            self._let_go([name])

    def _reading(self, name: str) -> Reading:
        reading = self._made_out.pop(name, None)
        if reading is None:
            reading = self._known[name][1][name]
            self._weight += self._size([name])
        self._made_out[name] = reading
        return reading

    def _let_go(self, names: Iterable[str]) -> None:
        for name in names:
            self._known.pop(name, None)
            self._forget_made_out(name)

    def _forget_made_out(self, name: str) -> None:
        if self._made_out.pop(name, None) is not None:
            self._weight -= self._size([name])

    def _read(self, missing: list[str], upstreams: set[str]) -> None:
        if self._sizes is None:
            self._sizes = ledger.sizes(self.warehouse, sorted(self._read_by_others)) if self._read_by_others else {}
        batch = dict.fromkeys(missing)
        if self._size(self._known, batch) > MOST_ENTRIES:
            lately = set(list(self._asked)[-LATELY:])
            self._let_go([one for one in self._known if one not in lately])
        size = self._size(self._known, batch)
        for name in self._following():
            if name not in self._known and name not in batch:
                size += self._size([name])
                if size > MOST_ENTRIES:
                    break
                batch[name] = None
        found = ledger.read(self.warehouse, (self._tables[name] for name in batch), upstreams)
        # Not before: what takes long to read would be old at once, and be read again for each table.
        now = time.monotonic()
        self._known |= dict.fromkeys(found, (now, found))

    def _following(self) -> Iterator[str]:
        for name, after in self._ahead.items():
            yield from after
            yield name

    def _size(self, *names: Iterable[str]) -> int:
        """Return how many entries the ledger has of tables."""
        sizes = self._sizes or {}
        return sum(sizes.get(name, 0) for some in names for name in some)
