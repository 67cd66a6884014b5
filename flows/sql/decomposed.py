"""Texts in which letters and their marks stand apart, as a DuckDB expression; DuckDB itself only puts them together."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import chain

from flows.sql.folded import composed, ranges
from flows.sql.once import failure, once
from flows.sql.types import quote_text

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
"""What NORMALIZE takes."""
_COMPOSED = (range(0xC0, 0x3100), range(0x11000, 0x11938), range(0x11939, 0x11A00))
"""Where signs are that NFC leaves together; but for one of Unicode 13, which not every library takes apart."""
_MARKS = range(0x300, 0x1F000)
_HANGUL = "'\uac00' AND '\ud7a3'"
"""Syllables of Korea: what their letters are is computed, https://www.unicode.org/versions/latest/core-spec/chapter-3/#G56669."""


def decomposed(text: str) -> str:
    """Return a text in the form NFD; an error where marks would have to change places."""
    return once(composed(text), _of_composed)


def _of_composed(text: str) -> str:
    parts, clash = _parts()
    place = "(unicode(xsign) - 44032)"
    last = f"CASE WHEN {place} % 28 > 0 THEN chr(4519 + {place} % 28) ELSE '' END"
    syllable = f"chr(4352 + {place} // 588) || chr(4449 + {place} % 588 // 28) || {last}"
    sign = (
        f"CASE WHEN xsign < '\u00c0' THEN xsign WHEN xsign BETWEEN {_HANGUL} THEN {syllable} "
        f"ELSE coalesce({parts}[xsign], xsign) END"
    )
    apart = f"array_to_string(list_transform(regexp_extract_all({text}, '(?s).'), lambda xsign: {sign}), '')"
    said = failure("NORMALIZE of a text with signs of which the embedded warehouse does not know the parts")
    return f"CASE WHEN strlen({text}) = length({text}) THEN {text} WHEN regexp_matches({text}, {quote_text(clash)}) THEN {said} WHEN {text} IS NOT NULL THEN {apart} END"


@lru_cache(maxsize=1)
def _parts() -> tuple[str, str]:
    """Return the parts of each sign as a MAP, and the signs with marks behind them that belong before the last of their parts."""
    parts = {sign: unicodedata.normalize("NFD", sign) for sign in map(chr, chain(*_COMPOSED))}
    parts = {sign: apart for sign, apart in parts.items() if apart != sign}
    classes = {code: place for code in _MARKS if (place := unicodedata.combining(chr(code)))}
    clashes = [r"\x{11938}"]
    for last in sorted({unicodedata.combining(apart[-1]) for apart in parts.values()} - {0}):
        signs = [ord(sign) for sign, apart in parts.items() if unicodedata.combining(apart[-1]) == last]
        before = [code for code, place in classes.items() if place < last]
        clashes.append(f"[{ranges(signs)}][{ranges(before)}]")
    written = (", ".join(map(quote_text, side)) for side in (parts.keys(), parts.values()))
    return "MAP([{}], [{}])".format(*written), "|".join(clashes)
