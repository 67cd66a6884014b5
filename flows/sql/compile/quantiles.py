"""PERCENTILE_CONT and the like: what they take, and the share of the rows that they look at."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, localcontext
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t

if TYPE_CHECKING:
    from flows.sql.compile.inside import Inside
    from flows.sql.compile.value import Value

QUANTILES = {"PERCENTILE_CONT", "PERCENTILE_DISC", "APPROX_QUANTILES", "APPROX_TOP_COUNT"}
"""What gives values by how many others are less, or alike."""
_PLACES = 27
"""Of a share of rows: so many of its digits times their number fit DuckDB's integers."""
_DIGITS = 60


def in_the_table(name: str, inside: Inside) -> str:
    """Return how the table calls a function of windows."""
    return f"{name} RESPECT NULLS" if name in QUANTILES and inside.nulls is exp.RespectNulls else name


def share(value: Value) -> Value:
    """Return a share of the rows with all digits of its FLOAT64: 0.1 is more than a tenth, and of 10 rows gives the second."""
    if value.type != t.FLOAT64 or value.constant is None:
        return value
    with localcontext(prec=_DIGITS):
        exact = Decimal(float(value.constant)).quantize(Decimal(1).scaleb(-_PLACES), ROUND_CEILING)
    return value._replace(sql=f"CAST('{exact}' AS DECIMAL({_PLACES + 1}, {_PLACES}))")


def quantile_fault(name: str, inside: Inside, *, window: bool) -> str:
    """Say what is wrong with a call of PERCENTILE_CONT and the like; an empty text where nothing is."""
    if inside.nulls is exp.RespectNulls and name.startswith("APPROX"):
        return f"{name} with RESPECT NULLS is not supported. Leave it out: NULLs are ignored."
    if name == "PERCENTILE_CONT" and any(value.type in t.DECIMALS for _, value in inside.arguments[1:]):
        return f"{name} with a share of NUMERIC is not supported by the embedded warehouse. Write 0.5 in place of NUMERIC '0.5'."
    if name == "APPROX_QUANTILES" and window:
        return "APPROX_QUANTILES takes no OVER. Write PERCENTILE_DISC(value, 0.5) OVER (...)."
    if name == "APPROX_TOP_COUNT" and (window or inside.nulls or inside.distinct):
        return f"{name} takes a value and how many of the most frequent ones: {name}(value, 10), without OVER, DISTINCT and NULLS."
    return ""
