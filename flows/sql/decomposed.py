"""Texts in which letters and their marks stand apart, as a DuckDB expression; DuckDB itself only puts them together."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from flows.sql.once import failure, once
from flows.sql.types import quote_text

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
"""What NORMALIZE takes."""
_LAST = 0x3100
"""Behind it no sign comes apart but those of Korea, and of few ancient scripts."""
_OTHERS = r"[\x{ac00}-\x{d7a3}\x{10000}-\x{1efff}\x{2f800}-\x{2fa1f}]"


def decomposed(text: str) -> str:
    """Return a text in the form NFD; an error where its signs are not known."""
    return once(f"nfc_normalize({text})", _of_composed)


def _of_composed(text: str) -> str:
    parts, clash = _parts()
    sign = f"CASE WHEN xsign < '\u00c0' THEN xsign ELSE coalesce({parts}[xsign], xsign) END"
    apart = f"array_to_string(list_transform(regexp_extract_all({text}, '(?s).'), lambda xsign: {sign}), '')"
    said = failure("NORMALIZE of a text with signs of which the embedded warehouse does not know the parts")
    return f"CASE WHEN {text} IS NULL THEN NULL WHEN regexp_matches({text}, {quote_text(clash)}) THEN {said} ELSE {apart} END"


@lru_cache(maxsize=1)
def _parts() -> tuple[str, str]:
    """Return the parts of each sign as a MAP, and what the signs are that it does not put in order."""
    parts = {chr(code): unicodedata.normalize("NFD", chr(code)) for code in range(0xC0, _LAST)}
    parts = {sign: apart for sign, apart in parts.items() if apart != sign}
    ranges: list[list[int]] = []
    for code in map(ord, parts):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    listed = "".join(rf"\x{{{low:x}}}-\x{{{high:x}}}" for low, high in ranges)
    written = (", ".join(map(quote_text, side)) for side in (parts.keys(), parts.values()))
    return "MAP([{}], [{}])".format(*written), rf"[{listed}]\p{{M}}|{_OTHERS}"
