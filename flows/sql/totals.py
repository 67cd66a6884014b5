"""Rows of totals, in which the column is NULL that says to which window a row belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.sql.parse.tree import line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.sql.compile.scope import Context, Relation


def faults_of_totals(relation: Relation, column: str, context: Context) -> Iterator[Fault]:
    """Give a fault for each query whose rows of totals belong to no window by a column, as far as that is plain."""
    for side in relation.sides or [relation]:
        if side.sides:
            yield from faults_of_totals(side, column, context)
            continue
        for node, (name, value) in zip(side.nodes, side.columns, strict=False):
            select = node.find_ancestor(exp.Select)
            of = context.grouped.get(id(select)) if name == column else None
            if select is None or of is None or select.args.get("having") or select.args.get("qualify"):
                continue
            items = select.args["group"].expressions
            if value.sql in of.values() and not any(value.sql in _of_all_rows(item, of) for item in items):
                yield _fault(column, value.sql, items, of)


def _of_all_rows(item: exp.Expr, of: Mapping[int, str]) -> set[str]:
    """Return the SQL of the columns by which all rows of a part of GROUP BY are grouped."""
    if isinstance(item, exp.GroupingSets):
        return set.intersection(*(_of_all_rows(one, of) for one in item.expressions))
    return set() if isinstance(item, exp.Rollup | exp.Cube) else {of[id(one)] for one in _columns(item)}


def _columns(item: exp.Expr) -> list[exp.Expr]:
    """Return the columns of a part of GROUP BY."""
    if isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets | exp.Tuple):
        return [column for one in item.expressions for column in _columns(one)]
    return [item.this if isinstance(item, exp.Paren) else item]


def _fault(column: str, sql: str, items: Sequence[exp.Expr], of: Mapping[int, str]) -> Fault:
    sets, written = next((item, one) for item in items for one in _columns(item) if of[id(one)] == sql)
    said = f"'{shown(sets)}' gives rows of totals, in which {column} is NULL, so that they belong to no window."
    others = [one for one in sets.expressions if one is not written]
    if isinstance(sets, exp.GroupingSets) or len(items) > 1 or len(others) == len(sets.expressions):
        return Fault(line_of(written), f"{said} Write {shown(written)} into all sets of groups.")
    word = "ROLLUP" if isinstance(sets, exp.Rollup) else "CUBE"
    instead = f"{shown(written)}, {word}({', '.join(map(shown, others))})" if others else shown(written)
    return Fault(line_of(written), f"{said} Write GROUP BY {instead}.")
