"""How a signature's DuckDB side is filled.

`$1` is the first argument, `$*` all of them with commas, `$|` all of them joined by `||`, `$null` whether one is NULL,
`$utc1` the first one, a TIMESTAMP, as date and time in UTC. `!(text)` raises that error, or gives NULL below `SAFE.`. In
aggregates `$d` is DISTINCT, `$s` the ORDER BY, `$i` IGNORE NULLS and `$o` what follows the call (FILTER, OVER); `$x` sorts the
argument, and `$y` what is finite of it, where FLOAT64 is to be added up in one order.
`$divide(total, count)` is an exact quotient of 9 places.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql.decimals import divide
from flows.sql.times import naive
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_TOKEN = re.compile(r"\$(\d|\*|\||null|spaces|utc\d|[dsoixy])|!\(([^)]*)\)")
_MOST_JOINED = 16
_QUOTIENT = re.compile(r"\$divide\((.+), (count.+)\)")


def _joined(arguments: Sequence[str]) -> str:
    """Join arguments by `||`, many of them in halves: DuckDB goes down a level for each one on the left."""
    if len(arguments) <= _MOST_JOINED:
        return " || ".join(arguments)
    half = len(arguments) // 2
    return f"({_joined(arguments[:half])}) || ({_joined(arguments[half:])})"


def render(
    template: str, arguments: Sequence[str], marks: Mapping[str, str] | None = None, *, safe: bool = False
) -> str:
    """Fill a template with the arguments' SQL and the marks `d`, `s`, `o`, `i` of an aggregate."""

    def fill(token: re.Match[str]) -> str:
        mark, error = token.groups()
        if error is not None:
            return "NULL" if safe else f"error({quote_text(error)})"
        if mark.isdigit():
            return arguments[int(mark) - 1]
        if mark.startswith("utc"):
            return naive(arguments[int(mark[3:]) - 1])
        fixed = {
            "*": lambda: ", ".join(arguments),
            "|": lambda: _joined(arguments),
            "null": lambda: " OR ".join(f"{argument} IS NULL" for argument in arguments),
            "x": lambda: f" ORDER BY {arguments[0]}" if (marks or {}).get("x") else "",
            "y": lambda: (
                f" ORDER BY CASE WHEN isfinite({arguments[0]}) THEN {arguments[0]} END"
                if (marks or {}).get("x")
                else ""
            ),
            "spaces": lambda: quote_text(_SPACES),
        }
        return fixed[mark]() if mark in fixed else (marks or {}).get(mark, "")

    quotient = _QUOTIENT.fullmatch(template)
    if quotient is not None:
        return divide(_TOKEN.sub(fill, quotient[1]), _TOKEN.sub(fill, quotient[2]), 9)
    return _TOKEN.sub(fill, template)
