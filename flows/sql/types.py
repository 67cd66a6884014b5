"""How GoogleSQL's types meet: what turns into what by itself, and what DuckDB calls them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flows.model.types import DECIMALS as _DECIMALS
from flows.model.types import Type
from flows.sql.functions.casts import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Iterable

STRING, BYTES, INT64, FLOAT64, BOOL, NUMERIC, BIGNUMERIC = map(
    Type, ("STRING", "BYTES", "INT64", "FLOAT64", "BOOL", "NUMERIC", "BIGNUMERIC")
)
TIMESTAMP, DATETIME, DATE, TIME, JSON = map(Type, ("TIMESTAMP", "DATETIME", "DATE", "TIME", "JSON"))
NULL = Type("NULL")
"""The type of the literal NULL, which turns into any other."""
INTERVAL = Type("INTERVAL")
UNKNOWN = Type("UNKNOWN")
"""The type of what has a fault already; it meets every type without another one."""

DECIMALS = {NUMERIC: 9, BIGNUMERIC: 18}
"""Places after the point of each decimal type."""
NUMBERS = (INT64, NUMERIC, BIGNUMERIC, FLOAT64)
_BY_ITSELF = {pair for pair, cast in BETWEEN.items() if cast.arrow == "=>"}
_WHERE_WRITTEN = {pair for pair, cast in BETWEEN.items() if cast.arrow == "~>"}
_DUCKDB = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMPTZ",
    "DATETIME": "TIMESTAMP",
    "DATE": "DATE",
    "TIME": "TIME",
    "JSON": "JSON",
    "INTERVAL": 'STRUCT("k" BIGINT, "m" BIGINT, "d" BIGINT, "u" BIGINT)',
    "NULL": "BIGINT",
}


def quote(name: str) -> str:
    """Quote an identifier for DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def quote_table(identity: str) -> str:
    """Quote `dataset.name` for DuckDB."""
    return ".".join(map(quote, identity.split(".", 1)))


def quote_text(text: str) -> str:
    """Quote a string literal for DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def duckdb_type(type_: Type) -> str:
    """Return the DuckDB type that holds every value of a GoogleSQL type; of BIGNUMERIC, those of 38 digits."""
    if type_.element is not None:
        return f"{duckdb_type(type_.element)}[]"
    if type_.name == "STRUCT":
        fields = ", ".join(
            f"{quote(name or f'_{place}')} {duckdb_type(field)}" for place, (name, field) in enumerate(type_.fields, 1)
        )
        return f"STRUCT({fields})"
    if type_.name in _DECIMALS:
        precision, scale = type_.precision_and_scale
        return f"DECIMAL({precision}, {scale})"
    # What has no type has a fault, so that its SQL never runs.
    return _DUCKDB.get(type_.name, "INTEGER")


def packed(fields: Iterable[tuple[str, str]]) -> str:
    """Return a STRUCT of names and SQL; DuckDB has no fields without a name."""
    listed = (f"{quote_text(name or f'_{place}')}: {sql}" for place, (name, sql) in enumerate(fields, 1))
    return f"{{{', '.join(listed)}}}"


_CANNOT = {
    "compare": {"JSON"},
    "group": {"JSON", "INTERVAL"},
    "partition": {"JSON", "FLOAT64", "INTERVAL"},
    "order": {"JSON", "ARRAY", "STRUCT"},
}
"""What values of a type, or of one with such parts, cannot do: be compared, make groups, divide a window's rows, have an order."""


def can(type_: Type, what: str) -> bool:
    """Say whether values of a type can be used to `compare`, `group`, `partition` or `order`."""
    parts = (*(field for _, field in type_.fields), *((type_.element,) if type_.element else ()))
    return type_.name not in _CANNOT[what] and all(can(one, what) for one in parts)


def instead_of_groups(type_: Type, verb: str) -> str:
    """Say what to write where values of a type, which is JSON, INTERVAL or holds one, make no groups: `Group by` something else."""
    if holds(type_, (INTERVAL,)):
        return f"{verb} CAST(... AS STRING): 1 MONTH equals 30 DAY, and either may stand for both."
    return f"{verb} what JSON_VALUE gives."


