"""How far a query reads each table: where it bounds the table's partition column by its window."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates
from sqlglot.optimizer.scope import Scope, traverse_scope

from flows.model.dependency import Dependency, Edge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
_UNITS = {
    "MICROSECOND": MICROSECOND,
    "MILLISECOND": timedelta(milliseconds=1),
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
    "HOUR": timedelta(hours=1),
    "DAY": DAY,
    "WEEK": timedelta(weeks=1),
}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_MIRRORED: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.GT: exp.LT,
    exp.GTE: exp.LTE,
    exp.LT: exp.GT,
    exp.LTE: exp.GTE,
    exp.EQ: exp.EQ,
}
_TO_DATE = (exp.Date, exp.TsOrDsToDate)
_TO_TIME = (exp.Timestamp, exp.Datetime)


def dependencies(query: exp.Query, partitions: Mapping[str, str], dates: frozenset[str]) -> tuple[Dependency, ...]:
    """Return what a qualified query reads, one for each table, by name.

    Args:
        query: a query whose columns are qualified by their tables.
        partitions: the partition column of each table that has one.
        dates: the tables whose partition column is a DATE.
    """
    found: dict[str, list[tuple[Edge | None, Edge | None]]] = {}
    for scope in traverse_scope(pushdown_predicates(query.copy(), dialect="bigquery")):
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table) and alias in {table.alias_or_name for table in scope.tables}:
                identity = f"{source.db}.{source.name}"
                column = partitions.get(identity)
                bounds = (None, None) if column is None else _bounds(scope, alias, column, is_date=identity in dates)
                found.setdefault(identity, []).append(bounds)
    return tuple(_dependency(identity, partitions.get(identity), bounds) for identity, bounds in sorted(found.items()))


def _dependency(identity: str, column: str | None, occurrences: list[tuple[Edge | None, Edge | None]]) -> Dependency:
    if column is None:
        return Dependency(identity, None, "snapshot: the table has no partition column")
    lows, highs = [low for low, _ in occurrences], [high for _, high in occurrences]
    if None in highs:
        what = "has no upper bound" if None not in lows else "is not bounded by the window"
        where = " everywhere it is read" if len(occurrences) > 1 else ""
        return Dependency(identity, None, f"snapshot: {column} {what}{where}; add {column} < @window_end for a window")
    low = _hull([edge or Edge("beginning") for edge in lows], lower=True)
    high = _hull([edge for edge in highs if edge is not None], lower=False)
    return Dependency(identity, (low, high), f"windowed: reads {column} from {low} to {high}")


def _hull(edges: list[Edge], *, lower: bool) -> Edge:
    """Return an edge that is no narrower than any of these, whatever the window."""
    if any(edge.anchor == "beginning" for edge in edges):
        return Edge("beginning")
    anchors = {edge.anchor for edge in edges}
    outer = min if lower else max
    anchor = edges[0].anchor if len(anchors) == 1 else "start" if lower else "end"
    floors = [edge.floor for edge in edges]
    return Edge(
        anchor,
        outer(edge.months for edge in edges),
        outer(edge.offset for edge in edges),
        floor=any(floors) if lower else all(floors),
    )


def _bounds(scope: Scope, alias: str, column: str, *, is_date: bool) -> tuple[Edge | None, Edge | None]:
    """Return the edges by which a scope bounds one table's column; None where it does not."""
    low: Edge | None = None
    high: Edge | None = None
    for condition in _conditions(scope, alias):
        for operator, edge, in_days in _comparisons(condition, alias, column, is_date=is_date):
            if low is None and operator in {exp.GT, exp.GTE, exp.EQ}:
                low = edge
            if high is None and operator in {exp.LT, exp.LTE, exp.EQ}:
                more = timedelta(0) if operator is exp.LT else DAY if in_days else MICROSECOND
                high = Edge(edge.anchor, edge.months, edge.offset + more, floor=edge.floor)
    return low, high


