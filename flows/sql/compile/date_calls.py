"""Calls that take dates and times apart, move and cut them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile import dates
from flows.sql.compile.arguments import argument, date_part, moment, with_zone, zone
from flows.sql.compile.dispatch import compiles, compiles_call, expression
from flows.sql.compile.intervals import amount, moved
from flows.sql.compile.literals import integer
from flows.sql.compile.value import NOTHING, Value
from flows.sql.compile.zones import UTC, Zone
from flows.sql.functions.date_parts import PARTS
from flows.sql.shown import shown
from flows.sql.times import within

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


@compiles(exp.Extract)
def _extract(node: exp.Expr, scope: Scope) -> Value:
    zoned = node.expression.args["zone"] if isinstance(node.expression, exp.AtTimeZone) else None
    return with_zone(lambda: _extracted(node, scope), zoned, scope) or NOTHING


def _extracted(node: exp.Expr, scope: Scope) -> Value:
    inner = node.expression
    where: Zone | None = UTC
    if isinstance(inner, exp.AtTimeZone):
        inner, where = inner.this, zone(inner.args["zone"], "AT TIME ZONE", scope)
    value, part = expression(inner, scope), date_part(node.this, scope)
    if value.type == t.UNKNOWN or part is None or where is None:
        return NOTHING
    if inner is not node.expression and not t.turns(value.given, t.TIMESTAMP):
        return scope.fault(
            node, f"AT TIME ZONE is for a TIMESTAMP, but '{shown(inner)}' is {value.type}. Leave it out."
        )
    found = dates.extract(value.sql, value.type, part, where)
    if value.type == t.NULL:
        gives = Type(part) if part in {"DATE", "TIME"} else t.INT64
        return Value(gives, f"CAST(NULL AS {t.duckdb_type(gives)})")
    if found is None:
        kind = "DATE" if dates.extract(value.sql, t.DATE, part, UTC) else "TIMESTAMP"
        of_text = f" Write CAST({shown(inner)} AS {kind})." if value.type == t.STRING else ""
        return scope.fault(node, f"EXTRACT({part}) does not take {value.type}.{of_text}")
    return Value(found[1], found[0])


@compiles_call(
    "DATE_ADD", "DATE_SUB", "TIMESTAMP_ADD", "TIMESTAMP_SUB", "DATETIME_ADD", "DATETIME_SUB", "TIME_ADD", "TIME_SUB"
)
def _move(name: str, node: exp.Expr, scope: Scope) -> Value:
    kind, verb = name.rsplit("_", 1)
    if len(node.expressions) != 2 or not isinstance(node.expressions[1].unnest(), exp.Interval):  # noqa: PLR2004 - a value and an interval
        return scope.fault(node, f"{name} takes a {kind} and an interval: {name}(..., INTERVAL 1 DAY).")
    item, interval = node.expressions
    unit = interval.unnest().args.get("unit")
    value = moment(item, Type(kind), name, scope, unit.name.upper() if isinstance(unit, exp.Var) else "")
    return moved(node, value, "+" if verb == "ADD" else "-", interval, scope)


def _is_part(node: exp.Expr, scope: Scope) -> bool:
    """Say whether a word is a part of a date, and no column."""
    is_word = isinstance(node, exp.Column) and not node.table and node.name.upper() in PARTS
    return is_word and node.name.lower() not in map(str.lower, scope.names())


@compiles_call("DATE_DIFF", "TIMESTAMP_DIFF", "DATETIME_DIFF", "TIME_DIFF")
def _diff(name: str, node: exp.Expr, scope: Scope) -> Value:
    kind = Type(name.removesuffix("_DIFF"))
    if len(node.expressions) != 3:  # noqa: PLR2004 - two values and a part
        return scope.fault(node, f"{name} takes a later and an earlier {kind} and a part: {name}(later, earlier, DAY).")
    if _is_part(node.expressions[0], scope):
        one, other = map(shown, node.expressions[1:])
        return scope.fault(
            node, f"{name} has its part at the end. Write {name}({other}, {one}, {shown(node.expressions[0])})."
        )
    left, right = (moment(item, kind, name, scope) for item in node.expressions[:2])
    part = date_part(node.expressions[2], scope)
    if t.UNKNOWN in (left.type, right.type) or part is None:
        return Value(t.INT64, "NULL")
    of_days = name == "DATE_DIFF" and left.type == t.DATE
    if {left.type, right.type} == {t.DATE, t.DATETIME} and not any(map(_is_text, node.expressions)):
        left, right = (Value(t.DATETIME, f"CAST({one.sql} AS TIMESTAMP)") for one in (left, right))
    if left.type != right.type:
        item = node.expressions[left.type == kind]
        other = f"'{shown(item)}' is no {left.type if left.type == kind else right.type}"
        return scope.fault(item, f"{name} takes two of one type, but {other}. Write {kind}({shown(item)}).")
    if of_days and dates.difference(left.sql, right.sql, t.DATE, part) is None:
        return scope.fault(node, f"{name} does not count in {part}. Write TIMESTAMP_DIFF(later, earlier, {part}).")
    # By it, and not by the name, is told what a comparison of the difference says of the two.
    node.meta["counts"] = left.type.name
    sql = dates.difference(left.sql, right.sql, left.type, part)
    if sql is None:
        hint = f" Write DATE_DIFF(DATE(later), DATE(earlier), {part})." if left.type == t.TIMESTAMP else ""
        return scope.fault(node, f"{name} does not count in {part}.{hint}")
    return Value(t.INT64, sql)


def _is_text(node: exp.Expr) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


@compiles_call("DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC", "TIME_TRUNC")
def _trunc(name: str, node: exp.Expr, scope: Scope) -> Value:
    if not 2 <= len(node.expressions) <= 3:  # noqa: PLR2004 - a value, a part and perhaps a zone
        return scope.fault(node, f"{name} takes a value and a part: {name}(..., MONTH).")
    first, second = node.expressions[:2]
    if isinstance(first, exp.Literal) and first.name.upper() in PARTS:
        right = f"{name}({shown(second)}, {first.name.upper()})"
        return scope.fault(node, f"the arguments of {name} are swapped. Write {right}.")
    value, part = expression(first, scope).null_as(Type(name.removesuffix("_TRUNC"))), date_part(second, scope)
    if value.type == t.STRING and value.literal:
        value = argument(node.expressions[0], Type(name.removesuffix("_TRUNC")), name, scope)
    if value.type == t.UNKNOWN or part is None:
        return NOTHING
    if value.type == t.DATE and name != "DATE_TRUNC":
        if dates.truncate(value.sql, t.DATE, part, UTC) is None:
            return scope.fault(node, f"{name} does not cut DATE to {part}.")
        value = Value(t.DATETIME, f"CAST({value.sql} AS TIMESTAMP)")
    where = zone(node.expressions[2], name, scope) if len(node.expressions) > 2 else UTC  # noqa: PLR2004
    if where is None:
        return NOTHING
    of_clock = name == "TIME_TRUNC"
    zoned_other = len(node.expressions) > 2 and value.type in {t.DATE, t.DATETIME, t.TIME}  # noqa: PLR2004 - a zone
    if of_clock != (value.type == t.TIME) or value.type not in dates.KINDS or zoned_other:
        kind = name.removesuffix("_TRUNC")
        of_text = f" Write CAST({shown(node.expressions[0])} AS {kind})." if value.type == t.STRING else ""
        return scope.fault(node, f"{name} does not take {value.type}.{of_text}")
    sql = dates.truncate(value.sql, value.type, part, where)
    if sql is None:
        return scope.fault(node, f"{name} does not cut {value.type} to {part}.")
    return Value(value.type, sql)


def zoned(name: str, node: exp.Expr, value: Value, scope: Scope) -> Value | None:
    """Compile DATE, DATETIME or TIME of a TIMESTAMP, or TIMESTAMP of a date and time, with a zone."""
    local = value.type == t.TIMESTAMP and name != "TIMESTAMP"
    if not local and not (name == "TIMESTAMP" and value.type in (t.DATE, t.DATETIME)):
        return None
    where = zone(node.expressions[1], name, scope)
    if where is None:
        return NOTHING
    want = Type(name)
    if name == "TIMESTAMP":
        given = f"CAST({value.sql} AS TIMESTAMP)" if value.type == t.DATE else value.sql
        return Value(want, within(where.instant(given), want))
    found = f"CAST({where.local(value.sql)} AS {t.duckdb_type(want)})"
    return Value(want, found if name == "TIME" or where == UTC else within(found, want))


@compiles_call("LAST_DAY")
def _last_day(_: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) != 2:  # noqa: PLR2004 - a day and a part
        return None
    first, part = expression(node.expressions[0], scope), date_part(node.expressions[1], scope)
    value = first if first.type == t.DATETIME else argument(node.expressions[0], t.DATE, "LAST_DAY", scope)
    if part is None or value.type == t.UNKNOWN:
        return NOTHING
    sql = dates.last_day(value.sql, value.type, part)
    known = "WEEK, ISOWEEK, MONTH, QUARTER, YEAR or ISOYEAR"
    return Value(t.DATE, sql) if sql else scope.fault(node, f"LAST_DAY does not know {part}. Write {known}.")


@compiles_call("GENERATE_DATE_ARRAY", "GENERATE_TIMESTAMP_ARRAY")
def _series(name: str, node: exp.Expr, scope: Scope) -> Value:
    kind = Type("DATE" if name == "GENERATE_DATE_ARRAY" else "TIMESTAMP")
    if not 2 <= len(node.expressions) <= 3:  # noqa: PLR2004 - two ends and perhaps a step
        return scope.fault(
            node, f"{name} takes a first and a last {kind} and a step: {name}(first, last, INTERVAL 1 DAY)."
        )
    first, last = (argument(item, kind, name, scope) for item in node.expressions[:2])
    step = node.expressions[2] if len(node.expressions) > 2 else None  # noqa: PLR2004
    part, number = "DAY", integer(node, 1, scope)
    if step is not None:
        unit = step.args.get("unit")
        if not isinstance(step, exp.Interval) or not isinstance(unit, exp.Var) or step.this is None:
            return scope.fault(node, f"'{shown(step)}' is not an interval. Write INTERVAL n DAY.")
        part, number = unit.name.upper(), amount(step.this, scope)
    if t.UNKNOWN in (first.type, last.type, number.type):
        return Value(t.array(kind), "NULL")
    sql = dates.series(kind, first.sql, last.sql, number.sql, part)
    return Value(t.array(kind), sql) if sql else scope.fault(node, f"{name} does not step by {part}.")


@compiles_call("CURRENT_DATE", "CURRENT_DATETIME", "CURRENT_TIME")
def _now(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    """Compile a clock of a zone; the table of functions has that of UTC."""
    if not node.expressions:
        return None
    if len(node.expressions) > 1:
        return scope.fault(node, f"{name} takes a time zone, or nothing.")
    where = zone(node.expressions[0], name, scope)
    want = Type(name.removeprefix("CURRENT_"))
    return Value(want, f"CAST({where.local('now()')} AS {t.duckdb_type(want)})") if where else NOTHING
