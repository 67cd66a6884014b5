"""The first version of a core table's file from what was seen in some documents of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flows.model.paths import path_to, steps
from flows.model.types import DECIMALS, DEEPEST, parse_type
from flows.project.column_rules import NAME, NOT_KEYS
from flows.sources.mongodb.seen import Seen
from flows.sources.mongodb.window import can_be_asked_for
from flows.sources.new_table import (
    NewColumn,
    NewTable,
    TakesLongError,
    can_be_written,
    column_name,
    likely_partition,
    looks_updated,
    sentences,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

_MANY_FIELDS, _SELDOM = 20, 0.25
"""A document of more fields than this, each seen in less than this part, has keys for names."""
_EXACT_IN_A_DOUBLE = 2**53
_TYPES = {
    "string": "STRING",
    "objectId": "STRING",
    "uuid": "STRING",
    "int": "INT64",
    "double": "FLOAT64",
    "bool": "BOOL",
    "date": "TIMESTAMP",
    "binary": "BYTES",
}


def propose(
    documents: Iterable[Mapping[str, Any]],
    connection: str,
    collection: str,
    *,
    indexed: Collection[str] = (),
    oldest: Callable[[str], datetime | None] = lambda _: None,
) -> NewTable:
    """Return a core table over a collection.

    Args:
        documents: some of its documents, as the driver decodes them.
        connection: the connection's name.
        collection: the collection's name.
        indexed: paths with which an index starts.
        oldest: finds the least date at a path; raises TakesLongError where it would take long.
    """
    whole = Seen()
    for document in documents:
        whole.add(dict(document))
    columns: dict[str, NewColumn] = {}
    seen: dict[str, Seen] = {}
    unreachable = [name for name in whole.fields if not _reachable(name)]
    for name in unreachable:
        del whole.fields[name]
    for path, found in _leaves(whole, ()):
        type_, remark = _type(found, path)
        name = column_name("_".join(steps(path)), {column.name.lower() for column in columns.values()})
        told = found.told(whole.count) + (f"; {remark}" if remark else "")
        columns[path], seen[path] = NewColumn(name, type_, path, remark=told), found
    always = {path for path, found in seen.items() if found.count == whole.count and not found.kinds["null"]}
    dates = [path for path, column in columns.items() if column.type == "TIMESTAMP"]
    key = _key(columns, always)
    cursor = min(
        (path for path in dates if path in always and looks_updated(_last(path)) and can_be_asked_for(steps(path))),
        key=lambda path: path not in indexed,
        default=None,
    )
    times = sorted((path for path in dates if not (key and path == cursor)), key=lambda path: path not in always)
    partition, why = likely_partition([columns[path].name for path in times])
    first, is_known = None, True
    if cursor and key:
        try:
            first = oldest(cursor)
        except TakesLongError:
            is_known = False
    return NewTable(
        name=column_name(collection, ()),
        origin=f"the {whole.count:,} newest documents of the collection {collection}",
        source={"kind": "mongodb", "connection": connection, "collection": collection},
        columns=tuple(columns.values()),
        key=key,
        cursor=columns[cursor].name if cursor else None,
        oldest=first,
        is_oldest_known=is_known,
        partition=partition,
        remarks=_remarks(key, cursor, indexed, by_time=seen.get("_id", Seen()).known == {"objectId"})
        | ({"partition": why} if partition else {}),
        left_out=tuple(f"{name!r}, a name that cannot stand in `from`" for name in unreachable),
    )


def _leaves(seen: Seen, above: tuple[str, ...]) -> Iterator[tuple[str, Seen]]:
    """Give the places that become columns: fields, and fields of documents in them."""
    for name, found in seen.fields.items():
        below = (*above, name)
        if found.known == {"document"} and not _is_map(found) and all(map(_reachable, found.fields)):
            yield from _leaves(found, below)
        else:
            yield path_to(below), found


def _is_map(seen: Seen) -> bool:
    """Say whether a document's names are keys rather than fields; an empty one has none to tell."""
    times = sum(found.count for found in seen.fields.values())
    documents = seen.kinds["document"]
    return not seen.fields or (len(seen.fields) > _MANY_FIELDS and times < _SELDOM * len(seen.fields) * documents)


def _reachable(name: str) -> bool:
    return can_be_written(name) and not name.startswith("$")


def _last(path: str) -> str:
    return steps(path)[-1]


