"""What GoogleSQL's quoted literals stand for: raw ones, three quotes, escapes."""

from __future__ import annotations

import re

_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv])|([0-3][0-7]{2})|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)


def _quoted(literal: str) -> tuple[str, bool]:
    prefix = literal[: re.search(r"[\"']", literal).start()].lower()  # type: ignore[union-attr]
    body = literal[len(prefix) :]
    quotes = 3 if len(body) >= 6 and body[:3] == body[0] * 3 else 1  # noqa: PLR2004 - three quotes on both sides
    return body[quotes:-quotes], "r" in prefix


def text_of(literal: str) -> str:
    """Return the text that a STRING literal stands for."""
    body, raw = _quoted(literal)
    if raw:
        return body

    def read(match: re.Match[str]) -> str:
        letter, octal, byte, short, long, other = match.groups()
        if letter:
            return chr(_ESCAPES[letter])
        code = int(octal, 8) if octal else int(byte or short or long or "0", 16)
        return other if other is not None else chr(code)

    return _ESCAPE.sub(read, body)


def bytes_of(literal: str) -> bytes:
    """Return the bytes that a BYTES literal stands for."""
    body, raw = _quoted(literal)
    if raw:
        return body.encode()

    def read(match: re.Match[bytes]) -> bytes:
        letter, octal, byte, _, _, other = match.groups()
        if letter:
            return bytes([_ESCAPES[letter.decode()]])
        return other if other is not None else bytes([int(octal, 8) if octal else int(byte, 16)])

    return re.sub(_ESCAPE.pattern.encode(), read, body.encode(), flags=re.DOTALL)
