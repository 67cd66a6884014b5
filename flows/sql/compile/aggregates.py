"""Aggregates and functions of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.sql import types as t
from flows.sql.compile.apply import apply
from flows.sql.compile.clauses import is_literal, window_names
from flows.sql.compile.equality import lengths
from flows.sql.compile.frames import analytic_inside
from flows.sql.compile.in_bigquery import any_value, of_one_row
from flows.sql.compile.inside import Inside, of_own_rows, read
from flows.sql.compile.keys import GREATEST, ORDERED, VALUES, Key, Pick, Tied, Use
from flows.sql.compile.order import Ordering, ordering, over
from flows.sql.compile.quantiles import QUANTILES, in_the_table, quantile_fault, share
from flows.sql.compile.some_values import limited, of_extreme, of_queries
from flows.sql.compile.ties import mark, pick
from flows.sql.compile.value import Value
from flows.sql.functions import signatures
from flows.sql.once import steady
from flows.sql.parse.tree import line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from flows.sql.compile.scope import Scope

_SAME_DISTINCT = {"MIN", "MAX", "ANY_VALUE", "LOGICAL_AND", "LOGICAL_OR", "BIT_AND", "BIT_OR"}
_BY = {"MAX_BY", "MIN_BY"}
_SEEING = ORDERED | _BY | {"FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"}
"""What gives one or several of the values that it sees, by their order."""


def aggregate(name: str, node: exp.Expr, scope: Scope, window: exp.Window | None) -> Value:
    """Compile a call of an aggregate, or of a function that needs a window; `window` is what follows it."""
    of_rows = bool(signatures.aggregate(name))
    if not scope.items:
        return scope.without_from(node)
    if of_rows and window is None:
        scope.aggregated = True
        if scope.depth:
            return scope.fault(node, f"{name} stands inside another aggregate. Compute the inner one in a WITH first.")
    scope.depth += window is None
    around, scope.named = scope.named, {}
    windowed, scope.windowed = scope.windowed, False
    faults = len(scope.context.faults)
    inside = read(node, scope)
    order = ordering(inside.order, scope, scope.alike if window is None else ())
    order = of_own_rows(inside, order, scope) if window is None else order
    is_known = len(scope.context.faults) == faults
    if name in _SEEING or inside.having:
        _note_named(inside, scope, over=window is not None)
    scope.named = around | scope.named
    scope.depth -= window is None
    ignores_nulls = inside.nulls is exp.IgnoreNulls
    frame = over(name, window, scope, ignores_nulls=ignores_nulls) if window is not None else None
    suffix = f" OVER {frame.sql}" if frame is not None else ""
    select = node.find_ancestor(exp.Select) if window is not None and scope.aliases else None
    named = window_names(select) if select is not None else set()
    said = analytic_inside(name, node, window, named, scope) if scope.windowed or named else ""
    scope.windowed = scope.windowed or windowed
    if name in QUANTILES and "ORDER BY" in suffix:
        return scope.fault(node, f"{name} orders by its value: leave ORDER BY out of OVER (PARTITION BY ...).")
    if said := said or (_misplaced(name, inside, order, of_rows=of_rows, window=suffix) if is_known else ""):
        return scope.fault(node, said)
    failing = _failing(inside, order)
    inside.rows, inside.having = (None, inside.having) if name == "ANY_VALUE" else (inside.having, None)
    marks = {"o": suffix, "s": frame.inside if frame is not None else ""}
    marks |= _ties(name, inside, order, scope, over=frame is not None)
    value = _value(name, node, scope, inside, marks)
    if failing and value.type != t.UNKNOWN:
        value = value._replace(sql=f"CASE WHEN count({failing}) = 0 THEN {value.sql} ELSE {value.sql} END")
    if "b" in marks and value.type != t.UNKNOWN:
        value = _picked(name, inside, value, marks["b"], scope)
    elif name == "ANY_VALUE" and value.type != t.UNKNOWN and not _same_within(inside.arguments[0][1], scope, window):
        any_value(node, inside.arguments[0][0], value.type, scope, over=window)
    if of_rows and window is None and value.type != t.UNKNOWN and "is_of_pivot" not in node.meta:
        _needs_order(name, node, inside, order, scope)
    if frame is None or frame.reads is None:
        value = value.depending(frozenset([(scope.level, value.sql)]), drifts=value.drifts)
    else:
        value = value.depending(frame.reads, drifts=value.drifts)
    return value._replace(sql=frame.around(value.sql)) if frame is not None and frame.failing else value


def _failing(inside: Inside, order: Ordering) -> str:
    """Take the errors out of what DISTINCT orders, and return the SQL that raises them; an empty text where there are none.

    DuckDB finds what can end in an error nowhere again, so that it does not see the order to be that of the argument.
    """
    if not (inside.distinct and order.keys and inside.arguments):
        return ""
    (item, first), *others = inside.arguments
    if steady(first.sql) == first.sql:
        return ""
    inside.arguments = [(item, first._replace(sql=steady(first.sql))), *others]
    return first.sql


def _ordered(name: str, node: exp.Expr, inside: Inside) -> str:
    """Say how to write an aggregate with an order."""
    given = ", ".join(shown(item) for item, _ in inside.arguments)
    first, value = inside.arguments[0] if inside.arguments else (node, Value(t.UNKNOWN, ""))
    by = shown(first)
    if isinstance(first, exp.Struct) and first.expressions:
        field = first.expressions[0].unalias()
        by = shown(field.expression if isinstance(field, exp.PropertyEQ) else field)
    elif not t.can(value.type, "order"):
        known = next((name for name, kind in value.type.fields if name and t.can(kind, "order")), None)
        by = f"{by}.{known}" if known else ""
    if inside.distinct and not t.can(value.type, "order"):
        by = f", as in ORDER BY {by}" if by else ""
        return f"Make its values distinct in a WITH first, and write {name}({given} ORDER BY ...) with what tells them apart{by}."
    nulls = inside.nulls and (" IGNORE NULLS" if inside.nulls is exp.IgnoreNulls else " RESPECT NULLS")
    limit = f" LIMIT {inside.limit}" if inside.limit is not None else ""
    call = f"{name}({'DISTINCT ' if inside.distinct else ''}{given}{nulls or ''} ORDER BY {by or '...'}{limit})"
    return f"Write {call}{', or order by other columns' if by else ' with columns that tell the rows apart'}."


def _needs_order(name: str, node: exp.Expr, inside: Inside, order: Ordering, scope: Scope) -> None:
    """Note a fault of an aggregate whose value another order of the rows makes another, and that has none."""
    arguments, said = inside.arguments, ""
    if name in ORDERED:
        said = order.none()
        instead = _ordered(name, node, inside)
    elif inside.having or (name in _BY and len(arguments) > 1):
        item, by_value = inside.having or arguments[1]
        if _same_within(by_value, scope, None):
            said = f"by '{shown(item)}', which is the same for all rows,"
        instead = "Name a column that tells all rows apart."
        scope.context.decides |= by_value.drifts
    if said:
        message = f"{name} {said} can give another value on every retry. {instead}"
        scope.context.unrepeatable.append(Fault(line_of(node), message))


def _same_within(value: Value, scope: Scope, window: exp.Window | None) -> bool:
    """Say whether a value is the same for all rows of a group."""
    alike = scope.alike if window is None else ()
    return value.same or (bool(value.reads) and all(sql in alike for _, sql in value.reads or ()))


def _picked(name: str, inside: Inside, value: Value, order: str, scope: Scope) -> Value:
    """Return what a call gives of the row that is the greatest or the least by an order."""
    greatest = inside.most if inside.having else name == "MAX_BY"
    sql = pick(Pick(order, inside.arguments[0][1].sql, value.type, greatest, value.sql), scope)
    _, by_value = inside.having or inside.arguments[1]
    if by_value.type == t.FLOAT64:
        # NaN is the greatest and the least of all, and equal to none, so that no row has it.
        sql = f"CASE WHEN NOT coalesce(bool_or(isnan({by_value.sql})), FALSE) THEN {sql} END"
    return value._replace(sql=sql)


def _note_named(inside: Inside, scope: Scope, *, over: bool) -> None:
    """Keep the columns that a function's arguments name, and those arguments that are other columns of the SELECT list."""
    named = {(scope.level, sql) for sql in scope.named}
    others = {
        value.sql: value for _, value in inside.arguments if not (value.same or named.issuperset(value.reads or ()))
    }
    scope.within[over] |= scope.named | others


