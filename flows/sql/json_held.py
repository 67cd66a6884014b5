"""JSON as BigQuery holds it: the names of each object in order and once, numbers as their doubles; as DuckDB expressions.

DuckDB keeps the text as it was written.
"""

from __future__ import annotations

from flows.sql.once import as_field, failure, once
from flows.sql.types import quote_text

DEEPEST = 100
"""How many levels are looked at; what has more ends in an error."""
_TINY = "2.2250738585072014e-308"
TEXT = r'"(?:[^"\\]|\\.)*"'
"""A text of JSON, as a pattern."""
_PIECE = "STRUCT(s VARCHAR, j JSON)[]"
_BEFORE, INNER = "struct_extract(xone, 's')", "struct_extract(xone, 'j')"
"""The parts of a piece, `xone`."""
_NAME = "replace(replace(xname, '~', '~0'), '/', '~1')"
_CAPITAL = quote_text(r"\\u00(?:0[BEF]|1[A-F])")
OPENS = "length(regexp_replace(CAST({0} AS VARCHAR), '[^\\[{{]', '', 'g'))"
"""How many objects and ARRAYs JSON has, or more."""


def held(json: str, at: int | None = None) -> str:
    """Return the text of JSON as BigQuery writes it; NULL where it is NULL.

    It stands in one line; with `at` on lines of its own, of which the inner ones stand so many levels further to the right.

    A list of pieces, each a text and the JSON behind it, begins with all of the JSON. In each round every object and ARRAY in it
    gives way to its sign, its parts and its other sign.
    """
    rounds = f"generate_series(1, least({OPENS.format(json)}, {DEEPEST}))"
    each = f"list_transform({rounds}, lambda xround: CAST([{{'s': CAST(xround AS VARCHAR), 'j': NULL}}] AS {_PIECE}))"
    first = f"CAST([{{'s': '', 'j': {json}}}] AS {_PIECE})"
    pieces = (
        f"list_reduce({each}, lambda xall, xround: flatten(list_transform(xall, lambda xone: {_opened(at)})), {first})"
    )
    deeper = failure(f"JSON has more than {DEEPEST} levels, at which the embedded warehouse does not look")
    text = f"{_BEFORE} || CASE WHEN json_type({INNER}) IN ('OBJECT', 'ARRAY') THEN {deeper} WHEN {INNER} IS NULL THEN '' ELSE {_plain(INNER)} END"
    return f"CASE WHEN {json} IS NOT NULL THEN array_to_string(list_transform({pieces}, lambda xone: {text}), '') END"


def spelt(text: str) -> str:
    """Return the text of JSON with small digits in its escapes, as BigQuery writes them and DuckDB does not."""
    small = "CASE WHEN xat = 1 THEN xcode ELSE lower(left(xcode, 2)) || substr(xcode, 3) END"
    codes = rf"array_to_string(list_transform(string_split(xpart, '\u00'), lambda xcode, xat: {small}), '\u00')"

    def build(known: str) -> str:
        # Behind a backslash that stands for itself there is no escape.
        parts = rf"array_to_string(list_transform(string_split({known}, '\\'), lambda xpart: {codes}), '\\')"
        return f"CASE WHEN regexp_matches({known}, {_CAPITAL}) THEN {parts} ELSE {known} END"

    return once(text, build)


def double(value: str) -> str:
    """Return the shortest text of a number that is no integer, a FLOAT64 or its text."""
    number = f"TRY_CAST({value} AS DOUBLE)"

    def of(digits: int) -> str:
        # Large ones have an exponent, where %g has none yet.
        return f"CASE WHEN abs({number}) >= 1e15 THEN printf('%.{digits - 1}e', {number}) ELSE printf('%.{digits}g', {number}) END"

    few = f"printf('%.15g', {number})"
    tried = "".join(f"WHEN CAST({text} AS DOUBLE) = {number} THEN {text} " for text in (few, of(16)))
    # Of the smallest numbers fewer than 15 digits tell one from the next.
    tiny = f"WHEN abs({number}) < {_TINY} AND {number} <> 0 THEN CAST({number} AS VARCHAR) "
    return f"regexp_replace(CASE {tiny}{tried}ELSE {of(17)} END, '^(-?[0-9]+)$', '\\1.0')"


