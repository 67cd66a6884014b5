"""JSON made of a text that is none from end to end: DuckDB expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.once import as_field
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

OPEN = r'"\u0001!"'
"""What stands for an end that is missing."""
_UNKNOWN = "\ufffd"
"""What stands for half of a sign."""
_CONTROL = r"[\x00-\x08\x0e-\x1f]"
"""Signs that stand in no text of JSON as they are, but for those that are blanks between its parts."""
_SIGNS = quote_text(rf"\\\\|\\v|\\[0-7]{{1,3}}|\\?{_CONTROL}|\\|[^\\{_CONTROL[1:-1]}]+")
_TWO, _IDLE, _QUOTE = map(quote_text, "\2\3\4")
"""What stands meanwhile for two backslashes, for one without a meaning, and for one with a single quote."""
_TEXT = r'(?s)"(?:[^"\\]|\\(?:u[0-9a-fA-F]{4}|[bfnrt"/]))*"' + r"|'(?:[^'\\]|\\(?:u[0-9a-fA-F]{4}|[bfnrt\"/]))*'"
_DIGITS = r"-?(?:0|[1-9][0-9]*)"
_PARTS = quote_text(rf"{_TEXT}|{_DIGITS}(?:\.[0-9]*)?(?:[eE][+-]?[0-9]*)?|true|false|null|[^ \t\n\v\f\r]")
_SCALAR = quote_text(rf"{_TEXT}|{_DIGITS}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_NEXT = quote_text(
    " v{ek v[ea v\1te v\1se k\1tc k} c:o o{pk o[pa o\1tp o\1sp o,k p} p,k a{bk a[ba a\1tb a\1sb a,a a] b] b,a "
)
"""What is open by its last letter and the kind of a part, with what stands in place of the letter behind the part."""
_MISSING = {"v": OPEN, "k": f"{OPEN}:0", "c": f":{OPEN}", "o": OPEN, "p": f",{OPEN}:0", "a": OPEN, "b": f",{OPEN}"}
"""What is put for an end that is missing, by the last letter of what is open."""


def mended(text: str, guard: Callable[[str], str]) -> str:
    """Return a list of the JSON of what stands before the place where a text breaks; `guard` makes ends that are missing unlike all else.

    The text's parts go by one after the other. What is open then is a text of letters, of which each says what may come: in
    an object `k` a name, `c` a colon, `o` a value and `p` what is behind one, in an ARRAY `a` an element and `b` what is behind
    one, around all `v` a value and `e` nothing. Behind a break stands how many parts there are before it.
    """
    kind = (
        f"CASE WHEN NOT regexp_full_match(xs, {_SCALAR}) THEN xs WHEN xs[1] IN ('\"', '''') THEN '\1t' ELSE '\1s' END"
    )
    found = f"split_part(string_split({_NEXT}, ' ' || right(xa, 1) || {kind})[2], ' ', 1)"
    step = (
        "lambda xa, xs, xi: CASE WHEN contains(xa, '!') THEN xa "
        f"ELSE coalesce(left(xa, -1) || {found}, xa || '!' || (xi - 1)) END"
    )
    parts = f"regexp_extract_all({_with_escapes_of_json(text)}, {_PARTS})"
    # One step behind the other: of what is inside of others DuckDB takes long to find the types.
    read = f"list_transform([{parts}], lambda xall: {{'parts': {as_field('xall')}, 'last': list_reduce(xall, {step}, 'v')}})"
    place = "coalesce(TRY_CAST(split_part(struct_extract(xread, 'last'), '!', 2) AS BIGINT), -1)"
    kept = f"{{'parts': list_slice(struct_extract(xread, 'parts'), 1, {place}), 'open': split_part(struct_extract(xread, 'last'), '!', 1)}}"
    return f"list_transform(list_transform({read}, lambda xread: {kept}), lambda xkept: {_closed(guard)})"


def _closed(guard: Callable[[str], str]) -> str:
    """Return the parts before a break as JSON, with what is missing behind them."""
    quoted = r"""'"' || regexp_replace(xs[2:-2], '\\?"', '\\"', 'g') || '"'"""
    parts = f"list_transform(struct_extract(xkept, 'parts'), lambda xs: CASE xs[1] WHEN '''' THEN {quoted} ELSE xs END)"
    joined = f"array_to_string({parts}, '\1')"
    # Of commas side by side the first of each two is found, and at second sight the others.
    for idle, instead in [*2 * [("([[,:]\1),", r"\1null,")], (",\1([]}])", r"\1"), ("\1", "")]:
        joined = f"regexp_replace({joined}, {quote_text(idle)}, {quote_text(instead)}, 'g')"
    missing = " ".join(f"WHEN {quote_text(one)} THEN {quote_text(other)}" for one, other in _MISSING.items())
    ends = f"CASE right(struct_extract(xkept, 'open'), 1) {missing} ELSE '' END || translate(reverse(struct_extract(xkept, 'open')), 'kcopabve', '}}}}}}}}]]')"
    return f"{guard(_without_control(joined))} || {ends}"


def _with_escapes_of_json(text: str) -> str:
    """Return a text with JSON's escapes in place of JavaScript's."""
    octal = " + ".join(f"{8**place} * CAST(lpad(xsign[2:], 3, '0')[{3 - place}] AS INTEGER)" for place in range(3))
    code = (
        rf"CASE WHEN xsign = '\v' THEN 11 WHEN regexp_full_match(xsign, '\\[0-7]+') THEN {octal} "
        rf"WHEN regexp_full_match(xsign, '\\?{_CONTROL}') THEN unicode(right(xsign, 1)) END"
    )
    signs = rf"list_transform(regexp_extract_all({text}, {_SIGNS}), lambda xsign: coalesce(format('\u{{:04x}}', {code}), xsign))"
    known = f"array_to_string({signs}, '')"
    half = rf"regexp_replace(replace({known}, '\\', {_TWO}), '(?i)\\ud[89a-f][0-9a-f][0-9a-f]', '{_UNKNOWN}', 'g')"
    hexadecimal = rf"replace(regexp_replace({half}, '\\x([0-9a-fA-F][0-9a-fA-F])', '\\u00\1', 'g'), '\''', {_QUOTE})"
    return rf"""regexp_replace({hexadecimal}, '\\([^bfnrtux"/])', {_IDLE[:-1]}\1', 'g')"""


def _without_control(text: str) -> str:
    """Return JSON with escapes for what its texts cannot hold as it is."""
    for sign, escape in (("\n", "n"), ("\r", "r"), ("\t", "t"), ("\v", "u000b"), ("\f", "f")):
        text = rf"replace({text}, {quote_text(sign)}, '\{escape}')"
    return rf"replace(replace(replace({text}, {_TWO}, '\\'), {_IDLE}, ''), {_QUOTE}, '''')"
