"""GoogleSQL's names and types in DuckDB's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.model.types import Type

_TYPES = {
    "STRING": "VARCHAR",
    "BYTES": "BLOB",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMP WITH TIME ZONE",
    "DATETIME": "TIMESTAMP",
    "DATE": "DATE",
    "TIME": "TIME",
    "JSON": "JSON",
}


def quoted(name: str) -> str:
    """Return a name as DuckDB's quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(identity: str) -> str:
    """Return `dataset.name` as DuckDB's quoted identifier."""
    return ".".join(map(quoted, identity.split(".", 1)))


def duckdb_type(type_: Type) -> str:
    """Return the DuckDB type that holds every value of a GoogleSQL type; of BIGNUMERIC, those of 38 digits."""
    if type_.element is not None:
        return f"{duckdb_type(type_.element)}[]"
    if type_.name == "STRUCT":
        return f"STRUCT({', '.join(f'{quoted(name)} {duckdb_type(field)}' for name, field in type_.fields)})"
    if type_.name in {"NUMERIC", "BIGNUMERIC"}:
        precision, scale = type_.precision_and_scale
        return f"DECIMAL({precision},{scale})"
    return _TYPES[type_.name]
