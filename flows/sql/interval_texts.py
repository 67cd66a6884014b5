"""INTERVALs as texts of rows have them, in the form of a literal or of ISO 8601: DuckDB expressions."""

from __future__ import annotations

from flows.sql.intervals import BEYOND, made
from flows.sql.once import bound, failure
from flows.sql.types import quote_text

_FINE = "[.,][0-9]{6}[0-9]*[1-9]"
_PARTS = r"^([-+]?)([0-9]+)-([0-9]+) ?([-+]?[0-9]*) ?([-+]?)([0-9]*):?([0-9]*):?([0-9.]*)$"


def read(text: str) -> str:
    """Return the INTERVAL that a text of a known form means; an error beyond its limits, or with less than microseconds."""
    beyond = failure(f"Could not cast a text to INTERVAL: {BEYOND}")
    iso, written = (
        bound([text], lambda names: _of_iso(names[0], beyond)),
        bound([_whole(text)], lambda names: _of_parts(names[0], beyond)),
    )
    return f"CASE WHEN {text} IS NULL THEN NULL WHEN {is_fine(text)} THEN {FINER} WHEN starts_with({text}, 'P') THEN {iso} ELSE {written} END"


def is_fine(text: str) -> str:
    """Return the SQL that says whether a text has less than microseconds, which DuckDB's INTERVALs lack."""
    return f"regexp_matches({text}, {quote_text(_FINE)})"


FINER = failure(
    "Could not cast a text to INTERVAL: it has parts of microseconds, which the embedded warehouse does not hold"
)


def _whole(text: str) -> str:
    """Return a text with its years and months, and with days where hours follow."""
    three = f"regexp_matches({text}, '^[^ ]+ [^ ]+ ')"
    return (
        f"CASE WHEN regexp_matches({text}, '^[-+]?[0-9]+-') THEN {text} WHEN {three} THEN regexp_replace({text}, '^[-+]?', '\\00-') "
        f"WHEN contains({text}, ' ') THEN '0-0 ' || {text} ELSE '0-0 0 ' || {text} END"
    )


def _of_parts(text: str, beyond: str) -> str:
    """Return the INTERVAL of a text that begins with years and months."""

    def part(place: int) -> str:
        return f"regexp_extract({text}, {quote_text(_PARTS)}, {place})"

    def count(place: int, each: int) -> str:
        return f"coalesce(TRY_CAST({part(place)} AS HUGEINT), 0) * {each}"

    months = f"({count(2, 12)} + {count(3, 1)})"
    seconds = f"CAST(coalesce(TRY_CAST({part(8)} AS DECIMAL(38, 9)), 0) * 1000000 AS HUGEINT)"
    micros = f"({count(6, 3_600_000_000)} + {count(7, 60_000_000)} + {seconds})"
    signed = [
        f"CASE WHEN {part(sign)} = '-' THEN -{value} ELSE {value} END" for sign, value in ((1, months), (5, micros))
    ]
    return made(signed[0], count(4, 1), signed[1], beyond)


def _of_iso(text: str, beyond: str) -> str:
    """Return the INTERVAL of a text of ISO 8601, in which each part may stand several times."""
    days, clock = f"split_part({text}, 'T', 1)", f"split_part({text}, 'T', 2)"

    def total(of: str, letter: str, each: int) -> str:
        found = f"regexp_extract_all(replace({of}, ',', '.'), '(-?[0-9.]+){letter}', 1)"
        added = f"list_sum(list_transform({found}, lambda xpart: CAST(CAST(xpart AS DECIMAL(38, 9)) * {each} AS DECIMAL(38, 0))))"
        return f"coalesce({added}, 0)"

    months = f"{total(days, 'Y', 12)} + {total(days, 'M', 1)}"
    micros = f"{total(clock, 'H', 3_600_000_000)} + {total(clock, 'M', 60_000_000)} + {total(clock, 'S', 1_000_000)}"
    return made(months, f"{total(days, 'W', 7)} + {total(days, 'D', 1)}", micros, beyond)
