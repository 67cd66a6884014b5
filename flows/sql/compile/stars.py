"""What stars of a SELECT list stand for: `*`, `table.*`, `struct.*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import types as t
from flows.sql.compile.clauses import no_table
from flows.sql.compile.conditions import note_mentions
from flows.sql.compile.dispatch import expression
from flows.sql.compile.origins import with_origins
from flows.sql.compile.scope import Anything, Scope
from flows.sql.compile.structures import fields_of
from flows.sql.parse.alike import alike
from flows.sql.parse.piped_columns import EXTENDED, OPEN
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.sql.compile.value import Value

_TABLE_STAR = 2
"""How many parts `table.*` has."""


class Starred(NamedTuple):
    """A column that a star stands for, as GROUP BY finds it."""

    star: exp.Expr
    place: int
    """Where it stands among all columns of the star, those of EXCEPT too."""
    name: str
    value: Value
    replaced: exp.Expr | None
    """What REPLACE puts in its place."""
    aggregates: bool
    """Whether the star is of a STRUCT that holds an aggregate."""
    spelt: tuple[str, ...] | None
    """How it is named in the query, where it is a field of a column."""


def expanded(item: exp.Expr, scope: Scope) -> list[Starred] | None:
    """Return what a star stands for where nothing is known of groups yet; None where it has a fault or nobody knows."""
    context = scope.context
    trial = Scope(context, parent=scope.parent, ctes=scope.ctes, items=scope.items, windows=scope.windows)
    faults, occurrences, context.occurrences = len(context.faults), context.occurrences, []
    columns = list(_all_columns(trial)) if isinstance(item, exp.Star) else _starred(item, trial)
    context.occurrences = occurrences
    failed = len(context.faults) > faults
    del context.faults[faults:]
    if columns is None or failed or any(isinstance(one, Anything) for one in scope.items):
        return None
    marks = _marks(item)
    out = {one.name.lower() for one in marks.args.get("except_") or []}
    replaced = {one.alias.lower(): one.this for one in marks.args.get("replace") or []}
    path = tuple(part.name for part in item.parts[:-1]) if isinstance(item, exp.Column) else ()
    return [
        Starred(item, place, name, value, replaced.get(name.lower()), trial.aggregated, (*path, name) if path else None)
        for place, (name, value) in enumerate(columns)
        if name.lower() not in out
    ]


def item_value(node: exp.Expr, scope: Scope) -> Value:
    """Compile a column of the SELECT list."""
    note_mentions(node, scope)
    return with_origins(node, whole(node, scope), scope)


def whole(node: exp.Expr, scope: Scope) -> Value:
    """Compile a whole column of the SELECT list or of ORDER BY: a group, where its own columns are none."""
    loose = len(scope.loose)
    value = expression(node, scope)
    if value.faulty:
        # Nobody knows whether it would be a group.
        del scope.loose[loose:]
    if scope.groups is None or value.sql not in scope.groups or len(scope.loose) == loose:
        return value
    group = scope.groups[value.sql]
    written = scope.spelt.get(group)
    if isinstance(written, exp.Expr) and not alike(node, written):
        return value
    del scope.loose[loose:]
    return value._replace(sql=group)


def star(item: Any, scope: Scope) -> list[tuple[exp.Expr, str | None, Value]]:  # noqa: ANN401 - a star or a column
    """Compile a star, each of its columns with the star as its node."""
    marks, by_place = _marks(item), scope.starred.get(id(item), {})
    scope.guard(marks, {"except_", "replace", "rename"})
    first = scope.item(item.parts[0].name) if isinstance(item, exp.Column) else None
    of_tables = isinstance(item, exp.Star) or (first is not None and len(item.parts) == _TABLE_STAR)
    of_element = of_tables and first is not None and first.whole is not None
    of_all = bool(_group(item).args.get("all"))
    # Fields of a STRUCT that is written down are grouped where its own columns are.
    of_struct = isinstance(item, exp.Dot) and isinstance(item.this, exp.Struct)
    of_fields = not of_tables and (of_all or bool(by_place) or not of_struct)
    if isinstance(item, exp.Star):
        if not scope.items:
            scope.fault(item, "SELECT * needs a FROM.")
        columns = list(_all_columns(scope))
        _refuse_fields(item, scope)
    else:
        loose, aggregated, scope.aggregated = len(scope.loose), scope.aggregated, False
        found = _starred(item, scope)
        of_fields &= not scope.aggregated
        scope.aggregated |= aggregated
        if found is None:
            return []
        columns = found
        if of_fields:
            # It stands for the fields of a STRUCT, which a group of the whole has no place for.
            del scope.loose[loose:]
    if any(isinstance(one, Anything) for one in scope.items):
        return []
    columns = _renamed(marks, columns, scope)
    names = [name for name, _ in columns]
    faults = len(scope.context.faults)
    _refuse_unknown(marks, names, scope)
    is_known = len(scope.context.faults) == faults
    out = {one.name.lower() for one in marks.args.get("except_") or []}
    replaced = {one.alias.lower(): one for one in marks.args.get("replace") or []}
    items: list[tuple[exp.Expr, str | None, Value]] = []
    for place, (name, value) in enumerate(columns):
        if name.lower() in out:
            continue
        if place in by_place:
            items.append((item, name, by_place[place]))
            continue
        other = replaced.get(name.lower())
        grouped_by = scope.groups is None or (value.sql in scope.groups and (of_all or not (of_fields or of_element)))
        if (of_tables or of_fields) and other is None and not grouped_by and is_known:
            whole = f"{shown(item).rpartition('.')[0]}." if of_fields else ""
            scope.loose.append((item, f"{whole}{name}"))
        items.append((item, name, item_value(other.this, scope) if other else value))
    if names and not items:
        scope.fault(item, f"'{shown(item)}' leaves no column. Leave one of them out of EXCEPT.")
    if of_tables:
        scope.named |= {value.sql: value for name, value in columns if name.lower() not in {*out, *replaced}}
    return items


def _marks(item: Any) -> exp.Expr:  # noqa: ANN401 - the same
    """Return the node that has a star's EXCEPT and REPLACE."""
    marks: exp.Expr = (
        item if isinstance(item, exp.Star) else item.expression if isinstance(item, exp.Dot) else item.this
    )
    return marks


