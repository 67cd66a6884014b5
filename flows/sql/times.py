"""TIMESTAMP and DATETIME, each as the other in UTC, whatever zone DuckDB's session has."""

from __future__ import annotations


def naive(timestamp: str) -> str:
    """Return the UTC date and time of a TIMESTAMP."""
    return f"make_timestamp(epoch_us({timestamp}))"


def aware(datetime: str) -> str:
    """Return the TIMESTAMP of a date and time in UTC."""
    return f"make_timestamptz(epoch_us({datetime}))"
