"""Where in a person's query an error of BigQuery may come from: it names values, and no place but in what was sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql.blamed import blamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.warehouses.interface import Written

_POSITION = re.compile(r"\[(?:at )?(\d+):\d+\]$")
_LONG_NAMES = {"DOUBLE": "FLOAT64", "FLOAT": "FLOAT64"}
_PARSED = ("PARSE_DATE: ", "PARSE_DATETIME: ", "PARSE_TIME: ", "PARSE_TIMESTAMP: ")
_WHAT: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"Bad (\w+) value", ("Could not cast STRING to {1}: ",)),
    (r"Invalid (\w+) value", ("Could not cast STRING to {1}: ",)),
    (r"(\w+) out of range", ("Could not cast FLOAT64 to {1}: ",)),
    (r"Invalid cast of bytes to UTF8 string", ("Could not cast BYTES to STRING: ",)),
    (r"Invalid (date|datetime|time|timestamp)\b", ("Could not cast STRING to {1}: ", "{1}: ", "DATE: ", "DATETIME: ")),
    (r"division by zero: [^A-Z]", ("'/': ", "DIV: ")),
    (r"(?:int64|numeric|bignumeric|double|float64) overflow: --", ("ABS: ", "'-': ")),
    (r"(?:int64|numeric|bignumeric|double|float64) overflow: \S+ ([-+*/]) ", ("'{1}': ",)),
    (r"(?:int64|numeric|bignumeric|double|float64) overflow", ("SUM: ", "AVG: ")),
    (r"More than one element|Scalar subquery produced more than one element", ("'SELECT': ",)),
    (r"Array index", ("'[]': ",)),
    (r"Failed to parse input|Mismatch between format character|Illegal non-space", _PARSED),
    (r"Cannot parse regular expression", ("REGEXP: ",)),
    (r"Failed to decode invalid hexadecimal", ("FROM_HEX: ",)),
    (r"Failed to decode invalid base64", ("FROM_BASE64: ",)),
    (r"Invalid codepoint", ("CHR: ", "CODE_POINTS_TO_STRING: ")),
    (r"Input calculates to invalid (date)", ("{1}: ",)),
    (r"Adding .* to (\w+) .* causes overflow", ("{1}_ADD: ", "{1}_SUB: ")),
)
"""What GoogleSQL says, as its reference implementation does, and what may have failed in the words of `blamed`."""
_FUNCTION = re.compile(r"\b[A-Z][A-Z0-9_]+\b")


def located(message: str, sent: str, written: Written) -> tuple[str, str]:
    """Return where in a query an error may come from, and what to write there, which may be an empty text.

    Args:
        message: what BigQuery said.
        sent: the SQL that it ran.
        written: the query in it that a person wrote.
    """
    for what in _suspects(message):
        place, instead = blamed(what, *written)
        if place:
            return place, instead
    before, found, _ = sent.partition(written.sql)
    position = _POSITION.search(message)
    if found and position:
        line = int(position[1]) - before.count("\n")
        if 1 <= line <= written.sql.count("\n") + 1:
            return written.at(line), ""
    return f"the SQL that begins in {written.at(1)}", ""


def _suspects(message: str) -> Iterator[str]:
    for pattern, whats in _WHAT:
        found = re.search(pattern, message, re.IGNORECASE)
        if found is not None:
            name = found[1].upper() if found.re.groups else ""
            yield from (what.format("", _LONG_NAMES.get(name, name)) for what in whats)
    # Others name the function.
    yield from (f"{name}: " for name in _FUNCTION.findall(message))
