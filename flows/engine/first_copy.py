"""The first copy of a table: one reading of its source, committed part by part, so that a run cut off goes on there.

A part covers no window: tables that read this one wait until the commit that ends the copy covers them all. Rows that
change at the source meanwhile have a cursor beyond the windows that are copied, and come with later ones.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from flows.model.checks import References, Unique
from flows.model.entry import Copied

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from flows.engine.steps import Step
    from flows.model.entry import Entry
    from flows.model.table import Table
    from flows.model.window import Window
    from flows.sources.interface import Batch, Source

PART_ROWS = 1_000_000
"""After so many rows a part is committed, where more are to come."""
PART_BYTES = 512 << 20
"""Or after so many bytes of them in memory."""
SHARE = 4
"""Parts are larger where so many times as much was copied before: each is held against all rows that are there."""


def comes_in_parts(table: Table) -> bool:
    """Say whether rows of a table may be published before all of its first copy is there.

    They may not where a check looks at several rows, and so has to see all of them.
    """
    checks = [(column.name, check) for column in table.columns for check in column.checks]
    return (
        table.source is not None
        and table.window is not None
        and bool(table.key)
        and not table.checks
        and not any(isinstance(check, Unique) and table.key != (name,) for name, check in checks)
        and not any(_of_itself(table, check.references) for _, check in checks if isinstance(check, References))
    )


def first_copy(
    source: Source | None, table: Table, step: Step, version: int, has_rows: Callable[[], bool]
) -> FirstCopy | None:
    """Return the first copy that a step is, where it may be several commits: nothing but parts of it is in the table.

    Args:
        source: where the rows come from.
        table: the table, as its source is to read it.
        step: the step.
        version: version of the table's newest entry.
        has_rows: whether anything is in the table.
    """
    if source is None or step.window is None or not step.is_first or not comes_in_parts(table):
        return None
    if step.copied is None and has_rows():
        return None
    return FirstCopy(source, table, step.window, step.copied, version)


def _of_itself(table: Table, references: str) -> bool:
    return references.rpartition(".")[0] == table.identity


class FirstCopy:
    """A reading that is committed part by part; after an error it goes on where its last part ended.

    Args:
        source: where the rows come from.
        table: the table.
        window: the windows that the copy covers.
        copied: how far it has come; None where it begins.
        version: version of the table's newest entry.
    """

    def __init__(self, source: Source, table: Table, window: Window, copied: Copied | None, version: int) -> None:
        self._source, self._table, self._window = source, table, window
        self.copied = copied
        self.version = version
        self._batches: Iterator[Batch] | None = None
        self._reading: Generator[Batch] | None = None
        self._position: str | None = None
        self._is_published = True

    @property
    def bad(self) -> int:
        """Rows of the parts before that are in quarantine."""
        return self.copied.bad if self.copied else 0

    def part(self) -> Generator[Batch]:
        """Give the batches of the next part, or those of the last one again where that was not published."""
        if not self._is_published:
            self.close()
        self._is_published = False
        batches = self._opened()
        rows = size = 0
        larger = max(self.copied.rows / (SHARE * PART_ROWS), 1) if self.copied else 1
        for batch in batches:
            yield batch
            rows += batch.rows.num_rows + len(batch.bad)
            size += batch.rows.nbytes
            if batch.position is not None and (rows >= PART_ROWS * larger or size >= PART_BYTES * larger):
                following = next(batches, None)
                if following is not None:
                    self._batches = chain([following], batches)
                    self._position = batch.position
                return

    @property
    def position(self) -> str | None:
        """Where reading goes on behind the part that `part` gave; None where nothing more is to come."""
        return self._position

    def take(self, position: str | None) -> None:
        """Let the next part be one that was read before, behind which reading goes on there."""
        self.close()
        self._position, self._is_published = position, False

    def entry(self, commit: Entry, rows: int, bad: int) -> Entry:
        """Return the entry of what `part` gave: a part, or the commit of all windows where nothing more is to come."""
        before = self.copied.rows if self.copied else 0
        if self._position is None:
            return replace(commit, rows=before)
        return replace(commit, kind="part", copied=Copied(self._position, before + rows, self.bad + bad))

    def published(self, entry: Entry) -> None:
        """Take the entry of the part that `part` gave, now that it is in the ledger."""
        self.copied, self.version = entry.copied, entry.version
        self._is_published = True

    def close(self) -> None:
        """Stop reading; another part is read from where the last one that was published ended."""
        if self._reading is not None:
            self._reading.close()
        self._batches = self._reading = None

    def _opened(self) -> Iterator[Batch]:
        self._position = None
        if self._batches is None:
            after = self.copied.position if self.copied else None
            self._batches = self._reading = _generated(self._source.copy(self._table, self._window, after))
        return self._batches


def _generated(batches: Iterator[Batch]) -> Generator[Batch]:
    yield from batches