def _type(seen: Seen, path: str, depth: int = 1) -> tuple[str, str]:
    """Return the GoogleSQL type that holds what was seen, and what a person should know of it."""
    kinds = seen.known
    if not kinds:
        return "JSON", "no value was seen: give it its type"
    if kinds == {"array"} and seen.elements is not None:
        return _array(seen.elements, path, depth)
    if kinds == {"document"}:
        return _struct(seen, path, depth) if depth > 1 else ("JSON", "its names look like keys, or are no names")
    if kinds == {"int", "double"} and seen.largest <= _EXACT_IN_A_DOUBLE:
        return "FLOAT64", "whole numbers and fractions"
    if kinds <= {"int", "decimal"} and "decimal" in kinds:
        return _decimal(seen)
    if len(kinds) == 1 and (name := next(iter(kinds))) in _TYPES:
        return _TYPES[name], ""
    if len(kinds) == 1:
        return "JSON", ""
    return "JSON", f"{path} has several types: name the right one, and the others go to quarantine"


def _array(elements: Seen, path: str, depth: int) -> tuple[str, str]:
    if not elements.count:
        return "JSON", "only empty arrays were seen: give it its type"
    if elements.kinds["null"]:
        return "JSON", f"{path} holds null, which an ARRAY cannot"
    if "array" in elements.kinds:
        return "JSON", f"{path} holds arrays in an array, for which GoogleSQL has no type"
    type_, remark = _type(elements, f"{path}[]", depth + 1)
    of = f"of {', '.join(sorted(elements.kinds))}"
    return (type_ if type_ == "JSON" else f"ARRAY<{type_}>"), f"{of}; {remark}" if remark else of


def _struct(seen: Seen, path: str, depth: int) -> tuple[str, str]:
    names = [name.lower() for name in seen.fields]
    if _is_map(seen) or depth > DEEPEST // 2 or not all(map(NAME.fullmatch, seen.fields)):
        return "JSON", f"the names in {path} look like keys, or are no names"
    if len(set(names)) < len(names):
        return "JSON", f"{path} has names that differ only in upper and lower case"
    fields, remarks = [], []
    for name, found in seen.fields.items():
        type_, remark = _type(found, f"{path}.{name}", depth + 1)
        fields.append(f"{name} {type_}")
        if type_ == "JSON" and remark:
            remarks.append(remark)
    return f"STRUCT<{', '.join(fields)}>", "; ".join(remarks)


def _decimal(seen: Seen) -> tuple[str, str]:
    whole = max(seen.whole, len(str(seen.largest)))
    for name, most_whole, most_scale in (("NUMERIC", 29, 9), ("BIGNUMERIC", 20, 18)):
        if whole <= most_whole and seen.scale <= most_scale:
            return name, ""
    digits = DECIMALS["BIGNUMERIC"][0]
    if whole + seen.scale <= digits:
        return f"BIGNUMERIC({digits}, {seen.scale})", ""
    return "JSON", f"more digits than the {digits} of a BIGNUMERIC"


def _key(columns: Mapping[str, NewColumn], always: Collection[str]) -> tuple[str, ...]:
    key = {path: column for path, column in columns.items() if path == "_id" or path.startswith("_id.")}
    fit = all(path in always and parse_type(column.type).name not in NOT_KEYS for path, column in key.items())
    return tuple(column.name for column in key.values()) if fit else ()


def _remarks(key: tuple[str, ...], cursor: str | None, indexed: Collection[str], *, by_time: bool) -> dict[str, str]:
    """Return the remarks on fields; `by_time` where every `_id` is an ObjectId, which tells when it was made."""
    remarks = {
        "columns": "fields that the sample did not hold are missing here; what each column was seen in stands behind it"
    }
    if not key:
        remarks["strategy"] = (
            "_id has no type by which rows can be merged, so that each run copies the whole collection"
        )
    elif cursor is None:
        remarks["strategy"] = (
            "no date that every document has seems to move on with every change, so that each run copies the whole "
            "collection"
        )
        if by_time:
            remarks["strategy"] += (
                f". If documents are only ever added: `cursor: {key[0]}` in source, a window, and `strategy: merge`"
            )
    else:
        said = [f"a guess by its name: is {cursor} set in every document and at every change?"]
        if cursor not in indexed:
            said.append(f'no index starts with it: db.collection.createIndex({{"{cursor}": 1}})')
        remarks["cursor"] = f"cursor: {sentences(*said)}"
    return remarks