def _conditions(scope: Scope, alias: str) -> Iterator[exp.Expr]:
    """Give the conditions that every row of a table must meet to matter."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    if where := select.args.get("where"):
        yield from where.this.flatten() if isinstance(where.this, exp.And) else [where.this]
    left_of_join = True
    for join in select.args.get("joins") or []:
        on = join.args.get("on")
        joined = join.alias_or_name
        if joined == alias:
            left_of_join = False
        if on is None:
            continue
        side = (join.side or "").upper()
        is_joined = joined == alias
        sound = not side or (side == "LEFT" and is_joined) or (side == "RIGHT" and not is_joined and left_of_join)
        if sound:
            yield from on.flatten() if isinstance(on, exp.And) else [on]


def _comparisons(
    condition: exp.Expr, alias: str, column: str, *, is_date: bool
) -> Iterator[tuple[type[exp.Expr], Edge, bool]]:
    """Give (operator, edge, whether it compares days) for what a condition says of the column."""
    condition = condition.unnest()
    if isinstance(condition, exp.Between):
        pairs: list[tuple[type[exp.Expr], exp.Expr, exp.Expr]] = [
            (exp.GTE, condition.this, condition.args["low"]),
            (exp.LTE, condition.this, condition.args["high"]),
        ]
    elif type(condition) in _MIRRORED:
        pairs = [
            (type(condition), condition.this, condition.expression),
            (_MIRRORED[type(condition)], condition.expression, condition.this),
        ]
    else:
        return
    for operator, one, other in pairs:
        in_days = _reads(one, alias, column, is_date=is_date)
        if in_days is None:
            continue
        edge = _edge(other)
        if edge is not None:
            yield operator, Edge(edge.anchor, edge.months, edge.offset, floor=edge.floor or in_days), in_days


def _reads(node: exp.Expr, alias: str, column: str, *, is_date: bool) -> bool | None:
    """Say whether an expression is the column in days (True) or in moments (False); None for any other."""
    node = node.unnest()
    if isinstance(node, exp.Column):
        same = node.table == alias and node.name.lower() == column.lower()
        return is_date if same else None
    if isinstance(node, (*_TO_DATE, *_TO_TIME, exp.Cast)):
        if node.args.get("zone") or node.args.get("expression"):
            return None
        inner = _reads(node.this, alias, column, is_date=is_date)
        to_date = isinstance(node, _TO_DATE) or (isinstance(node, exp.Cast) and node.to.is_type("date"))
        return None if inner is None else inner or to_date
    return None


def _edge(node: exp.Expr) -> Edge | None:
    """Return what an expression over @window_start or @window_end means; None for any other."""
    node = node.unnest()
    if isinstance(node, exp.Parameter):
        name = node.name.lower()
        return Edge("start") if name == "window_start" else Edge("end") if name == "window_end" else None
    if isinstance(node, (*_TO_DATE, *_TO_TIME, exp.Cast)):
        if node.args.get("zone") or node.args.get("expression"):
            return None
        inner = _edge(node.this)
        to_date = isinstance(node, _TO_DATE) or (isinstance(node, exp.Cast) and node.to.is_type("date"))
        if isinstance(node, exp.Cast) and not node.to.is_type("date", "timestamp", "timestamptz", "datetime"):
            return None
        return inner and Edge(inner.anchor, inner.months, inner.offset, floor=inner.floor or to_date)
    sign = _sign(node)
    if sign is None:
        return None
    inner, step = _edge(node.this), _step(node)
    if inner is None or step is None:
        return None
    months, offset = step
    if inner.floor and offset % DAY:
        return None
    return Edge(inner.anchor, inner.months + sign * months, inner.offset + sign * offset, floor=inner.floor)


def _sign(node: exp.Expr) -> int | None:
    if isinstance(node, (exp.Add, exp.TimestampAdd, exp.DateAdd, exp.DatetimeAdd, exp.TsOrDsAdd)):
        return 1
    if isinstance(node, (exp.Sub, exp.TimestampSub, exp.DateSub, exp.DatetimeSub)):
        return -1
    return None


def _step(node: exp.Expr) -> tuple[int, timedelta] | None:
    """Return (months, time) of an interval."""
    interval = node.expression
    if isinstance(interval, exp.Interval):
        amount, unit = interval.this, interval.unit
    else:
        amount, unit = interval, node.args.get("unit")
    try:
        count = int(amount.name if isinstance(amount, exp.Literal) else amount.sql())
    except (AttributeError, ValueError):
        return None
    name = (unit.name if unit is not None else "DAY").upper().removesuffix("S")
    if name in _MONTHS:
        return count * _MONTHS[name], timedelta(0)
    return (0, count * _UNITS[name]) if name in _UNITS else None
