"""Conditions: comparisons, AND and OR, IS, LIKE, CASE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.apply import apply
from flows.sql.compile.convert import boolean, chosen, comparable, compare, converted, in_common, in_place, with_parts
from flows.sql.compile.dispatch import compiles, compiles_call, expression
from flows.sql.compile.operators import operated
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions import signatures
from flows.sql.functions.casts import BETWEEN
from flows.sql.functions.operators import ESCAPE
from flows.sql.functions.template import filled
from flows.sql.latin import to_text
from flows.sql.once import bound, failure
from flows.sql.parse.tree import keeps_rows_out, operands
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Scope

_COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}


@compiles(*_COMPARE)
def _compare(node: exp.Expr, scope: Scope) -> Value:
    left, right = expression(node.this, scope), expression(node.expression, scope)
    return Value(t.BOOL, compare(node, (node.this, left), _COMPARE[type(node)], (node.expression, right), scope))


@compiles_call("NULLIF")
def _nullif(name: str, node: exp.Expr, scope: Scope) -> Value | None:
    """Compile NULLIF of STRUCTs and ARRAYs, of which a part that is NULL decides; the table of functions has all others."""
    if len(node.expressions) != 2:  # noqa: PLR2004 - a value, and what is NULL instead
        return None
    pairs = [(item, expression(item, scope)) for item in node.expressions]
    if not any(value.type.name in {"ARRAY", "STRUCT"} for _, value in pairs):
        return apply(name, node, signatures.scalar(name), pairs, scope)
    same = compare(node, pairs[0], "=", pairs[1], scope)
    common = comparable(node, [value for _, value in pairs], scope, ordered=False)
    return (
        Value(common, f"CASE WHEN {same} THEN NULL ELSE {converted(*pairs[0], common, scope)} END")
        if common
        else NOTHING
    )


@compiles(exp.And, exp.Or)
def _logic(node: exp.Expr, scope: Scope) -> Value:
    sign = "AND" if isinstance(node, exp.And) else "OR"
    sides = (boolean(side, scope, sign).sql for side in operands(node, type(node)))
    return Value(t.BOOL, f"({f' {sign} '.join(sides)})")


@compiles(exp.Not)
def _not(node: exp.Expr, scope: Scope) -> Value:
    value = boolean(node.this, scope, "NOT")
    return value if value is NOTHING else Value(t.BOOL, f"(NOT {value.sql})")


@compiles(exp.Is)
def _is(node: exp.Expr, scope: Scope) -> Value:
    what = node.expression
    if not isinstance(what, exp.Null | exp.Boolean | exp.Column):
        return scope.unsupported(node)
    # The grammar takes no name behind IS but UNKNOWN.
    word = {exp.Null: "NULL", exp.Column: "UNKNOWN"}.get(type(what)) or str(what.this).upper()
    return operated(f"IS {word}", node, [(node.this, expression(node.this, scope))], scope)


@compiles(exp.NullSafeEQ, exp.NullSafeNEQ)
def _distinct(node: exp.Expr, scope: Scope) -> Value:
    left, right = expression(node.this, scope), expression(node.expression, scope)
    common = comparable(node, [left, right], scope, ordered=False)
    if common is None:
        return NOTHING
    if common != t.INTERVAL and t.holds(common, (t.INTERVAL,)):
        return scope.fault(node, f"'{shown(node)}' compares {common.name}s that hold INTERVAL. Compare their parts.")
    sides = in_place(
        [converted(node.this, left, common, scope), converted(node.expression, right, common, scope)], common
    )
    sign = "IS NOT DISTINCT FROM" if isinstance(node, exp.NullSafeEQ) else "IS DISTINCT FROM"
    of_intervals, of_others = signatures.operator(sign)
    return Value(t.BOOL, filled((of_intervals if common == t.INTERVAL else of_others).template, sides))


@compiles(exp.Between, reads=("low", "high"))
def _between(node: exp.Expr, scope: Scope) -> Value:
    nodes = node.this, node.args["low"], node.args["high"]
    given = [expression(one, scope) for one in nodes]
    if comparable(node, given, scope) is None:
        return NOTHING
    given = in_common(list(zip(nodes, given, strict=True)), scope)

    def within(values: Sequence[Value]) -> str:
        value, low, high = zip(nodes, values, strict=True)
        return f"({compare(node, value, '>=', low, scope)} AND {compare(node, value, '<=', high, scope)})"

    # By what keeps rows out joins find their rows, and scans what they need not read.
    return Value(t.BOOL, with_parts(given, within, lazily=keeps_rows_out(node)))


@compiles(exp.Like, reads=("negate",))
def _like(node: exp.Expr, scope: Scope) -> Value:
    quantified = node.expression
    if not isinstance(quantified, exp.Any | exp.All):
        text, pattern = expression(node.this, scope), expression(node.expression, scope)
        return _liked(node, text, [pattern], scope)
    several = quantified.this
    if isinstance(several, exp.Query | exp.Unnest):
        return scope.fault(
            node,
            f"LIKE {quantified.key.upper()} takes patterns: LIKE ANY ('a%', 'b%'). Write EXISTS (SELECT 1 FROM ... WHERE text LIKE pattern).",
        )
    items = several.expressions if isinstance(several, exp.Tuple) else [several.unnest()]
    return _liked(node, expression(node.this, scope), [expression(item, scope) for item in items], scope)


def _liked(node: exp.Expr, text: Value, patterns: Sequence[Value], scope: Scope) -> Value:
    """Return whether a text is like one of several patterns, or like all of them."""
    kind = t.BYTES if t.BYTES in {one.type for one in (text, *patterns)} else t.STRING
    wrong = next((one for one in (text, *patterns) if not t.turns(one.given, kind)), None)
    if wrong is not None:
        other = f"{text.type} and {patterns[0].type if wrong is text else wrong.type}"
        hint = f" Write CAST({shown(node.this)} AS STRING)." if wrong is text and (text.type, kind) in BETWEEN else ""
        return scope.fault(node, f"LIKE takes STRINGs or BYTES, but '{shown(node)}' has {other}.{hint}")
    for one in patterns:
        written = one.constant if one.literal and isinstance(one.constant, str) else ""
        if (len(written) - len(written.rstrip("\\"))) % 2:
            return scope.fault(
                node, f"the pattern '{written}' ends with one \\, which stands before a sign. Write r'...\\\\'."
            )
    if kind == t.BYTES:
        text, *patterns = (one._replace(sql=converted(node, one, kind, scope), type=kind) for one in (text, *patterns))
    template = signatures.operator("NOT LIKE" if node.args.get("negate") else "LIKE")[0].template
    joined = " AND " if isinstance(node.expression, exp.All) else " OR "

    def matched(names: Sequence[str]) -> str:
        parts = []
        for pattern, sql in zip(patterns, names[1:], strict=True):
            plain = kind == t.STRING and pattern.literal and "\\" not in str(pattern.constant)
            like = template.removesuffix(ESCAPE) if plain else template
            given = to_text(sql, kind)
            found = filled(like, [names[0], given])
            parts.append(found if pattern.literal and kind == t.STRING else _of_a_whole_pattern(found, names[0], given))
        return f"({joined.join(parts)})"

    if len(patterns) == 1 and kind == t.STRING and patterns[0].literal:
        return Value(t.BOOL, matched([text.sql, patterns[0].sql]))
    return Value(t.BOOL, bound([to_text(text.sql, kind), *(one.sql for one in patterns)], matched))


def _of_a_whole_pattern(like: str, text: str, pattern: str) -> str:
    """Return whether a text is like a pattern that rows have, with an error where that ends in the middle of an escape."""
    ends = f"ends_with({pattern}, '\\') AND (length({pattern}) - length(rtrim({pattern}, '\\'))) % 2 = 1"
    failed = failure("LIKE: the pattern ends with one \\", pattern)
    return f"CASE WHEN {ends} AND {text} IS NOT NULL THEN {failed} ELSE {like} END"


@compiles(exp.ILike, reads=("negate",))
def _ilike(node: exp.ILike, scope: Scope) -> Value:
    word = "NOT LIKE" if node.args.get("negate") else "LIKE"
    pattern = shown(node.expression)
    lowered = pattern.lower() if isinstance(node.expression, exp.Literal) else f"LOWER({pattern})"
    return scope.fault(node, f"GoogleSQL has no ILIKE. Write LOWER({shown(node.this)}) {word} {lowered}.")


@compiles(exp.Case, reads=("ifs", "default"))
def _case(node: exp.Expr, scope: Scope) -> Value:
    operands = [node.this, *(branch.this for branch in node.args["ifs"])] if node.this else []
    subject, *compared = in_common([(one, expression(one, scope)) for one in operands], scope) or [NOTHING]
    branches: list[tuple[Value, exp.Expr, Value]] = []
    for place, branch in enumerate(node.args["ifs"]):
        if node.this:
            one = compared[place]
            condition = Value(t.BOOL, compare(branch, (node.this, subject), "=", (branch.this, one), scope))
            if subject.same and one.same:
                condition = condition._replace(reads=frozenset())
        else:
            condition = boolean(branch.this, scope, "WHEN")
        result = branch.args["true"]
        branches.append((condition, result, expression(result, scope)))
    default = node.args.get("default")
    otherwise = (default, expression(default, scope)) if default else (node, Value(t.NULL, "NULL", reads=frozenset()))
    values = [value for _, _, value in branches] + [otherwise[1]]
    common = t.supertype(value.given for value in values)
    if common is None:
        kinds = ", ".join(dict.fromkeys(str(value.type) for value in values if value.type != t.NULL))
        return scope.fault(node, f"CASE gives {kinds}, which have no type in common. Write CAST(... AS TYPE).")
    whens = " ".join(f"WHEN {when.sql} THEN {converted(then, value, common, scope)}" for when, then, value in branches)
    decided = otherwise[1]
    for when, _, value in reversed(branches):
        decided = value._replace(reads=chosen(when, value, decided))
    return Value(
        common,
        f"CASE {whens} ELSE {converted(otherwise[0], otherwise[1], common, scope)} END",
        reads=decided.reads,
    )