def _group(item: exp.Expr) -> exp.Expr:
    """Return the GROUP BY of the query in whose list an item stands, or an empty one."""
    select = item.find_ancestor(exp.Select)
    return (select.args.get("group") if select is not None else None) or exp.Group()


def _refuse_unknown(marks: exp.Expr, names: list[str], scope: Scope) -> None:
    """Note a fault for each name in EXCEPT and REPLACE that `*` does not give, or that stands there twice."""
    known = {name.lower() for name in names}
    seen: set[str] = set()
    for word, key in (("EXCEPT", "except_"), ("REPLACE", "replace")):
        for one in marks.args.get(key) or []:
            name = one.alias if word == "REPLACE" else one.name
            if name.lower() in seen:
                scope.fault(one, f"'{name}' stands twice in EXCEPT and REPLACE. Leave one of them out.")
            seen.add(name.lower())
            if name.lower() not in known:
                scope.fault(one, f"'{name}' in {word} is not a column of '*'.{did_you_mean(name, names)}")
            elif word == "REPLACE" and sum(name.lower() == other.lower() for other in names) > 1:
                said = f"'{name}' in REPLACE is the name of several columns of '*'. List the columns, with AS."
                scope.fault(one, said)


def _refuse_fields(item: exp.Star, scope: Scope) -> None:
    """Note a fault where |> takes apart the row of an ARRAY, which GoogleSQL keeps as one value."""
    if "of_pipe" not in item.meta:
        return
    rows = [one for one in scope.items if one.whole is not None and one.whole.type.name == "STRUCT" and not one.alias.startswith(EXTENDED)]  # fmt: skip
    changed = [*(item.args.get("except_") or []), *(item.args.get("replace") or [])]
    fields = [one for one in changed if any(row.find(one.alias or one.name) for row in rows)]
    if fields:
        said = f"'{fields[0].alias or fields[0].name}' is a field of a row that is one STRUCT"
        scope.fault(fields[0], f"{said}. Write |> SELECT with the columns that you need before it.")
    elif rows and item.meta["of_pipe"] == OPEN:
        said = f"{repr(rows[0].alias) if rows[0].alias else 'what UNNEST gives'} stays one STRUCT where no |> SELECT follows"
        scope.fault(item, f"{said}. Write |> SELECT behind it, with the columns that you need by their bare names.")


