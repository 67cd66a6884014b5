"""Regular expressions as both warehouses read them: RE2's."""

from __future__ import annotations

import re

_GROUP = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|(\((?!\?)|\(\?P?<(?![=!]))", re.DOTALL)
GROUPS = r"(?s)\\Q.*?(?:\\E|\z)|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?P?<|\(\??"
"""A regular expression of what a regular expression is made of, as far as one has to know to count its groups."""
_ASSERTION = re.compile(r"\\Q.*?(?:\\E|\Z)|\\[bBAz]|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|[\^$]", re.DOTALL)
PLACES = {"^", "$", r"\b", r"\B", r"\A", r"\z"}


_FLAGS = re.compile(r"\(\?[imsU]+\)")
_SIGN = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|(?P<keeps>\((?!\?)|\(\?P?<\w+>)|\(\?[^:)]*:?|.",
    re.DOTALL,
)


def parted(pattern: str) -> tuple[str, str, str, str] | None:
    """Return a regular expression with one group as its flags, and what stands before, in and behind the group.

    None where the group may take no part in a match, or several: behind `|`, in another group or before `*`.
    """
    flags = match[0] if (match := _FLAGS.match(pattern)) else ""
    rest = pattern[len(flags) :]
    depth, begins, inside, ends = 0, 0, 0, len(rest)
    for sign in _SIGN.finditer(rest):
        if _FLAGS.match(rest, sign.start()) or (sign[0] == "|" and not depth):
            return None
        if sign["keeps"]:
            if depth:
                return None
            begins, inside = sign.start(), sign.end()
        depth += sign[0].startswith("(") - (sign[0] == ")")
        if sign[0] == ")" and not depth and inside and ends == len(rest):
            ends = sign.start()
    if not inside or rest[ends + 1 : ends + 2] in {*"*+?{"}:
        return None
    return flags, rest[:begins], rest[inside:ends], rest[ends + 1 :]


def pattern_fault(pattern: str) -> str | None:
    """Return why RE2 does not take a regular expression; None where it does."""
    import pyarrow as pa  # noqa: PLC0415 - holds RE2, the warehouses' own regular expressions; slow to import
    import pyarrow.compute as pc  # noqa: PLC0415

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return str(error).removeprefix("Invalid regular expression: ")
    return None


def groups_of(pattern: str) -> int:
    """Return how many groups of a regular expression keep what they match."""
    return sum(match[1] is not None for match in _GROUP.finditer(pattern))


def empty(pattern: str) -> bool:
    """Say whether a regular expression matches an empty text."""
    import pyarrow as pa  # noqa: PLC0415 - the same
    import pyarrow.compute as pc  # noqa: PLC0415

    return bool(pc.match_substring_regex(pa.array([""]), pattern)[0].as_py())


def anywhere(pattern: str) -> str:
    """Return a regular expression that asks for no place in the text: its start or end, or that of a word."""
    return _ASSERTION.sub(lambda match: "(?:)" if match[0] in PLACES else match[0], pattern)
