"""What is wrong with the shape of a file's values: fields that are missing or unknown, values of another kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from flows.model.table import Table
from flows.project.document import Path, value_at
from flows.project.text import clip
from flows.project.words import explain, fields_of, meant, model_at, path_of

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from flows.model.errors import Fault
    from flows.project.document import Document

MOST_FAULTS = 1_000
CUT_TYPE = "Inside { } a comma ends a value: put the whole type in quotes."


def misspelt(document: Document) -> frozenset[Path]:
    """Return the fields that a file lacks since it has them under another name, or by a merge of YAML's."""
    groups: list[Path] = [
        (),
        ("window",),
        ("partition",),
        ("source",),
        *(path for path, _ in document.items("columns")),
    ]
    found: set[Path] = set()
    for path in groups:
        group = value_at(path, document.values)
        model = model_at(path, group) if isinstance(group, dict) else None
        if model is None:
            continue
        known = fields_of(model)
        is_merged = (*path, "<<") in document.lines
        names = known if is_merged else (meant(name, known) for name in group if name not in known)
        found.update((*path, name) for name in names if name and name not in group)
    return frozenset(found)


def faults(document: Document) -> list[Fault]:
    """Return one fault for each place at which a value has not the shape that a table needs."""
    try:
        Table.model_validate(document.values)
    except ValidationError as error:
        found: dict[Path, Fault] = {}
        for detail in error.errors(include_url=False)[:MOST_FAULTS]:
            path = path_of(detail, document.values)
            # A list whose items all have faults counts as empty, which it is not.
            emptied = detail["type"] == "too_short" and bool(value_at(path, document.values))
            if path not in found and not emptied:
                found[path] = document.fault(path, _cut_type(path, document) or explain(detail, path, document))
        return [fault for path, fault in found.items() if not is_within(path, document.flawed)]
    return []


def is_within(path: Path, told: AbstractSet[Path]) -> bool:
    """Say whether a value, or a group around it, has a fault already."""
    return any(path[:length] in told for length in range(1, len(path) + 1))


def is_open(text: str) -> bool:
    """Say whether a type ends before its brackets do."""
    return text.count("<") > text.count(">") or text.count("(") > text.count(")")


def _cut_type(path: Path, document: Document) -> str | None:
    """Explain a type that a comma inside { } has cut: `{type: STRUCT<a STRING, b INT64>}`."""
    if path[:1] != ("columns",) or path[-1] != "type":
        return None
    given = value_at(path, document.values)
    return f"'{clip(given)}' is cut off. {CUT_TYPE}" if isinstance(given, str) and is_open(given) else None
