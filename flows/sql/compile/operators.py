"""Operators by the table of operators: the signature that fits, its template filled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile.apply import rendered
from flows.sql.compile.convert import converted
from flows.sql.compile.scope import NOTHING, Value
from flows.sql.functions import signatures
from flows.sql.functions.match import match
from flows.sql.once import bound, failure, once
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from flows.sql.compile.scope import Scope

_TIMES = {t.TIMESTAMP, t.DATE, t.DATETIME}


def operated(sign: str, node: exp.Expr, sides: Sequence[tuple[exp.Expr, Value]], scope: Scope) -> Value:
    """Compile what an operator makes of its operands."""
    values = [value for _, value in sides]
    given = [value.type for value in values]
    if t.UNKNOWN in given:
        return NOTHING
    matched = match(signatures.operator(sign), [(value.type, value.literal) for value in values])
    if matched is None:
        return scope.fault(node, f"'{sign}' does not take {' and '.join(map(str, given))}.{_instead(sign, sides)}")
    arguments = [converted(*side, want, scope) for side, want in zip(sides, matched.wanted, strict=True)]
    if matched.signature.marks.finite and sign != "/":
        return _summed(sign, values, arguments)
    return Value(matched.result, rendered(matched, arguments, values))


def _instead(sign: str, sides: Sequence[tuple[exp.Expr, Value]]) -> str:
    """Say what to write where an operator does not take its operands."""
    given = [value.type for _, value in sides]
    if sign == "-" and len(given) > 1 and _TIMES.issuperset(given):
        return " Write TIMESTAMP_DIFF(later, earlier, SECOND) or DATE_DIFF(...)."
    if sign in {"+", "-"} and given[0] in _TIMES and given[1:] == [t.INT64]:
        moved, number = (shown(side) for side, _ in sides)
        return f" Write {moved} {sign} INTERVAL {number} DAY, or HOUR, MINUTE, SECOND."
    return " Write CONCAT(...)." if sign == "+" and t.STRING in given else ""


def _summed(sign: str, values: Sequence[Value], arguments: Sequence[str]) -> Value:
    """Return a sum, difference or product of FLOAT64, with an error where it overflows and what it is made of does not.

    What is added up and multiplied is looked at as a whole: an infinity on the way stays one, or becomes NaN.
    """
    parts = [
        value.sum if value.sum and value.sql == sql else (sql, (sql,))
        for value, sql in zip(values, arguments, strict=True)
    ]
    raw = f"({parts[0][0]} {sign} {parts[1][0]})"
    leaves = tuple(dict.fromkeys((*parts[0][1], *parts[1][1])))

    def checked(names: Sequence[str]) -> str:
        computed = raw
        for leaf, name in zip(leaves, names, strict=True):
            computed = computed.replace(leaf, name) if leaf != name else computed
        varying = [one for one in names if not re.match(r"CAST\(('|-?[0-9]|\"\w+\".*AS DOUBLE)", one)]
        finite = " AND ".join(f"isfinite({one})" for one in varying) or "TRUE"
        overflow = failure(f"'{sign}': FLOAT64 overflows", *names)
        return once(
            computed,
            lambda one: (
                f"CASE WHEN isfinite({one}) THEN {one} WHEN {one} IS NOT NULL AND {finite} THEN {overflow} ELSE {one} END"
            ),
        )

    return Value(t.FLOAT64, bound(leaves, checked), sum=(raw, leaves))
