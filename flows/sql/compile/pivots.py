"""PIVOT and UNPIVOT, written as the queries that they stand for: a GROUP BY, and a join with an ARRAY of the columns."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.dispatch import expression, query
from flows.sql.compile.keys import ORDERED
from flows.sql.compile.scope import FromItem, Scope
from flows.sql.compile.value import Value
from flows.sql.functions import signatures
from flows.sql.parse.tree import call_name, line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.model.types import Type

_WHOLE_ROWS = {"MAX_BY", "MIN_BY"}
"""Aggregates that take rows whose first argument is NULL for others."""
_AROUND = (exp.Distinct, exp.Order, exp.Limit, exp.IgnoreNulls, exp.RespectNulls, exp.HavingMax)
_NAMING = (t.STRING, t.INT64, t.NUMERIC, t.BOOL, t.DATE)
"""The types of values that name their columns themselves."""
_DIGITS = "\0"
"""What stands before a name that begins with a digit: `_` where nothing else is before it."""
_ROW = "~row"
"""What a row of UNPIVOT is called inside: no name that anybody writes."""


def pivoted(node: exp.Expr, scope: Scope) -> exp.Subquery | None:
    """Return the query that an item of FROM with PIVOT or UNPIVOT stands for; None after a fault."""
    pivot, *others = node.args["pivots"]
    faults = scope.context.faults
    before = len(faults)
    if others:
        scope.fault(others[0], "PIVOT and UNPIVOT follow a table once. Put the first into a WITH.")
    # What it holds stays itself: of which conditions name the window is known by them.
    source = type(node)(**{name: value for name, value in node.args.items() if name != "pivots"})
    source.meta.update(node.meta)
    item = _before(source, scope)
    if item is None or len(faults) > before:
        return None
    select = (_unpivot if pivot.args.get("unpivot") else _pivot)(pivot, source, item, scope)
    if len(faults) > before:
        return None
    alias = pivot.args.get("alias")
    return exp.Subquery(this=select, alias=alias.copy() if alias else None)


def _before(source: exp.Expr, scope: Scope) -> FromItem | None:
    """Return what stands before PIVOT, None where that has a fault already; it is compiled for its columns alone, and reads nothing yet."""
    context = scope.context
    occurrences, unrepeatable = len(context.occurrences), len(context.unrepeatable)
    every = exp.Select(expressions=[exp.Star()], from_=exp.From(this=source.copy()))
    relation = query(every, Scope(context, parent=scope.parent, ctes=scope.ctes).inner())
    del context.occurrences[occurrences:], context.unrepeatable[unrepeatable:]
    if relation.anything or any(value.type == t.UNKNOWN for _, value in relation.columns):
        return None
    columns = [
        (name or "", Value(t.INT64 if value.type == t.NULL else value.type, name or ""))
        for name, value in relation.columns
    ]
    return FromItem(source.alias_or_name, columns)


def _pivot(pivot: exp.Expr, source: exp.Expr, item: FromItem, scope: Scope) -> exp.Select:
    field = pivot.args["fields"][0]
    calls = [(one.unalias(), one.alias) for one in pivot.expressions]
    if len(calls) > 1 and not all(alias for _, alias in calls):
        scope.fault(pivot, "each of several aggregates in PIVOT needs a name. Write AS name behind it.")
    if (inner := pivot.find(exp.Query)) or len(pivot.args["fields"]) > 1 or pivot.args.get("default_on_null"):
        scope.fault(inner or pivot, "PIVOT takes one FOR column IN (values), each written down, and no query.")
        return exp.Select()
    faults = len(scope.context.faults)
    for call, _ in calls:
        _check(call, scope)
    if len(scope.context.faults) > faults:
        return exp.Select()
    used = {_meant(column, item) for column in pivot.find_all(exp.Column)}
    kept: list[exp.Expr] = [exp.column(name, quoted=True) for name, _ in item.columns if name.lower() not in used]
    listed = list(kept)
    for value, name in _values(field, item, scope):
        for call, alias in calls:
            one = _only_where(call, exp.NullSafeEQ(this=field.this.copy(), expression=value.copy()))
            listed.append(
                exp.alias_(one, f"{alias}_{name.lstrip(_DIGITS)}" if alias else name.replace(_DIGITS, "_"), quoted=True)
            )
    group = exp.Group(expressions=[one.copy() for one in kept]) if kept else None
    return exp.Select(expressions=listed, from_=exp.From(this=source), group=group)


def _meant(column: exp.Expr, item: FromItem) -> str:
    """Return which column of the table a name means, with or without the table's own name before it."""
    parts: list[exp.Identifier] = column.parts  # type: ignore[attr-defined]
    first, *rest = (part.name.lower() for part in parts)
    return rest[0] if rest and first == item.key and not item.find(first) else first


