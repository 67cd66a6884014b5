"""One SELECT: its list, its groups, its conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flows.model.errors import Fault, SqlError, did_you_mean
from flows.sql import types as t
from flows.sql.compile.clauses import by_names, holds_window, is_star, no_table, plain, refuse_loose, sql_names
from flows.sql.compile.conditions import note_bounds, note_mentions, note_qualify
from flows.sql.compile.convert import boolean
from flows.sql.compile.dispatch import expression
from flows.sql.compile.from_clause import from_clause
from flows.sql.compile.grouping import grouped, whole
from flows.sql.compile.order import Column, tail
from flows.sql.compile.origins import with_origins
from flows.sql.compile.scope import Anything, Relation, Scope
from flows.sql.compile.structures import distinct, fields_of, output_name, struct
from flows.sql.compile.ties import settled
from flows.sql.compile.value import Value
from flows.sql.parse.tree import line_of
from flows.sql.reach import hidden
from flows.sql.shown import shown
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

MOST_COLUMNS = 10_000
"""How many columns a query may give, as in BigQuery (https://cloud.google.com/bigquery/quotas#all_tables)."""
_TABLE_STAR = 2
"""How many parts `table.*` has."""
_SELECT = {"with_", "kind", "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "order", "limit", "offset", "distinct"}  # fmt: skip


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
    ungrouped = len(scope.context.faults) > faults
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
    one_row = node.args.get("from_") is None or (scope.aggregated and groups is None)
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
    relation.anything |= any(isinstance(item, exp.Column) and value.faulty for item, _, value in items)
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


def _name_windows(node: exp.Expr, scope: Scope) -> None:
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
    return Relation(columns, "", nodes=[item for item, _, _ in items], element=node.args.get("kind") == "VALUE")


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
    groups = []
    for item in node.expressions:
        if is_star(item):
            groups += [value.sql for _, _, value in _star(item, scope)]
            continue
        trial, faults = (
            Scope(scope.context, parent=scope.parent, items=scope.items, ctes=scope.ctes),
            len(scope.context.faults),
        )
        value = expression(item.unalias(), trial)
        del scope.context.faults[faults:]
        # What names nothing of FROM makes no groups: without rows it has one row of totals all the same.
        if trial.named and not (trial.aggregated or trial.windowed):
            groups.append(value.sql)
    scope.groups = dict(zip(groups, groups, strict=True))
    return groups


def _items(node: exp.Expr, scope: Scope) -> list[tuple[exp.Expr, str | None, Value]]:
    items: list[tuple[exp.Expr, str | None, Value]] = []
    for item in node.expressions:
        if is_star(item):
            items += _star(item, scope)
            if len(items) > MOST_COLUMNS:
                message = (
                    f"the query has more than {MOST_COLUMNS:,} columns here. Name those that you need instead of *."
                )
                raise SqlError([Fault(line_of(item), message)])
        else:
            items.append((item, output_name(item), _item(item.unalias(), scope)))
    return items


def _item(node: exp.Expr, scope: Scope) -> Value:
    note_mentions(node, scope)
    return with_origins(node, whole(node, scope), scope)


def _star(item: Any, scope: Scope) -> list[tuple[exp.Expr, str | None, Value]]:  # noqa: ANN401 - a star or a column
    star = item if isinstance(item, exp.Star) else item.expression if isinstance(item, exp.Dot) else item.this
    scope.guard(star, {"except_", "replace"})
    first = scope.item(item.parts[0].name) if isinstance(item, exp.Column) else None
    of_tables = isinstance(item, exp.Star) or (first is not None and len(item.parts) == _TABLE_STAR)
    of_element = of_tables and first is not None and first.whole is not None
    of_all = bool(_group(item).args.get("all"))
    # Fields of a STRUCT that is written down are grouped where its own columns are.
    of_fields = not of_tables and (of_all or not (isinstance(item, exp.Dot) and isinstance(item.this, exp.Struct)))
    if isinstance(item, exp.Star):
        if not scope.items:
            scope.fault(item, "SELECT * needs a FROM.")
        columns = list(_all_columns(scope))
    else:
        loose, aggregated, scope.aggregated = len(scope.loose), scope.aggregated, False
        found = _starred(item, scope)
        of_fields &= not scope.aggregated
        if scope.aggregated and found is not None:
            _refuse_grouped(item, {name.lower() for name, _ in found}, scope)
        scope.aggregated |= aggregated
        if found is None:
            return []
        columns = found
        if of_fields:
            # It stands for the fields of a STRUCT, which a group of the whole has no place for.
            del scope.loose[loose:]
    names = [name for name, _ in columns]
    if any(isinstance(one, Anything) for one in scope.items):
        return []
    _refuse_unknown(star, names, scope)
    out = {one.name.lower() for one in star.args.get("except_") or []}
    replaced = {one.alias.lower(): one for one in star.args.get("replace") or []}
    items: list[tuple[exp.Expr, str | None, Value]] = []
    for name, value in columns:
        if name.lower() in out:
            continue
        other = replaced.get(name.lower())
        grouped_by = scope.groups is None or (value.sql in scope.groups and (of_all or not (of_fields or of_element)))
        if (of_tables or of_fields) and other is None and not grouped_by:
            whole = f"{shown(item).rpartition('.')[0]}." if of_fields else ""
            scope.loose.append((item, f"{whole}{name}"))
        items.append((item, name, _item(other.this, scope) if other else value))
    if names and not items:
        scope.fault(item, f"'{shown(item)}' leaves no column. Leave one of them out of EXCEPT.")
    if of_tables:
        scope.named |= {value.sql: value for name, value in columns if name.lower() not in {*out, *replaced}}
    return items


def _group(item: exp.Expr) -> exp.Expr:
    """Return the GROUP BY of the query in whose list an item stands, or an empty one."""
    select = item.find_ancestor(exp.Select)
    return (select.args.get("group") if select is not None else None) or exp.Group()


def _refuse_grouped(item: exp.Expr, names: Collection[str], scope: Scope) -> None:
    """Note a fault of what GROUP BY names by a column that holds an aggregate."""
    for one in _group(item).expressions:
        if isinstance(one, exp.Column) and len(one.parts) == 1 and one.name.lower() in names:
            scope.fault(
                one,
                f"'{one.name}' in GROUP BY is a column of '{shown(item)}', which holds an aggregate. Write table.{one.name}.",
            )


def _refuse_unknown(star: exp.Expr, names: list[str], scope: Scope) -> None:
    """Note a fault for each name in EXCEPT and REPLACE that `*` does not give."""
    known = {name.lower() for name in names}
    for word, key in (("EXCEPT", "except_"), ("REPLACE", "replace")):
        for one in star.args.get(key) or []:
            name = one.alias if word == "REPLACE" else one.name
            if name.lower() not in known:
                scope.fault(one, f"'{name}' in {word} is not a column of '*'.{did_you_mean(name, names)}")


def _starred(item: Any, scope: Scope) -> list[tuple[str, Value]] | None:  # noqa: ANN401 - the same
    """Return the columns that stand behind `table.*` or `struct.*`."""
    if isinstance(item, exp.Dot):
        return _fields(item, expression(item.this, scope), scope)
    path, source = item.parts[:-1], scope.item(item.parts[0].name)
    if source is not None and len(path) == 1:
        return source.columns if source.whole is None else _fields(item, source.whole, scope)
    known = [*(one.alias for around in scope.outward() for one in around.items), *scope.names()]
    if source is None and any(isinstance(one, Anything) for one in scope.items):
        return []
    if source is None and not any(name.lower() == path[0].name.lower() for name in known):
        no_table(path[0], f"here.{did_you_mean(path[0].name, known)}", scope)
        return None
    first = exp.column(path[0].copy())
    whole = exp.Dot.build([first, *(part.copy() for part in path[1:])]) if path[1:] else first
    return _fields(item, expression(whole, scope), scope)


def _fields(item: exp.Expr, value: Value, scope: Scope) -> list[tuple[str, Value]] | None:
    if value.type == t.UNKNOWN:
        return None
    if value.type.name != "STRUCT":
        hint = " UNNEST it first." if value.type.element else ""
        scope.fault(item, f"'{shown(item)}': .* takes a table or a STRUCT, and this is {value.type}.{hint}")
        return None
    return fields_of("", value)


def _all_columns(scope: Scope) -> Iterator[tuple[str, Value]]:
    for source in scope.items:
        yield from source.all_seen()


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
            _star(item, trial)
        else:
            expression(item.unalias(), trial)
    scope.context.occurrences = occurrences
    del scope.context.faults[faults:]
    scope.loose += trial.loose