def _ties(name: str, inside: Inside, order: Ordering, scope: Scope, *, over: bool) -> dict[str, str]:
    """Return what stands in a call for the order in which it sees values, or by which it compares them."""
    by = inside.having or (inside.arguments[1] if name in _BY and len(inside.arguments) > 1 else None)
    if (not order.keys and by is None) or not inside.arguments:
        return {}
    alike = frozenset() if over else scope.alike
    if by is not None and not order.keys:
        (item, value), (node, by_value) = inside.arguments[0], by
        written = mark(Tied(GREATEST, (Key(by_value.sql),), alike, over=over), scope)
        greatest = inside.most if inside.having else name == "MAX_BY"
        instead = of_one_row((item, value.type), (node, by_value.type), greatest=greatest)
        scope.uses.append(Use(written, inside.call, None, instead))
        return {"b": written}
    if inside.distinct:
        return {"s": f" ORDER BY {', '.join(f'{steady(key.sql)} {key.way}' for key in order.keys)}"}
    written = mark(Tied(VALUES, order.keys, alike, over=over), scope)
    scope.uses.append(Use(written, inside.call, inside.order[0].parent))
    return {"s": f" ORDER BY {written}"}


def _value(name: str, node: exp.Expr, scope: Scope, inside: Inside, marks: dict[str, str]) -> Value:
    suffix = marks["o"]
    of_rows = bool(signatures.aggregate(name))
    if inside.star and (said := _star_fault(name, inside)):
        return scope.fault(node, said)
    if inside.star and inside.rows is None:
        return Value(t.INT64, f"count(*){suffix}")
    arguments = _seen(name, node, inside)
    if inside.having is not None:
        name, arguments = ("MAX_BY" if inside.most else "MIN_BY"), [arguments[0], inside.having]
    if name in QUANTILES and (said := quantile_fault(name, inside, window=bool(suffix))):
        return scope.fault(node, said)
    nulls = inside.nulls if name not in QUANTILES else None
    if (
        of_rows
        and (inside.limit is not None or nulls or inside.order)
        and (name not in ORDERED or (nulls and name != "ARRAY_AGG"))
    ):
        of_order = (
            "IGNORE NULLS or RESPECT NULLS: it leaves NULLs out"
            if name in ORDERED
            else "ORDER BY, LIMIT, IGNORE NULLS or RESPECT NULLS"
        )
        return scope.fault(node, f"{name} takes no {of_order}.")
    ignore = " IGNORE NULLS" if inside.nulls is exp.IgnoreNulls else ""
    if of_rows and ignore and nulls:
        ignore, suffix = "", f" FILTER (WHERE {arguments[0][1].sql} IS NOT NULL){suffix}"
    if name == "ANY_VALUE" and arguments and arguments[0][1].type == t.FLOAT64:
        # The least one of FLOAT64 is NaN.
        name = "MIN"
    candidates = signatures.aggregate(name) or signatures.window(in_the_table(name, inside))
    of_bytes = name == "STRING_AGG" and bool(arguments) and arguments[0][1].type == t.BYTES
    if inside.distinct and (of_bytes or (name not in _SAME_DISTINCT and not all(one.distinct for one in candidates))):
        return scope.unsupported(node, f"{name}(DISTINCT ...)")
    kinds = [value.type for _, value in arguments if not (value.type == t.INTERVAL and name in _SAME_DISTINCT)]
    if inside.distinct and (kind := next((one for one in kinds if not t.can(one, "group")), None)):
        instead = t.instead_of_groups(kind, "Compare")
        return scope.fault(node, f"{kind} cannot be compared, as DISTINCT does. {instead}")
    marks |= {
        "d": "DISTINCT " if inside.distinct else "",
        "x": "exact" if scope.context.exact else "",
        "o": suffix,
        "i": ignore,
    }
    value = of_queries(name, apply(name, node, candidates, arguments, scope, marks=marks), arguments, suffix)
    if value.type == t.UNKNOWN or (inside.limit is None and inside.rows is None):
        return value
    values = [argument for _, argument in arguments]
    if inside.rows is None:
        return limited(name, node, value, values, marks, inside.limit or 0, scope)
    return of_extreme(
        name,
        node,
        value.type,
        values,
        inside.rows[1],
        marks,
        scope,
        most=inside.most,
        limit=inside.limit,
        ignores_nulls=bool(ignore or nulls is exp.IgnoreNulls),
    )


