"""Arguments of calls that have rules of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import types as t
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import expression
from flows.sql.compile.joined import joined
from flows.sql.compile.value import NOTHING, Value
from flows.sql.compile.zones import UTC, Zone
from flows.sql.functions.date_parts import CLOCK, PARTS
from flows.sql.once import apart
from flows.sql.shown import shown
from flows.sql.zone_names import fixed, known, named

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope


_ELSEWHERE = {"DOW": "DAYOFWEEK", "WEEKDAY": "DAYOFWEEK", "DOY": "DAYOFYEAR", "EPOCH": "UNIX_SECONDS(x)"}
"""What other dialects call a part."""
_MOMENTS = {t.DATE, t.DATETIME, t.TIMESTAMP}


def date_part(node: exp.Expr, scope: Scope) -> str | None:
    """Return a date part in capitals, such as `DAY` or `WEEK(MONDAY)`."""
    name = node.name.upper()
    if isinstance(node, exp.Literal) and name in PARTS:
        scope.fault(node, f"a part of a date or time is no text. Write {name} in place of {shown(node)}.")
        return None
    if isinstance(node, exp.Anonymous) and node.expressions:
        name = f"{name}({node.expressions[0].name.upper()})"
    if isinstance(node, exp.WeekStart):
        name = f"WEEK({node.name.upper()})"
    if name in PARTS:
        return name
    meant = _ELSEWHERE.get(name)
    hint = f" Write {meant}." if meant else did_you_mean(name, PARTS)
    scope.fault(node, f"'{shown(node)}' is not a part of a date or time.{hint}")
    return None


def argument(item: exp.Expr, want: Type, name: str, scope: Scope) -> Value:
    """Compile an argument of one type."""
    return _taken(item, expression(item, scope), want, name, scope)


def moment(item: exp.Expr, kind: Type, name: str, scope: Scope, unit: str = "") -> Value:
    """Compile an argument of a call that is named for one kind of dates and times, and takes others as what they are.

    `unit` says by what it moves them: a DATE by no part of a day.
    """
    value = expression(item, scope)
    if value.type == t.DATE and kind in _MOMENTS and unit in CLOCK:
        instead = kind if kind != t.DATE else t.DATETIME
        return scope.fault(item, f"{name} does not move a DATE by {unit}. Write {instead}({shown(item)}).")
    if {kind, value.type} <= _MOMENTS:
        kind = t.DATETIME if value.type == t.DATE != kind else value.type
    return _taken(item, value, kind, name, scope)


def _taken(item: exp.Expr, value: Value, want: Type, name: str, scope: Scope) -> Value:
    if value.type == t.UNKNOWN:
        return NOTHING
    if not t.turns(value.given, want):
        hint = f" Write {want}({shown(item)})." if want.name in {"DATE", "TIMESTAMP", "DATETIME"} else ""
        return scope.fault(item, f"{name} takes {want}, but '{shown(item)}' is {value.type}.{hint}")
    constant = value.constant if value.type == want else None
    return Value(want, converted(item, value, want, scope), constant=constant)


def zone(node: exp.Expr, name: str, scope: Scope) -> Zone | None:
    """Compile a zone; None where it has a fault."""
    value = argument(joined(node), t.STRING, name, scope)
    if value.type == t.UNKNOWN:
        return None
    written = re.fullmatch(r"'([^']*)'", value.sql)
    if value.constant is None and written is None:
        return Zone(named(value.sql), None)
    text = str(value.constant) if written is None else written[1]
    offset = fixed(text)
    if offset is None and not known(text):
        scope.fault(node, f"'{text}' is not a time zone. Write a name such as 'Europe/Berlin', or an offset: '+05:30'.")
        return None
    return Zone(value.sql, offset) if offset else UTC if offset == 0 else Zone(value.sql, None)


def with_zone(rule: Callable[[], Value | None], node: exp.Expr | None, scope: Scope) -> Value | None:
    """Compile what takes a zone by its rule: where a query gives the zone, with its arguments computed outside.

    DuckDB takes no query inside a lambda, and a zone is named in some.
    """
    if node is None or scope.context.lifted is not None or node.find(exp.Query) is None:
        return rule()
    arguments = scope.context.lifted = []
    value = rule()
    scope.context.lifted = None
    return value and value._replace(sql=apart(value.sql, arguments))
