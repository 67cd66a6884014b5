"""STRUCTs and ARRAYs: made of values, and taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.sizes import plural
from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import compiles, compiles_call, expression, query
from flows.sql.compile.json_paths import member, named_part, placed_part
from flows.sql.compile.keys import ORDER
from flows.sql.compile.value import NOTHING, Value
from flows.sql.once import bound, failure
from flows.sql.parse.tree import call_name
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope


def struct(fields: Sequence[tuple[str, Value]]) -> Value:
    """Return a STRUCT of values."""
    type_ = Type("STRUCT", fields=tuple((name, t.given(value.type)) for name, value in fields))
    if any(value.type == t.UNKNOWN for _, value in fields):
        return NOTHING
    literal = all(value.literal for _, value in fields)
    return Value(
        type_,
        t.packed([(name, value.sql) for name, value in fields]),
        literal=literal,
        fields=tuple(value for _, value in fields),
    )


def constructed(node: exp.Expr, items: Sequence[exp.Expr], want: Type, scope: Scope) -> Value:
    """Compile `ARRAY<type>[...]` or `STRUCT<name type>(...)`, whose items turn into their types by themselves."""
    given = [(item, expression(item, scope)) for item in items]
    kinds = [type_ for _, type_ in want.fields] or [want.element or t.UNKNOWN] * len(given)
    if len(kinds) != len(given):
        return scope.fault(node, f"{want} takes {plural(len(kinds), 'value')}, and gets {len(given)}.")
    values = []
    for (item, value), kind in zip(given, kinds, strict=True):
        if not t.turns(value.given, kind):
            written = shown(item)
            return scope.fault(item, f"'{written}' in {want} is {value.type}. Write CAST({written} AS {kind}).")
        values.append(Value(kind, converted(item, value, kind, scope)))
    if want.fields:
        return struct([(name, value) for (name, _), value in zip(want.fields, values, strict=True)])
    listed = f"CAST([{', '.join(value.sql for value in values)}] AS {t.duckdb_type(want)})"
    return Value(want, listed)


def output_name(node: exp.Expr) -> str | None:
    """Return the name that a column of a SELECT list has without an alias, or with it."""
    if isinstance(node, exp.Alias):
        return str(node.alias)
    while isinstance(node, exp.Paren) and not node.args.get("plus"):
        node = node.this
    if isinstance(node, exp.Column):
        return str(node.name)
    if isinstance(node, exp.Dot):
        return str(node.expression.name)
    return None


def fields_of(alias: str, whole: Value) -> list[tuple[str, Value]]:
    """Return the columns that an element gives: the fields of a STRUCT, or itself."""
    if whole.type.name != "STRUCT":
        return [(alias, whole)]
    names = t.field_names([name for name, _ in whole.type.fields])
    return [
        (name, Value(type_, f"struct_extract({whole.sql}, {quote_text(called)})"))
        for called, (name, type_) in zip(names, whole.type.fields, strict=True)
    ]


def distinct(node: exp.Expr, fields: Sequence[tuple[str, Value]], scope: Scope) -> Value | None:
    """Refuse a STRUCT of which two fields have one name, which DuckDB lacks."""
    names = [name.lower() for name, _ in fields if name]
    twice = next((name for name, _ in fields if names.count(name.lower()) > 1), None)
    if twice is None:
        return None
    return scope.fault(node, f"two fields of a STRUCT are named '{twice}'. Give one another name with AS.")


@compiles(exp.Tuple)
def _tuple(node: exp.Expr, scope: Scope) -> Value:
    if not node.expressions:
        return scope.fault(node, "() has no values. Write at least one.")
    return struct([("", expression(item, scope)) for item in node.expressions])


@compiles(exp.Struct)
def _struct(node: exp.Expr, scope: Scope) -> Value:
    fields: list[tuple[str, Value]] = []
    for item in node.expressions:
        inner = item.expression if isinstance(item, exp.PropertyEQ) else item.unalias()
        name = item.name if isinstance(item, exp.PropertyEQ) else output_name(item)
        fields.append((name or "", expression(inner, scope)))
    return distinct(node, fields, scope) or struct(fields)


def _in_order(node: exp.Query) -> bool:
    """Say whether a query gives its rows in the same order every time: its own, or that of one array."""
    while isinstance(node, exp.Subquery) and not node.args.get("order"):
        node = node.this
    if node.args.get("order"):
        return True
    from_ = node.args.get("from_")
    alone = from_ is None or isinstance(from_.this, exp.Unnest)
    moved = any(map(node.args.get, ("joins", "group", "distinct"))) or node.find(exp.Window) is not None
    return isinstance(node, exp.Select) and alone and not moved


def of_query(node: exp.Expr) -> bool:
    """Say whether an ARRAY holds what a query gives, as ARRAY(SELECT ...) does and `[(SELECT ...)]` does not."""
    items = node.expressions
    return len(items) == 1 and isinstance(items[0], exp.Query) and not node.args.get("value_constructor")


@compiles(exp.Array, reads=("struct_name_inheritance", "value_constructor", "bracket_notation"))
def _array(node: exp.Expr, scope: Scope) -> Value:
    if of_query(node):
        relation = query(node.expressions[0], scope.inner())
        if relation.anything:
            return NOTHING
        if len(relation.columns) != 1:
            return scope.fault(node, "ARRAY(SELECT ...) takes a query of one column. Write SELECT AS STRUCT for more.")
        inner = relation.columns[0][1].type
        if inner.element is not None:
            return scope.fault(node, "an ARRAY of ARRAYs does not exist in GoogleSQL. Put each into a STRUCT.")
        listed = f"ARRAY({relation.sql})"
        if not _in_order(node.expressions[0]):
            listed = f"list_sort({listed}, 'ASC', 'NULLS FIRST')"
            is_counted = node.parent is not None and call_name(node.parent) == "ARRAY_LENGTH"
            if not relation.one_row and not is_counted:
                scope.context.untold.append((ORDER, node))
        return Value(t.array(inner if inner != t.NULL else t.INT64), listed)
    values = [(item, expression(item, scope)) for item in node.expressions]
    if not values:
        return Value(t.array(t.NULL), "[]", literal=True)
    common = t.supertype(value.given for _, value in values)
    # Written in a STRUCT, an ARRAY turns into no other here.
    if common is None or not all(t.turns(value.given, common) for _, value in values):
        kinds = ", ".join(dict.fromkeys(str(value.type) for _, value in values))
        return scope.fault(node, f"an ARRAY of {kinds} has no one type. Write CAST(... AS TYPE).")
    if common.element is not None:
        return scope.fault(node, "an ARRAY of ARRAYs does not exist in GoogleSQL. Write STRUCTs that hold them.")
    common = t.INT64 if common == t.NULL else common
    listed = ", ".join(converted(item, value, common, scope) for item, value in values)
    return Value(t.array(common), f"[{listed}]", literal=all(value.literal for _, value in values))


@compiles_call("TYPEOF", fails=False)
def _typeof(name: str, node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 1:
        return scope.fault(node, f"{name} takes one value: {name}(x).")
    value = expression(node.expressions[0], scope)
    if value.type == t.UNKNOWN:
        return NOTHING
    text = quote_text(str(t.given(value.type)))
    # An aggregate in it makes one row of all.
    return Value(t.STRING, f"CASE WHEN {value.sql} IS NULL THEN {text} ELSE {text} END")


@compiles_call("ARRAY_CONCAT", "RANGE_BUCKET")
def _of_arrays(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    """Refuse NULL without a type for an ARRAY; the table of functions has all others."""
    arrays = node.expressions[name == "RANGE_BUCKET" :]
    null = next((item for item in arrays if isinstance(item.unnest(), exp.Null)), None)
    taken = "ARRAYs" if name == "ARRAY_CONCAT" else "a number and an ARRAY"
    said = (
        f"{name} takes {taken}, and NULL has no type. Write CAST(NULL AS ARRAY<INT64>), or as an ARRAY of another type."
    )
    return scope.fault(null, said) if null is not None else None


_PLACES = {"OFFSET": (0, False), "ORDINAL": (1, False), "SAFE_OFFSET": (0, True), "SAFE_ORDINAL": (1, True)}
"""What says in brackets from which number places count, and whether one that there is not gives NULL."""


@compiles(exp.Bracket, reads=("offset", "safe"))
def _bracket(node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) > 1:
        return scope.fault(node, f"'{shown(node)}': one place stands in brackets. Write [place].")
    inside = node.expressions[0]
    offset, safe = node.args.get("offset"), node.args.get("safe")
    if call_name(inside) in _PLACES and len(inside.expressions) == 1:
        # The parser leaves it so where another bracket follows.
        (offset, safe), inside = _PLACES[call_name(inside) or ""], inside.expressions[0]
    array, index = expression(node.this, scope), expression(inside, scope)
    if t.UNKNOWN in (array.type, index.type):
        return NOTHING
    if array.type == t.JSON and offset is None:
        return _json_part(node, array, index, scope)
    first = 1 if offset else 0
    if array.type.name == "STRUCT":
        return _struct_part(node, array, index, first, scope)
    if array.type.element is None or not t.coerces(index.type, t.INT64):
        instead = " Write SUBSTR(text, place, 1)." if array.type == t.STRING else ""
        return scope.fault(
            node, f"'{shown(node)}': what stands before the bracket is {array.type}, and in it {index.type}.{instead}"
        )

    def taken(names: Sequence[str]) -> str:
        listed, place = names
        outside = "NULL" if safe else failure("'[]': Array index is out of bounds", place)
        known = f"{place} >= {first} AND {place} < len({listed}) + {first}"
        given = f"{listed} IS NOT NULL AND {place} IS NOT NULL"
        one = f"list_extract({listed}, {place}{'' if first else ' + 1'})"
        return f"CASE WHEN {known} THEN {one} WHEN {given} THEN {outside} END"

    return Value(array.type.element, bound([array.sql, index.sql], taken))


def _struct_part(node: exp.Expr, struct: Value, index: Value, first: int, scope: Scope) -> Value:
    """Compile the place of a field in brackets after a STRUCT, which counts from 0, or 1 in ORDINAL."""
    place = index.constant
    if not isinstance(place, int) or index.type != t.INT64 or not first <= place < len(struct.type.fields) + first:
        places = f"{first} to {len(struct.type.fields) + first - 1}"
        return scope.fault(node, f"'{shown(node)}': a place in this STRUCT is a number from {places}, written down.")
    _, type_ = struct.type.fields[place - first]
    return Value(type_, f"struct_extract_at({struct.sql}, {place - first + 1})")


def _json_part(node: exp.Expr, json: Value, index: Value, scope: Scope) -> Value:
    """Compile a name or a place in brackets after JSON."""
    if index.type not in (t.STRING, t.INT64, t.NULL):
        said = f"in the brackets behind JSON stands a name or a place, a STRING or an INT64, but '{shown(node.expressions[0])}' is {index.type}"
        return scope.fault(node, f"{said}. Write json['name'] or json[0].")
    key = index.constant
    if isinstance(key, str):
        return Value(t.JSON, f"json_extract({json.sql}, {quote_text(member(key))})")
    if isinstance(key, int) and key >= 0:
        return Value(t.JSON, f"json_extract({json.sql}, '$[{key}]')")
    part = named_part if index.type == t.STRING else placed_part
    return Value(t.JSON, bound([json.sql, index.sql], lambda names: part(*names)))