def holds(type_: Type, kinds: tuple[Type, ...]) -> bool:
    """Say whether a type is one of some kinds, or has one inside."""
    inside = (*(field for _, field in type_.fields), *((type_.element,) if type_.element else ()))
    return type_ in kinds or any(holds(one, kinds) for one in inside)


def array(element: Type) -> Type:
    """Return ARRAY<element>; of what nobody knows, nobody knows an array either."""
    return UNKNOWN if element is UNKNOWN else Type("ARRAY", element=element)


def coerces(given: Type, wanted: Type, literal: bool = False) -> bool:
    """Say whether GoogleSQL turns a value of one type into another without a CAST."""
    if given is wanted or given is NULL or given is UNKNOWN or wanted is UNKNOWN:
        return True
    if (given, wanted) in _BY_ITSELF or (literal and (given, wanted) in _WHERE_WRITTEN):
        return True
    if given.element is not None and wanted.element is not None:
        inside = literal and coerces(given.element, wanted.element, literal)
        return inside or given.element == NULL or _same_shape(given.element, wanted.element)
    if given.name == wanted.name == "STRUCT" and len(given.fields) == len(wanted.fields):
        pairs = zip(given.fields, wanted.fields, strict=True)
        # [] in a STRUCT has a type, unlike NULL.
        return all(coerces(array(INT64) if a.element is NULL else a, b, literal) for (_, a), (_, b) in pairs)
    return False


def _same_shape(left: Type, right: Type) -> bool:
    """Say whether two types differ in the names of their fields alone."""
    if left.name != right.name or len(left.fields) != len(right.fields):
        return False
    return all(_same_shape(a, b) for (_, a), (_, b) in zip(left.fields, right.fields, strict=True))


def supertype(types: Iterable[tuple[Type, bool]]) -> Type | None:
    """Return the type to which all of (type, is a literal) turn by themselves, or None.

    It is the type of one of them: of one that is no literal, where that is possible.
    """
    return _supertype(tuple(types))


@lru_cache(maxsize=4096)
def _supertype(values: tuple[tuple[Type, bool], ...]) -> Type | None:
    different = {type_ for type_, _ in values}
    if UNKNOWN in different:
        return UNKNOWN
    different.discard(NULL)
    if len(different) == 1:
        return _alone(different.pop())
    typed = [(type_, literal) for type_, literal in values if type_ != NULL]
    written = all(literal and not any(field.element for _, field in type_.fields) for type_, literal in typed)
    for best, of_literal in sorted(typed, key=_preference):
        wanted = _alone(best)
        # Of literals alone the first one decides, with its NULLs as INT64s, as they are beside a literal.
        leads = not written or coerces(_alone(typed[0][0]), wanted, literal=True)
        given_ = ((_alone(type_) if of_literal and not literal else type_, literal) for type_, literal in typed)
        if leads and all(coerces(type_, wanted, literal) for type_, literal in given_):
            return _named(wanted, typed[0][0])
    return None if typed else NULL


def _alone(type_: Type) -> Type:
    """Return the type that NULL, or a STRUCT of NULLs, has where nothing else is beside it."""
    if type_.name != "STRUCT":
        return INT64 if type_ is NULL else type_
    return Type("STRUCT", fields=tuple((name, _alone(field)) for name, field in type_.fields))


def given(type_: Type) -> Type:
    """Return the type of what gives values of a type: NULL and [] turn into others only where they are written down."""
    return array(INT64) if type_.element is NULL else _alone(type_)


def _named(type_: Type, first: Type) -> Type:
    """Return a type, of a STRUCT with the names that the first one's fields have."""
    if not type_.fields or not first.fields:
        return type_
    pairs = zip(first.fields, type_.fields, strict=True)
    return Type("STRUCT", fields=tuple((name, field) for (name, _), (_, field) in pairs))


def _preference(value: tuple[Type, bool]) -> tuple[bool, int]:
    """Sort what is no literal first, then narrow numbers before wide ones."""
    type_, literal = value
    type_ = type_.element or type_
    if type_.fields:
        return False, sum(NUMBERS.index(field) for _, field in type_.fields if field in NUMBERS)
    return literal, NUMBERS.index(type_) if type_ in NUMBERS else 0
