"""The sides of UNION and its like: brought to the same columns, by their names where that is asked for, and to their types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.clauses import sql_names
from flows.sql.compile.convert import converted
from flows.sql.compile.value import Value
from flows.sql.shown import shown
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.compile.scope import Relation, Scope


def by_name(node: exp.Expr, word: str, sides: Sequence[Relation], scope: Scope) -> None:
    """Give all sides the columns by whose names they are joined, in one order; or note a fault."""
    names = [[(name or "").lower() for name, _ in side.columns] for side in sides]
    listed = [column.name.lower() for column in node.args.get("on") or []]
    fault = _valued(sides) or _odd(node) or _unclear(names, listed) or _unmatched(node, names, listed)
    if fault:
        # Where a column has a fault, its name may be the fault.
        if not any(value.type == t.UNKNOWN for side in sides for _, value in side.columns):
            scope.fault(node, f"{word} BY NAME: {fault}")
        for side in sides[1:]:
            side.columns, side.nodes = sides[0].columns, sides[0].nodes
        return
    spelt = {(name or "").lower(): name or "" for side in reversed(sides) for name, _ in side.columns}
    wanted = listed or _joined(node, names)
    for side, known in zip(sides, names, strict=True):
        if known != wanted:
            _arrange(
                side, [(known.index(name) if name in known else None, spelt[name]) for name in wanted], node, scope
            )


def _mode(node: exp.Expr) -> str:
    """Return whose columns are kept: LEFT, FULL or INNER; nothing where both sides must have the same."""
    side = str(node.args.get("side") or "").upper()
    return side or {"INNER": "INNER", "OUTER": "FULL"}.get(str(node.args.get("kind") or "").upper(), "")


def _valued(sides: Sequence[Relation]) -> str:
    valued = any(side.element for side in sides)
    return "rows of SELECT AS STRUCT and SELECT AS VALUE are values without names. Leave AS out." if valued else ""


def _odd(node: exp.Expr) -> str:
    odd = next((one for one in node.args.get("on") or [] if not isinstance(one, exp.Column) or one.table), None)
    return f"'{shown(odd)}' in ON is no name of a column." if odd is not None else ""


def _unclear(names: Sequence[list[str]], listed: list[str]) -> str:
    if any("" in known for known in names):
        return "each column needs a name. Write AS name behind it."
    twice = next((name for known in (*names, listed) for name in known if known.count(name) > 1), None)
    return f"'{twice}' stands twice. Give one of them another name with AS." if twice else ""


def _unmatched(node: exp.Expr, names: Sequence[list[str]], listed: list[str]) -> str:
    mode, left = _mode(node), set(names[0])
    all_, any_ = left.intersection(*names), left.union(*names)
    needed = {"": all_, "INNER": all_, "LEFT": left, "FULL": any_}[mode]
    missing = next((name for name in listed if name not in needed), None)
    if missing:
        where = {"LEFT": "the left side", "FULL": "any side"}.get(mode, "both sides")
        return f"'{missing}' is no column of {where}. Leave it out of ON, or write it there."
    others = any_ - (set(listed) or all_)
    if not mode and others:
        return (
            f"'{min(others)}' is not a column of {'ON' if listed else 'both sides'}. Write it there, "
            f"or FULL {node.key.upper()} to take NULL for it, or INNER {node.key.upper()} to leave it out."
        )
    shared = all_ if mode == "INNER" else all(left.intersection(known) for known in names)
    return "" if mode in {"", "FULL"} or shared else "no column has the same name on both sides."


def _joined(node: exp.Expr, names: Sequence[list[str]]) -> list[str]:
    """Return the names of the columns that come out where ON does not say it."""
    if _mode(node) == "INNER":
        return [name for name in names[0] if all(name in known for known in names)]
    return list(dict.fromkeys(name for known in names for name in known)) if _mode(node) == "FULL" else names[0]


def _arrange(side: Relation, wanted: Sequence[tuple[int | None, str]], node: exp.Expr, scope: Scope) -> None:
    """Give a side the wanted columns: each the one at a place, or NULL under a name."""
    written, own = sql_names(side.columns), scope.inner().item_name("")
    items = (
        f"CAST(NULL AS BIGINT) AS {quote(name)}"
        if at is None
        else f"{own}.{quote(written[at])} AS {quote(written[at])}"
        for at, name in wanted
    )
    side.sql = f"SELECT {', '.join(items)} FROM ({side.sql}) AS {own}"
    null = Value(t.NULL, "NULL", literal=True)
    side.nodes = [node if at is None else side.nodes[at] for at, _ in wanted]
    side.columns = [(name, null) if at is None else side.columns[at] for at, name in wanted]


def as_types(side: Relation, columns: Sequence[tuple[str | None, Value]], scope: Scope) -> str:
    """Return the SQL of a side with its columns in the types of others."""
    same = all(have.type in (want.type, t.UNKNOWN) for (_, have), (_, want) in zip(side.columns, columns, strict=True))
    if same:
        return side.sql
    names, own = sql_names(side.columns), scope.inner().item_name("")
    items = (
        f"{converted(side.nodes[place], have if have.literal else Value(have.type, f'{own}.{quote(name)}'), want.type, scope)} AS {quote(name)}"
        for place, (name, (_, have), (_, want)) in enumerate(zip(names, side.columns, columns, strict=True))
    )
    return f"SELECT {', '.join(items)} FROM ({side.sql}) AS {own}"