def _check(call: exp.Expr, scope: Scope) -> None:
    name, first = call_name(call) or "", _first(call)
    if not signatures.aggregate(name) or name in _WHOLE_ROWS or first is None or call.find(exp.HavingMax):
        scope.fault(
            call, f"'{shown(call)}' in PIVOT is not supported. Write one aggregate of a column, as in SUM(amount)."
        )
    elif name == "ARRAY_AGG" and not call.find(exp.IgnoreNulls):
        value = shown(first)
        scope.fault(call, f"ARRAY_AGG in PIVOT needs IGNORE NULLS. Write ARRAY_AGG({value} IGNORE NULLS ...).")
    elif name in ORDERED and not call.find(exp.Order):
        value = ", ".join(shown(one) for one in call.expressions)
        instead = f"Write {name}({value} ORDER BY {shown(first)}), or order by other columns."
        message = f"{name} without ORDER BY can give another value on every retry. {instead}"
        scope.context.unrepeatable.append(Fault(line_of(call), message))


def _first(call: exp.Expr) -> exp.Expr | None:
    """Return the first argument of an aggregate without DISTINCT, ORDER BY and their like; None where it has none."""
    first = next(iter(call.expressions), None)
    while isinstance(first, _AROUND):
        first = first.this or next(iter(first.expressions), None)
    return first


def _only_where(call: exp.Expr, condition: exp.Expr) -> exp.Expr:
    """Return an aggregate of the rows for which a condition holds: of the others it sees NULL."""
    call = call.copy()
    call.meta["is_of_pivot"] = True
    first = _first(call)
    if first is None or isinstance(first, exp.Star):
        return exp.Anonymous(this="COUNTIF", expressions=[condition])
    first.replace(exp.Anonymous(this="IF", expressions=[condition, first.copy(), exp.Null()]))
    return call


def _values(field: exp.Expr, item: FromItem, scope: Scope) -> Iterator[tuple[exp.Expr, str]]:
    """Give each value of IN, with the name of its column."""
    of = expression(field.this, Scope(scope.context, items=[item])).type
    if not field.expressions:
        scope.fault(field, "PIVOT needs its values written down. Write FOR column IN ('one', 'other').")
    for listed in field.expressions:
        value = listed.this if isinstance(listed, exp.PivotAlias) else listed
        given = expression(value, Scope(scope.context))
        if not t.turns(given.given, of):
            scope.fault(value, f"'{shown(value)}' in PIVOT is {given.type}, but '{shown(field.this)}' is {of}.")
            continue
        if given.type == t.UNKNOWN:
            continue
        name = listed.args["alias"].name if isinstance(listed, exp.PivotAlias) else _name(value, of)
        if name is None:
            scope.fault(value, f"'{shown(value)}' in PIVOT names no column. Write {shown(value)} AS name.")
        yield value, name or ""


def _name(value: exp.Expr, of: Type) -> str | None:
    """Return what the column of a value is called that has no name of its own."""
    text = _written(value)
    if of == t.UNKNOWN:
        return "unknown"
    if text is None or of not in _NAMING:
        return None
    if of == t.STRING or isinstance(value, exp.Null):
        return text or "empty_string_value"
    if of == t.BOOL:
        return text
    if of == t.DATE:
        day = cast.literal(text, t.DATE)
        return day and day.removeprefix("DATE '").rstrip("'").replace("-", "_").join((_DIGITS, ""))
    number = f"{Decimal(text).normalize():f}".replace(".", "_point_")
    return number.replace("-", "minus_") if number.startswith("-") else f"{_DIGITS}{number}"


