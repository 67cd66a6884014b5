"""Paths into JSON, as GoogleSQL's functions take them."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING

from flows.sql.json_found import Step, written
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = r"\.(?P<plain>[\w:\s-]+)|\[\s*(?P<place>[0-9]+)\s*\]"
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
    """Return what JSON has at a path: a number in it is a name as well."""
    ways: list[list[Step]] = [
        [step] if isinstance(step, str) and not step.isdigit() else [int(step), str(step)] for step in steps
    ]
    found = [f"json_extract({json}, {quote_text(written(way))})" for way in product(*ways)]
    return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
