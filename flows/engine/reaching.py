"""The sources of a run's tables: each is reached once, for all tables that it holds."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from flows.engine.request import Reached, reach
from flows.model.errors import DerivedError, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from flows.engine.outcome import Observer
    from flows.model.table import Table
    from flows.sources.interface import Source

Answer = Reached | DerivedError
"""Where a core table's rows come from, or why that cannot be reached."""


class Sources:
    """Reaches sources.

    Args:
        source_of: returns the source of a table, which it does not reach.
        observer: of whoever reaches them.
    """

    def __init__(self, source_of: Callable[[Table], Source], observer: Observer) -> None:
        self._source_of, self._observer = source_of, observer
        self._answers: dict[tuple[str, str], Future[Answer]] = {}
        self._lock = threading.Lock()

    def begin(self, tables: Iterable[Table]) -> None:
        """Begin to reach the sources of tables, side by side; who needs none of them need not wait."""
        for table in tables:
            answer, is_new = self._answer(table)
            if is_new:
                # Nobody who stops the process waits for one that does not answer.
                threading.Thread(target=self._reach, args=(table, answer), daemon=True).start()

    def of(self, table: Table) -> Answer:
        """Return what a table's source has answered; reach it here and now where nobody has begun to."""
        answer, is_new = self._answer(table)
        if is_new:
            self._reach(table, answer)
        return answer.result()

    def awaited(self, table: Table) -> Future[Answer] | None:
        """Return what ends with the answer of a table's source; None where nothing is waited for."""
        answer = self._answers.get(_key(table))
        return answer if answer is not None and not answer.done() else None

    def _answer(self, table: Table) -> tuple[Future[Answer], bool]:
        with self._lock:
            key = _key(table)
            is_new = key not in self._answers
            return self._answers.setdefault(key, Future()), is_new

    def _reach(self, table: Table, answer: Future[Answer]) -> None:
        try:
            answer.set_result(self._observer.reach(table.identity, lambda: reach(self._source_of(table))))
        except Exception as error:  # noqa: BLE001 - whatever a server answers is the fault of the tables that it holds
            answer.set_result(told(error, table.identity))


def _key(table: Table) -> tuple[str, str]:
    """Return what tables of one source have in common."""
    assert table.source is not None  # noqa: S101 - only core tables have one
    return table.source.kind, getattr(table.source, "connection", "")