def _renamed(marks: exp.Expr, columns: list[tuple[str, Value]], scope: Scope) -> list[tuple[str, Value]]:
    """Return the columns of a star by the names that |> RENAME gives them; BigQuery gets all of them one by one."""
    renamed = marks.args.get("rename")
    if not renamed:
        return columns
    names = [name.lower() for name, _ in columns]
    new = {one.this.name.lower(): one.alias for one in renamed}
    for place, one in enumerate(renamed):
        name = one.this.name
        if any(other.this.name.lower() == name.lower() for other in renamed[:place]):
            scope.fault(one, f"'{name}' stands twice in RENAME. Leave one of them out.")
        elif name.lower() not in names:
            scope.fault(one, f"'{name}' in RENAME is not a column here.{did_you_mean(name, names)}")
    unclear = next((name for name in names if not name or names.count(name) > 1), None)
    if unclear is not None:
        said = f"two columns here are named '{unclear}'" if unclear else "a column here has no name"
        scope.fault(marks, f"{said}, which RENAME leaves unclear. Write |> SELECT with AS before it.")
    listed = [f"{_quoted(name)} AS {_quoted(new.get(name.lower(), name))}" for name, _ in columns]
    scope.context.instead[id(marks)] = marks, (", ".join(listed),)
    return [(new.get(name.lower(), name), value) for name, value in columns]


def _quoted(name: str) -> str:
    return str(exp.to_identifier(name, quoted=True).sql("bigquery"))


def _starred(item: Any, scope: Scope) -> list[tuple[str, Value]] | None:  # noqa: ANN401 - the same
    """Return the columns that stand behind `table.*` or `struct.*`."""
    if isinstance(item, exp.Dot):
        return _fields(item, expression(item.this, scope), scope)
    path, source = item.parts[:-1], scope.item(item.parts[0].name)
    if source is not None and len(path) == 1:
        return source.columns if source.whole is None else _fields(item, source.whole, scope)
    known = [*(one.alias for around in scope.outward() for one in around.items), *scope.names()]
    if source is None and any(isinstance(one, Anything) for one in scope.items):
        return []
    if source is None and not any(name.lower() == path[0].name.lower() for name in known):
        no_table(path[0], f"here.{did_you_mean(path[0].name, known)}", scope)
        return None
    first = exp.column(path[0].copy())
    whole = exp.Dot.build([first, *(part.copy() for part in path[1:])]) if path[1:] else first
    return _fields(item, expression(whole, scope), scope)


def _fields(item: exp.Expr, value: Value, scope: Scope) -> list[tuple[str, Value]] | None:
    if value.type == t.UNKNOWN:
        return None
    if value.type.name != "STRUCT":
        hint = " UNNEST it first." if value.type.element else ""
        scope.fault(item, f"'{shown(item)}': .* takes a table or a STRUCT, and this is {value.type}.{hint}")
        return None
    return fields_of("", value)


def _all_columns(scope: Scope) -> Iterator[tuple[str, Value]]:
    for source in scope.items:
        yield from source.all_seen()
