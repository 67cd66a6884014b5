"""What a text has at a path of JSON as GoogleSQL finds it: DuckDB expressions.

GoogleSQL reads up to what it looks for, the first at its path, and no further: what is behind it may be anything. It takes texts in
single quotes, JavaScript's escapes and commas without a value, and leaves numbers as they are written. DuckDB reads texts
that are JSON from end to end. Where both find the same DuckDB is asked; else the text is read here, sign by sign.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql.json_held import spelt
from flows.sql.json_mended import OPEN, mended
from flows.sql.once import bound
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

Step = str | int
"""The name of a part of an object, or the place of one of an ARRAY."""
_OTHERWISE = quote_text(r"(?i)(?:^|[:\[,\s-])(?:nan|inf)|\\ud[89a-f]")
"""What DuckDB takes otherwise, maybe: numbers that are none, and halves of a sign."""
_NO_NUMBER_OR_NUMBER = quote_text(r'(?s)("(?:[^"\\]|\\.)*"|[^"0-9-]+)|(-?[0-9][0-9.eE+-]*)')
_NAME_WITH_ESCAPE = r'\\[^"]*"\s*:'
_PLACE = re.compile(r"\s*[+-]?0*(0|[1-9][0-9]{0,8})(?![0-9])", re.ASCII)
_GUARD = r'"\u0001'
"""How a number begins that is guarded as a text, and how a text does that begins so itself, with its second half twice."""
_GUARDED = quote_text(r'"\\u0001(-?[0-9][^"]*)"')


def text_at(text: str, steps: Sequence[Step], *, literal: bool) -> str:
    """Return the text of the JSON at a path, without spaces; NULL where there is nothing, or null."""
    return f"list_filter([{part_text(guarded_at(text, steps, literal=literal))}], lambda xtext: xtext <> 'null')[1]"


def scalar_at(text: str, steps: Sequence[Step], *, literal: bool) -> str:
    """Return what a text has at a path, where that is neither an object nor an ARRAY."""
    path = quote_text(written(steps))

    def build(known: str) -> str:
        read = _valid(known, literal=literal)
        found = f"json_extract_string({read}, {path})"
        kinds = "WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL WHEN 'NULL' THEN NULL"
        number = f"substr(json_extract_string({_guarded(read)}, {quote_text(written(_as_guarded(steps)))}), 2)"
        direct = f"CASE json_type({read}, {path}) {kinds} WHEN 'VARCHAR' THEN {found} WHEN 'BOOLEAN' THEN {found} ELSE {number} END"
        value = f"CASE json_type(xone) {kinds} ELSE {part_value('xone')} END"
        by_sign = f"list_transform({_by_sign(known, steps)}, lambda xone: {value})[1]"
        return f"CASE WHEN {_alike(known, steps)} THEN {direct} ELSE {by_sign} END"

    return bound([text], lambda names: build(names[0]))


def guarded_at(text: str, steps: Sequence[Step], *, literal: bool) -> str:
    """Return the JSON at a path, in which each number is guarded as a text that DuckDB leaves as it is."""

    def build(known: str) -> str:
        direct = f"json_extract({_guarded(_valid(known, literal=literal))}, {quote_text(written(_as_guarded(steps)))})"
        return f"CASE WHEN {_alike(known, steps)} THEN {direct} ELSE {_by_sign(known, steps)}[1] END"

    return bound([text], lambda names: build(names[0]))


def part_text(guarded: str) -> str:
    """Return the text of JSON in which numbers are guarded."""
    numbers = f"regexp_replace(CAST({guarded} AS VARCHAR), {_GUARDED}, '\\1', 'g')"
    plain = f"replace({numbers}, {quote_text(_GUARD + _GUARD[1:])}, {quote_text(_GUARD)})"
    return spelt(f"replace(replace({plain}, '\u2028', '\\u2028'), '\u2029', '\\u2029')")


def part_value(guarded: str) -> str:
    """Return the text, number or truth that JSON is in which numbers are guarded."""
    text = f"regexp_replace(json_extract_string({guarded}, '$'), '^\\x01', '')"
    return f"replace({text}, '\"\1\1', '\"\1')"


def written(steps: Sequence[Step]) -> str:
    """Return a path as DuckDB writes it, for which a number is a place and a name."""
    # Behind '$' a name that is '*' would stand for all, and an empty one is refused.
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps) or "$"


def place_of(step: Step) -> int | None:
    """Return the place of an ARRAY's element that a step stands for, where it is no name alone."""
    match = _PLACE.match(str(step))
    return int(match[1]) if match and (match[1] == "0" or "-" not in match[0]) else None


def _valid(known: str, *, literal: bool) -> str:
    # What is written down DuckDB computes wherever it stands.
    return f"CASE WHEN json_valid({known}) THEN {known} END" if literal else known


def _alike(known: str, steps: Sequence[Step]) -> str:
    """Return the condition that DuckDB finds in a text what GoogleSQL does."""
    conditions = [f"json_valid({known})", f"NOT regexp_matches({known}, {_OTHERWISE})"]
    there = f"json_exists({known}, {quote_text(written(steps))})"
    if any(isinstance(step, str) and place_of(step) is not None for step in steps):
        # A name that begins with a place is one in an ARRAY.
        conditions.append(f"(NOT contains({known}, '[') OR {there})")
    for step in dict.fromkeys(steps[:-1]):
        # Of a name that stands twice, maybe once with an escape, the first is followed that has what the path asks for.
        name = rf'"{re.escape(str(step))}"\s*:'
        twice = f"regexp_matches({known}, {quote_text(f'(?s){name}.*{name}|{_NAME_WITH_ESCAPE}')})"
        conditions.append(f"(NOT {twice} OR {there})")
    return " AND ".join(conditions)


def _as_guarded(steps: Sequence[Step]) -> list[Step]:
    """Return a path to what it leads to where numbers are guarded: names that begin as they do have that twice."""
    return [f"\1{step}" if isinstance(step, str) and step.startswith("\1") else step for step in steps]


def _guarded(json: str) -> str:
    texts = f"replace({json}, {quote_text(_GUARD)}, {quote_text(_GUARD + _GUARD[1:])})"
    marked = f"regexp_replace({texts}, {_NO_NUMBER_OR_NUMBER}, '\\1\1\\2\2', 'g')"
    numbers = f"replace({marked}, '\1\2', '')"
    return f"replace(replace({numbers}, '\1', {quote_text(_GUARD)}), '\2', '\"')"


def _by_sign(text: str, steps: Sequence[Step]) -> str:
    """Return a list of the first JSON at a path, with numbers guarded, where a text may be anything and have a name several times."""
    found = f"list_transform({mended(text, _guarded)}, lambda xone: json_extract(xone, '$'))"
    for step in _as_guarded(steps):
        each = []
        if (place := place_of(step)) is not None:
            each.append(f"CAST(json_extract(xone, ['$[{place}]']) AS JSON[])")
        named = f"list_transform(json_keys(xone), lambda xname: xname = {quote_text(str(step))})"
        each.append(f"CASE json_type(xone) WHEN 'OBJECT' THEN list_where(json_extract(xone, '$.*'), {named}) END")
        found = f"flatten(list_transform({found}, lambda xone: list_concat({', '.join(each)})))"
    # Behind one that is open there is nothing.
    whole = f"NOT contains(CAST(xone AS VARCHAR), {quote_text(OPEN)})"
    return f"list_slice(list_filter({found}, lambda xone: xone IS NOT NULL AND {whole}), 1, 1)"
