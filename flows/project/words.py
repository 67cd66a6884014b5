"""What is wrong with a value's shape, in an analyst's words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any, get_args

from flows.model.checks import COLUMN_CHECKS, TABLE_CHECKS, Limits, RowBounds, check_kind
from flows.model.errors import did_you_mean, nearest
from flows.model.resources import Resources
from flows.model.source_spec import SOURCES
from flows.model.table import Column, MergeRule, Partition, Table, WindowSpec
from flows.project.document import value_at
from flows.project.text import clip

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

    from flows.project.document import Document, Path

NESTED: dict[str, type[BaseModel]] = {"window": WindowSpec, "partition": Partition, "resources": Resources}
SYNONYMS = {
    "cron": "schedule",
    "query": "sql",
    "select": "sql",
    "primary_key": "key",
    "unique_key": "key",
    "materialized": "strategy",
    "mode": "strategy",
    "desc": "description",
    "comment": "description",
    "team": "owner",
    "tests": "checks",
    "doc": "description",
    "path": "from",
    "collection": "table",
    "table": "collection",
}
SUMMED = {"count", "avg", "average", "mean", "add", "total"}


def model_at(path: Path, values: Any) -> type[BaseModel] | None:  # noqa: ANN401 - what a file gives can be anything
    """Return the model of the group at a path; None for what is no group or of no known kind."""
    match path:
        case ():
            return Table
        case ("window" | "partition" | "resources" as name,):
            return NESTED[name]
        case ("source",):
            kind = values.get("kind") if isinstance(values, dict) else None
            return SOURCES.get(kind) if isinstance(kind, str) else None
        case ("columns", int()):
            return Column
        case ("columns", int(), "checks", int()):
            return COLUMN_CHECKS.get(check_kind(values) or "")
        case ("checks", int()):
            return TABLE_CHECKS.get(check_kind(values) or "")
        case (*_, "range"):
            return Limits
        case (*_, "row_count"):
            return RowBounds
    return None


def path_of(error: ErrorDetails, values: dict[str, Any]) -> Path:
    """Return where in the file an error stands: its location without the names of union members."""
    path: Path = ()
    value: Any = values
    tag_follows = False
    for part in error["loc"]:
        if tag_follows:
            tag_follows = False
            continue
        is_group = isinstance(value, dict) and (path == ("merge",) or model_at(path, value) is not None)
        if not is_group and not (isinstance(value, tuple) and isinstance(part, int)):
            break
        path, value = (*path, part), value_at((part,), value)
        tag_follows = path == ("source",) or (isinstance(part, int) and path[-2] == "checks")
    return path


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return a model's fields by the name that files use."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def example_of(model: type[BaseModel] | None, name: object) -> str | None:
    """Return an example of a field's value as a file writes it."""
    info = fields_of(model).get(str(name)) if model else None
    return str(info.examples[0]) if info and info.examples else None


def explain(error: ErrorDetails, path: Path, document: Document) -> str:  # noqa: C901 - a branch for each fault
    """Say what is wrong at a path, with what was given and what to write instead."""
    value = value_at(path, document.values)
    parent = model_at(path[:-1], value_at(path[:-1], document.values))
    example = example_of(parent, path[-1])
    instead = f" Write {example}{'' if example.endswith('.') else '.'}" if example else ""
    match error["type"]:
        case "missing":
            return f"is missing. Write it, for example `{path[-1]}: {example}`."
        case "extra_forbidden":
            return _unknown_field(str(path[-1]), path[:-1], parent)
        case "value_error":
            return str(error["ctx"]["error"]) if not isinstance(value, dict | tuple) else _wrong(value, instead)
        case "literal_error":
            return _not_in_list(value, path, parent, error)
        case "union_tag_invalid" | "union_tag_not_found":
            return _unknown_kind(value, path)
        case "greater_than_equal" | "less_than_equal":
            (least_or_most,) = error["ctx"].values()
            small = error["type"] == "greater_than_equal"
            return f"{clip(value)} is too {'small' if small else 'large'}. Write {least_or_most} or {'more' if small else 'less'}."
        case "too_short":
            return f"has nothing in it. Name at least one, such as {example}."
        case "int_type" if parent is not Limits:
            return f"{_shape(value)} is not a whole number.{instead}"
        case "model_type" if path[-2:-1] == ("checks",) and isinstance(value, str):
            return f"'{value}' needs its value. Write {{{example_of((COLUMN_CHECKS | TABLE_CHECKS)[value], value)}}}."
        case "string_type":
            return _not_text(value, document.written.get(path), instead)
        case "tuple_type":
            listed = f"[{clip(value)}]" if isinstance(value, str) else example or "[...]"
            return f"{_shape(value)} stands where a list belongs. Write {listed}."
    if parent is Limits:
        plainly = ", without quotes" if isinstance(value, str) and value[:1].isdigit() else ""
        instead = f" Write a number, or for a column of dates a date such as 2026-01-31{plainly}."
    return _wrong(value, instead)


