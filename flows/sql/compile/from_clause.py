"""FROM and its joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql.compile.apply import apply
from flows.sql.compile.clauses import plain
from flows.sql.compile.conditions import note_bounds
from flows.sql.compile.convert import boolean, compare
from flows.sql.compile.from_items import from_item, named_twice
from flows.sql.compile.scope import Anything, FromItem, Scope
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions import signatures
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

_LATERAL = "LATERAL ("
_JOIN = {"this", "on", "using", "side", "kind"}
_UNCOUNTED = ' CROSS JOIN unnest([1]) AS "one"'
"""One row of which DuckDB does not know that it is one.

Where its statistics prove that a side of an outer join has no rows, DuckDB takes the join to have none either: LIMIT lets
all rows through, EXISTS is false, and SUM of INT64 overflows in silence. Beside this row it counts on nothing.
"""
_BEHIND_QUERY = ("order", "limit", "offset")


def from_clause(node: exp.Expr, scope: Scope) -> str:
    """Compile a query's FROM and its joins, and add them to the scope."""
    from_ = node.args.get("from_")
    scope.first = len(scope.context.occurrences)
    if from_ is None:
        if any(map(node.args.get, ("where", "group", "having", "order", "distinct"))):
            scope.without_from(node)
        return ""
    sql = f" FROM {_source(from_.this, scope)}"
    for join in node.args.get("joins") or []:
        sql += _join(join, scope, 0)
    return sql + _UNCOUNTED if scope.joins_outer else sql


def _source(node: exp.Expr, scope: Scope) -> str:
    """Compile an item of FROM, or a join in parentheses."""
    inner = node.this
    in_parentheses = isinstance(node, exp.Subquery) and not node.alias and isinstance(inner, exp.Table | exp.Subquery)
    # ORDER BY and LIMIT behind a query in parentheses make it one that stands in others.
    if not in_parentheses or node.args.get("pivots") or any(map(inner.args.get, _BEHIND_QUERY)):
        return from_item(node, scope)
    if isinstance(inner, exp.Table) and not inner.args.get("joins"):
        scope.fault(node, f"'{shown(node)}': parentheses hold a query or a join. Leave them out.")
    if isinstance(inner, exp.Subquery) and isinstance(inner.this, exp.Table) and not inner.args.get("joins"):
        scope.fault(node, f"'{shown(node)}': a join stands in two parentheses. Leave out one.")
    return _joined(inner, scope)


def _joined(node: exp.Expr, scope: Scope) -> str:
    """Compile what is joined before it is joined with the rest: in parentheses, or as ON follows ON."""
    # Inside, nothing is seen of what is before.
    outside, scope.items = scope.items, [FromItem("", []) for _ in scope.items]
    first = len(outside)
    sql = _source(node, scope)
    for join in node.args.get("joins") or []:
        sql += _join(join, scope, first)
    scope.items = [*outside, *_others(node, scope.items[first:], outside, scope)]
    return f"({sql})" if node.args.get("joins") else sql


def _others(node: exp.Expr, items: list[FromItem], outside: list[FromItem], scope: Scope) -> list[FromItem]:
    """Return items of FROM that saw nothing of those before them; note the fault of one that has the name of another."""
    for one in items:
        if one.key and any(one.key == other.key for other in outside):
            named_twice(node, one.alias, scope)
    return items


def _join(join: exp.Expr, scope: Scope, first: int) -> str:
    """Compile a join; the items of FROM that it joins with another begin at the place `first`."""
    scope.guard(join, _JOIN)
    side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
    _refuse_kind(join, side, kind, scope)
    scope.joins_outer |= bool(side)
    before = len(scope.items)
    if side in {"RIGHT", "FULL"} and isinstance(join.this, exp.Unnest):
        # Such a side sees nothing of what is before it.
        outside, scope.items = scope.items, [FromItem("", []) for _ in scope.items]
        item = _source(join.this, scope)
        scope.items = [*outside, *_others(join, scope.items[before:], outside, scope)]
    else:
        item = _joined(join.this, scope) if join.this.args.get("joins") else _source(join.this, scope)
        if side in {"RIGHT", "FULL"} and item.startswith(_LATERAL):
            scope.fault(join, f"{side} JOIN takes no ARRAY of a row. Write LEFT JOIN.")
    of_left, of_right = scope.items[first:before], scope.items[before:]
    for source in {"LEFT": of_right, "RIGHT": of_left, "FULL": scope.items[first:]}.get(side, []):
        source.columns = [
            (name, value._replace(reads=frozenset([(scope.level, value.sql)])) if value.same else value)
            for name, value in source.columns
        ]
    on, using = join.args.get("on"), join.args.get("using")
    if using:
        condition = _using(join, using, scope, of_left, of_right)
    elif on is not None:
        with plain(on, scope, "ON"):
            condition = f" ON {boolean(on, scope, 'ON').sql}"
        note_bounds(on, scope, _bounded_sides(scope, of_left, of_right, side))
    else:
        of_array = isinstance(join.this, exp.Unnest) or item.startswith(_LATERAL)
        condition = _of_all(join, side, kind, scope, None if of_array else of_right)
    if not condition:
        return f" CROSS JOIN {item}"
    if item.startswith(_LATERAL) and "SELECT" in condition and side in {"", "LEFT"}:
        # DuckDB takes no query in the condition of such a join, and one inside of what is joined.
        own = item.rpartition(" AS ")[2]
        kept = condition.removeprefix(" ON ")
        has_rowid = scope.sources.pop(item, False)
        item, condition = f"LATERAL (SELECT * FROM {item.removeprefix('LATERAL ')} WHERE {kept}) AS {own}", " ON TRUE"
        scope.sources[item] = has_rowid
    return f" {side + ' ' if side else ''}JOIN {item}{condition}"


