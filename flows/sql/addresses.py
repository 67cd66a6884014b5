"""IP addresses of texts, and their texts: DuckDB expressions."""

from __future__ import annotations

from flows.sql.types import quote_text

_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_FOUR = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_GROUP = "[0-9a-fA-F]{1,4}"
_GROUPS = f"(?:{_GROUP}(?::{_GROUP})*)?"
_ALL = 8
"""How many groups of two bytes an address of the sixth version has."""
_MAPPED = "'" + "0" * 20 + "FFFF'"
_COMPATIBLE = "'" + "0" * 24 + "'"


def packed(text: str) -> str:
    """Return the bytes of an IP address, NULL for a text that is none; `text` may be named several times."""
    four = f"CASE WHEN regexp_full_match({text}, {quote_text(_FOUR)}) THEN unhex({_hex_of_four(text)}) END"
    ending = quote_text(f":{_FOUR}$")
    # The last two groups may be written as those of the fourth version.
    last = f"regexp_extract({text}, {quote_text(f'({_FOUR})$')}, 1)"
    hexadecimal = _hex_of_four(last)
    grouped = (
        f"left({text}, length({text}) - length({last})) || left({hexadecimal}, 4) || ':' || right({hexadecimal}, 4)"
    )
    six = f"CASE WHEN regexp_matches({text}, {ending}) THEN {grouped} ELSE {text} END"
    return f"CASE WHEN contains({text}, ':') THEN list_transform([{six}], lambda xgroups: {_of_groups('xgroups')})[1] ELSE {four} END"


def _hex_of_four(text: str) -> str:
    return f"array_to_string(list_transform(string_split({text}, '.'), lambda xpart: printf('%02x', TRY_CAST(xpart AS INTEGER))), '')"


def _of_groups(text: str) -> str:
    """Return the bytes of groups with colons between them, of which '::' stands for as many zeros as are missing."""
    left, right = (
        f"list_filter(string_split(split_part({text}, '::', {place}), ':'), lambda xgroup: xgroup <> '')"
        for place in (1, 2)
    )
    zeros = f"list_transform(generate_series(len({left}) + len({right}) + 1, {_ALL}), lambda xzero: '0')"
    groups = f"list_transform(list_concat({left}, {zeros}, {right}), lambda xgroup: lpad(xgroup, 4, '0'))"
    short = rf"regexp_full_match({text}, {quote_text(f'{_GROUPS}::{_GROUPS}')}) AND len({left}) + len({right}) < {_ALL}"
    whole = f"regexp_full_match({text}, {quote_text(f'{_GROUP}(?::{_GROUP}){{{_ALL - 1}}}')})"
    return f"CASE WHEN ({short}) OR {whole} THEN unhex(array_to_string({groups}, '')) END"


def text_of(address: str) -> str:
    """Return the text of an IP address of 4 or 16 bytes; `address` may be named several times."""
    known = f"hex({address})"
    mapped, compatible = (
        f"left({known}, 24) = {_MAPPED}",
        f"left({known}, 24) = {_COMPATIBLE} AND substr({known}, 25, 4) <> '0000'",
    )
    groups = f"list_transform(regexp_extract_all({known}, '....'), lambda xgroup: coalesce(nullif(ltrim(lower(xgroup), '0'), ''), '0'))"
    # The first one of the longest runs of zeros is left out.
    runs = "".join(
        f"WHEN regexp_matches(xtext, '{run}') THEN regexp_replace(xtext, '{run}', '::') "
        for run in (f"(?:^|:)0(?::0){{{more}}}(?::|$)" for more in range(_ALL - 1, 0, -1))
    )
    six = f"list_transform([array_to_string({groups}, ':')], lambda xtext: CASE {runs}ELSE xtext END)[1]"
    return (
        f"CASE WHEN octet_length({address}) = 4 THEN {_four(known)} WHEN {mapped} THEN '::ffff:' || {_four(f'right({known}, 8)')} "
        f"WHEN {compatible} THEN '::' || {_four(f'right({known}, 8)')} ELSE {six} END"
    )


def _four(hexadecimal: str) -> str:
    return f"array_to_string(list_transform(regexp_extract_all({hexadecimal}, '..'), lambda xpair: CAST(CAST('0x' || xpair AS INTEGER) AS VARCHAR)), '.')"
