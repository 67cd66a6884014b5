"""Which SELECTs give their rows to which others, as far as these have no rows but theirs."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.sql.parse.tree import Nodes

_PASSED = (exp.Subquery, exp.SetOperation, exp.Table)


class Reader(NamedTuple):
    """A SELECT of which each row has one of another SELECT, or with None what a whole query gives."""

    select: exp.Select | None
    source: exp.Expr | None = None
    """Where it reads that: what stands in FROM or is joined."""


class PassedOn:
    """How rows go through FROM, JOIN, WITH and UNION: never through a condition or what an outer join may leave out."""

    def __init__(self, nodes: Nodes) -> None:
        self._queries = {cte.alias.lower(): cte.this for cte in nodes.of(exp.CTE)}
        self._named: defaultdict[str, list[exp.Table]] = defaultdict(list)
        for table in nodes.of(exp.Table) if self._queries else ():
            if not table.db:
                self._named[table.name.lower()].append(table)

    def readers(self, node: exp.Expr) -> Iterator[Reader]:
        """Give what has a row of a query, or of one that is joined, only where that has one."""
        child, above = node, node.parent
        while isinstance(above, _PASSED) or (isinstance(above, exp.Join) and not isinstance(above.parent, exp.Select)):
            if (isinstance(above, exp.Except) and child is above.expression) or not is_kept(above):
                return
            child, above = above, above.parent
        if above is None:
            yield Reader(None)
        elif isinstance(above, exp.CTE):
            for table in self._named[above.alias.lower()]:
                yield from self.readers(table)
        elif isinstance(above, exp.From | exp.Join) and is_kept(above) and isinstance(above.parent, exp.Select):
            yield Reader(above.parent, child)

    def sources(self, select: exp.Select, but: exp.Expr | None = None) -> Iterator[exp.Select]:
        """Give the SELECTs of which each row of one has a row, without those of one place."""
        for one in (select.args.get("from_"), *select.args.get("joins", ())):
            if one is not None and is_kept(one) and one.this is not but:
                yield from self._selects(one.this, frozenset())

    def _selects(self, node: exp.Expr, seen: frozenset[str]) -> Iterator[exp.Select]:
        if isinstance(node, exp.Select):
            yield node
        elif isinstance(node, exp.SetOperation):
            yield from self._selects(node.this, seen)
            yield from self._selects(node.expression, seen)
        elif isinstance(node, exp.Subquery):
            yield from self._selects(node.this, seen)
        elif isinstance(node, exp.Table):
            name = node.name.lower()
            if not node.db and name in self._queries and name not in seen:
                yield from self._selects(self._queries[name], seen | {name})
            for join in node.args.get("joins") or ():
                if is_kept(join):
                    yield from self._selects(join.this, seen)


def is_kept(place: exp.Expr) -> bool:
    """Say whether there is no row without one of what stands in a place, as an outer join gives them."""
    if isinstance(place, exp.Join):
        return place.args.get("side", "") in {"", "RIGHT"}
    if not isinstance(place, exp.From):
        return True
    joins = place.parent.args.get("joins") if place.parent is not None else None
    return all(join.args.get("side", "") not in {"RIGHT", "FULL"} for join in joins or ())
