"""How a query reads its upstreams, and what of a table differs between the warehouses, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from flows.model.dependency import Edge

if TYPE_CHECKING:
    from flows.model.dependency import Dependency, Misplaced, Tie, Unread
    from flows.model.differences import Kind
    from flows.model.table import Table

_MICROSECOND = timedelta(microseconds=1)
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


def reading(dependency: Dependency) -> str:
    """Say what one window reads of an upstream, or why it reads it whole and what to write instead."""
    column = dependency.column
    if dependency.reach is not None:
        start, end = map(where, dependency.reach)
        return f"reads {column} from {start} to {end}"
    times = "" if dependency.places == 1 else f" in one of the {dependency.places} places where it is read"
    match dependency.snapshot:
        case "made whole":
            why = "the table is made whole each time, from what there is at that moment"
        case "undivided":
            why = f"{dependency.table} has no partition column, so it is read whole"
        case "open":
            why = f"{column} has a lower bound only{times}; add {dependency.until}"
        case _:
            hint = f"add {dependency.since} AND {dependency.until} where it is to be read by window"
            why = f"nothing bounds {column} by the window{times}; {hint}"
    return f"snapshot: {why}"


def advice(dependency: Dependency, bound: Misplaced, place: str) -> str:
    """Say what a bound on another column than the partition column does not do, and what to write.

    `place` is the file of the table that is read.
    """
    table, column = dependency.table, dependency.column
    divided = f"the rows of {table} are divided by {column}" if column else f"{table} has no partition column"
    instead = f"Write `partition: {{column: {bound.column}, by: day}}` in {place}"
    more = f", or bound {column} as well: AND {dependency.since} AND {dependency.until}" if column else ""
    return (
        f"the SQL bounds {bound.column} by the window, but {divided}: it is read whole, and what changes in it later "
        f"does not make older windows again. {instead}{more}."
    )


def advice_unread(dependency: Dependency, found: Unread) -> str:
    """Say where the window stands beside a partition column and bounds nothing, and what to write."""
    if dependency.snapshot == "open":
        return (
            f"'{found.text}' bounds {dependency.column} of {dependency.table} from below alone: the table is read "
            "whole, and what changes in it later does not make older windows again. "
            f"Write AND {dependency.until} as well."
        )
    return (
        f"'{found.text}' names the window beside {dependency.column} of {dependency.table}, and no bound on what is "
        "read comes of it: the table is read whole, and what changes in it later does not make older windows again. "
        f"Write AND {dependency.since} AND {dependency.until} in the WHERE of the query that reads it."
    )


def advice_summed(dependency: Dependency, table: Table) -> str:
    """Say which rows a table's windows add up again, and what to write."""
    summed = [name for name, rule in table.merge.items() if rule == "sum"]
    names, have = ", ".join(summed), "has" if len(summed) == 1 else "have"
    rule = f"or remove the rule of {names}, to keep what the newest window gives"
    if dependency.reach is None or dependency.column is None:
        bounds = f"{dependency.since} AND {dependency.until}" if dependency.column else "its time by the window"
        return (
            f"{names} {have} the rule sum, and the SQL names no window: every row of {dependency.table} is summed in "
            f"each of them. {'Write' if dependency.column else 'Bound'} {bounds}, {rule}."
        )
    start, end = dependency.reach
    is_after = replace(start, floor=None) == Edge("start") and end != Edge("end")
    rows = "after the window's end" if is_after else "before the window's start"
    return (
        f"{names} {have} the rule sum, and one window reads {dependency.column} from {where(start)} to {where(end)}: "
        f"rows of {dependency.table} {rows} are summed in two windows or more. "
        f"Write {dependency.since} AND {dependency.until}, {rule}."
    )


def advice_tied(tie: Tie) -> str:
    """Say where BigQuery breaks a tie in any way, and what to write."""
    if tie.of_windows:
        return (
            f"'{tie.text}' and another window order the rows differently, and BigQuery may put rows that are equal in "
            "all columns that the SQL names into another order in each of them, on every retry. Name a column that "
            "tells all rows apart, such as a key, in both."
        )
    return (
        f"rows that are equal in the order of '{tie.text}' may stand in another order on every retry in BigQuery, "
        "which has no place for further keys there. Order by columns that tell all rows apart."
    )


def difference_in_words(kind: Kind) -> str:
    """Say what differs between the warehouses, why, and what to write where that matters."""
    match kind:
        case "digits":
            return (
                "BIGNUMERIC has 76 digits in BigQuery, and in DuckDB 38, of them 18 after the point: a value that "
                "needs more is refused there. Write BIGNUMERIC(38, 9), or the digits that it needs, to have the same "
                "in both."
            )
        case "arrays":
            return (
                "BigQuery has no NULL array and no NULL in one, which DuckDB keeps: an array that is NULL becomes an "
                "empty one in BigQuery, and one with NULL in it is refused."
            )
        case "json":
            return (
                "BigQuery keeps JSON without its spaces and rounds numbers to doubles as it loads them; DuckDB keeps "
                "it as it is written."
            )
        case "sums":
            return (
                "each warehouse adds up FLOAT64 in any order, so that the last digits of SUM, AVG, STDDEV and the like "
                "may differ, as may the last one of PERCENTILE_CONT. Write CAST(... AS NUMERIC) where digits matter."
            )
        case "estimates":
            return (
                "APPROX_COUNT_DISTINCT and APPROX_QUANTILES are exact in DuckDB; in BigQuery they are estimates of "
                "large tables, within about 1%. Write COUNT(DISTINCT ...) or PERCENTILE_DISC to have the same in both."
            )


def where(edge: Edge) -> str:
    """Say where one end of what is read lies: `7 days before the window's start`."""
    if edge.anchor == "beginning":
        return "the beginning"
    if edge.after:
        return _moved(
            _days_and_clock(abs(edge.after)), edge.after < timedelta(0), where(replace(edge, after=timedelta(0)))
        )
    length = _LENGTHS.get(edge.floor or "")
    if length is not None and edge.offset > timedelta(0) and not (edge.offset + _MICROSECOND) % length:
        begun = replace(edge, offset=edge.offset + _MICROSECOND - length, floor=None)
        return f"the first {edge.floor} not before {where(begun)}"
    months = [_count(abs(edge.months), "month")] if edge.months else []
    times = _days_and_clock(abs(edge.offset))
    text = "the window's start" if edge.anchor == "start" else "the window's end"
    if edge.months * edge.offset < timedelta(0):
        text, months = _moved(months, edge.months < 0, text), []
    text = _moved([*months, *times], bool(months and edge.months < 0) or edge.offset < timedelta(0), text)
    return f"the {edge.floor} of {text}" if edge.floor else text


def _moved(parts: list[str], before: bool, moment: str) -> str:
    return f"{' and '.join(parts)} {'before' if before else 'after'} {moment}" if parts else moment


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _days_and_clock(time: timedelta) -> list[str]:
    days, rest = divmod(time, timedelta(days=1))
    return [*([_count(days, "day")] if days else []), *_clock(rest)]


def _clock(rest: timedelta) -> list[str]:
    micros = rest % timedelta(seconds=1) // _MICROSECOND
    small = [_count(micros, "microsecond")] if micros else []
    rest -= micros * _MICROSECOND
    if not rest:
        return small
    for unit, length in (
        ("hour", timedelta(hours=1)),
        ("minute", timedelta(minutes=1)),
        ("second", timedelta(seconds=1)),
    ):
        if not rest % length:
            return [_count(rest // length, unit), *small]
    return small
