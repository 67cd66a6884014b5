"""Numbers of bytes and of other things, as people write them."""

from __future__ import annotations

import re

_UNITS = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def parse_bytes(value: object) -> object:
    """Take `50 GB` and the like. Raises ValueError with a message for the person who wrote it."""
    if isinstance(value, int):
        return value
    match = re.fullmatch(r"(\d{1,6}) *(MB|GB|TB)", str(value).strip())
    if match is None or not int(match[1]):
        msg = f"'{value}' is not a number of bytes. Write it as '500 MB', '50 GB' or '2 TB'."
        raise ValueError(msg)
    return int(match[1]) * _UNITS[match[2]]


def shown_bytes(size: int) -> str:
    """Return a number of bytes as a file has it, with two digits at least and not less than it is."""
    unit = next((name for name in ("TB", "GB") if size >= 10 * _UNITS[name]), "MB")
    return f"{max(1, -(-size // _UNITS[unit]))} {unit}"


def plural(count: int, noun: str) -> str:
    """Return `1 window`, `2 windows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
