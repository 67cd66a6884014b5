"""Texts without case and in compatibility forms, as DuckDB expressions; DuckDB itself has lower case and the form NFC.

What each sign becomes stands in one text: a MAP of as many signs would take DuckDB longer to plan than most queries.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NEWER = (
    r"[\x{1c89}\x{2c2f}\x{a7c0}\x{a7c7}\x{a7c9}\x{a7cb}-\x{a7dc}\x{a7f1}-\x{a7f5}\x{ab69}\x{10570}-\x{10595}\x{10781}-\x{107ba}"
    r"\x{10d50}-\x{10d65}\x{11938}\x{16ea0}-\x{16eb8}\x{1ccd6}-\x{1ccf9}\x{1e030}-\x{1e06d}\x{1fbf0}-\x{1fbf9}]"
)
"""Signs of Unicode 14 and later that stand for others: whether they do depends on a library's age."""
_COMPATIBLE = (
    *(range(0xA0, 0x3400), range(0xA000, 0xA7C0), range(0xA7F8, 0xA7FA), range(0xAB5C, 0xAB60), range(0xF900, 0x10000)),
    *(range(0x1D400, 0x1D800), range(0x1EE00, 0x1F300)),
)
"""Where the signs are that stand for others."""
_WITH_CASE = (
    *(range(0xB5, 0x2C2F), range(0x2C30, 0x2E00), range(0xA000, 0xA7C0), range(0xA7C2, 0xA7C7), range(0xA7C8, 0xA7C9)),
    *(range(0xAB30, 0xABC0), range(0xFB00, 0x10000), range(0x10400, 0x10500), range(0x10C80, 0x10D00)),
    *(range(0x11800, 0x11900), range(0x16E40, 0x16E80), range(0x1E900, 0x1EA00)),
)
"""Where the letters with case are."""
_CHEROKEE = range(0x13A0, 0x13F6)
"""Capitals that have small letters, and stay themselves without case."""
_COMMON = (range(0xA0, 0x180), range(0x2000, 0x2190), range(0x2460, 0x2500), range(0x3000, 0x3001), range(0xFB00, 0xFB07), range(0xFF00, 0xFFF0))  # fmt: skip
"""Where those signs are that searches meet: wide letters, small kana, ligatures, blanks, numbers in circles and fractions."""
_NEAR = 4
"""How far signs lie apart that stand in one range, with what is between them."""
_BLOCK = 64
"""Among how many signs one is looked for."""
_BEFORE, _BEHIND = "\ue000", "\ue001"
"""What parts signs from what they become; none of them becomes these."""


def composed(text: str) -> str:
    """Return a text in the form NFC; DuckDB's function ends at a NUL."""
    parts = "array_to_string(list_transform(string_split({0}, chr(0)), lambda xpart: nfc_normalize(xpart)), chr(0))"
    choice = f"CASE WHEN contains({{0}}, chr(0)) THEN {parts} ELSE nfc_normalize({{0}}) END"
    return once(text, lambda given: choice.replace("{0}", given))


def compatible(text: str) -> str:
    """Return a text in which those that signs stand for are in their places; it is in no form before it is put in one."""
    return once(text, lambda given: _replaced(given, _of_signs(), "xsign", given))


def without_case(text: str) -> str:
    """Return a text without case as Unicode folds it: some letters become several."""
    found = once(text, lambda given: _replaced(given, _of_letters(), "lower(xsign)", f"lower({given})"))
    return f"replace(replace({found}, 'ß', 'ss'), '\u03c2', '\u03c3')"


def in_capitals(text: str) -> str:
    """Return a text in capitals: some letters become several."""
    plain = f"replace({text}, 'ß', 'SS')"
    return once(plain, lambda given: _replaced(given, _of_capitals(), "upper(xsign)", f"upper({given})"))


def comparable(text: str) -> str:
    """Return a text in the form NFKC without case, by which BigQuery searches; without a sign that `rare` matches."""
    if re.fullmatch("'(?:[^']|'')*'", text):
        written = unicodedata.normalize("NFKC", text[1:-1].replace("''", "'"))
        return quote_text(written.casefold())
    return without_case(composed(once(text, lambda given: _replaced(given, _of_common_signs(), "xsign", given))))


def _replaced(text: str, known: tuple[str, Mapping[str, str]], other: str, unchanged: str) -> str:
    """Return a text with each sign that is known replaced, and `other` for all others; `unchanged` where none is known."""
    signs, blocks = quote_text(known[0]), list(known[1].items())
    of_sign = "".join(f"WHEN xsign >= '{first}' THEN {quote_text(pairs)} " for first, pairs in reversed(blocks))
    found = f"string_split(string_split(CASE {of_sign}END, xsign || '{_BEHIND}')[2], '{_BEFORE}')[1]"
    each = f"CASE WHEN regexp_matches(xsign, {signs}) THEN {found} ELSE {other} END"
    replaced = f"array_to_string(list_transform(regexp_extract_all({text}, '(?s).'), lambda xsign: {each}), '')"
    return f"CASE WHEN regexp_matches({text}, {signs}) THEN {replaced} ELSE {unchanged} END"


@lru_cache(maxsize=1)
def rare() -> str:
    """Return the regular expression of signs that stand for others, and that searches know nothing of."""
    codes = [ord(sign) for sign in _expanded() if not any(ord(sign) in block for block in _COMMON)]
    return f"{NEWER}|[{ranges(codes, _NEAR)}]"


@lru_cache(maxsize=1)
def _expanded() -> Mapping[str, str]:
    expanded = {sign: unicodedata.normalize("NFKD", sign) for sign in map(chr, chain(*_COMPATIBLE))}
    return {sign: more for sign, more in expanded.items() if more != unicodedata.normalize("NFD", sign)}


@lru_cache(maxsize=1)
def _of_signs() -> tuple[str, Mapping[str, str]]:
    return _written(_expanded())


@lru_cache(maxsize=1)
def _of_common_signs() -> tuple[str, Mapping[str, str]]:
    return _written({sign: more for sign, more in _expanded().items() if any(ord(sign) in block for block in _COMMON)})


@lru_cache(maxsize=1)
def _of_letters() -> tuple[str, Mapping[str, str]]:
    letters = ["İ", *(sign for sign in map(chr, chain(*_WITH_CASE)) if sign.casefold() not in {sign, sign.lower()})]
    return _written({sign: sign.casefold() for sign in sorted([*letters, *map(chr, _CHEROKEE)]) if sign not in "ßς"})


@lru_cache(maxsize=1)
def _of_capitals() -> tuple[str, Mapping[str, str]]:
    return _written(
        {sign: sign.upper() for sign in map(chr, chain(*_WITH_CASE)) if len(sign.upper()) > 1 and sign != "ß"}
    )


def _written(known: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Return the regular expression of signs, and what they become in texts by the first sign of each."""
    pairs = [f"{sign}{_BEHIND}{more}{_BEFORE}" for sign, more in known.items()]
    blocks = {list(known)[at]: "".join(pairs[at : at + _BLOCK]) for at in range(0, len(pairs), _BLOCK)}
    return f"[{ranges(map(ord, known))}]", blocks


def ranges(codes: Iterable[int], near: int = 1) -> str:
    """Return what stands in a class of a regular expression for signs by their numbers, of which `near` ones make a range."""
    found: list[list[int]] = []
    for code in sorted(codes):
        if found and code - found[-1][1] <= near:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in found)
