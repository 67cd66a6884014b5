"""Ties in the SQL that BigQuery gets: further keys for an ORDER BY, or other words for a call that has no place for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.keys import ORDER
from flows.sql.parse.tree import call_name
from flows.sql.parse.write import expression_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from flows.model.types import Type
    from flows.sql.compile.keys import Tied, Words
    from flows.sql.compile.scope import Scope

_ALL = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
_UNORDERED = {"STRUCT", "ARRAY", "JSON"}
"""What no ORDER BY of GoogleSQL takes."""


def spell_names(scope: Scope) -> None:
    """Note the names of all columns that can be seen here, with those of their tables where these say which are meant."""
    for item in scope.items:
        for name, value in item.joined.values():
            scope.spelt.setdefault(value.sql, (name,))
    taken = {name.lower() for item in scope.items for name, _ in item.columns} | scope.aliases.keys()
    for item in scope.items:
        for name, value in item.columns:
            if value is item.whole or not item.alias:
                scope.spelt.setdefault(value.sql, (name,))
            elif item.key not in taken:
                # Else the first name would be that of a column.
                scope.spelt[value.sql] = (item.alias, name)
    for sql, spelt in list(scope.spelt.items()):
        named = scope.aliases.get(spelt[0].lower()) if isinstance(spelt, tuple) else None
        if named is not None and named.sql != sql:
            # An alias is what GoogleSQL takes the name for.
            del scope.spelt[sql]


def spell(written: str, further: Sequence[str], tied: Tied, scope: Scope) -> None:
    """Note how the further keys of an order are written in the query, at each place where it is used."""
    uses = [use for use in scope.uses if use.order == written]
    known = {*tied.alike, *(key.sql for key in tied.keys)}
    missing = list(dict.fromkeys(sql for sql in further if sql not in known))
    if not uses or not missing:
        return
    named = scope.named | scope.within[False] | scope.within[True]
    types = scope.kinds | {sql: value.type for sql, value in named.items()}
    keys = [in_googlesql(scope.spelt[sql], types.get(sql)) for sql in missing if scope.spelt.get(sql)]
    kept = {id(use.written) for use in scope.uses if use.order is None}
    for use in uses:
        if len(keys) < len(missing):
            scope.context.untold.append((ORDER, use.node))
        if not keys:
            continue
        if use.written is not None and id(use.written) not in kept:
            scope.context.further[id(use.written)] = use.written, keys
        elif use.instead is not None:
            scope.context.instead[id(use.node)] = use.node, use.instead(keys)
        else:
            scope.context.untold.append((ORDER, use.node))


def grouping_of(groups: Sequence[str], scope: Scope) -> dict[str, str]:
    """Return the keys, by their SQL, that tell apart in which of several sets of columns groups were made."""
    sql = f"grouping_id({', '.join(dict.fromkeys(groups))})"
    targets = [scope.spelt.get(one) for one in dict.fromkeys(groups)]
    names = [in_googlesql(one, None) for one in targets if isinstance(one, tuple | exp.Column)]
    return {sql: ", ".join(f"GROUPING({name})" for name in names)} if len(names) == len(targets) else {sql: ""}


def in_googlesql(spelt: tuple[str, ...] | exp.Expr | str, type_: Type | None) -> str:
    """Return a key of an ORDER BY of GoogleSQL, which takes no STRUCT, ARRAY or JSON."""
    if isinstance(spelt, str):
        return spelt
    if isinstance(spelt, tuple):
        text = ".".join(str(exp.to_identifier(part, quoted=True).sql("bigquery")) for part in spelt)
    else:
        # A group may be named by its place or by a name that no window knows.
        text = expression_text(spelt) if isinstance(spelt, exp.Column) else f"ANY_VALUE({expression_text(spelt)})"
    return f"TO_JSON_STRING({text})" if type_ is not None and type_.name in _UNORDERED else text


def any_value(node: exp.Expr, argument: exp.Expr, type_: Type, scope: Scope, *, over: exp.Window | None) -> None:
    """Note what gives the least of the values of which ANY_VALUE may give any."""
    if type_.name not in _UNORDERED:
        scope.context.renamed[node.meta.get("start", -1)] = "MIN"
    elif over is not None:
        scope.context.untold.append((ORDER, over))
    else:
        value: Words = (
            ("IF(", argument, " IS NULL, NULL, STRUCT(", argument, " AS v))") if type_.element else (argument,)
        )
        last = "[SAFE_OFFSET(0)].v" if type_.element else "[SAFE_OFFSET(0)]"
        order: Words = (" IGNORE NULLS ORDER BY TO_JSON_STRING(", argument, f") LIMIT 1){last}")
        scope.context.instead[id(node)] = node, ("ARRAY_AGG(", *value, *order)


def of_one_row(
    value: tuple[exp.Expr, Type], by: tuple[exp.Expr, Type], *, greatest: bool
) -> Callable[[Sequence[str]], Words]:
    """Return what gives a value of the row that is the greatest, or the least, by another one and further keys."""
    (item, type_), (key, key_type) = value, by
    way = " DESC" if greatest else ""

    def words(keys: Sequence[str]) -> Words:
        is_nan: Words = (" OR IS_NAN(", key, ")") if key_type == t.FLOAT64 else ()
        given: Words = ("STRUCT(", item, " AS v)") if type_.element else (item,)
        first: Words = ("IS_NAN(", key, ") DESC, ") if is_nan else ()
        first += () if greatest else (key, " IS NULL, ")
        last = "".join(f", {one}{way}" for one in keys)
        taken = "[SAFE_OFFSET(0)].v" if type_.element else "[SAFE_OFFSET(0)]"
        start: Words = ("ARRAY_AGG(IF(", key, " IS NULL", *is_nan, ", NULL, ", *given, ") ORDER BY ")
        return (*start, *first, key, f"{way}{last} LIMIT 1){taken}")

    return words


def own_window(
    window: exp.Window, partition: Sequence[exp.Expr], order: exp.Expr, spec: exp.Expr | None
) -> Callable[[Sequence[str]], Words]:
    """Return a call over a window of its own, where others take rows that are equal in its order together."""

    def words(keys: Sequence[str]) -> Words:
        ordered = _listed([*((one,) for one in order.expressions), *((key,) for key in keys)])
        frame: Words = (" ", spec) if spec is not None else ()
        return (window.this, *_over([(one,) for one in partition], ordered, frame))

    return words


def of_peers(
    window: exp.Window, partition: Sequence[exp.Expr], order: exp.Expr, types: Sequence[Type]
) -> Callable[[Sequence[str]], Words] | None:
    """Return what says the same as a call over all rows up to those that are equal in the order; None where nothing does."""
    name, ignores_nulls = call_name(window.this), window.this.find(exp.IgnoreNulls) is not None
    parts: list[Words] = [(one,) for one in partition]
    if name == "LAST_VALUE" and not ignores_nulls:
        # It is that of the rows which are equal in the order.
        alike = [
            ("CAST(", one.this, " + 0.0 AS STRING)") if type_ == t.FLOAT64 else (one.this,)
            for one, type_ in zip(order.expressions, types, strict=True)
        ]
        return lambda keys: (window.this, *_over([*parts, *alike], _listed([(key,) for key in keys]), (f" {_ALL}",)))
    arguments = list(map(_plain, window.this.expressions))
    if len(arguments) != {"FIRST_VALUE": 1, "NTH_VALUE": 2}.get(name or ""):
        return None
    first, place = arguments[0], (arguments[1] if name == "NTH_VALUE" else "1")
    given: list[Words] = [(one,) for one in order.expressions]

    def words(keys: Sequence[str]) -> Words:
        ordered = _listed([*given, *((key,) for key in keys)])
        found: Words = (window.this, *_over(parts, ordered, (f" {_ALL}",)))
        counted: Words = ("COUNT(", first if ignores_nulls else "*", ")", *_over(parts, _listed(given), ()))
        return ("IF(", *counted, " >= ", place, ", ", *found, ", NULL)")

    return words


def _over(partition: Sequence[Words], order: Words, frame: Words) -> Words:
    by: Words = ("PARTITION BY ", *_listed(partition), " ") if partition else ()
    return (" OVER (", *by, "ORDER BY ", *order, *frame, ")")


def _listed(items: Sequence[Words]) -> Words:
    return tuple(_between(items))


def _between(items: Sequence[Words]) -> Iterator[str | exp.Expr]:
    for place, item in enumerate(items):
        yield from ((", ",) if place else ())
        yield from item


def _plain(argument: exp.Expr) -> exp.Expr:
    """Return an argument without IGNORE NULLS and the like around it."""
    inside = isinstance(argument, exp.IgnoreNulls | exp.RespectNulls)
    return argument.this if inside else argument
