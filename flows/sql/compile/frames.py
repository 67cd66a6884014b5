"""Frames of windows: between which rows, or which numbers of the order, a function looks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import types as t
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import expression
from flows.sql.decimals import in_units
from flows.sql.once import once
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope

_PLACES = {t.NUMERIC: 9, t.BIGNUMERIC: 18}
_LEAST_FLOAT = "-1.7976931348623157e308"
_FURTHEST = 10**19
"""Up to where a FLOAT64 beside the least one stays that one."""


def window_parts(
    window: exp.Window, scope: Scope, seen: tuple[str, ...]
) -> tuple[list[exp.Expr], exp.Expr | None, exp.Expr | None]:
    """Return PARTITION BY, ORDER BY and the frame of a window, with those of the one that it names."""
    partition, order, spec = (window.args.get(key) for key in ("partition_by", "order", "spec"))
    alias = window.args.get("alias")
    base = alias.name if alias is not None else ""
    if base:
        named = scope.windows.get(base.lower())
        if named is None or base.lower() in seen:
            scope.fault(window, f"'{base}' is not a window of this SELECT.{did_you_mean(base, scope.windows)}")
        elif _is_later(named, window, scope):
            scope.fault(
                window, f"WINDOW says what '{base}' is behind '{window.name}', which begins with it. Write it before."
            )
        else:
            inherited = window_parts(named, scope, (*seen, base.lower()))
            _refuse_said_twice(window, base, inherited, scope)
            partition, order, spec = partition or inherited[0], order or inherited[1], spec or inherited[2]
    return partition or [], order, spec


def refuse_in_order(node: exp.Expr, order: exp.Expr, scope: Scope) -> None:
    """Note faults of a query's own ORDER BY: windows that begin with a name, aggregates where it is no SELECT's."""
    for window in order.find_all(exp.Window) if scope.windows else ():
        if window.args.get("alias") is not None and window.find_ancestor(exp.Select) is order.parent:
            said = "ORDER BY knows no window by its name"
            scope.fault(window, f"{said}. Give '{shown(window)}' a name in the SELECT list, and order by that.")
    if scope.aggregated and not isinstance(node, exp.Select):
        said = "ORDER BY behind UNION and the like, or behind a query in brackets, takes no aggregate"
        scope.fault(order, f"{said}. Compute it as a column, and order by that.")


def _windows_of(window: exp.Window | None, scope: Scope) -> Iterator[exp.Window]:
    """Give a window, and those that it begins with by their names."""
    seen: set[int] = set()
    while window is not None and id(window) not in seen:
        seen.add(id(window))
        yield window
        alias = window.args.get("alias")
        window = scope.windows.get(alias.name.lower()) if alias is not None else None


def analytic_inside(name: str, node: exp.Expr, window: exp.Window | None, named: set[str], scope: Scope) -> str:
    """Say that a function of a window, or a name that the list gives one, stands where another one has no place for it."""
    windows = [one.args for one in _windows_of(window, scope)]
    waiting = [
        node,
        *(part for one in windows for part in (*(one.get("partition_by") or []), one.get("order")) if part),
    ]
    while waiting:
        one = waiting.pop()
        if isinstance(one, exp.Window) or (isinstance(one, exp.Column) and one.sql().lower() in named):
            place = f"{name}(...) OVER (...)" if window else f"{name}(...)"
            return f"'{shown(one)}' is a function of a window inside {place}. Compute it in a WITH, and name its column here."
        waiting += [part for part in one.iter_expressions() if not isinstance(part, exp.Query)]
    return ""


def refuse_query(partition: Sequence[exp.Expr], order: exp.Expr | None, spec: exp.Expr | None, scope: Scope) -> None:
    """Note a fault for a query in the order of a frame by RANGE, or with a window in OVER, which DuckDB does not take."""
    queries = [one for part in (*partition, order) if part is not None for one in part.find_all(exp.Select)]
    if windowed := next((one for one in queries if one.find(exp.Window) is not None), None):
        said = "a query with OVER inside another OVER is not supported by the embedded warehouse yet"
        scope.fault(windowed, f"{said}. Give it a name in a SELECT in FROM, and name its column here.")
    if reaches(spec) and order and order.find(exp.Select):
        said = "a query in the ORDER BY of a frame by RANGE is not supported by the embedded warehouse yet"
        scope.fault(order, f"{said}. Give it a name in a SELECT in FROM, and order by that.")


def _is_later(named: exp.Window, window: exp.Window, scope: Scope) -> bool:
    """Say whether WINDOW names a window behind another one of the same WINDOW."""
    places = {id(one): place for place, one in enumerate(scope.windows.values())}
    return places[id(named)] > places.get(id(window), len(places))


def _refuse_said_twice(
    window: exp.Window,
    base: str,
    inherited: tuple[list[exp.Expr], exp.Expr | None, exp.Expr | None],
    scope: Scope,
) -> None:
    """Note a fault of a window that says beside the name of another one what only that one may say."""
    order, spec = window.args.get("order"), window.args.get("spec")
    if window.args.get("partition_by"):
        said = "PARTITION BY"
    elif order is not None and inherited[1] is not None:
        said = "ORDER BY"
    elif (order is not None or spec is not None) and inherited[2] is not None:
        said = "a frame"
    else:
        return
    how = "which it may not say itself" if said == "PARTITION BY" else "which that one has already"
    scope.fault(
        window,
        f"a window that begins with '{base}' takes no {said.removeprefix('a ')}, {how}. Write all of it in OVER (...).",
    )


def frame(spec: exp.Expr, order: Sequence[Type], scope: Scope) -> str:
    """Compile a frame; `order` are the types of what its window is ordered by."""
    if spec.args.get("exclude"):
        scope.unsupported(spec, "EXCLUDE in a window frame")
    kind = str(spec.args.get("kind") or "ROWS")
    if _is_turned(spec):
        scope.fault(spec, f"'{shown(spec)}' ends before it begins. Write the earlier row first.")
        return "ROWS BETWEEN CURRENT ROW AND CURRENT ROW"
    of = _distance(spec, order, scope) if reaches(spec) else t.INT64

    def side(which: str) -> str:
        limit, way = spec.args.get(which), spec.args.get(f"{which}_side")
        if limit is None:
            return "CURRENT ROW"
        word = limit if isinstance(limit, str) else _number(limit, of, scope)
        return f"{word} {way}" if way else word

    return f"{kind} BETWEEN {side('start')} AND {side('end')}"


def _is_turned(spec: exp.Expr) -> bool:
    """Say whether a frame's end is of a kind that lies before that of its start."""
    places = []
    for key in ("start", "end"):
        limit, way = spec.args.get(key), spec.args.get(f"{key}_side")
        if isinstance(limit, exp.Expr):
            places.append(1 if way == "FOLLOWING" else -1)
        elif limit is None or limit == "CURRENT ROW":
            places.append(0)
        else:
            places.append(2 if way == "FOLLOWING" else -2)
    start, end = places
    return start > end or start == 2 or end == -2  # noqa: PLR2004 - the ends of all


