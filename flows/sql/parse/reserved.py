"""Words of GoogleSQL that stand in a tree as names without backticks, which BigQuery refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.sql.parse.tree import line_of
from flows.sql.parse.words import RESERVED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.sql.parse.tree import Nodes

NAMES_NOTHING = RESERVED - {"AT"}
"""BigQuery gets `at` in backticks, as many call a time so."""


def instead_of(name: str) -> str:
    """Say what to write."""
    return f"'{name}' is a word of SQL itself. Write `{name}` where it is a name."


def reserved_names(nodes: Nodes) -> Iterator[Fault]:
    """Give a fault for each such name: a column, an alias, a field of a type."""
    for node in nodes.of(exp.Identifier):
        if node.name.upper() in NAMES_NOTHING and not node.args.get("quoted") and not _is_no_name(node):
            yield Fault(line_of(node), f"syntax error: {instead_of(node.name)}")


def _is_no_name(node: exp.Identifier) -> bool:
    """Say whether a word stands behind a dot, or is what the parser itself calls a column of PIVOT."""
    if isinstance(node.parent, exp.Pivot):
        return node.arg_key == "columns"
    if isinstance(node.parent, exp.Column | exp.Table):
        return node.parent.parts[0] is not node
    return isinstance(node.parent, exp.Dot) and node.arg_key == "expression"
