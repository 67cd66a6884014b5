"""How messages show a part of a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot.errors import ErrorLevel

if TYPE_CHECKING:
    from sqlglot import exp


def shown(node: exp.Expr) -> str:
    """Return an expression as a message shows it."""
    try:
        written = node.sql(dialect="bigquery", comments=False, unsupported_level=ErrorLevel.IGNORE)
    except RecursionError:
        return "..."
    text = re.sub(r"\bINTERVAL '(-?\d+)' ", r"INTERVAL \1 ", written)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - what fits a line
