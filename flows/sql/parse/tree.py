"""What nodes of a query's tree are: their lines, what they call, which tables they name."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar, cast

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterator

_Node = TypeVar("_Node", bound=exp.Expr)

KEYWORD_CALLS: dict[type[exp.Expr], str] = {
    exp.CurrentTimestamp: "CURRENT_TIMESTAMP",
    exp.CurrentDatetime: "CURRENT_DATETIME",
    exp.CurrentDate: "CURRENT_DATE",
    exp.CurrentTime: "CURRENT_TIME",
}
"""What calls a function without parentheses."""


def call_name(node: exp.Expr) -> str | None:
    """Return the name of what a node calls, in capitals; None where it is no plain call."""
    if isinstance(node, exp.Anonymous):
        return node.name
    return KEYWORD_CALLS.get(type(node))


def line_of(node: exp.Expr | None) -> int:
    """Return the line on which a node's first word stands, as far as the tree knows."""
    while node is not None:
        lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
        if lines:
            return int(min(lines))
        node = node.parent
    return 1


class Nodes:
    """All nodes of a tree that nobody changes, from the top down: walked through once and asked for often."""

    def __init__(self, tree: exp.Expr) -> None:
        self._all = _walk(tree)
        self._by_kind: defaultdict[type[exp.Expr], list[exp.Expr]] = defaultdict(list)
        for node in self._all:
            self._by_kind[type(node)].append(node)

    def part(self) -> None:
        """Take the tree apart: each node is freed with the last one that names it."""
        for node in self._all:
            node.parent = None

    def of(self, *kinds: type[_Node]) -> list[_Node]:
        """Return those of some kinds."""
        found = [self._by_kind[kind] for kind in _with_subclasses(kinds) if kind in self._by_kind]
        if len(found) > 1:
            return [node for node in self._all if isinstance(node, kinds)]
        return cast("list[_Node]", found[0]) if found else []

    def around(self, kind: type[exp.Expr]) -> frozenset[int]:
        """Return the identities of the nodes of one kind, and of all that they stand in."""
        found: set[int] = set()
        for node in self.of(kind):
            one: exp.Expr | None = node
            while one is not None and id(one) not in found:
                found.add(id(one))
                one = one.parent
        return frozenset(found)


def _walk(tree: exp.Expr) -> list[exp.Expr]:
    """Return all nodes of a tree, each after the one around it; `walk` gives the same, twice as slowly."""
    found = [tree]
    for node in found:
        found += node.iter_expressions()
    return found


@lru_cache
def _with_subclasses(kinds: tuple[type[exp.Expr], ...]) -> tuple[type[exp.Expr], ...]:
    found = list(kinds)
    for kind in found:
        found += [one for one in kind.__subclasses__() if one not in found]
    return tuple(found)


def base_tables(nodes: Nodes) -> Iterator[exp.Table]:
    """Give every table of a tree that has a dataset or is the name of no CTE."""
    names = {cte.alias.lower() for cte in nodes.of(exp.CTE)}
    for node in nodes.of(exp.Table):
        if node.db or node.name.lower() not in names:
            yield node


def table_identity(node: exp.Table) -> str | None:
    """Return `dataset.name`; None where the dataset is missing or the first name is no table of its own."""
    return f"{node.db}.{node.name}" if node.db and not node.catalog else None


def takes_first(node: exp.Expr | None) -> bool:
    """Say whether a query takes the first rows of the one item of its FROM, which are elements if that is an array."""
    if not isinstance(node, exp.Select) or not node.args.get("limit"):
        return False
    return not any(map(node.args.get, ("order", "joins", "group", "distinct"))) and node.find(exp.Window) is None


def operands(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """Return what AND (or OR) joins, from left to right, however long the chain is."""
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, kind):
            waiting += (one.expression, one.this)
        elif isinstance(one, exp.Paren) and isinstance(one.this, kind):
            waiting.append(one.this)
        else:
            found.append(one)
    return found


def keeps_rows_out(node: exp.Expr) -> bool:
    """Say whether a condition is one of those that AND joins in WHERE, ON, HAVING or QUALIFY."""
    while isinstance(node.parent, exp.And | exp.Paren):
        node = node.parent
    return isinstance(node.parent, exp.Where | exp.Join | exp.Having | exp.Qualify)
