"""Operators by the table of operators: the signature that fits, its template filled."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.apply import rendered
from flows.sql.compile.convert import converted
from flows.sql.compile.value import NOTHING, Sum, Value
from flows.sql.functions import signatures
from flows.sql.functions.match import match
from flows.sql.once import all_computed, bound, failure, once
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope

_TIMES = {t.TIMESTAMP, t.DATE, t.DATETIME}
_WRITTEN = re.compile(r"CAST\(('?-?[0-9.]|\"\w+\".*AS DOUBLE)")
"""A leaf that cannot be infinite or NaN: a number that is written down, or one of another type."""
_MOST_LEAVES = 8
"""Of how many a sum may be that is looked at together with what it stands in."""


def operated(sign: str, node: exp.Expr, sides: Sequence[tuple[exp.Expr, Value]], scope: Scope) -> Value:
    """Compile what an operator makes of its operands."""
    values = [value for _, value in sides]
    given = [value.type for value in values]
    if t.UNKNOWN in given:
        return NOTHING
    # Of a DATE and a DATETIME the analyzer makes two DATETIMEs, and the reference implementation another difference than theirs.
    mixed = sign == "-" and set(given) == {t.DATE, t.DATETIME}
    matched = None if mixed else match(signatures.operator(sign), [value.given for value in values])
    if matched is None or _is_no_date(values, matched.wanted):
        return scope.fault(node, f"'{sign}' does not take {' and '.join(map(str, given))}.{_instead(sign, sides)}")
    arguments = [converted(*side, want, scope) for side, want in zip(sides, matched.wanted, strict=True)]
    if matched.signature.marks.finite and sign != "/":
        return _summed(sign, values, arguments)
    same = [value.same for value in values]
    return Value(matched.result, all_computed(arguments, same, lambda names: rendered(matched, names, values)))


def _is_no_date(values: Sequence[Value], wanted: Sequence[Type]) -> bool:
    """Say whether a text that is written down beside a number would have to be a DATE, and is none."""
    texts = [
        str(value.constant)
        for value, want in zip(values, wanted, strict=True)
        if want == t.DATE and value.type == t.STRING
    ]
    return t.INT64 in wanted and any(cast.literal(text, t.DATE) is None for text in texts)


def _instead(sign: str, sides: Sequence[tuple[exp.Expr, Value]]) -> str:
    """Say what to write where an operator does not take its operands."""
    given = [value.type for _, value in sides]
    if sign == "-" and len(given) > 1 and _TIMES.issuperset(given):
        return f" Write {given[1]}({shown(sides[0][0])}), or {given[0]}({shown(sides[1][0])})."
    if sign == "-" and given[0] == t.INTERVAL and given[-1] in _TIMES:
        return f" Write {shown(sides[1][0])} - {shown(sides[0][0])}."
    if t.TIME in given and t.INTERVAL in given:
        return f" Write {'TIME_SUB' if sign == '-' else 'TIME_ADD'}({shown(sides[given.index(t.TIME)][0])}, INTERVAL n SECOND)."
    if sign in {"+", "-"} and given[0] in _TIMES and given[1:] == [t.INT64]:
        moved, number = (shown(side) for side, _ in sides)
        return f" Write {moved} {sign} INTERVAL {number} DAY, or HOUR, MINUTE, SECOND."
    return " Write CONCAT(...)." if sign == "+" and t.STRING in given else ""


def _summed(sign: str, values: Sequence[Value], arguments: Sequence[str]) -> Value:
    """Return a sum, difference or product of FLOAT64, with an error where it overflows and what it is made of does not.

    What is added up and multiplied is looked at as a whole: an infinity on the way stays one, or becomes NaN. Where a leaf
    is infinite or NaN itself, the smaller sums and products without it are looked at one by one.
    """
    parts = [
        value.sum if value.sum and value.sql == sql and len(value.sum.leaves) <= _MOST_LEAVES else Sum(sql, (sql,), ())
        for value, sql in zip(values, arguments, strict=True)
    ]
    raw = f"({parts[0].raw} {sign} {parts[1].raw})"
    leaves = tuple(dict.fromkeys((*parts[0].leaves, *parts[1].leaves)))
    smaller = tuple(part for one in parts if one.raw not in one.leaves for part in (*one.smaller, one))

    def checked(names: Sequence[str]) -> str:
        named = dict(zip(leaves, names, strict=True))

        def computed(sql: str) -> str:
            # A leaf may stand inside of another one, as SUM(x) does in LAG(SUM(x)) OVER (...).
            for leaf in sorted(named, key=len, reverse=True):
                sql = sql.replace(leaf, named[leaf]) if leaf != named[leaf] else sql
            return sql

        def finite(some: Sequence[str]) -> str:
            varying = [one for one in (named[leaf] for leaf in some) if not _WRITTEN.match(one)]
            return " AND ".join(f"isfinite({one})" for one in varying) or "TRUE"

        whole = finite(leaves)
        overflows = [whole]
        for part in smaller:
            within = finite(part.leaves)
            if within != whole:
                overflows.append(f"({within} AND NOT isfinite({computed(part.raw)}))")
        where = " OR ".join(overflows)
        overflow = failure(f"'{sign}': FLOAT64 overflows", *names)
        return once(
            computed(raw),
            lambda one: (
                f"CASE WHEN isfinite({one}) THEN {one} WHEN {one} IS NOT NULL AND "
                f"{f'({where})' if len(overflows) > 1 else where} THEN {overflow} ELSE {one} END"
            ),
        )

    return Value(t.FLOAT64, bound(leaves, checked), sum=Sum(raw, leaves, smaller))
