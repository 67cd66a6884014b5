"""BYTES as texts of one sign a byte, so that what is known of texts computes them too; as DuckDB expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t

if TYPE_CHECKING:
    from flows.model.types import Type


def to_text(sql: str, type_: Type) -> str:
    """Return a value with each byte as the sign of that number; a value without BYTES as it is."""
    if type_.element == t.BYTES:
        return f"list_transform({sql}, lambda xblob: {to_text('xblob', t.BYTES)})"
    if type_ != t.BYTES:
        return sql
    pairs = f"regexp_extract_all(hex({sql}), '..')"
    signs = f"list_transform({pairs}, lambda xpair: chr(CAST('0x' || xpair AS INTEGER)))"
    return f"CASE WHEN {sql} IS NOT NULL THEN array_to_string({signs}, '') END"


def to_bytes(sql: str, type_: Type) -> str:
    """Return a value of a type with BYTES, of which each byte is a sign."""
    if type_.element == t.BYTES:
        return f"list_transform({sql}, lambda xtext: {to_bytes('xtext', t.BYTES)})"
    if type_ != t.BYTES:
        return sql
    signs = f"regexp_extract_all({sql}, '(?s).')"
    return f"unhex(array_to_string(list_transform({signs}, lambda xsign: printf('%02x', unicode(xsign))), ''))"
