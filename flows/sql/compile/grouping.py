"""GROUP BY, also by several sets of columns at once: ROLLUP, CUBE, GROUPING SETS, and GROUPING, which tells their rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile.clauses import is_star, plain
from flows.sql.compile.dispatch import call_rule, calls, compiles, expression
from flows.sql.compile.structures import output_name
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions import foreign, signatures
from flows.sql.parse.repeat import VARYING
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.sql.compile.scope import Scope

_SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)
_WORDS: dict[type[exp.Expr], str] = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE", exp.GroupingSets: "GROUPING SETS"}


def grouped(node: exp.Expr, scope: Scope) -> tuple[list[str] | None, list[str]]:
    """Return the SQL of all that a query groups by, None where it does not, and the terms of its GROUP BY."""
    group = node.args.get("group")
    if group is None:
        return None, []
    scope.guard(group, {"expressions", "all"})
    several = any(isinstance(item, _SETS) for item in group.expressions)
    groups: list[str] = []
    of: dict[str, str] = {}
    listed: dict[int, Value] = {}

    def term(item: exp.Expr) -> str:
        target = _select_item(item, node, scope)
        if id(target) in listed:
            return listed[id(target)].sql
        if target is item and isinstance(item, exp.Anonymous) and not _is_known(item.name):
            # It may be a word for sets of groups, in which names of the SELECT list stand.
            value = scope.fault(item, foreign.refusal(item.name, calls()))
        else:
            with plain(item, scope, "GROUP BY"):
                value = expression(target, scope)
        if target is item and isinstance(item, exp.Literal | exp.Null | exp.Boolean) and value.type != t.UNKNOWN:
            scope.fault(item, f"GROUP BY {shown(item)} makes one group of all rows. Write GROUP BY with a column.")
        if not t.can(value.type, "group"):
            scope.fault(item, "a query cannot GROUP BY JSON. Group by what JSON_VALUE gives.")
        scope.context.decides |= value.drifts
        sql = value.sql
        is_path = isinstance(target.unnest(), exp.Column | exp.Dot)
        if several and not (is_path and any(level == scope.level for level, _ in value.reads or ())):
            # DuckDB takes all that equals a group for it, which is NULL in some sets; GoogleSQL computes other columns anew.
            sql = (
                of[value.sql]
                if target is item and value.sql in of
                else f"CASE {len(groups)} WHEN {len(groups)} THEN {sql} END"
            )
        if target is not item:
            listed[id(target)] = value._replace(sql=sql, literal=value.type == t.NULL, fields=(), sum=None)
        groups.append(sql)
        of.setdefault(value.sql, sql)
        scope.spelt[sql] = target
        return sql

    terms = [_sets(item, term) if isinstance(item, _SETS) else term(item) for item in group.expressions]
    scope.groups = of
    scope.context.compiled |= listed
    return groups, terms


def whole(node: exp.Expr, scope: Scope) -> Value:
    """Compile a whole column of the SELECT list or of ORDER BY: a group, where its own columns are none."""
    loose = len(scope.loose)
    value = expression(node, scope)
    if scope.groups is None or value.sql not in scope.groups or len(scope.loose) == loose:
        return value
    del scope.loose[loose:]
    return value._replace(sql=scope.groups[value.sql])


def _select_item(item: exp.Expr, node: exp.Expr, scope: Scope) -> exp.Expr:
    """Return what GROUP BY 1 or GROUP BY an alias means."""
    listed, number = node.expressions, item.unnest()
    if isinstance(number, exp.Literal) and not number.is_string and number.name.isdigit():
        place = int(number.name)
        if 1 <= place <= len(listed):
            return listed[place - 1].unalias()  # type: ignore[no-any-return]
        scope.fault(item, f"GROUP BY {place}: the SELECT list has {plural(len(listed), 'column')}.")
    if isinstance(number, exp.Column):
        name = number.parts[0].name
        named = [one for one in listed if not is_star(one) and (output_name(one) or "").lower() == name.lower()]
        several = "the name of several columns of the SELECT list" if len(named) > 1 else ""
        said = several or ("a column of the SELECT list, whose fields it cannot take" if len(number.parts) > 1 else "")
        if named and said:
            scope.fault(item, f"'{name}' in GROUP BY is {said}. Give it another name there with AS.")
        elif named:
            return named[0].unalias()  # type: ignore[no-any-return]
    return item


def _is_known(name: str) -> bool:
    found = signatures.scalar(name) or signatures.aggregate(name) or signatures.window(name)
    return bool(found) or call_rule(name) is not None or name in VARYING


def _sets(item: exp.Expr, term: Callable[[exp.Expr], str]) -> str:
    """Return the SQL of ROLLUP, CUBE or GROUPING SETS; `term` gives that of one column."""
    if isinstance(item, _SETS):
        return f"{_WORDS[type(item)]} ({', '.join(_sets(one, term) for one in item.expressions)})"
    if isinstance(item, exp.Tuple):
        return f"({', '.join(map(term, item.expressions))})"
    return term(item.this) if isinstance(item, exp.Paren) else term(item)


@compiles(exp.Grouping)
def _grouping(node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 1:
        return scope.fault(node, "GROUPING takes one column of GROUP BY.")
    scope.aggregated = True
    scope.depth += 1
    value = expression(node.expressions[0], scope)
    scope.depth -= 1
    groups = scope.groups or {}
    if not {value.sql, NOTHING.sql} & {*groups, *groups.values()} and not value.faulty:
        return scope.fault(node, f"'{shown(node.expressions[0])}' in GROUPING is not in GROUP BY.")
    return Value(t.INT64, f"CAST(grouping({groups.get(value.sql, value.sql)}) AS BIGINT)")
