"""Calls that read and write texts: formats of dates, patterns, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile import cast, time_formats
from flows.sql.compile.apply import apply
from flows.sql.compile.arguments import argument
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.once import once
from flows.sql.compile.scope import NOTHING, Value
from flows.sql.functions import signatures
from flows.sql.patterns import groups_of, pattern_fault
from flows.sql.shown import shown
from flows.sql.times import naive
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope


@compiles_call("TIMESTAMP", "DATETIME", "DATE")
def _from_text(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) == 2 and name == "TIMESTAMP":  # noqa: PLR2004 - a text and a zone
        return _in_zone(node, scope)
    if len(node.expressions) != 1:
        return None
    item = node.expressions[0]
    value, want = expression(item, scope), Type(name)
    if value.type != t.STRING:
        return apply(name, node, signatures.scalar(name), [(item, value)], scope)
    if value.literal:
        return Value(want, converted(node, value, want, scope))
    if want == t.DATE:
        return scope.fault(node, f"DATE does not take STRING. Write CAST({shown(item)} AS DATE).")
    return Value(want, cast.cast(value.sql, t.STRING, want, f"error('a STRING is no {want}')") or "NULL")


def _in_zone(node: exp.Expr, scope: Scope) -> Value | None:
    """Compile TIMESTAMP(text, zone); the text holds no zone of its own."""
    item, zone = node.expressions
    value = expression(item, scope)
    given = [(item, value), (zone, expression(zone, scope))]
    if value.type == t.STRING:
        sql = converted(item, value, t.DATETIME, scope) if value.literal else ""
        sql = sql or cast.cast(value.sql, t.STRING, t.DATETIME, "error('a STRING is no TIMESTAMP without a zone')")
        given[0] = item, Value(t.DATETIME, sql)
    return apply("TIMESTAMP", node, signatures.scalar("TIMESTAMP"), given, scope)


@compiles_call("NORMALIZE")
def _normalize(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    mode = node.expressions[1] if len(node.expressions) > 1 else None
    if len(node.expressions) > 2 or (mode is not None and mode.name.upper() != "NFC"):  # noqa: PLR2004 - a text and a form
        return scope.fault(
            node, f"{name} to another form than NFC is not supported by the embedded warehouse. Write NORMALIZE(text)."
        )
    value = argument(node.expressions[0], t.STRING, name, scope)
    return Value(t.STRING, f"nfc_normalize({value.sql})")


@compiles_call("STRING")
def _string(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    if len(node.expressions) == 2:  # noqa: PLR2004 - a moment and a zone
        value, zone = (
            argument(node.expressions[0], t.TIMESTAMP, name, scope),
            argument(node.expressions[1], t.STRING, name, scope),
        )
        return Value(
            t.STRING, once(f"timezone({zone.sql}, {value.sql})", lambda local: _with_offset(local, naive(value.sql)))
        )
    if len(node.expressions) != 1:
        return None
    value = expression(node.expressions[0], scope)
    if value.type == t.JSON:
        read = "CASE WHEN {j} IS NULL THEN NULL WHEN json_type({j}) <> 'VARCHAR' THEN error('the JSON is no STRING') ELSE json_extract_string({j}, '$') END"
        return Value(t.STRING, once(value.sql, lambda known: read.replace("{j}", known)))
    if value.type not in (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.UNKNOWN):
        return scope.fault(node, f"{name} does not take {value.type}.{_as_text(node.expressions[0], value)}")
    return Value(t.STRING, cast.cast(value.sql, value.type, t.STRING, "NULL") or "NULL")


def _with_offset(local: str, utc: str) -> str:
    """Return a local date and time as text, with how far it is from UTC: `+01`, `+05:30`."""
    offset = time_formats.formatted("%Ez", local, t.TIMESTAMP, utc)
    return f"({cast.cast(local, t.DATETIME, t.STRING, 'NULL')} || regexp_replace({offset}, ':00$', ''))"


def _as_text(node: exp.Expr, value: Value) -> str:
    """Say what gives the text of a value that STRING does not take."""
    if value.type.element == t.STRING:
        return f" Write ARRAY_TO_STRING({shown(node)}, ', ')."
    return f" Write CAST({shown(node)} AS STRING)." if cast.exists(value.type, t.STRING) else ""


@compiles_call("REGEXP_EXTRACT", "REGEXP_SUBSTR", "REGEXP_EXTRACT_ALL")
def _regexp(name: str, node: exp.Expr, scope: Scope) -> Value:
    most = 4 if name != "REGEXP_EXTRACT_ALL" else 2
    if not 2 <= len(node.expressions) <= most:  # noqa: PLR2004 - a text and a pattern, a place, which match
        return scope.fault(node, f"{name} takes a text and a pattern: {name}(text, r'pattern').")
    place, which = (_literal_number(item, scope) for item in (*node.expressions[2:], None, None)[:2])
    if place != 1 or not which or which < 1:
        instead = "Write SUBSTR(text, place) in it, or REGEXP_EXTRACT_ALL(...)[SAFE_ORDINAL(n)]."
        return scope.fault(
            node, f"{name} from another place than 1, or of a match that is no literal, is not supported. {instead}"
        )
    value, pattern = (
        argument(node.expressions[0], t.STRING, name, scope),
        expression(node.expressions[1], scope),
    )
    if t.UNKNOWN in (value.type, pattern.type):
        return NOTHING
    if not pattern.literal:
        return scope.unsupported(node, f"{name} with a pattern that is no literal")
    groups = _groups(node, scope)
    if groups is None:
        return NOTHING
    if groups > 1:
        return scope.fault(node, f"{name} takes a pattern with at most one group. Write (?:...) for the others.")
    if name == "REGEXP_EXTRACT_ALL":
        return Value(t.array(t.STRING), f"regexp_extract_all({value.sql}, {pattern.sql}, {groups})")
    if which > 1:
        every = f"regexp_extract_all({value.sql}, {pattern.sql}, {groups})"
        return Value(t.STRING, f"list_extract({every}, {which})")
    sql = f"CASE WHEN regexp_matches({value.sql}, {pattern.sql}) THEN regexp_extract({value.sql}, {pattern.sql}, {groups}) END"
    return Value(t.STRING, sql)


@compiles_call("REGEXP_INSTR")
def _regexp_instr(name: str, node: exp.Expr, scope: Scope) -> Value:
    pattern = node.expressions[1] if len(node.expressions) == 2 else None  # noqa: PLR2004 - a text and a pattern
    value = argument(node.expressions[0], t.STRING, name, scope)
    if not isinstance(pattern, exp.Literal) or _groups(node, scope) != 0:
        what = f"{name} with a place, or with a pattern that is no literal or has a group,"
        return scope.fault(
            node,
            f"{what} is not supported by the embedded warehouse. Write STRPOS(text, REGEXP_EXTRACT(text, r'pattern')).",
        )
    before = quote_text(f"(?s)^(.*?)(?:{pattern.name})")
    found = f"length(regexp_extract({value.sql}, {before}, 1)) + 1"
    return Value(
        t.INT64,
        f"CASE WHEN {value.sql} IS NULL THEN NULL WHEN regexp_matches({value.sql}, {quote_text(pattern.name)}) THEN {found} ELSE 0 END",
    )


def _literal_number(item: exp.Expr | None, scope: Scope) -> int | None:
    """Return a number that is written down; 1 where none is."""
    constant = expression(item, scope).constant if item is not None else 1
    return constant if isinstance(constant, int) else None


@compiles_call("REGEXP_CONTAINS", "REGEXP_REPLACE")
def _plain_regexp(_: str, node: exp.Expr, scope: Scope) -> Value | None:
    return NOTHING if _groups(node, scope) is None else None


def _groups(node: exp.Expr, scope: Scope) -> int | None:
    """Return how many groups a call's pattern has, where it is a literal; None where it has a fault."""
    pattern = node.expressions[1] if len(node.expressions) > 1 else None
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        return 0
    reason = pattern_fault(pattern.name)
    if reason is None:
        return groups_of(pattern.name)
    scope.fault(pattern, f"'{pattern.name[:60]}' is not a regular expression (RE2): {reason[:200]}.")
    return None


@compiles_call("JSON_VALUE", "JSON_EXTRACT_SCALAR")
def _json(name: str, node: exp.Expr, scope: Scope) -> Value:
    value = expression(node.expressions[0], scope)
    path = (
        expression(node.expressions[1], scope)
        if len(node.expressions) > 1
        else Value(t.STRING, "'$'", literal=True, constant="$")
    )
    if t.UNKNOWN in (value.type, path.type):
        return Value(t.STRING, "NULL")
    if not path.literal or not re.fullmatch(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*", str(path.constant)):
        return scope.unsupported(node, f"{name} with the path '{shown(node.expressions[-1])}'")
    if value.type not in (t.STRING, t.JSON):
        return scope.fault(node, f"{name} takes JSON or STRING, but '{shown(node.expressions[0])}' is {value.type}.")
    scalar = f"json_type({value.sql}, {path.sql}) NOT IN ('OBJECT', 'ARRAY', 'NULL')"
    return Value(t.STRING, f"CASE WHEN {scalar} THEN json_extract_string({value.sql}, {path.sql}) END")
