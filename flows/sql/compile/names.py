"""Names: which column, field or table an expression means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault, did_you_mean
from flows.sql import types as t
from flows.sql.compile.clauses import AMBIGUOUS, no_table
from flows.sql.compile.dispatch import calls, compiles, expression
from flows.sql.compile.json_paths import extracted
from flows.sql.compile.scope import Anything
from flows.sql.compile.structures import distinct, struct
from flows.sql.compile.value import NOTHING, Value
from flows.sql.functions import foreign, signatures
from flows.sql.once import plain
from flows.sql.parse.piped_columns import EXTENDED
from flows.sql.parse.tree import call_name, line_of
from flows.sql.shown import shown
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from flows.sql.compile.scope import FromItem, Let, Scope


_BY_PARTITION = " Compare the table's own partition column with @window_start and @window_end."
_PSEUDO = {
    **{name.upper(): f" Write @{name}." for name in ("window_start", "window_end")},
    **dict.fromkeys(("_TABLE_SUFFIX", "_PARTITIONTIME", "_PARTITIONDATE", "_FILE_NAME"), _BY_PARTITION),
    **dict.fromkeys(("SESSION_USER", "SYSTEM_USER", "USER"), " Leave it out; the ledger records who ran what."),
    **dict.fromkeys(
        ("SYSDATE", "NOW", "GETDATE"), " Write @window_end: the clock would give other rows on every retry."
    ),
    **dict.fromkeys(
        ("ROWNUM", "ROWID"), " Write ROW_NUMBER() OVER (ORDER BY ...) with columns that tell all rows apart."
    ),
}
"""Parameters without their sign, columns that BigQuery adds to some tables, words of other dialects: what to write."""


@compiles(exp.Column, exp.Dot, reads=("table", "db", "catalog"))
def _column(node: exp.Expr, scope: Scope) -> Value:
    """Compile a path: a column, perhaps of a table, and fields of it."""
    if id(node) in scope.meant and _in_named_window(node, scope):
        # GoogleSQL settles what WINDOW names where it is used first: in QUALIFY it means what it meant in the list.
        value = scope.meant[id(node)][1]
        scope.context.reads.update([(scope.level, value.sql)] if value.reads is None else value.reads)
        return value
    parts: list[exp.Expr] = []
    root = node
    while isinstance(root, exp.Dot):
        parts.insert(0, root.expression)
        root = root.this
    if parts and isinstance(parts[-1], exp.Func):
        return scope.fault(node, foreign.refusal(shown(node).partition("(")[0], calls()))
    if isinstance(root, exp.Column):
        if isinstance(root.this, exp.Star):
            return scope.fault(node, "'*' can only stand in the SELECT list or in COUNT(*).")
        path = [*root.parts, *parts]
        value, rest, owner = _resolve(path, scope)
    else:
        value, rest, owner, loose = expression(root, scope), parts, None, len(scope.loose)
    found = [value, *(value := _field(part, value, scope) for part in rest)]
    if owner is not None and value is not NOTHING and not _is_grouped(path[0].name, found, owner, scope):
        owner.loose.append((path[0], ".".join(part.name for part in path)))
    elif value is NOTHING and not isinstance(root, exp.Column):
        del scope.loose[loose:]
    if not scope.depth:
        scope.meant[id(node)] = node, value
    return value


def _is_grouped(first: str, found: list[Value], owner: Scope, scope: Scope) -> bool:
    """Say whether a query groups by a column, by a field of it that is read, or by the element of an array that has it."""
    # DuckDB takes no field that a query around groups by for one of its groups.
    seen = found if owner is scope else found[:1]
    item = owner.item(first)
    element = [item.whole] if item is not None and item.whole is not None else []
    return any(one.sql in (owner.groups or {}) for one in (*seen, *element))


def _in_named_window(node: exp.Expr, scope: Scope) -> bool:
    window = node.find_ancestor(exp.Window)
    return any(window is one for one in scope.windows.values())


def _field(part: exp.Expr, value: Value, scope: Scope) -> Value:
    """Return one field of a STRUCT."""
    if value.type == t.UNKNOWN:
        return NOTHING
    name = part.name
    if value.type == t.JSON:
        return Value(t.JSON, extracted(value.sql, [name]))
    if value.type.name != "STRUCT":
        kind = f"is {value.type}, which has no fields"
        hint = " UNNEST it first." if value.type.element else ""
        return scope.fault(part, f"'{name}' cannot be read: what stands before it {kind}.{hint}")
    found = [(known, type_) for known, type_ in value.type.fields if known.lower() == name.lower()]
    if len(found) != 1:
        known = [field for field, _ in value.type.fields if field]
        listed = f" It has {', '.join(known)}." if known else " None has a name. Write STRUCT(... AS name)."
        hint = did_you_mean(name, known) or listed
        problem = "is not a field of the STRUCT" if not found else "is the name of two fields"
        return scope.fault(part, f"'{name}' {problem}.{hint}")
    return Value(found[0][1], f"struct_extract({value.sql}, {quote_text(found[0][0])})")


def _resolve(path: list[exp.Expr], scope: Scope) -> tuple[Value, list[exp.Expr], Scope | None]:
    """Return what the first names of a path mean, the names that are left, fields, and the query that must group by it."""
    first = path[0].name
    for around in scope.outward():
        if around.lets and (let := around.lets.get(first.lower())) is not None:
            return _let(path[0], let, around, scope), path[1:], None
        found = _resolve_in(around, path)
        if found is None:
            continue
        (value, left), owner = found, None
        if value.reads is None:
            scope.context.reads.add((around.level, value.sql))
        elif left:
            scope.context.reads.update(value.reads)
        if value is not around.aliases.get(first.lower()):
            around.named.setdefault(value.sql, value)
            if value.sql not in around.spelt:
                around.spelt[value.sql] = tuple(part.name for part in path[: len(path) - len(left)])
            if around.groups is not None and not around.depth and value.type != t.UNKNOWN:
                owner = around
        elif around is not scope and _is_computed(value, around):
            said = f"'{first}' is computed in the SELECT list, and a query inside HAVING, QUALIFY or ORDER BY cannot name it."
            return scope.fault(path[0], f"{said} Compute it in a WITH first, and name its column there."), [], None
        return value, left, owner
    if not any(around.items for around in scope.outward()):
        return scope.without_from(path[0]), [], None
    names = list(scope.names())
    known_items = [
        item.alias
        for around in scope.outward()
        for item in around.items
        if item.alias and not item.alias.startswith(EXTENDED)
    ]
    if len(path) > 1:
        hint = did_you_mean(first, [*known_items, *names])
        if path[1].name.lower() in map(str.lower, known_items):
            hint = f" Write {'.'.join(part.name for part in path[1:])}."
        known = f" The query knows {', '.join(dict.fromkeys(known_items))}." if known_items else ""
        return no_table(path[0], f"or column here.{hint or known}", scope), [], None
    near = did_you_mean(first, names)
    hint = near if near and first.upper() == "USER" else _PSEUDO.get(first.upper()) or near
    return scope.fault(path[0], f"'{first}' is not a column of the tables in FROM.{hint}"), [], None


def _let(name: exp.Expr, let: Let, owner: Scope, scope: Scope) -> Value:
    """Return what a name of WITH(name AS value, ...) means."""
    around = name.parent
    while owner is scope and around is not None and around is not let.node:
        called = call_name(around) or ""
        if isinstance(around, exp.Window) or signatures.aggregate(called):
            return scope.fault(name, f"'{name.name}' is a name of WITH(...), which aggregates and functions of windows inside it cannot use. Compute it in a WITH first.")  # fmt: skip
        around = around.parent
    if owner is not scope and (let.of_rows or (owner.groups is not None and not plain(let.value.sql))):
        return scope.fault(name, f"'{name.name}' of WITH(...) is computed from groups, and a query inside cannot use it. Compute it in a WITH first.")  # fmt: skip
    scope.context.reads.update(let.value.reads or ())
    return let.value


def _is_computed(value: Value, owner: Scope) -> bool:
    """Say whether DuckDB would take a value of the SELECT list inside of another query for one of that query's own.

    So it does with functions of windows, with aggregates that name no column, and with what is made of groups that are no columns.
    """
    groups = (owner.groups or {}).values()
    if value.faulty:
        return False
    for sql in (sql for level, sql in value.reads or () if level == owner.level and not sql.isidentifier()):
        is_column = plain(sql) or sql.startswith("struct_extract(")
        if not is_column and f'"t{owner.level}_' not in sql:
            return True
        if is_column and owner.groups is not None and (sql not in groups or not plain(sql)):
            return True
    return " OVER (" in value.sql


def _resolve_in(scope: Scope, path: list[exp.Expr]) -> tuple[Value, list[exp.Expr]] | None:
    first, rest = path[0].name, path[1:]
    alias = scope.aliases.get(first.lower())
    if alias is AMBIGUOUS:
        said = (
            f"'{first}' is ambiguous: several columns of the SELECT list have that name. Give one another name with AS."
        )
        (scope.context.faults if scope.level else scope.context.of_names).append(Fault(line_of(path[0]), said))
        return NOTHING, []
    if alias is not None:
        return (alias if not scope.depth else _of_rows(path[0], alias, scope)), rest
    item = scope.item(first)
    # Before an element goes the column that USING has made of it.
    item = None if item is not None and item.whole is not None and item.key in item.hidden else item
    if item is not None and rest:
        return _of_item(item, path, scope)
    if item is not None:
        # What FROM names goes before columns: an element of an array before the array.
        if isinstance(item, Anything):
            return NOTHING, []
        return (item.whole or distinct(path[0], item.columns, scope) or struct(item.columns)), rest
    values = [(one.alias, value) for one in scope.items for value in one.seen(first)]
    known = [(name, value) for name, value in values if value is not NOTHING]
    if len(values) > len(known) > 0:
        # A table with a fault may have a column of that name as well, or not.
        values = known
    if len(values) > 1 and not known:
        # All of them stand for faults, of which nobody knows the columns.
        return NOTHING, []
    if len(values) > 1:
        if any(alias.startswith(EXTENDED) for alias, _ in values):
            said = f"'{first}' is ambiguous: |> EXTEND gives a column of that name as well."
            return scope.fault(path[0], f"{said} Give it another name."), []
        choices = " or ".join(f"{alias}.{first}" for alias, _ in values if alias)
        if len({alias for alias, _ in values}) == 1:
            return scope.fault(
                path[0], f"'{first}' is the name of two columns. Give one of them another name with AS."
            ), []
        unnamed = "" if all(alias for alias, _ in values) else " Give each subquery a name with AS."
        return scope.fault(path[0], f"'{first}' is ambiguous.{unnamed}{choices and f' Write {choices}.'}"), []
    return (values[0][1], rest) if values else None


def _of_item(item: FromItem, path: list[exp.Expr], scope: Scope) -> tuple[Value, list[exp.Expr]]:
    """Return what a path means that begins with the name of an item of FROM, and the names that are left."""
    first, *rest = path
    if item.whole is not None and item.whole.type.name != "STRUCT":
        # It has no columns: behind its name stands a field of JSON, also of that name.
        return item.whole, rest
    found = item.find(rest[0].name)
    if len(found) > 1:
        return scope.fault(rest[0], f"'{rest[0].name}' is the name of two columns of '{first.name}'."), []
    if found:
        return found[0], rest[1:]
    if item.whole is not None:
        return item.whole, rest
    hint = did_you_mean(rest[0].name, [name for name, _ in item.columns])
    return scope.fault(rest[0], f"'{rest[0].name}' is not a column of '{first.name}'.{hint}"), []


def _of_rows(name: exp.Expr, value: Value, scope: Scope) -> Value:
    """Return what a name of the SELECT list means inside an aggregate of HAVING or ORDER BY: the same, as in BigQuery."""
    columns = {one.sql for item in scope.items for _, one in (*item.columns, *item.all_seen())}
    is_known = not value.faulty and not any(isinstance(item, Anything) for item in scope.items)
    if not is_known or all(level != scope.level or sql in columns for level, sql in value.reads or ()):
        return value
    message = f"'{name.name}' is an aggregate of the SELECT list, which cannot stand inside another one."
    found = [item.alias for item in scope.items if item.alias and item.find(name.name)]
    instead = f"Write {found[0]}.{name.name}" if found else "Give it another name there"
    return scope.fault(name, f"{message} {instead}, or compute it in a WITH first.")
