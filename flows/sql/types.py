"""How GoogleSQL's types meet: what turns into what by itself, and what DuckDB calls them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flows.model.types import DECIMALS as _DECIMALS
from flows.model.types import Type
from flows.sql.functions.casts import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
        names = field_names([name for name, _ in type_.fields])
        fields = [f"{quote(name)} {duckdb_type(field)}" for name, (_, field) in zip(names, type_.fields, strict=True)]
        return f"STRUCT({', '.join(fields)})"
    if type_.name in _DECIMALS:
        precision, scale = type_.precision_and_scale
        return f"DECIMAL({precision}, {scale})"
    # What has no type has a fault, so that its SQL never runs.
    return _DUCKDB.get(type_.name, "INTEGER")


def field_names(names: Sequence[str]) -> Sequence[str]:
    """Return what DuckDB calls the fields of a STRUCT: it has none without a name, and no name twice."""
    if all(names):
        return names
    taken = {name.lower() for name in names}
    found = []
    for place, name in enumerate(names, 1):
        made = f"_{place}"
        while made in taken:
            made += "_"
        taken |= set() if name else {made}
        found.append(name or made)
    return found


def packed(fields: Iterable[tuple[str, str]]) -> str:
    """Return a STRUCT of names and SQL."""
    given = list(fields)
    names = field_names([name for name, _ in given])
    return f"{{{', '.join([f'{quote_text(name)}: {sql}' for name, (_, sql) in zip(names, given, strict=True)])}}}"


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
        text = "CAST(... AS STRING)" if type_ is INTERVAL else "TO_JSON_STRING(...)"
        return f"{verb} {text}: 1 MONTH equals 30 DAY, and either may stand for both."
    return f"{verb} what JSON_VALUE gives."


def holds(type_: Type, kinds: tuple[Type, ...]) -> bool:
    """Say whether a type is one of some kinds, or has one inside."""
    inside = (*(field for _, field in type_.fields), *((type_.element,) if type_.element else ()))
    return type_ in kinds or any(holds(one, kinds) for one in inside)


def array(element: Type) -> Type:
    """Return ARRAY<element>; of what nobody knows, nobody knows an array either."""
    return UNKNOWN if element is UNKNOWN else Type("ARRAY", element=element)


class Given(NamedTuple):
    """What GoogleSQL knows of a value when it decides what it may turn into."""

    type: Type
    literal: bool = False
    fields: tuple[Given, ...] = ()
    """The parts of a STRUCT that is written down, each of which may be a literal, NULL or []."""

    @property
    def untyped(self) -> bool:
        """Whether it is NULL or [], which turn into others."""
        return self.type is NULL or self.type.element is NULL


def coerces(given: Type, wanted: Type) -> bool:
    """Say whether GoogleSQL turns any value of one type into another without a CAST."""
    return turns(Given(given), wanted)


def turns(value: Given, wanted: Type) -> bool:
    """Say whether GoogleSQL turns a value into a type without a CAST."""
    have, literal, _ = value
    if have is wanted or have is NULL or have is UNKNOWN or wanted is UNKNOWN:
        return True
    if (have, wanted) in _BY_ITSELF or (literal and (have, wanted) in _WHERE_WRITTEN):
        return True
    if have.element is not None and wanted.element is not None:
        inside = literal and turns(element(value), wanted.element)
        return inside or have.element is NULL or _same_shape(have.element, wanted.element)
    if have.name == wanted.name == "STRUCT" and len(have.fields) == len(wanted.fields):
        pairs = zip(_parts(value), wanted.fields, strict=True)
        return all(turns(part, field) for part, (_, field) in pairs)
    return False


def _parts(value: Given) -> tuple[Given, ...]:
    """Return what is known of the fields of a STRUCT where it turns into another: an ARRAY that is written there is none."""
    return tuple(Given(part.type) if part.type.element else part for part in _fields(value))


def _fields(value: Given) -> tuple[Given, ...]:
    """Return what is known of the fields of a STRUCT; where all of them are literals, [] has a type of its own."""
    parts = value.fields or tuple(Given(field) for _, field in value.type.fields)
    if not value.literal:
        return parts
    return tuple(part._replace(type=given(part.type)) if part.type.element else part for part in parts)


def element(value: Given) -> Given:
    """Return what is known of the elements of an ARRAY, or of NULL in place of one."""
    return Given(value.type.element or value.type, value.literal)


def _same_shape(left: Type, right: Type) -> bool:
    """Say whether two types differ in the names of their fields alone."""
    if left.name != right.name or len(left.fields) != len(right.fields):
        return False
    return all(_same_shape(a, b) for (_, a), (_, b) in zip(left.fields, right.fields, strict=True))


def supertype(values: Iterable[Given]) -> Type | None:
    """Return the type to which all values turn by themselves, or None."""
    return _supertype(tuple(values))


@lru_cache(maxsize=4096)
def _supertype(values: tuple[Given, ...]) -> Type | None:
    if any(value.type is UNKNOWN for value in values):
        return UNKNOWN
    leading = next((value for value in values if not value.untyped), None)
    if leading is None:
        return next((value.type for value in values if value.type is not NULL), NULL)
    return _common(values, leading)


def _common(values: Sequence[Given], leading: Given) -> Type | None:
    """Return the type that values have in common: of literals alone that of the leading one decides, be it NULL.

    A STRUCT or an ARRAY leads before what is neither.
    """
    if leading.type.name not in {"STRUCT", "ARRAY"}:
        wide = (value for value in values if value.type.name in {"STRUCT", "ARRAY"} and not value.untyped)
        leading = next(wide, leading)
    typed = [value for value in values if not value.untyped]
    if not typed:
        return next((array(INT64) for value in values if value.type.element), INT64)
    if any(value.type.element for value in values) and any(value.type.element is None for value in typed):
        return None
    if any(value.type.name == "STRUCT" for value in typed):
        return _common_struct(typed, leading)
    if any(value.type.element for value in typed):
        return _common_array(typed, leading)
    lead = given(leading.type)
    if all(value.type is lead for value in typed):
        return lead
    if all(value.literal for value in typed):
        # As if they were columns; but a text may be BYTES.
        kinds = [lead, *(value.type for value in typed)]
        typed = [Given(BYTES if BYTES in kinds and kind is STRING else kind) for kind in kinds]
    known = sorted({value.type for value in typed}, key=_width)
    return next((best for best in known if all(turns(one, best) for one in typed)), None)


def _common_struct(typed: Sequence[Given], leading: Given) -> Type | None:
    names = [name for name, _ in leading.type.fields]
    if any(value.type.name != "STRUCT" or len(value.type.fields) != len(names) for value in typed):
        return None
    leads, *others = (_fields(value) for value in (leading, *typed))
    fields: list[tuple[str, Type]] = []
    for place, (name, lead) in enumerate(zip(names, leads, strict=True)):
        common = _common([lead, *(parts[place] for parts in others)], lead)
        if common is None:
            return None
        fields.append((name, _nameless(common) if lead.untyped else common))
    return Type("STRUCT", fields=tuple(fields))


def _common_array(typed: Sequence[Given], leading: Given) -> Type | None:
    common = _supertype(tuple(element(value) for value in sorted(typed, key=lambda value: value is not leading)))
    if common is None or not all(turns(value, array(common)) for value in typed):
        return None
    return array(common)


def _nameless(type_: Type) -> Type:
    """Return a type, of a STRUCT without the names of its fields."""
    if type_.name != "STRUCT":
        return type_
    return Type("STRUCT", fields=tuple(("", _nameless(field)) for _, field in type_.fields))


def given(type_: Type) -> Type:
    """Return the type of what gives values of a type: NULL and [] turn into others only where they are written down."""
    if type_.element is NULL:
        return array(INT64)
    return INT64 if type_ is NULL else type_


def _width(type_: Type) -> int:
    """Sort narrow numbers before wide ones."""
    return NUMBERS.index(type_) if type_ in NUMBERS else 0