def _wrong(value: object, instead: str) -> str:
    return f"{_shape(value)} does not fit here.{instead}"


def _shape(value: object) -> str:
    match value:
        case dict():
            return f"a group of fields ({clip(', '.join(value))})"
        case tuple():
            return f"a list ({clip(', '.join(map(str, value)))})" if value else "an empty list"
    return f"'{clip(str(value).lower() if isinstance(value, bool) else value)}'"


def _not_text(value: object, written: str | None, instead: str) -> str:
    if written is None or isinstance(value, dict | tuple):
        return f"{_shape(value)} stands where a text belongs.{instead}"
    match value:
        case bool():
            read = str(value).lower()
        case int() | float() | Decimal():
            read = "a number"
        case date():
            read = "a date"
        case _:
            read = "no text"
    return f'YAML reads {clip(written)} without quotes as {read}, not as text. Write "{clip(written)}" in quotes.'


def _unknown_field(name: str, place: Path, model: type[BaseModel] | None) -> str:
    known = fields_of(model) if model else {}
    kind = name if name in COLUMN_CHECKS | TABLE_CHECKS else None
    if len(place) > 1 and place[-2] == "checks" and kind:
        return f"'{name}' is a second check in one item. Give each check its own item of the list."
    for group, nested in NESTED.items():
        if model is Table and name in nested.model_fields and name not in known:
            return f"'{name}' is not a field of a table; it belongs into `{group}`: {group}: {{{name}: ...}}"
    near = meant(name, known)
    hint = near and f" Did you mean '{near}'?"
    return f"'{clip(name)}' is not a field that exists here.{hint or f' It takes {_listed(known)}.'}"


def meant(name: str, known: Collection[str]) -> str | None:
    """Return the field that is meant by a name which is none, if any is near."""
    synonym = SYNONYMS.get(name.lower())
    return synonym if synonym in known else nearest(name, known)


def _not_in_list(value: object, path: Path, parent: type[BaseModel] | None, error: ErrorDetails) -> str:
    if path[:1] == ("merge",):
        if str(value).lower() in SUMMED:
            return f"'{value}' is no rule. Write sum, over what each window counts or adds up; divide where you read."
        known: tuple[object, ...] = get_args(MergeRule)
    elif error["ctx"]["expected"] == "True":
        name = path[-1]
        return (
            f"takes no value but true, not {_shape(value)}. Write `{name}` alone, or remove it to have no such check."
        )
    else:
        info = fields_of(parent).get(str(path[-1])) if parent else None
        known = get_args(info.annotation) if info else ()
        if NoneType in known:
            known = get_args(known[0])
    words = [str(word) for word in known]
    if not isinstance(value, str) or len(words) == 1:
        return f"{_shape(value)} does not fit here. Write {'one of ' if len(words) > 1 else ''}{', '.join(words)}."
    return f"'{clip(value)}' is not one of {', '.join(words)}.{did_you_mean(value, words)}"


def _unknown_kind(value: Any, path: Path) -> str:  # noqa: ANN401 - what a file gives can be anything
    if path == ("source",):
        kind = value.get("kind") if isinstance(value, dict) else None
        if kind is None:
            return "has no kind. Write `kind: mysql`, `kind: mongodb` or `kind: files`."
        return f"'{clip(kind)}' is not a kind of source. Write one of {_listed(SOURCES)}.{did_you_mean(str(kind), SOURCES)}"
    known, others = (COLUMN_CHECKS, TABLE_CHECKS) if path[0] == "columns" else (TABLE_CHECKS, COLUMN_CHECKS)
    word = value if isinstance(value, str) else next(iter(value), "") if isinstance(value, dict) else str(value)
    if check_kind(value) in others:
        place = (
            "the whole table: move it to the table's own `checks`"
            if path[0] == "columns"
            else "a column: move it there"
        )
        return f"'{check_kind(value)}' is a check of {place}."
    near = did_you_mean(word, known)
    return f"'{clip(word)}' is not a check.{near or f' Write one of {_listed(known)}.'}"


def _listed(words: Any) -> str:  # noqa: ANN401 - any iterable of words
    return ", ".join(words)
