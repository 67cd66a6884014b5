"""Arithmetic of NUMERIC and BIGNUMERIC as DuckDB expressions: exact, halves away from zero."""

from __future__ import annotations


def divide(left: str, right: str, scale: int) -> str:
    """Return a NUMERIC or BIGNUMERIC divided by an integer, exactly, halves away from zero."""
    tens = "1" + "0" * scale
    units = f"CAST({left} * {tens} AS HUGEINT)"
    return (
        f"CAST(({units} // {right} + CASE WHEN abs({units} % {right}) * 2 >= abs({right}) "
        f"THEN CAST(sign({units}) AS HUGEINT) * sign({right}) ELSE 0 END) AS DECIMAL(38, 0)) * {_one_unit(scale)}"
    )


def divide_numeric(left: str, right: str, scale: int) -> str:
    """Return a NUMERIC or BIGNUMERIC divided by another, exactly, halves away from zero; an error beyond 38 digits."""
    tens = "1" + "0" * scale
    over, under = f"CAST({left} * {tens} AS HUGEINT) * {tens}", f"CAST({right} * {tens} AS HUGEINT)"
    return (
        f"CAST(({over} // {under} + CASE WHEN abs({over} % {under}) * 2 >= abs({under}) "
        f"THEN CAST(sign({over}) AS HUGEINT) * sign({under}) ELSE 0 END) AS DECIMAL(38, 0)) * {_one_unit(scale)}"
    )


def _one_unit(scale: int) -> str:
    return "0." + "0" * (scale - 1) + "1"


def multiply_numeric(left: str, right: str) -> str:
    """Return the product of two NUMERICs to 9 places, halves away from zero, without overflow on the way."""
    whole, part = f"trunc({left})", f"CAST({left} - trunc({left}) AS DECIMAL(10, 9))"
    whole_right, part_right = f"trunc({right})", f"CAST({right} - trunc({right}) AS DECIMAL(10, 9))"
    return (
        f"(CAST({whole} * {right} AS DECIMAL(38, 9)) + CAST({part} * {whole_right} AS DECIMAL(38, 9))"
        f" + CAST({part} * {part_right} AS DECIMAL(38, 9)))"
    )
