"""What GoogleSQL's quoted literals stand for: raw ones, three quotes, escapes."""

from __future__ import annotations

import re

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_LAST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv])|([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\\?\"'`])|(.?))",
    re.DOTALL,
)


def _quoted(literal: str) -> tuple[str, bool]:
    prefix = literal[: re.search(r"[\"']", literal).start()].lower()  # type: ignore[union-attr]
    body = literal[len(prefix) :]
    quotes = 3 if len(body) >= 6 and body[:3] == body[0] * 3 else 1  # noqa: PLR2004 - three quotes on both sides
    return body[quotes:-quotes], "r" in prefix


def text_of(literal: str) -> str:
    """Return the text that a STRING literal stands for. Raises ValueError with a message for the person who wrote it."""
    body, raw = _quoted(literal)
    return body if raw else _ESCAPE.sub(_character, body)


def bytes_of(literal: str) -> bytes:
    """Return the bytes that a BYTES literal stands for. Raises ValueError with a message for the person who wrote it."""
    body, raw = _quoted(literal)
    if raw:
        return body.encode()
    pieces, place = [], 0
    for match in _ESCAPE.finditer(body):
        if match[4] or match[5]:
            raise ValueError(f"'{match[0]}' is a character, and BYTES hold none. Write its bytes, such as \\xc3\\xa4.")
        code = _character(match)
        pieces += [body[place : match.start()].encode(), code.encode("latin-1")]
        place = match.end()
    return b"".join([*pieces, body[place:].encode()])


def _character(match: re.Match[str]) -> str:
    letter, octal, byte, short, long, sign, other = match.groups()
    if letter or sign:
        return chr(_ESCAPES[letter]) if letter else str(sign)
    if other is not None:
        raise ValueError(f"'{match[0]}' is no escape. Write '\\{match[0]}' for a backslash, or a raw text: r'...'.")
    code = int(octal, 8) if octal else int(byte or short or long, 16)
    if code > _LAST or code in _SURROGATES:
        raise ValueError(f"'{match[0]}' is no character. The last one is \\U0010ffff; \\ud800 to \\udfff are none.")
    return chr(code)