def no_double(text: str) -> str:
    """Return the condition that a text of JSON has a number that is no integer of 64 bits, and that no FLOAT64 holds."""
    digits = "ltrim(rtrim(translate(regexp_replace({}, '[eE].*', ''), '-.', ''), '0'), '0')"
    number = "TRY_CAST(xnumber AS DOUBLE)"
    other = f"{digits.format('xnumber')} <> {digits.format(f'CAST({number} AS VARCHAR)')}"
    integer = "(NOT regexp_matches(xnumber, '[.eE]') AND CAST(xnumber AS HUGEINT) BETWEEN -9223372036854775808 AND 18446744073709551615)"
    return _any_number(
        text, f"CASE WHEN {number} IS NULL OR isinf({number}) THEN TRUE WHEN {integer} THEN FALSE ELSE {other} END"
    )


def too_large(text: str) -> str:
    """Return the condition that a text of JSON has a number beyond FLOAT64."""
    return _any_number(text, "coalesce(isinf(TRY_CAST(xnumber AS DOUBLE)), TRUE)")


def _any_number(text: str, holds: str) -> str:
    # Others have fewer than 16 digits, and no large exponent.
    numbers = f"regexp_extract_all(regexp_replace({text}, {quote_text(TEXT)}, '', 'g'), '[0-9.eE+-]{{16,}}|[0-9.]+[eE][+-]?[0-9]{{3,}}|-[0-9.]+[eE][+-]?[0-9]{{3,}}')"
    return f"len(list_filter({numbers}, lambda xnumber: {holds})) > 0"


def parts(json: str) -> str:
    """Return the parts of an object or an ARRAY as a list of {k, v}: the name in an object, and the JSON."""
    # Where a name stands twice the first one holds.
    named = f"list_sort(list_distinct(CAST(json_keys({json}) AS VARCHAR[])))"
    of_object = f"list_transform({named}, lambda xname: {{'k': {as_field('xname')}, 'v': json_extract({json}, '/' || {_NAME})}})"
    of_array = (
        f"list_transform({elements(json)}, lambda xitem: {{'k': CAST(NULL AS VARCHAR), 'v': {as_field('xitem')}}})"
    )
    return f"list_concat({of_object}, {of_array})"


def elements(json: str) -> str:
    """Return the elements of an ARRAY as a list of JSON, which has none of them where it is none."""
    # Of NULL that is written down DuckDB knows no type.
    return f"CAST(json_extract({json}, '$[*]') AS JSON[])"


def _opened(at: int | None) -> str:
    """Return the pieces that stand for a piece, `xone`, in a round."""
    colon = ":" if at is None else ": "
    outer, inner = "''", "''"
    if at is not None:
        outer, inner = (f"chr(10) || repeat('  ', CAST(xround[1].s AS INTEGER) + {at + less})" for less in (-1, 0))
    name = f"coalesce(to_json(struct_extract(xpart, 'k')) || '{colon}', '')"
    part = f"{{'s': CASE WHEN xplace > 1 THEN ',' ELSE '' END || {inner} || {name}, 'j': struct_extract(xpart, 'v')}}"
    empty = f"CASE WHEN json_array_length({INNER}) = 0 AND len(json_keys({INNER})) = 0 THEN '' ELSE {{}} END"
    signs = [f"CASE json_type({INNER}) WHEN 'OBJECT' THEN '{one}' ELSE '{two}' END" for one, two in ("{[", "}]")]
    before = f"[{{'s': {_BEFORE} || {signs[0]}, 'j': CAST(NULL AS JSON)}}]"
    behind = f"[{{'s': {empty.format(outer)} || {signs[1]}, 'j': CAST(NULL AS JSON)}}]"
    listed = f"list_transform({parts(INNER)}, lambda xpart, xplace: {part})"
    return f"CASE WHEN json_type({INNER}) IN ('OBJECT', 'ARRAY') THEN list_concat({before}, {listed}, {behind}) ELSE [xone] END"


def _plain(json: str) -> str:
    # Around what was parsed there may be blanks.
    bare = f"trim(CAST({json} AS VARCHAR), ' ' || chr(9) || chr(10) || chr(13))"
    return (
        f"CASE json_type({json}) WHEN 'VARCHAR' THEN CAST(to_json(json_extract_string({json}, '$')) AS VARCHAR) "
        f"WHEN 'DOUBLE' THEN {double(json)} WHEN 'BIGINT' THEN CAST(CAST({json} AS BIGINT) AS VARCHAR) ELSE {bare} END"
    )