def _distance(spec: exp.Expr, order: Sequence[Type], scope: Scope) -> Type:
    """Return the type of the numbers by which a RANGE reaches: that of its order."""
    if any(one == t.UNKNOWN or one.name in {"ARRAY", "STRUCT", "JSON"} for one in order):
        return t.UNKNOWN
    if len(order) != 1 or order[0] not in t.NUMBERS:
        by = f", which is by {', '.join(map(str, order))}" if order else ""
        instead = "Write UNIX_DATE(day) or UNIX_SECONDS(ts) for times."
        scope.fault(spec, f"RANGE between numbers needs one number in ORDER BY{by}. {instead}")
        return t.UNKNOWN
    return order[0]


def line_of_numbers(sql: str, type_: Type) -> str:
    """Return what a RANGE between numbers is ordered by, so that no number plus or minus a distance overflows.

    Of FLOAT64, NaN stands before every number, and is as far from them as an infinity.
    """
    if type_ == t.INT64:
        return f"CAST({sql} AS HUGEINT)"
    if type_ == t.FLOAT64:
        least = "CAST('-Infinity' AS DOUBLE)"
        return once(
            sql,
            lambda one: f"CASE WHEN isnan({one}) THEN {least} WHEN {one} = {least} THEN {_LEAST_FLOAT} ELSE {one} END",
        )
    return once(sql, lambda one: in_units(one, _PLACES[type_]))


def _number(limit: exp.Expr, of: Type, scope: Scope) -> str:
    value = expression(limit, scope)
    if t.UNKNOWN in (of, value.type):
        return "0"
    known = value.literal and value.type != t.NULL and t.turns(value.given, of)
    number = Decimal(value.constant or 0) if known else Decimal(-1)
    if not 0 <= number <= _FURTHEST:
        scope.fault(limit, f"'{shown(limit)}' in a frame must be a number of {of} from 0 to 1e19, written down.")
        return "0"
    return str(int(number.scaleb(_PLACES[of]))) if of in _PLACES else converted(limit, value, of, scope)


def reaches(spec: exp.Expr | None) -> bool:
    """Say whether a frame is a RANGE between numbers."""
    ends = [spec.args.get(key) for key in ("start", "end")] if spec and spec.args.get("kind") == "RANGE" else []
    return any(isinstance(one, exp.Expr) for one in ends)


def by_peers(name: str, spec: exp.Expr | None, *, ignores_nulls: bool) -> bool:
    """Say whether what a function sees depends on which rows are equal in the order, as a frame by RANGE holds them all."""
    kind, first, last = ("RANGE", "UNBOUNDED", "CURRENT ROW") if spec is None else _ends(spec)
    if kind == "ROWS" or first == last == "UNBOUNDED":
        return False
    if ignores_nulls or first != "UNBOUNDED":
        return True
    return name != "FIRST_VALUE" or last not in {"CURRENT ROW", "UNBOUNDED"}


def up_to_peers(spec: exp.Expr | None) -> bool:
    """Say whether a frame holds all rows up to those that are equal in the order, as one has that is not written."""
    return spec is None or _ends(spec) == ("RANGE", "UNBOUNDED", "CURRENT ROW")


def _ends(spec: exp.Expr) -> tuple[str, str, str]:
    """Return the kind of a frame, its start and its end."""
    ends = (spec.args.get("start"), spec.args.get("end") or "CURRENT ROW")
    kind = str(spec.args.get("kind") or "ROWS")
    start, end = ("" if isinstance(one, exp.Expr) else str(one) for one in ends)
    return kind, start, end


def counts_rows(spec: exp.Expr | None) -> bool:
    """Say whether a frame holds a number of rows, and not all of a partition."""
    if spec is None or spec.args.get("kind") != "ROWS":
        return False
    ends = (spec.args.get(end) for end in ("start", "end"))
    return any(end != "UNBOUNDED" for end in ends)
