"""Calls by the table of functions: the signature that fits, its template filled."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.cast_hint import cast_hint
from flows.sql.compile.convert import chosen, converted
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions.match import match
from flows.sql.functions.signatures import E, O
from flows.sql.functions.template import render
from flows.sql.latin import to_bytes, to_text
from flows.sql.once import all_computed, bound, plain, safely
from flows.sql.shown import of_row, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Read
    from flows.sql.functions.match import Match
    from flows.sql.functions.signatures import Signature

_INEXACT = {"IEEE_DIVIDE", "IS_NAN", "IS_INF", "PERCENTILE_CONT"}
"""What takes NUMERIC as FLOAT64 in GoogleSQL too."""
_OF_INTERVALS = {"MIN", "MAX", "MIN_BY", "MAX_BY"}
"""What takes INTERVALs by their order, and gives any one of equal ones."""
_CHOOSING = {"IF", "COALESCE", "IFNULL"}
"""What gives one of its arguments."""
_WITH_DEFAULT, _DEFAULT = {"LAG", "LEAD"}, 2
"""What gives its last argument, at that place, where there is no row: one value for all rows."""


def apply(  # noqa: PLR0913 - the parts of a call
    name: str,
    node: exp.Expr,
    candidates: Sequence[Signature],
    arguments: Sequence[tuple[exp.Expr, Value]],
    scope: Scope,
    *,
    safe: bool = False,
    marks: Mapping[str, str] | None = None,
) -> Value:
    """Choose the signature that fits and fill its template."""
    values = [value for _, value in arguments]
    given = [value.type for value in values]
    matched = match(candidates, [value.given for value in values])
    if t.UNKNOWN in given:
        # What nobody knows may be of any type that a signature takes.
        several = len({one.result for one in candidates if one.takes(len(given))}) > 1
        return NOTHING if several or matched is None or matched.result == t.UNKNOWN else Value(matched.result, "NULL")
    if matched is None:
        known = " or ".join(f"{name}{one}" for one in candidates)
        known += ", with one type for every T" if known.count("T...") or known.count("T, T") else ""
        hint = of_row(node, given).lstrip() or f"It knows {known}.{cast_hint(name, candidates, arguments)}"
        return scope.fault(
            node,
            f"{name}({', '.join(map(str, given))}) does not exist, or not in the embedded warehouse yet. {hint}",
        )
    if _asks_more(matched.signature) and (said := _misfit(name, matched, arguments)):
        return scope.fault(node, said)
    if matched.result.element is not None and matched.result.element.element is not None:
        return scope.fault(node, f"{name} would give an ARRAY of ARRAYs. Put each into a STRUCT.")
    if t.FLOAT64 in matched.wanted and name not in _INEXACT and not _is_inexact(arguments):
        for (item, value), want in zip(arguments, matched.wanted, strict=True):
            if value.type in t.DECIMALS and want == t.FLOAT64:
                return scope.unsupported(
                    node, f"{name} of {value.type}: write CAST({shown(item)} AS FLOAT64), as the exact {name}"
                )
    if given == matched.wanted:
        given_sql = [value.sql for value in values]
    else:
        given_sql = [
            converted(item, value, want, scope) for (item, value), want in zip(arguments, matched.wanted, strict=True)
        ]
    found = matched.signature.marks
    scope.context.drifts |= found.drifts and not scope.context.exact
    if found.differs:
        scope.context.differs.setdefault(found.differs, node)

    def build(names: Sequence[str]) -> str:
        return rendered(matched, names, values, marks, safe=safe)

    lazily = marks is not None or name in _CHOOSING
    if safe and matched.signature.may_fail and not found.lacks:
        sql = safely(given_sql, build)
    else:
        sql = all_computed(given_sql, [value.same and not lazily for value in values], build)
    return Value(matched.result, sql, reads=_reads(name, values) if name in _CHOOSING else None)


@lru_cache(maxsize=1024)
def _asks_more(signature: Signature) -> bool:
    """Say whether a signature asks for more than types, as few do."""
    return bool(signature.written) or any((one.element or one) in (E, O) for one in signature.parameters)


def _misfit(name: str, matched: Match, arguments: Sequence[tuple[exp.Expr, Value]]) -> str:
    """Say which argument is not what its place asks for beside the type; an empty text where none is."""
    signature = matched.signature
    for place, (item, value) in enumerate(arguments):
        parameter, want = signature.parameter(place), matched.wanted[place]
        kind = parameter.element or parameter
        of = (parameter.element and want.element) or want
        if kind in (E, O) and of == t.JSON:
            return f"JSON cannot be compared, as {name} does. Compare what JSON_VALUE gives."
        if kind == O and not t.can(of, "order"):
            return f"{of.name}s have no order, which {name} needs. Compare their parts."
        if kind in (E, O) and t.holds(of, (t.INTERVAL,)) and name not in _OF_INTERVALS:
            return f"{name} of {of} is not supported by the embedded warehouse. Write TIMESTAMP_DIFF(later, earlier, SECOND) or EXTRACT(... FROM ...) in it."
        if name in _WITH_DEFAULT and place == _DEFAULT and not (value.same and item.find(exp.Query) is None):
            return f"{name} takes what is the same for all rows in place of '{shown(item)}'. Write IFNULL around it, or a literal."
        written = signature.written[place] if signature.written else None
        constant = "" if value.literal and value.type == t.BYTES else value.constant
        if written is not None and not written.takes(constant):
            whole = "whole " if want == t.INT64 else ""
            return f"{name} takes {str(written).replace('number', f'{whole}number')}, written down, in place of '{shown(item)}'."
    return ""


def rendered(
    matched: Match,
    arguments: Sequence[str],
    values: Sequence[Value],
    marks: Mapping[str, str] | None = None,
    *,
    safe: bool = False,
) -> str:
    """Return the SQL of a signature that fits, with what its marks say of these values; `marks` are those of an aggregate."""
    signature = matched.signature
    template = signature.template
    if signature.of_arguments:
        literals = frozenset(place for place, value in enumerate(values, 1) if value.literal and value.type != t.NULL)
        template = signature.knowing({place: _number(values[place - 1]) for place in literals}, literals, safe=safe)
    if not signature.of_signs:
        return render(template, arguments, marks)

    def of_signs(names: Sequence[str]) -> str:
        return render(template, list(map(to_text, names, matched.wanted)), marks)

    return to_bytes(bound(arguments, of_signs) if marks is None else of_signs(arguments), matched.result)


def _number(value: Value) -> float | str | None:
    """Return a constant as a number where it is one."""
    return float(value.constant or 0) if value.type in t.NUMBERS else value.constant


def _is_inexact(arguments: Sequence[tuple[exp.Expr, Value]]) -> bool:
    return any(value.type == t.FLOAT64 and not value.literal for _, value in arguments)


def _reads(name: str, values: Sequence[Value]) -> frozenset[Read] | None:
    """Return what a call depends on where it does not depend on all of its arguments."""
    if name == "IF":
        return chosen(*values)
    first_counts = values[0].same and values[0].type != t.NULL
    return frozenset() if first_counts and plain(values[0].sql) else None
