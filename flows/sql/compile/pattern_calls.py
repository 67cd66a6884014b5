"""Calls that look for regular expressions in texts and BYTES."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.safe_text import unended
from flows.sql import types as t
from flows.sql.compile.arguments import argument
from flows.sql.compile.dispatch import compiles_call, expression
from flows.sql.compile.joined import joined
from flows.sql.compile.value import NOTHING, Value
from flows.sql.latin import to_bytes, to_text
from flows.sql.once import bound, failure, once
from flows.sql.patterns import GROUPS, PLACES, anywhere, empty, groups_of, parted, pattern_fault
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope

_MOST_MATCHES = 100
"""Up to which match REGEXP_INSTR counts: RE2 repeats a part of a pattern no more than 1,000 times."""


@compiles_call("REGEXP_EXTRACT", "REGEXP_SUBSTR", "REGEXP_EXTRACT_ALL")
def _regexp(name: str, node: exp.Expr, scope: Scope) -> Value:
    most = 4 if name != "REGEXP_EXTRACT_ALL" else 2
    if not 2 <= len(node.expressions) <= most:  # noqa: PLR2004 - a text and a pattern, a place, which match
        return scope.fault(node, f"{name} takes a text and a pattern: {name}(text, r'pattern').")
    place, which = (_literal_number(item, scope) for item in (*node.expressions[2:], None, None)[:2])
    if not place or not which or min(place, which) < 1:
        instead = "Write SUBSTR(text, place) in it, or REGEXP_EXTRACT_ALL(...)[SAFE_ORDINAL(n)]."
        return scope.fault(
            node, f"{name} takes numbers from 1 on, written down, as the place and the number of a match. {instead}"
        )
    kind = _kind(node, scope)
    value = argument(node.expressions[0], kind, name, scope)
    if t.UNKNOWN in (value.type, expression(node.expressions[1], scope).type):
        return NOTHING
    pattern = _pattern(node, kind)
    several = name == "REGEXP_EXTRACT_ALL"
    # Below SAFE. no error may be one that GoogleSQL has not.
    if pattern is None and which == 1 and not (several and scope.context.lifted is not None):
        given = argument(node.expressions[1], kind, name, scope)
        if given.type != kind:
            return NOTHING
        texts = [_from_place(to_text(value.sql, kind), place), to_text(given.sql, kind)]
        result, by_any = (t.array(kind), _all_by_any) if several else (kind, _by_any)
        return Value(result, to_bytes(bound(texts, lambda names: by_any(name, *names)), result))
    if pattern is None:
        instead = f"Write a CASE with a {name} for each pattern"
        message = (
            f"{name} of {kind} with a pattern that is no literal of {kind} is not supported by the embedded warehouse."
        )
        return scope.fault(node, f"{message} {instead}.")
    groups = _groups(node, scope)
    if groups is None:
        return NOTHING
    if groups > 1:
        return scope.fault(node, f"{name} takes a pattern with at most one group. Write (?:...) for the others.")
    everywhere = (name == "REGEXP_EXTRACT_ALL" or which > 1) and empty(anywhere(pattern))
    if everywhere and anywhere(pattern) != pattern:
        instead = "Write a pattern that matches at least one character."
        return scope.fault(node, f"{name} with '{pattern}', which matches nothing too. {instead}")
    written = quote_text(pattern)

    def matches(text: str) -> str:
        listed = f"regexp_extract_all({text}, {written}, {groups})"
        # DuckDB looks once more behind the last sign.
        return f"CASE WHEN {text} = '' THEN {listed} ELSE list_slice({listed}, 1, -2) END" if everywhere else listed

    def all_of(names: Sequence[str]) -> str:
        listed = matches(names[0])
        return f"list_transform({listed}, lambda x: coalesce(x, ''))" if groups else listed

    def extracted(names: Sequence[str]) -> str:
        (text,) = names
        if which > 1:
            return f"list_extract({matches(text)}, {which})"
        return f"CASE WHEN regexp_matches({text}, {written}) THEN {_first(text, written, groups)} END"

    searched = _from_place(to_text(value.sql, kind), place)
    result = t.array(kind) if name == "REGEXP_EXTRACT_ALL" else kind
    found = bound([searched], all_of if name == "REGEXP_EXTRACT_ALL" else extracted)
    return Value(result, to_bytes(found, result))


def _first(text: str, pattern: str, groups: int) -> str:
    """Return what the first match of a pattern keeps, which there is."""
    found = f"regexp_extract({text}, {pattern}, {groups})"
    # A group that took no part gives nothing, one that is empty an empty text: the whole match tells them apart.
    taken = f"regexp_extract_all({text}, {pattern}, 1)[1]"
    return f"CASE WHEN {found} = '' THEN {taken} ELSE {found} END" if groups else found


def _by_any(name: str, text: str, pattern: str) -> str:
    """Return what the first match of a pattern that rows have keeps; NULL where there is none."""
    kept = _by_groups(name, pattern, lambda groups: _first(text, pattern, groups))
    return f"CASE WHEN regexp_matches({text}, {pattern}) OR {_groups_in(pattern)} > 1 THEN {kept} END"


def _all_by_any(name: str, text: str, pattern: str) -> str:
    """Return what all matches of a pattern that rows have keep; an error where that matches nothing too, at certain places."""

    def listed(groups: int) -> str:
        found = f"regexp_extract_all({text}, {pattern}, {groups})"
        return f"list_transform({found}, lambda xtext: coalesce(xtext, ''))" if groups else found

    found = _by_groups(name, pattern, listed)
    places = ", ".join(map(quote_text, sorted(PLACES)))
    asks = f"len(list_filter(regexp_extract_all({pattern}, {quote_text(f'{GROUPS}|[$^]')}), lambda xsign: xsign IN ({places}))) > 0"
    failed = failure(
        f"{name} with a pattern that matches nothing too, which the embedded warehouse does not find", pattern
    )
    # DuckDB looks once more behind the last sign.
    of_nothing = f"CASE WHEN {asks} THEN {failed} WHEN {text} = '' THEN {found} ELSE list_slice({found}, 1, -2) END"
    return f"CASE WHEN regexp_matches('', {pattern}) THEN {of_nothing} ELSE {found} END"


def _by_groups(name: str, pattern: str, kept: Callable[[int], str]) -> str:
    """Return what a pattern that rows have keeps, by how many groups it has; with more than one it is an error."""
    several = failure(f"{name}: a pattern has more than one group", pattern)
    groups = _groups_in(pattern)
    return f"CASE WHEN {groups} > 1 THEN {several} WHEN {groups} = 1 THEN {kept(1)} ELSE {kept(0)} END"


def _groups_in(pattern: str) -> str:
    signs = f"regexp_extract_all({pattern}, {quote_text(GROUPS)})"
    return f"len(list_filter({signs}, lambda xsign: regexp_matches(xsign, '^\\((?:$|\\?P?<)')))"


def _from_place(text: str, place: int) -> str:
    """Return a text from a place on, as if nothing were before it; NULL where it has none there."""
    if place == 1:
        return text
    return once(text, lambda known: f"CASE WHEN length({known}) >= {place} THEN substr({known}, {place}) END")


@compiles_call("REGEXP_INSTR")
def _regexp_instr(name: str, node: exp.Expr, scope: Scope) -> Value:
    if not 2 <= len(node.expressions) <= 5:  # noqa: PLR2004 - a text and a pattern, a place, which match, its end
        return scope.fault(node, f"{name} takes a text and a pattern: {name}(text, r'pattern').")
    kind = _kind(node, scope)
    value = argument(node.expressions[0], kind, name, scope)
    pattern, groups = _pattern(node, kind), _groups(node, scope)
    if groups is None or value.type == t.UNKNOWN:
        return NOTHING
    parts = (
        ("", "", f"(?:{pattern})", "")
        if not groups
        else parted(pattern)
        if pattern is not None and groups == 1
        else None
    )
    if pattern is None or parts is None or empty(anywhere(pattern)):
        what = f"{name} with a pattern that is no literal of {kind}, has several groups, one that may take no part, or matches nothing too,"
        return scope.fault(
            node,
            f"{what} is not supported by the embedded warehouse. Write STRPOS(text, REGEXP_EXTRACT(text, r'pattern')).",
        )
    place, which = (_literal_number(item, scope) for item in (*node.expressions[2:4], None, None)[:2])
    behind = _literal_number(node.expressions[4], scope) if len(node.expressions) > 4 else 0  # noqa: PLR2004 - the same
    if not place or not which or place < 1 or not 1 <= which <= _MOST_MATCHES or behind not in {0, 1}:
        return scope.fault(
            node,
            f"{name} takes a place from 1 on, the number of a match from 1 to {_MOST_MATCHES}, and 0 or 1 for its end, each written down.",
        )
    flags, first, group, last = parts
    whole = f"(?:(?s-U:.*?){first}(?:{group}){last}){{{which - 1}}}" if which > 1 else ""
    upto, rest = (f"{first}(?:{group})", last) if behind else (first, f"(?:{group}){last}")
    before = rf"{flags}\A({whole}(?s-U:.*?){upto}){rest}"

    def found(names: Sequence[str]) -> str:
        (text,) = names
        starts = f"length(regexp_extract({text}, {quote_text(before)}, 1)) + {place}"
        enough = f"len(regexp_extract_all({text}, {quote_text(pattern)})) >= {which}"
        return f"CASE WHEN {enough} THEN {starts} WHEN {text} IS NOT NULL THEN 0 END"

    text = to_text(value.sql, kind)
    searched = text if place == 1 else f"substr({text}, {place})"
    return Value(t.INT64, bound([searched], found))


def _literal_number(item: exp.Expr | None, scope: Scope) -> int | None:
    """Return a number that is written down; 1 where none is."""
    constant = expression(item, scope).constant if item is not None else 1
    return constant if isinstance(constant, int) else None


@compiles_call("REGEXP_CONTAINS", "REGEXP_REPLACE")
def _plain_regexp(_: str, node: exp.Expr, scope: Scope) -> Value | None:
    return NOTHING if _groups(node, scope) is None else None


def _groups(node: exp.Expr, scope: Scope) -> int | None:
    """Return how many groups a call's pattern has, where it is a literal; None where it has a fault."""
    pattern = _pattern(node, _kind(node, scope))
    if pattern is None:
        return 0
    reason = pattern_fault(pattern)
    if reason is None:
        return groups_of(pattern)
    scope.fault(node.expressions[1], f"'{pattern[:60]}' is not a regular expression (RE2): {unended(reason[:200])}.")
    return None


def _kind(node: exp.Expr, scope: Scope) -> Type:
    """Return in which type a call looks for its pattern: a text that is written down turns into BYTES beside them."""
    given = (expression(item, scope).type for item in node.expressions[:2])
    return t.BYTES if t.BYTES in given else t.STRING


def _pattern(node: exp.Expr, kind: Type) -> str | None:
    """Return a call's pattern where it is a literal: that of BYTES has a sign for each byte."""
    pattern = joined(node.expressions[1]) if len(node.expressions) > 1 else None
    if isinstance(pattern, exp.ByteString) and kind == t.BYTES:
        return bytes.fromhex(pattern.name.replace("\\x", "")).decode("latin-1")
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        return None
    return pattern.name if kind == t.STRING or pattern.name.isascii() else None
