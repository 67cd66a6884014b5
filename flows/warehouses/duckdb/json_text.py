"""GoogleSQL's JSON text of a row, by which rows that are equal in all that a rule asks are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.model.types import Type

_EXACT = 2**53
"""Beyond it GoogleSQL writes an integer as a text."""
_TIMES = {"TIMESTAMP": "Z", "DATETIME": "", "TIME": ""}


def json_text(types: Mapping[str, Type]) -> str:
    """SQL for a row's columns as one text."""
    fields = [f"'\"{name}\":' || coalesce({_value(quote(name), type_)}, 'null')" for name, type_ in types.items()]
    return " || ',' || ".join(fields)


def _value(value: str, type_: Type) -> str:
    match type_.name:
        case "INT64":
            return f"CASE WHEN abs({value}::HUGEINT) <= {_EXACT} THEN {value}::VARCHAR ELSE '\"' || {value} || '\"' END"
        case "NUMERIC" | "BIGNUMERIC":
            return f"rtrim(rtrim({value}::VARCHAR, '0'), '.')" if _has_places(type_) else f"{value}::VARCHAR"
        case "FLOAT64":
            number = f"regexp_replace({value}::VARCHAR, '\\.0$', '')"
            return f"CASE WHEN isfinite({value}) THEN {number} ELSE '\"' || {value} || '\"' END"
        case "DATE":
            return f"'\"' || {value} || '\"'"
        case "TIMESTAMP" | "DATETIME" | "TIME" as kind:
            day = "%H:%M:%S" if kind == "TIME" else "%Y-%m-%dT%H:%M:%S"
            moment = f"({value} + DATE '2000-01-01')" if kind == "TIME" else f"{value}::TIMESTAMP"
            fraction = f"rtrim(rtrim(strftime({moment}, '.%f'), '0'), '.')"
            return f"'\"' || strftime({moment}, '{day}') || {fraction} || '{_TIMES[kind]}\"'"
        case "BYTES":
            return f"'\"' || to_base64({value}) || '\"'"
        case "JSON":
            return f"{value}::VARCHAR"
        case _:
            return f"to_json({value})::VARCHAR"


def _has_places(type_: Type) -> bool:
    return type_.decimal is None or type_.decimal[1] > 0
