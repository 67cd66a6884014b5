"""Text that comes from files, data and servers, made safe to show: it cannot move a cursor or forge a line."""

from __future__ import annotations

import json
import math
import re
from numbers import Number
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and newline
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # what is not seen, or turns the direction
    "\u2028\u2029"  # further ends of lines
    "\ud800-\udfff"  # halves of characters, which no terminal can be sent
)
_CONTROL = re.compile(f"[{_UNSEEN}]")
_LINE = re.compile(f"[\t\n{_UNSEEN}]")
_END = re.compile(r"[\s.!?:;,]+\Z")
_SIGNED_IN = re.compile(r"//.*@")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""Return text with what a terminal would obey, or would not show, as escapes; lines and tabs stay.

    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return _CONTROL.sub(_escape, text)


def one_line(text: object) -> str:
    r"""Return text as one line that shows every character of it.

    >>> one_line("first\nsecond")
    'first\\nsecond'
    """
    return _LINE.sub(_escape, str(text))


def unended(text: object) -> str:
    """Return what another program says without the mark that ends it, so that it can stand inside a sentence.

    >>> unended("it is not a valid file!.")
    'it is not a valid file'
    """
    return _END.sub("", str(text))


def without_password(text: object) -> str:
    """Return text with an address in it, but not who signs in there and by which password.

    >>> without_password("https://ci:secret@prefect.example.com/api")
    'https://***@prefect.example.com/api'
    """
    return _SIGNED_IN.sub("//***@", str(text))


def spelled(value: object) -> str:
    r"""Return a value as JSON spells it, what JSON does not know as a text; but bytes in hexadecimal, as SQL has them.

    >>> spelled({"a": [True, None, 1.5, b"\xff"]})
    '{"a": [true, null, 1.5, 0xff]}'
    """
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case bytes():
            return f"0x{value.hex()}"
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case dict():
            return "{" + ", ".join([f"{spelled(str(name))}: {spelled(item)}" for name, item in value.items()]) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(spelled, value)) + "]"
        case Number():
            return str(value)
    return json.dumps(str(value), ensure_ascii=False).encode(errors="backslashreplace").decode()


def row_text(row: Mapping[str, object]) -> str:
    """Return a row's values, by column name, as one line.

    >>> row_text({"day": "2026-01-01", "n": None})
    'day=2026-01-01, n=NULL'
    """
    return one_line(", ".join(f"{name}={_shown(value)}" for name, value in row.items()))


def _shown(value: object) -> str:
    if value is None:
        return "NULL"
    return spelled(value) if isinstance(value, bool | bytes | float | dict | list) else str(value)


def _escape(found: re.Match[str]) -> str:
    char = found[0]
    return _SHORT.get(char) or (f"\\x{ord(char):02x}" if ord(char) <= 0xFF else f"\\u{ord(char):04x}")  # noqa: PLR2004
