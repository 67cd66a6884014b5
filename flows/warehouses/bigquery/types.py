"""GoogleSQL's types as BigQuery's API tells them, both ways, and values as query parameters."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from google.cloud import bigquery

from flows.model.types import Type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flows.model.table import Table

Parameter = bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter | bigquery.StructQueryParameter
_LONG_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}
"""The API's older spellings of types."""
_BIGNUMERIC, _ALL_DIGITS = Type("BIGNUMERIC"), (76, 38)
"""Of numbers from 10^38 on BigQuery holds some; those are refused by who reads them, as having too many digits."""
_OF_VALUES = (
    (bool, "BOOL"),
    (int, "INT64"),
    (float, "FLOAT64"),
    (str, "STRING"),
    (bytes, "BYTES"),
    (Decimal, "NUMERIC"),
    (datetime, "TIMESTAMP"),
    (date, "DATE"),
    (time, "TIME"),
)
"""Types of Python's values; of two that match, the first."""


def quote(name: str) -> str:
    """Quote an identifier."""
    return f"`{name}`"


def quote_table(identity: str) -> str:
    """Quote `dataset.name`."""
    return ".".join(map(quote, identity.split(".", 1)))


def listed(names: Iterable[str]) -> str:
    """Return columns, quoted, with commas between."""
    return ", ".join(map(quote, names))


def spelled(type_: Type) -> str:
    """Return a type as a statement that makes a table has it: with its fields' names quoted."""
    if type_.element is not None:
        return f"ARRAY<{spelled(type_.element)}>"
    if type_.name == "STRUCT":
        return f"STRUCT<{', '.join(f'{quote(name)} {spelled(field)}' for name, field in type_.fields)}>"
    return str(type_)


def schema_field(
    name: str, type_: Type, description: str | None = None, *, required: bool = False
) -> bigquery.SchemaField:
    """Return a column or field for the API."""
    inner = type_.element or type_
    told: dict[str, Any] = {
        "name": name,
        "type": inner.name,
        "mode": "REPEATED" if type_.element else "REQUIRED" if required else "NULLABLE",
        "fields": [schema_field(field, field_type).to_api_repr() for field, field_type in inner.fields],
    }
    if inner.decimal is not None:
        told["precision"], told["scale"] = inner.decimal
    if description:
        told["description"] = description
    return bigquery.SchemaField.from_api_repr(told)


def as_read(table: Table) -> Table:
    """Return a table whose BIGNUMERICs have all their digits, for who reads its source."""
    columns = [column.model_copy(update={"type": _with_all_digits(column.type)}) for column in table.columns]
    return table.model_copy(update={"columns": tuple(columns)})


def _with_all_digits(type_: Type) -> Type:
    if type_.element is not None:
        return Type("ARRAY", element=_with_all_digits(type_.element))
    if type_.name == "STRUCT":
        return Type("STRUCT", fields=tuple((name, _with_all_digits(field)) for name, field in type_.fields))
    return Type(type_.name, decimal=_ALL_DIGITS) if type_ == _BIGNUMERIC else type_


def type_of(field: bigquery.SchemaField) -> Type:
    """Return the type of a column that the API tells."""
    name = _LONG_NAMES.get(field.field_type, field.field_type)
    decimal = None if field.precision is None else (field.precision, field.scale or 0)
    inner = Type(name, fields=tuple((part.name, type_of(part)) for part in field.fields), decimal=decimal)
    return Type("ARRAY", element=inner) if field.mode == "REPEATED" else inner


def is_orderable(type_: Type) -> bool:
    """Say whether values can be grouped, compared and sorted as they are; others are by their JSON."""
    return type_.element is None and type_.name not in {"STRUCT", "JSON"}


def comparable(type_: Type, value: str) -> str:
    """SQL for a value in a form that can be grouped, compared and sorted."""
    return value if is_orderable(type_) else f"TO_JSON_STRING({value})"


def parameter(name: str | None, value: object, type_: Type | None = None) -> Parameter:
    """Return a query parameter; without a type it is that of the Python value, which is then no NULL."""
    if type_ is None:
        type_ = Type(next(found for kind, found in _OF_VALUES if isinstance(value, kind)))
    if type_.element is not None:
        items = list(cast("Iterable[Any]", value or ()))
        if type_.element.name == "STRUCT":
            return bigquery.ArrayQueryParameter(
                name, _parameter_type(type_.element), [_struct(None, type_.element, item) for item in items]
            )
        return bigquery.ArrayQueryParameter(name, type_.element.name, items)
    if type_.name == "STRUCT":
        return _struct(name, type_, cast("Mapping[str, object]", value))
    return bigquery.ScalarQueryParameter(name, type_.name, cast("Any", value))


def _struct(name: str | None, type_: Type, value: Mapping[str, object]) -> bigquery.StructQueryParameter:
    return bigquery.StructQueryParameter(
        name, *(parameter(field, value[field], field_type) for field, field_type in type_.fields)
    )


def _parameter_type(type_: Type) -> bigquery.StructQueryParameterType:
    return bigquery.StructQueryParameterType(
        *(bigquery.ScalarQueryParameterType(field_type.name, name=field) for field, field_type in type_.fields)
    )


def rows_by_name(rows: Iterable[bigquery.table.Row], schema: Iterable[bigquery.SchemaField]) -> list[dict[str, Any]]:
    """Return rows of a result; JSON is text, as in every warehouse."""
    parsed = {field.name: field for field in schema if _holds_json(field)}
    found = [dict(row) for row in rows]
    for row in found:
        for name, field in parsed.items():
            row[name] = _with_texts(row[name], field)
    return found


def _holds_json(field: bigquery.SchemaField) -> bool:
    return field.field_type == "JSON" or any(map(_holds_json, field.fields))


def _with_texts(value: Any, field: bigquery.SchemaField, *, is_item: bool = False) -> Any:  # noqa: ANN401 - any value
    """Return a value of the client, which parses JSON, with that as text wherever it stands."""
    if value is None:
        return None
    if field.mode == "REPEATED" and not is_item:
        return [_with_texts(item, field, is_item=True) for item in value]
    if field.field_type == "JSON":
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return {
        part.name: _with_texts(value[part.name], part) if _holds_json(part) else value[part.name]
        for part in field.fields
    }
