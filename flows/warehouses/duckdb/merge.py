"""How a window's rows combine with those of the same key in DuckDB."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from flows.model.errors import CheckFailedError
from flows.sql.types import quote
from flows.warehouses.duckdb.ledger import LedgerTables
from flows.warehouses.duckdb.staging import SHOWN_ROWS, Staging

if TYPE_CHECKING:
    from collections.abc import Generator

    import pyarrow as pa

    from flows.model.entry import Touched
    from flows.warehouses.interface import Query


class MergeStaging(Staging):
    """The staged rows are added to the table, or take the place of rows of the same key."""

    @property
    def keys(self) -> str:
        """The key's columns."""
        return ", ".join(map(quote, self.table.key))

    @cached_property
    def same_key(self) -> str:
        """The condition that rows `old` and staged `new` have one key.

        Plain equality is worth a scan of the staged keys: DuckDB then reads of the table only where they can be.
        """
        nulls = self.read(
            f"SELECT {', '.join(f'bool_or({quote(name)} IS NULL)' for name in self.table.key)} FROM {self.place}"
        )
        return " AND ".join(
            f"old.{quote(name)} {'IS NOT DISTINCT FROM' if has_null else '='} new.{quote(name)}"
            for name, has_null in zip(self.table.key, nulls[0], strict=True)
        )

    @property
    def owns_rows(self) -> bool:
        """Whether a key belongs to one window: it contains the partition column."""
        return self.table.partition is not None and self.table.partition.column in self.table.key

    def goes_straight(self) -> bool:
        """Say whether the table holds no row, and its rules combine none."""
        return not self.table.merge and super().goes_straight()

    def stage(self, rows: Query | Generator[pa.RecordBatch]) -> None:
        """Stage one row for each key, or refuse rows that cannot be told apart."""
        if self.start_over:
            # Rows of another definition cannot be told from those of this one; all windows are made again.
            self.run(f"DELETE FROM {self.name}")
            LedgerTables(self.connection).reset(self.table)
        super().stage(rows)
        if self.table.source is None and self.owns_rows:
            self.refuse_outside()
        twice = self.read(f"SELECT {self.keys} FROM {self.place} GROUP BY ALL HAVING count(*) > 1 LIMIT {SHOWN_ROWS}")
        if not twice:
            return
        if self.table.source is not None:
            self._keep_latest()
        elif self.owns_rows or not self.table.merge:
            names = ", ".join(self.table.key)
            shown = "\n".join("  " + ", ".join(map(str, key)) for key in twice)
            raise CheckFailedError(
                f"{self.table.identity}: the window {self.window} gives several rows of one key ({names}), as\n"
                f"{shown}\n"
                f"GROUP BY {names} in the SQL, so that each key has one row."
            )

    def _keep_latest(self) -> None:
        """Of several rows of one key keep the latest by the cursor; of equal ones the greatest."""
        cursor = quote(self.table.source.cursor) if self.table.source and self.table.source.cursor else "NULL"
        order = ", ".join(f"{quote(name)} DESC NULLS LAST" for name in self.table.types)
        self.rows -= self.run(
            f"DELETE FROM {self.place} WHERE rowid IN (SELECT new.rowid FROM {self.place} AS new SEMI JOIN"
            f" (SELECT {self.keys} FROM {self.place} GROUP BY ALL HAVING count(*) > 1) AS old ON {self.same_key}"
            f" QUALIFY row_number() OVER (PARTITION BY {self.keys} ORDER BY {cursor} DESC NULLS LAST, {order}) > 1)"
        )

    def _incoming(self) -> str:
        """SQL for the row that each staged key shall have."""
        if not self.table.merge:
            return "staged"
        combined = ", ".join(self._combined(name) for name in self.table.types)
        return (
            f"(SELECT {combined} FROM (SELECT {self.columns}, {self._state()} FROM staged UNION ALL"
            f" SELECT {self.columns}, {self._state()} FROM {self.name} AS old"
            f" WHERE EXISTS (SELECT 1 FROM staged AS new WHERE {self.same_key})) GROUP BY {self.keys})"
        )

    def _state(self) -> str:
        """SQL for the columns of rule `latest` as one value that compares by `latest_by` first.

        Values that are equally late compare by themselves, so that windows may commit in any order.
        """
        names = [name for name, rule in self.table.merge.items() if rule == "latest"]
        by = self.table.latest_by
        fields = ", ".join(f"{quote(name)} := {quote(name)}" for name in sorted(names))
        if by is None or not fields:
            return "NULL AS __latest_state"
        late = f"is_known := {quote(by)} IS NOT NULL, latest_by := {quote(by)}"
        return f"struct_pack({late}, latest := struct_pack({fields})) AS __latest_state"

    def _combined(self, name: str) -> str:
        rule = self.table.merge.get(name)
        column = quote(name)
        if rule is None:
            return column
        if rule == "latest":
            return f"max(__latest_state).latest.{column} AS {column}"
        return f"{rule}({column}) AS {column}"

    def replace(self) -> list[Touched]:
        """Write the rows that differ from those of the same key."""
        values = [name for name in self.table.types if name not in self.table.key]
        differs = " OR ".join(f"old.{quote(name)} IS DISTINCT FROM new.{quote(name)}" for name in values) or "false"
        cursor = self.table.source.cursor if self.table.source else None
        newer = f"coalesce(old.{quote(cursor)} > new.{quote(cursor)}, false)" if cursor else "false"
        self.run(
            f"CREATE TEMP TABLE delta AS SELECT new.*, old.__row AS __old_row,"
            f" {self.units.of('old.')} AS __old_unit, {self.units.of('new.')} AS __new_unit"
            f" FROM {self._incoming()} AS new"
            f" LEFT JOIN (SELECT *, rowid AS __row FROM {self.name}) AS old ON {self.same_key}"
            f" WHERE old.__row IS NULL OR (({differs}) AND NOT {newer})"
        )
        touched = self.units.touched(
            self.read(
                "SELECT unit, bool_or(is_change) FROM (SELECT __new_unit AS unit, __old_row IS NOT NULL AS is_change"
                " FROM delta UNION ALL SELECT __old_unit, true FROM delta WHERE __old_row IS NOT NULL) GROUP BY unit"
            )
        )
        self.run(f"DELETE FROM {self.name} WHERE rowid IN (SELECT __old_row FROM delta)")
        self.run(f"INSERT INTO {self.name} ({self.columns}) SELECT {self.columns} FROM delta")
        return touched
