"""GROUP BY, also by several sets of columns at once: ROLLUP, CUBE, GROUPING SETS, and GROUPING, which tells their rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile.clauses import is_star, plain
from flows.sql.compile.dispatch import call_rule, calls, compiles, expression
from flows.sql.compile.stars import Starred, expanded
from flows.sql.compile.structures import output_name
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions import foreign, signatures
from flows.sql.parse.repeat import VARYING
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.sql.compile.scope import Scope

Listed = tuple[str | None, exp.Expr | Starred | None]
"""A column of the SELECT list: its name, and what it is computed from."""
_SETS = (exp.Rollup, exp.Cube, exp.GroupingSets)
_WORDS: dict[type[exp.Expr], str] = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE", exp.GroupingSets: "GROUPING SETS"}


def grouped(node: exp.Expr, scope: Scope) -> tuple[list[str] | None, list[str]]:
    """Return the SQL of all that a query groups by, None where it does not, and the terms of its GROUP BY.

    Both are empty where it makes one group of all rows, also of none: GROUP BY ().
    """
    group = node.args.get("group")
    if group is None:
        return None, []
    scope.guard(group, {"expressions", "all"})
    if _is_nothing(group.expressions[0]) and len(group.expressions) == 1:
        scope.groups = {}
        return [], []
    several = any(isinstance(item, _SETS) for item in group.expressions)
    groups: list[str] = []
    of: dict[str, str] = {}
    done: dict[int, Value] = {}
    listed = _listed(node, scope)

    def term(item: exp.Expr) -> str:
        target = _select_item(item, listed, scope)
        known = (
            scope.starred.get(id(target.star), {}).get(target.place)
            if isinstance(target, Starred)
            else done.get(id(target))
        )
        if known is not None:
            return known.sql
        value = _value(item, target, scope)
        if not t.can(value.type, "group"):
            scope.fault(item, f"a query cannot GROUP BY {value.type}. {t.instead_of_groups(value.type, 'Group by')}")
        scope.context.decides |= value.drifts
        if value.type == t.NULL:
            # Else it would be taken for what stands for a fault.
            value = value._replace(sql="CAST(NULL AS BIGINT)")
        sql = value.sql
        if value.literal or (several and not _is_path(target, value, scope)):
            # DuckDB takes all that equals a group for it, which is NULL in some sets, and no constant where one must stand;
            # GoogleSQL computes other columns anew.
            sql = (
                of[value.sql]
                if target is item and value.sql in of
                else f"CASE {len(groups)} WHEN {len(groups)} THEN {sql} END"
            )
        if target is not item:
            # A literal is NULL in the sets that leave it out.
            reads = frozenset([(scope.level, sql)]) if several and value.same else value.reads
            whole = value._replace(sql=sql, literal=value.type == t.NULL, fields=(), sum=None, reads=reads)
            if isinstance(target, Starred):
                scope.starred.setdefault(id(target.star), {})[target.place] = whole
            else:
                done[id(target)] = whole
        groups.append(sql)
        scope.kinds[sql] = value.type
        of.setdefault(value.sql, sql)
        spelt = target.spelt if isinstance(target, Starred) else target
        if spelt is not None:
            scope.spelt[sql] = spelt
        return sql

    _refuse_nothing(group, scope)
    found: list[tuple[exp.Expr, str]] = []
    terms = [(_sets if _is_set(item) else _alone)(item, term, found) for item in group.expressions]
    if several:
        scope.context.grouped[id(node)] = {id(item): sql for item, sql in found}
    scope.groups = of
    scope.context.compiled |= done
    return groups, terms


def _is_nothing(item: exp.Expr) -> bool:
    return isinstance(item, exp.Tuple) and not item.expressions


def _refuse_nothing(group: exp.Expr, scope: Scope) -> None:
    """Note a fault for () beside other groups, and for sets of groups without any."""
    for item in group.expressions:
        if _is_nothing(item):
            scope.fault(item, "GROUP BY () has nothing beside it. Leave () out, or write GROUPING SETS ((...), ()).")
    for sets in group.find_all(*_SETS):
        is_set = isinstance(sets, exp.GroupingSets)
        if not sets.expressions or (not is_set and any(map(_is_nothing, sets.expressions))):
            scope.fault(
                sets, f"{_WORDS[type(sets)]} needs a column in each of its places. Write {_WORDS[type(sets)]} (a, b)."
            )


def _value(item: exp.Expr, target: exp.Expr | Starred | None, scope: Scope) -> Value:
    """Return a column of GROUP BY, which means a column of the SELECT list or stands for itself."""
    if target is None:
        return NOTHING
    if isinstance(target, Starred):
        if target.aggregates:
            instead = f"table.{target.name}" if isinstance(item, exp.Column) else "the columns that it reads"
            said = f"is a column of '{shown(target.star)}', which holds an aggregate. Write {instead}."
            return scope.fault(item, f"'{shown(item)}' in GROUP BY {said}")
        return target.value
    if target is item and isinstance(item, exp.Anonymous) and not _is_known(item.name):
        # It may be a word for sets of groups, in which names of the SELECT list stand.
        return scope.fault(item, foreign.refusal(item.name, calls()))
    if target is item and isinstance(item, exp.Anonymous) and item.name == "WITH":
        return scope.fault(item, "GROUP BY takes no WITH(...). Write it in the SELECT list, and group by its name.")
    with plain(item, scope, "GROUP BY"):
        value = expression(target, scope)
    is_literal = isinstance(item, exp.Literal | exp.Null | exp.Boolean | exp.ByteString) or (
        value.literal and (bool(value.fields) or value.type.element is not None)
    )
    if target is item and is_literal and value.type != t.UNKNOWN:
        scope.fault(item, f"GROUP BY {shown(item)} makes one group of all rows. Write GROUP BY with a column.")
    return value


def _is_path(target: exp.Expr | Starred | None, value: Value, scope: Scope) -> bool:
    """Say whether a group is a column of FROM, or a field of one."""
    if isinstance(target, Starred):
        return isinstance(target.star, exp.Star) or _is_own(target.spelt[0] if target.spelt else "", scope)
    first = target.unnest() if target is not None else None
    while isinstance(first, exp.Dot):
        first = first.this.unnest()
    if not isinstance(first, exp.Column):
        # CAST(name AS STRING) may be the column itself.
        return value.sql in {known.sql for one in scope.items for _, known in one.columns}
    # A column of one row is the same for all rows, and reads nothing.
    own = value.same and _is_own(first.parts[0].name, scope)
    return own or any(level == scope.level for level, _ in value.reads or ())


def _is_own(name: str, scope: Scope) -> bool:
    """Say whether FROM has an item or a column of a name."""
    columns = (known for one in scope.items for known, _ in one.columns)
    return name.lower() in {*(one.key for one in scope.items), *map(str.lower, columns)}


def _listed(node: exp.Expr, scope: Scope) -> list[Listed]:
    """Return the columns of a SELECT list with their names; one without either for a star that nobody knows."""
    found: list[Listed] = []
    for item in node.expressions:
        if not is_star(item):
            found.append((output_name(item), item.unalias()))
            continue
        columns = expanded(item, scope)
        found += [(None, None)] if columns is None else [(one.name, one.replaced or one) for one in columns]
    return found


def _select_item(item: exp.Expr, listed: list[Listed], scope: Scope) -> exp.Expr | Starred | None:
    """Return what GROUP BY 1 or GROUP BY an alias means; None where nobody knows."""
    number = item.unnest()
    if isinstance(number, exp.Neg) and isinstance(number.this, exp.Literal):
        scope.fault(
            item,
            f"'{shown(item)}' in GROUP BY is neither a column nor the number of one. Write GROUP BY with a column.",
        )
        return None
    if isinstance(number, exp.Literal) and not number.is_string and number.name.isdigit():
        place = int(number.name)
        if (None, None) in listed[:place] or (place > len(listed) and (None, None) in listed):
            return None
        if 1 <= place <= len(listed):
            return listed[place - 1][1]
        scope.fault(item, f"GROUP BY {place}: the SELECT list has {plural(len(listed), 'column')}.")
        return None
    if isinstance(number, exp.Column):
        name = number.parts[0].name
        named = [target for known, target in listed if (known or "").lower() == name.lower()]
        several = "the name of several columns of the SELECT list" if len(named) > 1 else ""
        said = several or ("a column of the SELECT list, whose fields it cannot take" if len(number.parts) > 1 else "")
        if named and said:
            instead = "Give it another name there with AS."
            if any(isinstance(one, Starred) for one in named):
                instead = "Write the columns in place of the *, with names of their own."
            scope.fault(item, f"'{name}' in GROUP BY is {said}. {instead}")
            return None
        if named:
            return named[0]
        if (None, None) in listed and not any(
            name.lower() == known.lower() for one in scope.items for known, _ in one.columns
        ):
            return None
    return item


def _is_known(name: str) -> bool:
    found = signatures.scalar(name) or signatures.aggregate(name) or signatures.window(name)
    return bool(found) or call_rule(name) is not None or name in VARYING


def _sets(item: exp.Expr, term: Callable[[exp.Expr], str], found: list[tuple[exp.Expr, str]]) -> str:
    """Return the SQL of ROLLUP, CUBE or GROUPING SETS; `term` gives that of one column, which is added to `found`."""
    if isinstance(item, _SETS):
        return f"{_WORDS[type(item)]} ({', '.join(_sets(one, term, found) for one in item.expressions)})"
    if isinstance(item, exp.Tuple):
        return f"({', '.join(_sets(one, term, found) for one in item.expressions)})"
    return _alone(item, term, found)


def _is_set(item: exp.Expr) -> bool:
    return isinstance(item, _SETS) or (isinstance(item, exp.Tuple) and not item.expressions)


def _alone(item: exp.Expr, term: Callable[[exp.Expr], str], found: list[tuple[exp.Expr, str]]) -> str:
    """Return the SQL of one column, which is a STRUCT where several stand in brackets."""
    one = item.this if isinstance(item, exp.Paren) else item
    sql = term(one)
    found.append((one, sql))
    return sql


@compiles(exp.Grouping)
def _grouping(node: exp.Expr, scope: Scope) -> Value:
    if len(node.expressions) != 1:
        return scope.fault(node, "GROUPING takes one column of GROUP BY.")
    named = node.expressions[0]
    select = node.parent_select
    listed = (one for one in (select.expressions if select is not None else ()) if isinstance(one, exp.Alias))
    own = next((one.this for one in listed if one.alias.lower() == named.name.lower()), None)
    if (
        isinstance(named, exp.Column)
        and not named.table
        and own is not None
        and not (scope.aliases or _known(named, scope))
    ):
        written = shown(own)
        return scope.fault(
            node, f"GROUPING does not know '{named.name}' of the SELECT list. Write GROUPING({written})."
        )
    scope.aggregated = True
    scope.depth += 1
    value = expression(node.expressions[0], scope)
    scope.depth -= 1
    groups = scope.groups or {}
    if not {value.sql, NOTHING.sql} & {*groups, *groups.values()} and not value.faulty:
        return scope.fault(node, f"'{shown(node.expressions[0])}' in GROUPING is not in GROUP BY.")
    return Value(t.INT64, f"CAST(grouping({groups.get(value.sql, value.sql)}) AS BIGINT)")


def _known(column: exp.Column, scope: Scope) -> bool:
    return column.name.lower() in {name.lower() for one in scope.items for name, _ in one.columns}
