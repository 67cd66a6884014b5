"""Places of columns, and numbers of rows, that are written in hexadecimal digits: GROUP BY 0x1, LIMIT 0x2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from flows.sql.parse.tree import Nodes

_HAVE_PLACES = (exp.Ordered, exp.Group, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Limit, exp.Offset)


def decimal_places(nodes: Nodes) -> bool:
    """Write the places of columns and numbers of rows in decimal digits; say whether there is any."""
    places = [one for one in nodes.of(exp.HexString) if isinstance(_around(one), _HAVE_PLACES)]
    for one in places:
        place = exp.Literal.number(int(one.name, 16))
        place.meta.update(one.meta)
        one.replace(place)
    return bool(places)


def _around(node: exp.Expr) -> exp.Expr | None:
    """Return what a node stands in, beside brackets."""
    around = node.parent
    while isinstance(around, exp.Paren | exp.Tuple):
        around = around.parent
    return around
