"""What is wrong with the shape of a file's values: fields that are missing or unknown, values of another kind."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import ValidationError

from flows.model.errors import Fault
from flows.model.source_spec import SOURCES
from flows.model.table import Table
from flows.project.document import Document, Path, value_at
from flows.project.text import clip
from flows.project.words import NESTED, explain, fields_of, meant, model_at, path_of

if TYPE_CHECKING:
    from collections.abc import Container
    from collections.abc import Set as AbstractSet

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
        _join_columns(found, document)
        return [
            fault
            for path, fault in found.items()
            if not is_within(path, document.flawed) and not any(one[: len(path)] == path for one in document.flawed)
        ]
    return []


def _join_columns(found: dict[Path, Fault], document: Document) -> None:
    """Tell once what is wrong with columns of which one mistake has made an unknown field, or two items of one."""
    for path, column in document.items("columns"):
        name, type_, behind = (*path, "name"), (*path, "type"), ("columns", int(path[1]) + 1, "name")
        if not isinstance(column, dict) or type_ not in found or "type" in column:
            continue
        unknown = [key for key, value in column.items() if (*path, key) in found and isinstance(value, str)]
        if name in found and "name" not in column and len(unknown) == 1:
            (key,) = unknown
            given = f"{key}: {column[key]}"
            message = f"'{clip(given)}' is no column. Write {{name: {key}, type: {clip(column[key])}}}."
            found[*path, key] = document.fault((*path, key), message)
            del found[name], found[type_]
        elif "name" in column and column["name"] == document.get(*behind):
            del found[type_]  # that it is listed twice is told
        elif name not in found and behind in found and "type" in (document.get(*behind[:-1]) or ()):
            message = "this '-' begins another column, which has no name. Write two spaces in its place."
            found[behind[:-1]] = document.fault(behind[:-1], message)
            del found[behind], found[type_]


def regrouped(document: Document) -> Document:
    """Return a document whose fields stand in the groups before them, where the file does not indent them as theirs."""
    known = fields_of(Table)
    if not document.values.keys() - known:
        return document
    moved: dict[str, list[str]] = {}
    group = ""
    for name in [path[0] for path in document.lines if len(path) == 1]:
        if name in known:
            group = str(name) if name in {*NESTED, "source", "merge"} and _is_block(document, str(name)) else ""
        elif group and name in _members(group, document) and name not in (document.get(group) or ()):
            moved.setdefault(group, []).append(str(name))
        else:
            group = ""
    for group, names in moved.items():
        document = _into(document, group, names)
    return document


def _is_block(document: Document, group: str) -> bool:
    """Say whether a group has no field on its own line."""
    line, given = document.lines[group,], document.get(group)
    return given is None or (isinstance(given, dict) and all(document.line((group, name)) > line for name in given))


def _members(group: str, document: Document) -> Container[object]:
    if group == "merge":
        return document.columns
    models = SOURCES.values() if group == "source" else [NESTED[group]]
    return {name for model in models for name in fields_of(model)}


def _into(document: Document, group: str, names: list[str]) -> Document:
    """Return a document with fields of the table as those of a group, and with the fault of it."""

    def place(path: Path) -> Path:
        return (group, *path) if path[:1] and path[0] in names else path

    values = {name: value for name, value in document.values.items() if name not in names}
    given = {name: document.values[name] for name in names if name in document.values}
    values[group] = {**(document.get(group) or {}), **given}
    first, last = document.line((names[0],)), document.line((names[-1],))
    lines = f"lines {first} to {last}" if last > first else "this line"
    message = (
        f"'{names[0]}' is a field of `{group}`, which begins on line {document.line((group,))}. "
        f"Begin {lines} with two spaces, as every field of it."
    )
    fault = Fault(first, message, group, document.file, (group, names[0]))
    kept = [one for one in document.faults if one.path != (group,)]
    return Document(
        document.file,
        document.dataset,
        document.name,
        values,
        (*(replace(one, path=place(one.path)) for one in kept), fault),
        frozenset(place(path) for path in document.flawed if path != (group,)),
        {place(path): line for path, line in document.lines.items()},
        {place(path): text for path, text in document.written.items()},
        {place(path): line for path, line in document.blocks.items()},
    )


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
