"""The hours or days of a table's partition column in which rows differ, in GoogleSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flows.model.entry import Touched
from flows.model.window import BEGINNING, END, EVER, Window, merge
from flows.warehouses.bigquery.types import comparable, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.model.table import Table

NOWHERE = Window(BEGINNING, BEGINNING + timedelta(microseconds=1))
"""Stands for rows whose partition column is NULL, which no range can read."""


def unit_of(table: Table, row: str = "") -> str:
    """SQL for the start of a row's hour or day, a TIMESTAMP; NULL without a partition."""
    return truncated(table, "HOUR" if table.partition and table.partition.by == "hour" else "DAY", row)


def truncated(table: Table, part: str, row: str = "") -> str:
    """SQL for the start of the hour, day, month or year in which a row's partition column lies, a TIMESTAMP."""
    if table.partition is None or table.partition_type is None:
        return "CAST(NULL AS TIMESTAMP)"
    column, kind = f"{row}{quote(table.partition.column)}", table.partition_type.name
    start = f"{kind}_TRUNC({column}, {part})"
    return start if kind == "TIMESTAMP" else f"TIMESTAMP({start})"


def difference(table: Table, old: str, new: str) -> str:
    """SQL for the units in which two bags of rows differ, and whether rows of the old one are missing there.

    Columns are numbered, so that none has the name of another's or of ours.
    """
    values = ", ".join(
        f"{comparable(type_, quote(name))} AS v{place}" for place, (name, type_) in enumerate(table.types.items())
    )
    places = ", ".join(f"v{place}" for place in range(len(table.types)))
    return (
        "SELECT AS STRUCT unit_start, LOGICAL_OR(more_new < 0) AS is_change"
        " FROM (SELECT unit_start, SUM(is_new) AS more_new FROM ("
        f"SELECT {unit_of(table)} AS unit_start, {values}, 1 AS is_new FROM {new}"
        f" UNION ALL SELECT {unit_of(table)} AS unit_start, {values}, -1 AS is_new FROM {old}"
        f") GROUP BY unit_start, {places} HAVING SUM(is_new) <> 0) GROUP BY unit_start"
    )


def touched(table: Table, window: Window | None, units: Iterable[Mapping[str, Any]]) -> tuple[Touched, ...]:
    """Join units, each with whether rows were changed or removed there, to ranges."""
    ranges: dict[bool, list[Window]] = {False: [], True: []}
    for unit in units:
        span: Window | None = _range(table, unit)
        if table.is_bounded and window is not None and span is not None:
            span = span.intersect(window)
        if span is not None:
            ranges[unit["is_change"]].append(span)
    return tuple(
        sorted(
            (Touched(span, changed) for changed, spans in ranges.items() for span in merge(spans)),
            key=lambda item: item.range,
        )
    )


def _range(table: Table, unit: Mapping[str, Any]) -> Window:
    if table.partition is None:
        return EVER
    start = unit["unit_start"]
    if start is None:
        return NOWHERE
    length = timedelta(hours=1) if table.partition.by == "hour" else timedelta(days=1)
    return Window(start, start + length if END - start > length else END)
