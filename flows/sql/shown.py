"""How messages show a part of a query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot.errors import ErrorLevel

from flows.sql.parse.googlesql import written

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlglot import exp

    from flows.model.types import Type


def shown(node: exp.Expr) -> str:
    """Return an expression as a message shows it."""
    try:
        text = written(node, unsupported_level=ErrorLevel.IGNORE)
    except RecursionError:
        return "..."
    if "<>" in text and (unequal := next((one for one in node.walk() if one.key == "neq"), None)) is not None:
        text = text.replace("<>", unequal.meta.get("sign", "<>"))
    text = re.sub(r"\bINTERVAL '(-?\d+)' ", r"INTERVAL \1 ", text)
    if "CAST('" in text and not any("safe" in one.args for one in node.walk() if one.key == "cast"):
        # A literal with its type, which the parser makes a cast.
        text = re.sub(r"\bCAST\(('[^']*') AS (\w+)\)", r"\2 \1", text)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - what fits a line


def of_row(node: exp.Expr, types: Iterable[Type]) -> str:
    """Say what to write where a name means a whole row, since a table here has the name of its column; else nothing.

    `types` are those of the expression, or of what it is made of: it may be a STRUCT that has a field of the same name.
    """
    fields = {name.lower() for type_ in types if type_.name == "STRUCT" for name, _ in type_.fields}
    # What a STRUCT is made of here are its fields.
    parts = () if node.key in {"struct", "tuple"} else tuple(node.iter_expressions())
    for one in (node, *parts) if fields else ():
        if one.key == "column" and not one.args.get("table") and one.name.lower() in fields:
            return f" '{one.name}' is the whole row of {one.name} here. Write {one.name}.{one.name}."
    return ""
