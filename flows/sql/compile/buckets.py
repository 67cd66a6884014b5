"""DATE_BUCKET and its like: the start of the bucket of one length, counted from an origin, in which a time lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile.arguments import argument
from flows.sql.compile.dispatch import compiles_call
from flows.sql.compile.intervals import amount
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions.date_parts import CLOCK
from flows.sql.once import bound
from flows.sql.shown import shown
from flows.sql.times import within

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope

_A_DAY = 86_400_000_000
_LENGTHS = CLOCK | {"DAY": _A_DAY, "WEEK": 7 * _A_DAY}
_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_LONGEST = 2**60
_ORIGIN = "1950-01-01"
_WITH_ORIGIN = 3
"""How many arguments there are with an origin."""


@compiles_call("DATE_BUCKET", "DATETIME_BUCKET", "TIMESTAMP_BUCKET")
def _bucket(name: str, node: exp.Expr, scope: Scope) -> Value:
    kind = Type(name.removesuffix("_BUCKET"))
    items = node.expressions
    if len(items) not in {_WITH_ORIGIN - 1, _WITH_ORIGIN}:
        return scope.fault(node, f"{name} takes a {kind} and an interval: {name}(..., INTERVAL 2 DAY).")
    value = argument(items[0], kind, name, scope)
    origin = argument(items[2], kind, name, scope) if len(items) == _WITH_ORIGIN else None
    unit = items[1].args.get("unit")
    number = None
    if isinstance(items[1], exp.Interval) and isinstance(unit, exp.Var) and items[1].this is not None:
        number = amount(items[1].this, scope).constant
    if not isinstance(number, int) or number < 1:
        said = f"{name} takes an interval of one part that is written down and more than zero"
        return scope.fault(node, f"{said}, in place of '{shown(items[1])}'. Write INTERVAL 2 DAY.")
    if t.UNKNOWN in (value.type, origin.type if origin else kind):
        return NOTHING
    part = str(unit.name).upper()
    sql = _by_length(kind, value, origin, number, part)
    if sql is None:
        known = {"DATE": "DAY, WEEK, MONTH, QUARTER and YEAR", "TIMESTAMP": "parts from MICROSECOND to WEEK"}
        said = f"{name} does not cut by '{shown(items[1])}'{' from an origin of its own' if origin else ''}"
        return scope.fault(node, f"{said}. It knows {known.get(kind.name, 'parts from MICROSECOND to YEAR')}.")
    return Value(kind, within(sql, kind))


def _by_length(kind: Type, value: Value, origin: Value | None, number: int, part: str) -> str | None:
    """Return the start of a bucket; None where there are none of that length."""
    length = _LENGTHS.get(part, 0) * number
    begins = (
        origin.sql if origin else f"CAST('{_ORIGIN}{' 00:00:00+00' * (kind == t.TIMESTAMP)}' AS {t.duckdb_type(kind)})"
    )
    if part in _MONTHS and kind != t.TIMESTAMP and origin is None and number * _MONTHS[part] < _LONGEST:
        months = number * _MONTHS[part]
        after = f"date_diff('month', {begins}, {{0}})"
        start = f"({begins} + to_months(CAST({after} - ({after} % {months} + {months}) % {months} AS INTEGER)))"
        return bound([value.sql], lambda names: f"CAST({start.format(*names)} AS {t.duckdb_type(kind)})")
    if not 0 < length < _LONGEST or (kind == t.DATE and part in CLOCK):
        return None
    if kind == t.DATE:
        days = length // _A_DAY
        after = f"(date_diff('day', {{1}}, {{0}}) % {days} + {days}) % {days}"
        return bound([value.sql, begins], lambda names: f"({names[0]} - CAST({after.format(*names)} AS INTEGER))")
    after = f"((epoch_us({{0}}) - epoch_us({{1}})) % {length} + {length}) % {length}"
    make = "make_timestamptz" if kind == t.TIMESTAMP else "make_timestamp"
    return bound([value.sql, begins], lambda names: f"{make}(epoch_us({names[0]}) - {after.format(*names)})")
