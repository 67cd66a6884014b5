"""One SELECT: its list, its groups, its conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault, SqlError
from flows.sql import types as t
from flows.sql.compile.clauses import by_names, holds_window, is_star, plain, refuse_loose, sql_names
from flows.sql.compile.conditions import note_bounds, note_qualify
from flows.sql.compile.convert import boolean
from flows.sql.compile.dispatch import expression
from flows.sql.compile.from_clause import from_clause
from flows.sql.compile.grouping import grouped
from flows.sql.compile.order import Column, tail
from flows.sql.compile.scope import Anything, Relation, Scope
from flows.sql.compile.stars import item_value, star
from flows.sql.compile.structures import distinct, output_name, struct
from flows.sql.compile.ties import settled
from flows.sql.compile.value import NOTHING, Value
from flows.sql.parse.tree import line_of
from flows.sql.reach import hidden
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

MOST_COLUMNS = 10_000
"""How many columns a query may give, as in BigQuery (https://cloud.google.com/bigquery/quotas#all_tables)."""
_SELECT = {"with_", "kind", "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "order", "limit", "offset", "distinct"}  # fmt: skip
_AFTER = ("with_", "having", "qualify", "order", "limit", "offset", "distinct")
"""What GoogleSQL does to rows whose SELECT list it has computed."""


def select(node: exp.Select, scope: Scope) -> Relation:
    """Compile one SELECT."""
    scope.guard(node, _SELECT)
    if not node.expressions:
        scope.fault(node, "SELECT names no columns. Write them after it.")
    from_ = from_clause(node, scope)
    where = _condition(node.args.get("where"), scope, "WHERE")
    scope.named.clear()
    _name_windows(node, scope)
    faults = len(scope.context.faults)
    of_all = node.args.get("group") is not None and node.args["group"].args.get("all")
    groups, terms = (_groups_of_all(node, scope),) * 2 if of_all else grouped(node, scope)
    # Nobody knows the groups where one of them has a fault, or is a column of a star that has one.
    ungrouped = len(scope.context.faults) > faults or NOTHING.sql in (groups or ())
    several = groups is not None and groups != terms
    scope.alike = frozenset(() if several else groups or ())
    items = _items(node, scope)
    if scope.aggregated and scope.groups is None:
        scope.groups = {}
        _all_loose(node, scope)
    scope.aliases = by_names(items)
    having = _condition(node.args.get("having"), scope, "HAVING")
    qualify = _condition(node.args.get("qualify"), scope, "QUALIFY")
    if qualify and not scope.windowed:
        scope.fault(node.args["qualify"], "QUALIFY needs a window function. Write its conditions in WHERE or HAVING.")
    values = [value for _, _, value in items]
    one_row = node.args.get("from_") is None or groups == [] or (scope.aggregated and groups is None)
    columns = [Column(item.unalias(), name, value) for item, name, value in items]
    distinct_rows = node.args.get("distinct")
    unique = None if several else _told_apart(groups, scope, one_row=one_row)
    ordered, limited = tail(node, scope, columns, one_row=one_row, groups=None if distinct_rows else unique)
    # With a fault in the list nobody knows what ALL are.
    if not ungrouped and not (of_all and t.UNKNOWN in {value.type for value in values}):
        refuse_loose(scope)
    scope.context.decides |= bool(distinct_rows) and any(value.drifts for value in values)
    if scope.aggregated and scope.groups is None and t.UNKNOWN not in {value.type for value in values}:
        scope.fault(node, "ORDER BY and QUALIFY take an aggregate beside GROUP BY, or beside one in the SELECT list.")
    opaque = limited or scope.windowed or several
    relation = _relation(node, scope, items, opaque=opaque)
    relation.anything = any(map(is_star, node.expressions)) and any(isinstance(one, Anything) for one in scope.items)
    relation.anything |= any(_may_be_any(item) and value.faulty for item, _, value in items)
    relation.unique = _places(unique, values) if not distinct_rows else frozenset(range(len(values)))
    if one_row:
        relation.one_row = True
        relation.columns = [(name, value._replace(reads=frozenset())) for name, value in relation.columns]
    if (groups is not None and not several) or not (scope.aggregated or having):
        relation.requires = scope.requires
    group_by = f" GROUP BY {', '.join(terms) or '()'}" if groups is not None else ""
    listed = _listed(node, relation, items)
    if several:
        # A set of no columns has one row of totals in DuckDB even where there are no rows at all.
        having = f" HAVING count(*) > 0 AND ({having.removeprefix(' HAVING ')})" if having else " HAVING count(*) > 0"
    sql = f"SELECT{' DISTINCT' if distinct_rows else ''} {listed}{from_}{where}{group_by}{having}{qualify}{ordered}"
    relation.sql = settled(sql, scope, groups, several=several)
    return relation


def _may_be_any(item: exp.Expr) -> bool:
    """Say whether an item that has a fault may have been meant for columns of other names: `nope`, `*[1]`."""
    return isinstance(item.unnest(), exp.Column) or isinstance(item.unalias().this, exp.Star)


def _name_windows(node: exp.Expr, scope: Scope) -> None:
    if node.args.get("windows") and node.args.get("from_") is None:
        scope.fault(
            node.args["windows"][0], "WINDOW names windows of the rows of FROM, and the query has none. Leave it out."
        )
    for window in node.args.get("windows") or []:
        if str(window.name).lower() in scope.windows:
            scope.fault(window, f"WINDOW names '{window.name}' twice. Give one of them another name.")
        scope.windows[str(window.name).lower()] = window


def _listed(node: exp.Expr, relation: Relation, items: Sequence[tuple[exp.Expr, str | None, Value]]) -> str:
    names = sql_names([(name, value) for name, value in relation.columns])
    if node.args.get("kind") == "STRUCT":
        whole = struct([(name or "", value) for _, name, value in items])
        return f"{whole.sql} AS {quote(names[0] if names else 'f0_')}"
    return ", ".join(
        f"{value.sql if value.type != t.NULL else f'CAST({value.sql} AS BIGINT)'} AS {quote(name)}"
        for name, (_, _, value) in zip(names, items, strict=False)
    )


def _told_apart(groups: Collection[str] | None, scope: Scope, *, one_row: bool) -> frozenset[str] | None:
    """Return the SQL of what tells apart the rows that a SELECT gives without its DISTINCT; None where nobody knows any."""
    if one_row:
        return frozenset()
    return frozenset(groups) if groups is not None else scope.row_key()


def _places(unique: frozenset[str] | None, values: Sequence[Value]) -> frozenset[int] | None:
    """Return at which places columns stand that tell rows apart; None where one of them is not given."""
    places = {value.sql: place for place, value in enumerate(values)}
    return frozenset(map(places.__getitem__, unique)) if unique is not None and unique <= places.keys() else None


def _relation(
    node: exp.Expr, scope: Scope, items: Sequence[tuple[exp.Expr, str | None, Value]], *, opaque: bool
) -> Relation:
    def passed(value: Value) -> Value:
        passes = not opaque and (scope.groups is None or value.sql in scope.groups)
        return value if passes or not value.origins else value._replace(origins=hidden(value.origins))

    if node.args.get("kind") == "STRUCT":
        fields = [(name or "", value) for _, name, value in items]
        whole = distinct(node, fields, scope) or struct(fields)
        return Relation([(None, Value(whole.type, ""))], "", nodes=[node], element=True)
    columns = [(name, passed(value)) for _, name, value in items]
    relation = Relation(columns, "", nodes=[item for item, _, _ in items], element=node.args.get("kind") == "VALUE")
    if scope.windowed or any(map(node.args.get, _AFTER)):
        # GoogleSQL knows what is written down as such where the SELECT list is the last thing that it computes.
        relation.settle()
    return relation


def _condition(node: exp.Expr | None, scope: Scope, word: str) -> str:
    if node is None:
        return ""
    if word == "WHERE":
        with plain(node, scope, word):
            sql = boolean(node.this, scope, word).sql
        note_bounds(node.this, scope, None, requires=True)
        return f" WHERE {sql}"
    if word == "HAVING" and scope.groups is None and scope.items:
        scope.fault(node, "HAVING needs GROUP BY, or an aggregate in the SELECT list. Write WHERE.")
    if word == "HAVING" and node.parent is not None and holds_window(node.this, node.parent):
        scope.fault(node, "HAVING cannot hold a window function. Write QUALIFY, or compute it in a WITH first.")
    sql = boolean(node.this, scope, word).sql
    if word == "QUALIFY":
        note_qualify(node.this, scope)
    else:
        # Groups are kept by what they are grouped by.
        note_bounds(node.this, scope, None if scope.groups else ())
    return f" {word} {sql}"


def _groups_of_all(node: exp.Expr, scope: Scope) -> list[str]:
    scope.guard(node.args["group"], {"expressions", "all"})
    groups: list[tuple[exp.Expr, Value]] = []
    for item in node.expressions:
        if is_star(item):
            groups += [(item, value) for _, _, value in star(item, scope)]
            continue
        trial, faults = (
            Scope(scope.context, parent=scope.parent, items=scope.items, ctes=scope.ctes),
            len(scope.context.faults),
        )
        value = expression(item.unalias(), trial)
        del scope.context.faults[faults:]
        # What names nothing of FROM makes no groups: without rows it has one row of totals all the same.
        if trial.named and not (trial.aggregated or trial.windowed):
            groups.append((item, value))
    scope.context.decides |= any(value.drifts for _, value in groups)
    for item, value in groups:
        if not t.can(value.type, "group"):
            instead = t.instead_of_groups(value.type, "Group by")
            scope.fault(item, f"GROUP BY ALL cannot group by {value.type}. {instead}")
    scope.groups = {value.sql: value.sql for _, value in groups}
    return [value.sql for _, value in groups]


def _items(node: exp.Expr, scope: Scope) -> list[tuple[exp.Expr, str | None, Value]]:
    items: list[tuple[exp.Expr, str | None, Value]] = []
    for item in node.expressions:
        if is_star(item):
            items += star(item, scope)
            if len(items) > MOST_COLUMNS:
                message = (
                    f"the query has more than {MOST_COLUMNS:,} columns here. Name those that you need instead of *."
                )
                raise SqlError([Fault(line_of(item), message)])
        else:
            items.append((item, output_name(item), item_value(item.unalias(), scope)))
    if node.args.get("kind") == "VALUE" and len(items) > 1:
        scope.fault(node, "SELECT AS VALUE takes one value. Write SELECT AS STRUCT for several.")
    return items


def _all_loose(node: exp.Expr, scope: Scope) -> None:
    """Note every column outside aggregates of a query that aggregates without GROUP BY."""
    faults = len(scope.context.faults)
    trial = Scope(
        scope.context,
        parent=scope.parent,
        ctes=scope.ctes,
        items=scope.items,
        windows=scope.windows,
        groups={},
    )
    occurrences = scope.context.occurrences
    scope.context.occurrences = []
    for item in node.expressions:
        if is_star(item):
            star(item, trial)
        else:
            expression(item.unalias(), trial)
    scope.context.occurrences = occurrences
    del scope.context.faults[faults:]
    scope.loose += trial.loose
