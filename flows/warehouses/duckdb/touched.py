"""The ranges of a table's partition column in which rows differ: hours or days, joined where they are adjacent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.model.entry import Touched
from flows.model.window import BEGINNING, END, EVER, Window, merge
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.model.table import Table

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOWHERE = Window(BEGINNING, BEGINNING + timedelta(microseconds=1))
"""Stands for rows whose partition column is NULL, which no range can read."""
_HOUR, _DAY = 3_600_000_000, 86_400_000_000


class Units:
    """The hours or days in which touched ranges are counted; where each row belongs to one window, they lie in it."""

    def __init__(self, table: Table, window: Window | None) -> None:
        self.partition = table.partition
        self.is_date = table.partition_type is not None and table.partition_type.name == "DATE"
        self.size = _HOUR if table.partition and table.partition.by == "hour" else _DAY
        """In microseconds."""
        self.length = timedelta(microseconds=self.size)
        self.window = window if table.is_bounded else None

    def of(self, row: str = "") -> str:
        """SQL for the start of a row's unit, in microseconds since 1970; NULL without a partition."""
        if self.partition is None:
            return "NULL"
        column = f"{row}{quote(self.partition.column)}"
        moment = f"epoch_us({column}::TIMESTAMP)" if self.is_date else f"epoch_us({column})"
        return f"({moment} - (({moment} % {self.size}) + {self.size}) % {self.size})"

    def difference(self, old: str, new: str, columns: str) -> str:
        """SQL for the units in which two bags of rows differ, and whether rows of the old one are missing there."""
        return (
            'SELECT "unit-start", bool_or("more-new" < 0)'
            ' FROM (SELECT "unit-start", sum("is-new") AS "more-new" FROM ('
            f'SELECT {self.of()} AS "unit-start", {columns}, 1 AS "is-new" FROM {new}'
            f' UNION ALL SELECT {self.of()} AS "unit-start", {columns}, -1 AS "is-new" FROM {old})'
            f' GROUP BY "unit-start", {columns} HAVING "more-new" <> 0) GROUP BY "unit-start"'
        )

    def touched(self, units: Iterable[tuple[Any, ...]]) -> list[Touched]:
        """Join units, each with whether rows were changed or removed there, to ranges."""
        ranges: dict[bool, list[Window]] = {False: [], True: []}
        for start, changed in units:
            span: Window | None = self._range(start)
            if self.window is not None and span is not None:
                span = span.intersect(self.window)
            if span is not None:
                ranges[bool(changed)].append(span)
        return sorted(
            (Touched(span, changed) for changed, spans in ranges.items() for span in merge(spans)),
            key=lambda item: item.range,
        )

    def _range(self, start: int | None) -> Window:
        if self.partition is None:
            return EVER
        if start is None:
            return NOWHERE
        begin = EPOCH + timedelta(microseconds=start)
        return Window(begin, begin + self.length if END - begin > self.length else END)
