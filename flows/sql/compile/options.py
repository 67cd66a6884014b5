"""Arguments that a call names, behind all others: `JSON_KEYS(json, mode => 'lax')`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.dispatch import expression
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope

_WRITTEN = {t.BOOL: "TRUE or FALSE", t.STRING: "a text", t.INT64: "a number"}


def split(
    name: str, node: exp.Expr, named: Mapping[str, Type], scope: Scope
) -> tuple[list[exp.Expr], dict[str, str]] | None:
    """Return what a call takes by place, and what it takes by name, TRUE and FALSE in lower case, or note a fault.

    `named` are the types of what may be named, each of which is written down.
    """
    items = [one for one in node.expressions if not isinstance(one, exp.Kwarg)]
    options: dict[str, str] = {}
    for place, item in enumerate(node.expressions):
        if not isinstance(item, exp.Kwarg):
            continue
        option = item.this.name.lower()
        if place < len(items):
            scope.fault(item, f"{name}: '{option} => ...' stands behind the arguments without a name.")
            return None
        if option not in named or option in options:
            listed = " and ".join(f"{one} => {_WRITTEN[type_]}" for one, type_ in named.items())
            scope.fault(item, f"{name} does not take '{shown(item)}'. By name it takes {listed}, each once.")
            return None
        value = expression(item.expression, scope)
        if value.type == t.UNKNOWN:
            return None
        if value.type != named[option] or not value.literal:
            scope.fault(item, f"{name} takes {option} => {_WRITTEN[named[option]]}, written down.")
            return None
        options[option] = str(value.constant) if value.type == t.STRING else value.sql.lower()
    return items, options
