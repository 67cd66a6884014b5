"""Forms of other dialects that the parser takes for GoogleSQL, and would drop or read as something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.sql.parse.tree import line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flows.sql.parse.tree import Nodes


def foreign_forms(nodes: Nodes) -> Iterator[Fault]:
    """Give a fault for each part of a query that GoogleSQL does not have."""
    for kind, refused in _FORMS.items():
        for node in nodes.of(kind):
            if message := refused(node):
                yield Fault(line_of(node), message)


def _distinct(node: exp.Expr) -> str | None:
    if not node.args.get("on"):
        return None
    keep = "QUALIFY ROW_NUMBER() OVER (PARTITION BY what is distinct ORDER BY which comes first) = 1"
    return f"GoogleSQL has no DISTINCT ON. Write {keep}."


def _column_alias(node: exp.Expr) -> str | None:
    return _dotted(node.alias)


def _dotted(name: str) -> str | None:
    """Refuse a name which would be read as two where it is used."""
    return f"'{name}': names with a dot are not supported. Write {name.replace('.', '_')}." if "." in name else None


def _alias(node: exp.Expr) -> str | None:
    columns = node.args.get("columns")
    for name in (node.name, *(column.name for column in columns or ())):
        if refused := _dotted(name):
            return refused
    if not columns or (isinstance(node.parent, exp.Unnest) and len(columns) == 1 and not node.this):
        return None
    return (
        f"GoogleSQL has no names of columns after that of a table: '{node.name}(...)'. "
        "Write each name with AS in the SELECT that gives the column."
    )


def _cte(node: exp.Expr) -> str | None:
    if node.args.get("materialized") is None and not node.args.get("scalar"):
        return None
    return "GoogleSQL has no [NOT] MATERIALIZED. Write WITH name AS (SELECT ...)."


def _case(node: exp.Expr) -> str | None:
    if isinstance(node.args.get("ifs"), list):
        return None
    return "CASE is no function. Write CASE WHEN condition THEN value ELSE other END, or IF(condition, value, other)."


def _group(node: exp.Expr) -> str | None:
    if any(node.args.values()):
        # DISTINCT is read as the opposite of ALL.
        distinct = node.args.get("all") is False
        return "GROUP BY DISTINCT is not supported. Write each set once, without DISTINCT." if distinct else None
    return "the query ends after 'GROUP BY'. Name what to group by, or leave it out."


def _set_operation(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Union) or node.args.get("distinct") is not False:
        return None
    return f"GoogleSQL has no {node.key.upper()} ALL. Write {node.key.upper()} DISTINCT."


def _frame(node: exp.Expr) -> str | None:
    kind = node.args.get("kind") or "ROWS"
    if kind not in {"ROWS", "RANGE"}:
        return f"GoogleSQL has no frames by {kind}. Write ROWS or RANGE."
    if node.args.get("exclude"):
        return "GoogleSQL has no EXCLUDE in a frame. Leave it out."
    for place in ("start", "end"):
        bound = node.args.get(place)
        if bound and bound != "CURRENT ROW" and not node.args.get(f"{place}_side"):
            words = bound if isinstance(bound, str) else shown(bound)
            return f"'{words}' in a frame lacks its direction. Write {words} PRECEDING or {words} FOLLOWING."
    return None


def _zone(node: exp.Expr) -> str | None:
    if node.find_ancestor(exp.AtTimeZone) or isinstance(node.parent, exp.Extract | exp.Cast):
        return None
    moment, zone = shown(node.this), shown(node.args["zone"])
    return f"GoogleSQL has AT TIME ZONE inside EXTRACT alone. Write DATETIME({moment}, {zone})."


def _limit(node: exp.Expr) -> str | None:
    return "GoogleSQL has no LIMIT BY. Write QUALIFY ROW_NUMBER() OVER (...) <= n." if node.expressions else None


def _join(node: exp.Expr) -> str | None:
    method = node.args.get("method")
    if not method:
        return None
    instead = "JOIN ... USING (columns)" if str(method).upper() == "NATURAL" else "JOIN ... ON"
    return f"GoogleSQL has no {str(method).upper()} JOIN. Write {instead}."


def _select(node: exp.Expr) -> str | None:
    if node.args.get("locks"):
        return "GoogleSQL has no FOR UPDATE or FOR SHARE. Leave it out."
    if node.args.get("laterals"):
        return "GoogleSQL has no LATERAL VIEW. Write CROSS JOIN UNNEST(array) AS item."
    for key, word in {"sort": "SORT BY", "cluster": "CLUSTER BY", "distribute": "DISTRIBUTE BY"}.items():
        if node.args.get(key):
            return f"GoogleSQL has no {word}. Write ORDER BY."
    return None


def misplaced_nulls(node: exp.Expr) -> str | None:
    """Say where IGNORE NULLS belongs that stands elsewhere in a call; None where it does not."""
    word = "IGNORE NULLS" if isinstance(node, exp.IgnoreNulls) else "RESPECT NULLS"
    if isinstance(node.this, exp.Order | exp.Limit | exp.HavingMax):
        return f"{word} stands before HAVING, ORDER BY and LIMIT inside a call. Move it there."
    item = node
    while isinstance(item.parent, exp.Order | exp.Limit | exp.HavingMax):
        item = item.parent
    others = item.parent.expressions if item.parent is not None and item.arg_key == "expressions" else [item]
    return f"{word} stands behind the last argument of a call. Move it there." if others[-1] is not item else None


_FORMS: dict[type[exp.Expr], Callable[[exp.Expr], str | None]] = {
    exp.Distinct: _distinct,
    exp.Alias: _column_alias,
    exp.TableAlias: _alias,
    exp.CTE: _cte,
    exp.Case: _case,
    exp.Group: _group,
    exp.Union: _set_operation,
    exp.Except: _set_operation,
    exp.Intersect: _set_operation,
    exp.WindowSpec: _frame,
    exp.Limit: _limit,
    exp.Join: _join,
    exp.Select: _select,
    exp.AtTimeZone: _zone,
    exp.Mod: lambda node: f"GoogleSQL has no '%'. Write MOD({shown(node.this)}, {shown(node.expression)}).",
}