def _written(node: exp.Expr) -> str | None:
    """Return the text of what is written down; None where it is not."""
    if isinstance(node, exp.Literal | exp.Null | exp.Boolean):
        return {exp.Null: "NULL", exp.Boolean: str(node.this).lower()}.get(type(node), node.name)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return f"-{node.this.name}"
    return _written(node.this) if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal) else None


def _unpivot(pivot: exp.Expr, source: exp.Expr, item: FromItem, scope: Scope) -> exp.Select:
    field, values = pivot.args["fields"][0], _parts(pivot.expressions[0])
    listed_ = (one.this if isinstance(one, exp.PivotAlias) else one for one in field.expressions)
    odd = next((one for parts in listed_ for one in _parts(parts) if not isinstance(one, exp.Column)), None)
    if odd is not None:
        scope.fault(odd, f"'{shown(odd)}' in UNPIVOT is no column. Compute it in a WITH, and name its column here.")
        return exp.Select()
    rows: list[exp.Expr] = []
    used: list[str] = []
    types: dict[int, Type] = {}
    for listed in field.expressions:
        columns = _parts(listed.this if isinstance(listed, exp.PivotAlias) else listed)
        if len(columns) != len(values):
            scope.fault(
                listed,
                f"'{shown(listed)}' in UNPIVOT has {plural(len(columns), 'column')} for {plural(len(values), 'value')}.",
            )
        for place, column in enumerate(columns):
            used.append(_meant(column, item))
            type_ = expression(column, Scope(scope.context, items=[item])).type
            if t.UNKNOWN not in (first := types.setdefault(place, type_), type_) and first != type_:
                scope.fault(
                    column,
                    f"'{shown(column)}' in UNPIVOT is {type_}, but '{shown(field.expressions[0])}' {first}. CAST it before.",
                )
            if used.count(used[-1]) > 1:
                scope.fault(column, f"'{shown(column)}' stands twice in UNPIVOT.")
        name = (
            listed.args["alias"].copy()
            if isinstance(listed, exp.PivotAlias)
            else exp.Literal.string("_".join(column.name for column in columns))
        )
        given = [exp.alias_(column.copy(), f"v{place}") for place, column in enumerate(columns)]
        rows.append(exp.Struct(expressions=[*given, exp.alias_(name, "name")]))
    if len({row.expressions[-1].this.is_string for row in rows}) > 1:
        scope.fault(field, "the names in UNPIVOT are texts and numbers. Write AS with a text behind each column.")
    parts = [exp.column(f"v{place}", table=_ROW, quoted=True) for place in range(len(values))]
    kept: list[exp.Expr] = [exp.column(name, quoted=True) for name, _ in item.columns if name.lower() not in used]
    listed = [exp.alias_(part, value.name, quoted=True) for part, value in zip(parts, values, strict=True)]
    listed.append(exp.alias_(exp.column("name", table=_ROW, quoted=True), field.this.name, quoted=True))
    unnest = exp.Unnest(
        expressions=[exp.Array(expressions=rows)], alias=exp.TableAlias(columns=[exp.to_identifier(_ROW, quoted=True)])
    )
    no_value = exp.and_(*(exp.Is(this=part.copy(), expression=exp.Null()) for part in parts))
    return exp.Select(
        expressions=[*kept, *listed],
        from_=exp.From(this=source),
        joins=[exp.Join(this=unnest, kind="CROSS")],
        where=None if pivot.args.get("include_nulls") else exp.Where(this=exp.Not(this=exp.paren(no_value))),
    )


def _parts(node: exp.Expr) -> list[exp.Expr]:
    return (
        list(node.expressions) if isinstance(node, exp.Tuple) else [node.this if isinstance(node, exp.Paren) else node]
    )
