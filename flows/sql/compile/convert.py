"""Values in the type that stands around them: conversions, conditions, comparisons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import cast
from flows.sql.compile.cast_hint import comparison_hint
from flows.sql.compile.dispatch import expression
from flows.sql.compile.equality import equal
from flows.sql.compile.value import Value
from flows.sql.functions import signatures
from flows.sql.functions.template import filled
from flows.sql.once import all_computed, bound
from flows.sql.parse.templates import quoted
from flows.sql.parse.tree import keeps_rows_out
from flows.sql.shown import of_row, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Read

_EXACT_DIGITS = 15
"""How many digits of a number a FLOAT64 surely holds."""
_COMPUTED = re.compile(r"\(.* [-+*] |\(-")
"""A sum, a difference, a product, or another number with its sign turned."""


def boolean(node: exp.Expr, scope: Scope, where: str) -> Value:
    """Compile a condition."""
    value = expression(node, scope)
    if not t.coerces(value.type, t.BOOL):
        return scope.fault(node, f"{where} needs a condition, but '{shown(node)}' is {value.type}.")
    scope.context.decides |= value.drifts
    return value


def converted(node: exp.Expr, value: Value, want: Type, scope: Scope) -> str:
    """Return a value's SQL in a type to which GoogleSQL turns it by itself."""
    if value.type == want or t.UNKNOWN in (value.type, want):
        return value.sql
    if value.type == t.NULL:
        return f"CAST({value.sql} AS {t.duckdb_type(want)})"
    if value.fields and len(value.fields) == len(want.fields):
        # A number with a point that is written in a STRUCT is a FLOAT64 before it is a decimal.
        fields = (one._replace(literal=False) if one.type == t.FLOAT64 else one for one in value.fields)
        parts = zip(fields, want.fields, strict=True)
        return t.packed([(name, converted(node, one, kind, scope)) for one, (name, kind) in parts])
    written = node.unalias().unnest() if value.literal else node
    if value.literal and want.element is not None and isinstance(written, exp.Array) and written.expressions:
        items = [(item, expression(item, scope)) for item in written.expressions]
        inexact = value.type.element == t.FLOAT64 and want.element in t.DECIMALS
        digits = max(len(re.sub(r"[eE].*|[^0-9]", "", str(one.constant))) for _, one in items)
        if inexact and (want.element == t.BIGNUMERIC or digits > _EXACT_DIGITS):
            # GoogleSQL reads such a number as the nearest FLOAT64 before.
            return scope.unsupported(node, f"{value.type} as {want}").sql
        return f"[{', '.join(converted(item, one, want.element, scope) for item, one in items)}]"
    if want.element is not None and not t.coerces(value.type, want) and t.holds(value.type, (t.FLOAT64, t.STRING)):
        return scope.unsupported(node, f"an {value.type} that is written down inside, as {want},").sql
    if value.literal and value.type == t.STRING:
        read = cast.literal(str(value.constant), want)
        if read is None:
            scope.fault(node, f"'{value.constant}' is not a {want}.{quoted(str(value.constant))}")
        return read or "NULL"
    if value.literal and value.type == t.FLOAT64 and want in t.DECIMALS:
        number = cast.decimal_literal(str(value.constant), want)
        if number is None:
            scope.fault(node, f"'{value.constant}' is not a {want}. Write CAST({value.constant} AS FLOAT64).")
        return number or "NULL"
    return cast.convert(value.sql, value.type, want)


def chosen(condition: Value, then: Value, otherwise: Value) -> frozenset[Read] | None:
    """Return what a choice between two values depends on: of one that is the same for all rows, nothing but a branch."""
    if not condition.same:
        return None
    known = {"TRUE": [then], "FALSE": [otherwise], "NULL": [otherwise]}
    branches = known.get(condition.sql, [then, otherwise])
    return frozenset() if any(branch.same for branch in branches) else branches[0].reads


def compare(
    node: exp.Expr, left: tuple[exp.Expr, Value], sign: str, right: tuple[exp.Expr, Value], scope: Scope
) -> str:
    """Return a comparison; NaN equals and exceeds nothing."""
    items = [left[0], right[0]]
    common = comparable(node, [left[1], right[1]], scope, ordered=sign not in {"=", "<>"}, items=items)
    if common is None:
        return "NULL"
    scope.context.decides |= left[1].drifts or right[1].drifts
    if common.name in {"ARRAY", "STRUCT"}:
        same = _equal(node, left, right, common, scope)
        return same if sign == "=" else f"(NOT {same})"
    sides = [converted(*left, common, scope), converted(*right, common, scope)]
    of_floats, of_intervals, of_others = signatures.operator(sign)
    if common != t.FLOAT64:
        constant = [left[1].same, right[1].same]
        sides = in_place(sides, common) if any(constant) else sides
        by = of_intervals if common == t.INTERVAL else of_others
        return all_computed(sides, constant, lambda names: filled(by.template, names))
    known = (place for place, (_, one) in enumerate((left, right), 1) if one.literal and one.type != t.NULL)
    template = of_floats.knowing({}, frozenset(known))
    return bound(sides, lambda names: filled(template, names))


