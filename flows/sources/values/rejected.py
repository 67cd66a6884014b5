"""What of some rows cannot be read: reasons that send a row to quarantine, and values that become NULL instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from flows.model.table import Column


class Rejected:
    """Gathers what the columns of some rows say of them, one column after the other."""

    def __init__(self) -> None:
        self.reasons: dict[int, list[str]] = {}
        """By row; a row with a reason goes to quarantine."""
        self._nulled: dict[str, set[int]] = {}

    def column(self, column: Column, values: pa.Array, bad: Mapping[int, str]) -> pa.Array:
        """Take what is bad of a column, and return its values: NULL where the file says that they are then.

        Args:
            column: the column.
            values: its values.
            bad: reasons by row.
        """
        if not bad:
            return values
        if column.on_error is None:
            for row, reason in bad.items():
                self.reasons.setdefault(row, []).append(reason)
            return values
        self._nulled[column.name] = set(bad)
        rows = pa.array([None if row in bad else row for row in range(len(values))], pa.int64())
        return values.take(rows)

    def require(self, values: pa.Array, reason: str, *, unless: Container[int] = ()) -> None:
        """Give this reason to the rows that have no value, unless it is known why they have none."""
        if values.null_count:
            for row in pc.indices_nonzero(values.is_null()).to_pylist():
                if row not in unless:
                    self.reasons.setdefault(row, []).append(reason)

    def kept(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Return the rows that have no reason."""
        if not self.reasons:
            return rows
        return rows.filter(pa.array([row not in self.reasons for row in range(len(rows))]))

    @property
    def nulled(self) -> dict[str, int]:
        """How many of the rows that are kept have NULL instead of what is bad, by column."""
        counts = {name: len(rows - self.reasons.keys()) for name, rows in self._nulled.items()}
        return {name: count for name, count in counts.items() if count}
