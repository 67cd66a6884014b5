"""What kind of fault a bad row's reason tells of, without the values of that row."""

from __future__ import annotations

import re

from flows.sources.values.texts import SHOWN

_REST = r"(?= (?:is|lies|has|holds|cannot|does) )"
"""What is said of a value begins so."""
_QUOTED = re.compile(
    rf"""(?:'.{{{SHOWN - 1}}}|".{{{SHOWN - 1}}})\.\.\.{_REST}"""  # `shown` cuts a long value, with its last quote
    r"""|(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""",
    re.DOTALL,
)
_GROUP = re.compile(rf"""(?<= )[\w.]*[(\[{{][^;]*?(?:[)\]}}]|(?:['"].*?)?\.\.\.){_REST}""", re.DOTALL)
_BARE = re.compile(rf"(?<= )(?:[-+]?\d[\w.+-]*(?: microseconds since 1970)?|-?Infinity|NaN|true|false|null){_REST}")
_PLACE = re.compile(r":? line \d+ column \d+ \(char \d+\)")
ANY = "…"
"""Stands for the value."""


def fault_of(reason: str) -> str:
    """Return a reason with its values left out.

    >>> fault_of("amount 'twelve' is no number; id 5 is no text")
    'amount … is no number; id … is no text'
    """
    for value in (_QUOTED, _GROUP, _BARE):
        reason = value.sub(ANY, reason)
    return _PLACE.sub("", reason)