def in_common(pairs: Sequence[tuple[exp.Expr, Value]], scope: Scope) -> list[Value]:
    """Return numbers that one comparison takes in the type that all of them have in common, not in that of two of them."""
    values = [value for _, value in pairs]
    common = t.supertype(value.given for value in values)
    if common not in t.NUMBERS or len({value.type for value in values} - {t.NULL}) < 2:  # noqa: PLR2004 - two types
        return values
    return [
        value
        if value.type in (common, t.NULL)
        else value._replace(type=common, sql=converted(node, value, common, scope))
        for node, value in pairs
    ]


def in_place(sides: list[str], type_: Type) -> list[str]:
    """Return what is compared with a constant so that DuckDB computes nothing on the constant's side.

    It takes `x + 1 > 3` for `x > 2`, in which no x is too great.
    """
    return [f"xor({side}, 0)" if type_ == t.INT64 and _COMPUTED.match(side) else side for side in sides]


def _equal(
    node: exp.Expr, left: tuple[exp.Expr, Value], right: tuple[exp.Expr, Value], common: Type, scope: Scope
) -> str:
    """Return whether two ARRAYs or STRUCTs are equal; those that are written down are not made first."""
    if not left[1].fields and not right[1].fields:
        return equal(converted(*left, common, scope), converted(*right, common, scope), common)

    def same(sides: Sequence[Value]) -> str:
        one, two = sides
        pairs = ((_field(one, place), _field(two, place)) for place in range(len(common.fields)))
        parts = (compare(node, (left[0], a), "=", (right[0], b), scope) for a, b in pairs)
        return f"({' AND '.join(parts) or 'TRUE'})"

    return with_parts([left[1], right[1]], same, lazily=keeps_rows_out(node))


def with_parts(values: Sequence[Value], build: Callable[[Sequence[Value]], str], *, lazily: bool) -> str:
    """Return the SQL that `build` makes of values of which parts are compared one by one.

    DuckDB computes no part behind one that decides, which must hide no error but where it may do so `lazily`.
    """
    if lazily:
        return build(values)
    return bound(
        [part.sql for value in values for part in _parts(value)],
        lambda names: build([_named(value, rest) for rest in [iter(names)] for value in values]),
    )


def _parts(value: Value) -> Iterator[Value]:
    if value.fields:
        for field in value.fields:
            yield from _parts(field)
    else:
        yield value


def _named(value: Value, names: Iterator[str]) -> Value:
    """Return a value with the names that its parts have."""
    if not value.fields:
        return value._replace(sql=next(names))
    fields = tuple(_named(field, names) for field in value.fields)
    packed = t.packed([(name, field.sql) for (name, _), field in zip(value.type.fields, fields, strict=True)])
    return value._replace(sql=packed, fields=fields)


def _field(value: Value, place: int) -> Value:
    if value.fields:
        return value.fields[place]
    if value.type == t.NULL:
        return value
    return Value(value.type.fields[place][1], f"struct_extract_at({value.sql}, {place + 1})")


def comparable(
    node: exp.Expr, values: Sequence[Value], scope: Scope, *, ordered: bool = True, items: Sequence[exp.Expr] = ()
) -> Type | None:
    """Return the type in which values can be compared, or note a fault; `ordered` says whether one may be less.

    `items` are what gives them, where each stands for itself.
    """
    common = t.supertype([value.given for value in values])
    if common is None:
        kinds = list(dict.fromkeys(str(value.type) for value in values))
        hint = of_row(node, [value.type for value in values])
        hint = hint or comparison_hint([value.type for value in values], items, ordered=ordered)
        what = f"CASE {shown(items[0])} WHEN {shown(items[1])}" if isinstance(node, exp.If) and items else shown(node)
        scope.fault(node, f"{' and '.join(kinds)} cannot be compared in '{what}'.{hint}")
    elif not t.can(common, "order" if ordered else "compare"):
        hint = "Compare their parts." if t.can(common, "compare") else "Compare what JSON_VALUE gives."
        scope.fault(node, f"{common.name}s cannot be compared in '{shown(node)}'. {hint}")
        return None
    return common
