"""Paths into JSON, as GoogleSQL's functions take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql.json_found import Step, place_of, written
from flows.sql.once import once
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = r"\.(?P<plain>[\w:\s-]+)|\[\s*(?P<place>0|[1-9][0-9]{0,8})\s*\]"
_ODD = re.compile(r"\s+[+-]?[0-9]+\s*|[+-][0-9]+\s*|0[0-9]+\s*|[0-9]+\s+", re.ASCII)
"""Names that stand for places too, and for DuckDB do not."""
_STEP = re.compile(rf'{_PLAIN}|\."(?P<quoted>[^"\\]*)"')
_STEP_OF_EXTRACT = re.compile(rf"{_PLAIN}|\['(?P<quoted>[^'\\]*)'\]")


def steps_of(path: str | int | None, name: str) -> list[Step] | None:
    """Return the steps of a path that is written down for a function; None where it is none, or not known."""
    if not isinstance(path, str) or not path.startswith("$"):
        return None
    step = _STEP_OF_EXTRACT if name.startswith("JSON_EXTRACT") else _STEP
    found: list[Step] = []
    place = 1
    while place < len(path):
        match = step.match(path, place)
        if match is None or '"' in match[0].strip('."'):
            return None
        found.append(int(match["place"]) if match["place"] else match["plain"] or match["quoted"])
        place = match.end()
    return found


def example(name: str) -> str:
    """Return paths as they are written for a function."""
    other = "\"$['a.b']\"" if name.startswith("JSON_EXTRACT") else "'$.\"a.b\"'"
    return f"'$.a[0].b', and {other} for a name with other signs"


def extracted(json: str, steps: Sequence[Step]) -> str:
    """Return what JSON has at a path: a number in it is a place and a name as well."""
    odd = next((at for at, step in enumerate(steps) if _ODD.fullmatch(str(step)) and place_of(step) is not None), None)
    if odd is None:
        return f"json_extract({json}, {quote_text(written(steps))})"
    ways = ([steps[odd]], [place_of(steps[odd]) or 0])
    part = once(
        f"json_extract({json}, {quote_text(written(steps[:odd]))})",
        lambda known: f"coalesce({', '.join(f'json_extract({known}, {quote_text(written(way))})' for way in ways)})",
    )
    return once(part, lambda known: extracted(known, steps[odd + 1 :]))


def member(name: str) -> str:
    """Return DuckDB's path of a name in an object, which is no place of an ARRAY."""
    return f'$."{name}"' if name.isdigit() else written([name])


def named_part(json: str, name: str) -> str:
    """Return what an object has by a name that a row gives; both are plain."""
    path = f"'/' || replace(replace({name}, '~', '~0'), '/', '~1')"
    return f"CASE WHEN json_type({json}) = 'OBJECT' THEN json_extract({json}, {path}) END"


def placed_part(json: str, place: str) -> str:
    """Return what an ARRAY has at a place from 0 that a row gives; both are plain."""
    inside = f"json_type({json}) = 'ARRAY' AND {place} >= 0 AND {place} < json_array_length({json})"
    return f"CASE WHEN {inside} THEN json_extract({json}, '$[' || {place} || ']') END"
