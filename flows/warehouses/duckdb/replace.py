"""What a window's rows take the place of in DuckDB: those of its range, or all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flows.model.entry import Touched
from flows.warehouses.duckdb.staging import STAGED, Staging
from flows.warehouses.interface import Query

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa


class AppendStaging(Staging):
    """The window's rows take the place of those that the table holds in its range."""

    def stage(self, rows: Query | Generator[pa.RecordBatch]) -> None:
        """Insert straight into a range that is empty; batches, which come only once, into an empty table."""
        if not isinstance(rows, Query):
            super().stage(rows)
            self.refuse_outside()
        elif self.read(f"SELECT 1 FROM {self.name} WHERE {self.inside} LIMIT 1"):
            self.stage_aside(rows)
            self.refuse_outside()
        else:
            self.place = f"{self.name} WHERE {self.inside}"
            self.insert_straight(rows, self._in_range())
            if self.read(f"SELECT count(*) FROM {self.place}")[0][0] != self.rows:
                self._find_outside(rows)

    def _find_outside(self, rows: Query) -> None:
        """Stage rows again, to tell those outside the window from other windows' rows."""
        self.connection.execute("ROLLBACK")
        self.connection.execute("BEGIN TRANSACTION")
        self.straight, self.place, self.relation = False, "staged", STAGED
        self.stage_aside(rows)
        self.refuse_outside()

    def write(self) -> list[Touched]:
        """Make the table hold the rows; return what that touches."""
        if (
            self.straight
            and self.window
            and self.window.end - self.window.start <= timedelta(microseconds=self.units.size)
        ):
            return [Touched(self.window, changed=False)] if self.rows else []
        return super().write()

    def replace(self) -> list[Touched]:
        """Put the rows in the place of the window's."""
        old = f"(SELECT {self.columns} FROM {self.name} WHERE {self.inside})"
        touched = self.units.touched(self.read(self.units.difference(old, "staged", self.columns)))
        if touched:
            self.run(f"DELETE FROM {self.name} WHERE {self.inside}")
            self.run(f"INSERT INTO {self.name} ({self.columns}) SELECT {self.columns} FROM staged")
        return touched

    def _in_range(self) -> str:
        assert self.table.partition is not None  # noqa: S101 - append tables have one
        assert self.table.partition_type is not None  # noqa: S101 - they have a partition
        column, kind = self.table.partition.column, self.table.partition_type.name
        low, high = (f"@window_{end}" if kind == "TIMESTAMP" else f"{kind}(@window_{end})" for end in ("start", "end"))
        columns = ", ".join(f"`{name}`" for name in self.table.types)
        source = f"`{self.table.dataset}`.`{self.table.name}`"
        return f"(SELECT {columns} FROM {source} WHERE `{column}` >= {low} AND `{column}` < {high})"


class ReplaceStaging(Staging):
    """The rows take the place of the whole table."""

    def replace(self) -> list[Touched]:
        """Put the rows in the place of all."""
        touched = self.units.touched(self.read(self.units.difference(self.name, "staged", self.columns)))
        if touched:
            self.run(f"DELETE FROM {self.name}")
            self.run(f"INSERT INTO {self.name} ({self.columns}) SELECT {self.columns} FROM staged")
        return touched