def _of_all(join: exp.Expr, side: str, kind: str, scope: Scope, joined: list[FromItem] | None) -> str:
    """Return the condition of a join that has none, which tables need, but not an ARRAY (`joined` is None)."""
    if joined is None:
        return " ON TRUE" if side or kind == "INNER" else ""
    if (side or kind != "CROSS") and not any(isinstance(source, Anything) for source in joined):
        scope.fault(join, f"{(side + ' ') if side else ''}JOIN needs ON or USING. Write CROSS JOIN for every pair.")
        # What would be joined by USING is ambiguous without it: no fault of its own.
        for source in joined:
            source.columns = [(name, NOTHING) for name, _ in source.columns]
    return " ON TRUE" if side else ""


def _refuse_kind(join: exp.Expr, side: str, kind: str, scope: Scope) -> None:
    """Note a fault of a join that GoogleSQL has not."""
    if kind not in {"", "INNER", "CROSS", "OUTER"}:
        scope.unsupported(join, f"{kind} JOIN")
    if kind == "OUTER" and not side:
        scope.fault(join, "OUTER JOIN needs a side. Write LEFT, RIGHT or FULL before it.")
    if kind == "CROSS" and (join.args.get("on") is not None or join.args.get("using")):
        scope.fault(join, "CROSS JOIN takes no ON and no USING. Write JOIN, or leave the condition out.")


def _bounded_sides(scope: Scope, left: list[FromItem], right: list[FromItem], side: str) -> list[FromItem]:
    """Return the tables whose rows an ON condition keeps out, where it names them."""
    return {"FULL": [], "LEFT": right, "RIGHT": left}.get(side, scope.items)


def _hides(item: FromItem, name: str) -> bool:
    """Say whether a name means the rows of an item of FROM, and no column."""
    is_row = item.whole is None or bool(item.whole.type.fields)
    return item.key == name.lower() and is_row and not isinstance(item, Anything)


def _using(
    join: exp.Expr, using: Sequence[exp.Expr], scope: Scope, of_left: list[FromItem], of_right: list[FromItem]
) -> str:
    side = str(join.args.get("side") or "").upper()
    conditions = []
    made: dict[str, tuple[str, Value]] = {}
    for column in using:
        name = column.name
        if any(_hides(one, name) for one in (*of_left, *of_right)):
            said = f"'{name}' in USING names an item of FROM, which hides the column. Give the item another name"
            scope.fault(column, f"{said}, or write ON.")
            continue
        left, right = ([value for one in items for value in one.seen(name)] for items in (of_left, of_right))
        if len(left) != 1 or len(right) != 1:
            where = (
                "on both sides"
                if not left and not right
                else ("before the JOIN" if len(left) != 1 else "in the joined table")
            )
            scope.fault(column, f"'{name}' in USING must be one column {where}.")
            continue
        scope.context.equated += (*left[0].origins, *right[0].origins)
        pairs, faults = [(column, left[0]), (column, right[0])], len(scope.context.faults)
        conditions.append(compare(join, pairs[0], "=", pairs[1], scope))
        chosen = right[0] if side == "RIGHT" else left[0]
        if side == "FULL" and len(scope.context.faults) == faults:
            chosen = apply("COALESCE", join, signatures.scalar("COALESCE"), pairs, scope)
        both = left[0].origins | right[0].origins if not side else chosen.origins
        for source in (*of_left, *of_right):
            source.hidden |= {name.lower()} if source.find(name) else set()
        for source in (*of_left[1:], *of_right):
            source.joined.pop(name.lower(), None)
        made[name.lower()] = (name, Value(chosen.type, chosen.sql, origins=both))
    if len(made) < len(using):
        # What is meant may be any column of both sides, so that none of these is ambiguous.
        for key in {known.lower() for one in of_left for known, _ in one.all_seen()} - made.keys():
            if any(one.seen(key) for one in of_right):
                made[key] = (key, NOTHING)
                for source in (*of_left, *of_right):
                    source.hidden.add(key)
                    source.joined.pop(key, None)
    if of_left:  # else what is before the join has a fault
        of_left[0].joined = made | {key: one for key, one in of_left[0].joined.items() if key not in made}
    return f" ON {' AND '.join(conditions)}" if conditions else " ON TRUE"