def _misplaced(name: str, inside: Inside, order: Ordering, *, of_rows: bool, window: str) -> str:
    """Say which words in a call GoogleSQL, or this compiler, has no meaning for; an empty text where there are none."""
    if window and (name in _BY or inside.having is not None) and inside.arguments:
        by = (inside.having or inside.arguments[-1])[0]
        way = " DESC" if inside.most or name == "MAX_BY" else ""
        instead = f"FIRST_VALUE({shown(inside.arguments[0][0])}) OVER (PARTITION BY ... ORDER BY {shown(by)}{way})"
        return f"{name} takes no OVER. Write {instead}."
    if inside.nulls is not None and not of_rows and name not in _SEEING | QUANTILES:
        return f"{name} takes no IGNORE NULLS or RESPECT NULLS. Leave out the rows without a value in a WITH."
    if inside.nulls is not None and name == "STRING_AGG":
        return "STRING_AGG takes no IGNORE NULLS or RESPECT NULLS. Leave them out: it skips NULLs."
    if (name in _BY or inside.having is not None) and inside.call.find(exp.Query):
        return f"a query inside {name} is not supported. Compute it in a WITH, and name its column here."
    if window and (inside.order or inside.limit is not None):
        return (
            f"{name} with OVER takes no ORDER BY or LIMIT in its brackets. Write the order in OVER (... ORDER BY ...)."
        )
    # That a single one orders nothing is said where an order is needed.
    listed = [one for one, _ in order.items] if len(order.items) > 1 else []
    same = next((one for one in listed if is_literal(one.unnest()) or isinstance(one.unnest(), exp.Literal)), None)
    if same is not None:
        return f"'{shown(same)}' in the ORDER BY of {name} orders nothing. Leave it out."
    if inside.distinct and any(f"{words} " in window for words in ("ORDER BY", "ROWS BETWEEN", "RANGE BETWEEN")):
        return f"{name}(DISTINCT ...) takes no ORDER BY and no frame in OVER. Write OVER (PARTITION BY ...)."
    if inside.distinct and inside.arguments:
        item, first = inside.arguments[0]
        if any(value.sql != first.sql for _, value in order.items):
            return f"{name}(DISTINCT ...) can be ordered by its first argument alone. Write ORDER BY {shown(item)}."
        if order.items and item.find(exp.Query):
            return f"{name}(DISTINCT ...) cannot be ordered by a query. Compute it in a WITH, and name its column here."
    return ""


def _star_fault(name: str, inside: Inside) -> str:
    """Say what is wrong with a call of `*`; an empty text where nothing is."""
    if name == "COUNT" and inside.is_marked:
        return "COUNT(*) takes no DISTINCT, ORDER BY, LIMIT and NULLS. Name a column, or leave them out."
    return f"{name}(*) does not exist. Name a column." if name != "COUNT" else ""


def _seen(name: str, node: exp.Expr, inside: Inside) -> list[tuple[exp.Expr, Value]]:
    """Return the arguments of a call: of `*` any value, shares of rows with all their digits, the lengths of INTERVALs to count."""
    if inside.star:
        return [(node, Value(t.INT64, "1", constant=1))]
    if name == "PERCENTILE_DISC":
        return [*inside.arguments[:1], *((item, share(value)) for item, value in inside.arguments[1:])]
    if name == "COUNT":
        return [(item, lengths(value)) for item, value in inside.arguments]
    return inside.arguments
