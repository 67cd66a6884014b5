"""What the clauses of a query share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.origins import columns_in
from flows.sql.compile.value import FAULTY, NOTHING, Value
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.sql.compile.scope import Scope

_SHOWN = 5
"""How many names of a star a fault lists."""
AMBIGUOUS = Value(t.UNKNOWN, "NULL", reads=FAULTY)
"""What a name means that several columns of a SELECT list have."""


def by_names(items: Sequence[tuple[exp.Expr, str | None, Value]]) -> dict[str, Value]:
    """Return what the names of a SELECT list mean behind it."""
    found: dict[str, Value] = {}
    for _, name, value in items:
        if name:
            found[name.lower()] = AMBIGUOUS if name.lower() in found else value
    return found


def is_star(item: exp.Expr) -> bool:
    """Say whether an item of a SELECT list stands for many: `*`, `table.*`, `struct.*`."""
    return isinstance(item, exp.Star | exp.Column | exp.Dot) and item.is_star


def is_literal(node: exp.Expr) -> bool:
    """Say whether something is written down that is no place of a column: a text, a number with a sign or a point, NULL."""
    if isinstance(node, exp.Literal):
        return bool(node.is_string) or not node.name.isdigit()
    return isinstance(node, exp.Null | exp.Boolean | exp.ByteString) or (
        isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal)
    )


def refuse_loose(scope: Scope) -> None:
    """Note a fault for each column that is neither grouped nor aggregated."""
    loose = scope.loose if scope.groups is not None else []
    by_star: dict[int, list[str]] = {}
    for node, name in loose:
        if is_star(node):
            by_star.setdefault(id(node), []).append(name)
    for node, name in loose:
        names = by_star.pop(id(node), [name] if not is_star(node) else [])
        if len(names) > 1:
            listed = ", ".join(names[:_SHOWN]) + ", ..." * (len(names) > _SHOWN)
            said = f"'{shown(node)}' gives columns that are neither grouped nor aggregated: {listed}"
            scope.fault(node, f"{said}. Name the columns that GROUP BY has, and write ANY_VALUE(...) of others.")
        if len(names) != 1:
            continue
        message = f"'{name}' is neither grouped nor aggregated"
        column = name.rpartition(".")[2].lower()
        spelt = (scope.spelt.get(sql) for sql in sorted((scope.groups or {}).values()))
        wholes = (one for one in spelt if isinstance(one, exp.Expr) and not isinstance(one, exp.Column))
        whole = next((one for one in wholes if any(part.name.lower() == column for part in columns_in(one))), None)
        if whole is None:
            scope.fault(node, f"{message}. Add it to GROUP BY, or write ANY_VALUE({name}).")
        else:
            alone = "can only stand as a whole column of the SELECT list or of ORDER BY"
            scope.fault(
                node,
                f"{message}: '{shown(whole)}', which is, {alone}. Compute it in a WITH first, and group by its name.",
            )


def no_table(named: exp.Expr, rest: str, scope: Scope) -> Value:
    """Note the fault of a name that no table has, once: where FROM has another one, that is one mistake."""
    message = f"'{named.name}' is not a table "
    known = any(fault.message.startswith(message) for fault in scope.context.faults)
    return NOTHING if known else scope.fault(named, message + rest)


@contextmanager
def plain(node: exp.Expr, scope: Scope, word: str) -> Iterator[None]:
    """Refuse aggregates and window functions in one part of a query."""
    before = scope.aggregated, scope.windowed
    scope.aggregated = scope.windowed = False
    yield
    having, qualify = ("Write HAVING, or compute", "Write QUALIFY, or compute") if word == "WHERE" else ("Compute",) * 2
    if scope.aggregated:
        scope.fault(node, f"{word} cannot hold an aggregate. {having} it in a WITH first.")
    if scope.windowed:
        scope.fault(node, f"{word} cannot hold a window function. {qualify} it in a WITH first.")
    scope.aggregated, scope.windowed = before


def window_names(select: exp.Expr) -> set[str]:
    """Return the names that the list of a SELECT gives what holds a window function."""
    listed = [one for one in select.expressions if isinstance(one, exp.Alias)]
    return {one.alias.lower() for one in listed if _own_window(one, select)}


def holds_window(condition: exp.Expr, select: exp.Expr) -> bool:
    """Say whether a condition of a SELECT holds a window function, itself or by the name that its list gives one."""
    named = window_names(select)
    return _own_window(condition, select) or any(
        len(one.parts) == 1 and one.name.lower() in named for one in columns_in(condition)
    )


def _own_window(node: exp.Expr, select: exp.Expr) -> bool:
    return any(one.find_ancestor(exp.Select) is select for one in node.find_all(exp.Window))


def sql_names(columns: Sequence[tuple[str | None, Value]]) -> list[str]:
    """Return a name of its own for each column: its name, or one that nobody writes."""
    names: list[str] = []
    used: set[str] = set()
    for place, (name, _) in enumerate(columns):
        unique = name or f"f{place}_"
        while unique.lower() in used:
            unique = f"{unique}__{place}"
        used.add(unique.lower())
        names.append(unique)
    return names
