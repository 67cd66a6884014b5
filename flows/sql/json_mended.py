"""JSON made of a text that is none from end to end: DuckDB expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN = r'"\u0001!"'
"""What stands for an end that is missing."""
_UNKNOWN = "\ufffd"
"""What stands for a sign that there is not, or that no text of JSON should have."""
_TWO, _IDLE, _QUOTE = map(quote_text, "\2\3\4")
"""What stands meanwhile for two backslashes, for one without a meaning, and for one with a single quote."""
_TEXT = r'(?s)"(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|[bfnrt"/]))*"' + r"|'(?:[^'\\]|\\(?:u[0-9a-fA-F]{4}|[bfnrt\"/]))*'"
_DIGITS = r"-?(?:0|[1-9][0-9]*)"
_PARTS = quote_text(rf"{_TEXT}|{_DIGITS}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?|true|false|null|[^ \t\n\v\f\r]")
_SCALAR = quote_text(rf"{_TEXT}|{_DIGITS}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_BEHIND = {
    1: "' v{{k a{{k v[[a a[[a ::v'",
    2: "' {k}s {s}s [a]s [s]s {s,{k {v,{k [s,[a [a,[a'",
}
"""Of what is known before a part, its last letters, the part, and what stands in place of these letters behind it."""


def mended(text: str, guard: Callable[[str], str]) -> str:
    """Return a list of the JSON of what stands before the place where a text breaks; `guard` makes ends that are missing unlike all else.

    The text's parts go by one after the other. What is known then is a text of what is open, with a letter behind it for what
    may come: `k` a name, `v` a value, `a` an element, `s` what is behind one; at last the place of the break.
    """
    one, two = (
        f"left(xa, -{count}) || string_split(string_split({table}, ' ' || right(xa, {count}) || xs)[2], ' ')[1]"
        for count, table in _BEHIND.items()
    )
    step = (
        "lambda xa, xs, xi: CASE WHEN contains(xa, '!') THEN xa "
        f"WHEN right(xa, 1) IN ('v', 'a') AND regexp_full_match(xs, {_SCALAR}) THEN left(xa, -1) || 's' "
        f"WHEN right(xa, 1) = 'k' AND regexp_full_match(xs, {quote_text(_TEXT)}) THEN left(xa, -1) || ':' "
        f"ELSE coalesce({one}, {two}, xa || '!' || xi) END"
    )

    parts = f"regexp_extract_all({_with_escapes_of_json(text)}, {_PARTS})"
    # One step behind the other: of what is inside of others DuckDB takes long to find the types.
    read = f"list_transform([{parts}], lambda xall: {{'parts': xall, 'last': list_reduce(xall, {step}, 'v')}})"
    place = "coalesce(CAST(string_split(xread.last, '!')[2] AS BIGINT) - 1, len(xread.parts))"
    kept = f"{{'parts': list_slice(xread.parts, 1, {place}), 'state': string_split(xread.last, '!')[1]}}"
    return f"list_transform(list_transform({read}, lambda xread: {kept}), lambda xkept: {_closed(guard)})"


def _closed(guard: Callable[[str], str]) -> str:
    """Return the parts before a break as JSON, with what is missing behind them."""
    before = "CASE WHEN xkept.parts[xi - 1] IN ('[', ',', ':') THEN 'null' ELSE '' END"
    behind = "CASE WHEN coalesce(xkept.parts[xi + 1], ']') IN (']', '}') THEN '' ELSE ',' END"
    quoted = r"""'"' || replace(substr(xs, 2, length(xs) - 2), '"', '\"') || '"'"""
    each = f"CASE left(xs, 1) WHEN ',' THEN {before} || {behind} WHEN '''' THEN {quoted} ELSE xs END"
    joined = f"array_to_string(list_transform(xkept.parts, lambda xs, xi: {each}), '')"
    value = "CASE right(xkept.state, 1) WHEN ':' THEN ':null' WHEN 'v' THEN 'null' ELSE '' END"
    ends = f"replace(replace(reverse(left(xkept.state, -1)), '{{', ',{OPEN}:0}}'), '[', ',{OPEN}]')"
    empty = "CASE WHEN xkept.parts[-1] IN ('{', '[') THEN 2 ELSE 1 END"
    return f"{guard(f'{_without_control(joined)} || {value}')} || substr({ends}, {empty})"


def _with_escapes_of_json(text: str) -> str:
    """Return a text with JSON's escapes in place of JavaScript's."""
    known = rf"regexp_replace({text}, '[\x00-\x08\x0b\x0c\x0e-\x1f]', '{_UNKNOWN}', 'g')"
    half = rf"regexp_replace(replace({known}, '\\', {_TWO}), '(?i)\\ud[89a-f][0-9a-f][0-9a-f]', '{_UNKNOWN}', 'g')"
    hexadecimal = rf"replace(regexp_replace({half}, '\\x([0-9a-fA-F][0-9a-fA-F])', '\\u00\1', 'g'), '\''', {_QUOTE})"
    return rf"""regexp_replace({hexadecimal}, '\\([^bfnrtuvx0-7"/])', {_IDLE[:-1]}\1', 'g')"""


def _without_control(text: str) -> str:
    """Return JSON with escapes for what its texts cannot hold as it is."""
    for sign, escape in (("\n", "n"), ("\r", "r"), ("\t", "t")):
        text = rf"replace({text}, {quote_text(sign)}, '\{escape}')"
    return rf"replace(replace(replace({text}, {_TWO}, '\\'), {_IDLE}, ''), {_QUOTE}, '''')"
