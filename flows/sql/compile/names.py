"""Names: which column, field or table an expression means; and what every part of the compiler shares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import SqlFault, did_you_mean
from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile import cast as sql_cast
from flows.sql.compile.scope import NOTHING, Relation, Scope, Source, Value
from flows.sql.parse.tree import line_of
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_MADE_UP = re.compile(r"_\d+|")
"""Names that subqueries and UNNEST have where nobody gives them one."""
EXACT = {t.NUMERIC: 9, t.BIGNUMERIC: 18}
"""Places after the point of each decimal type."""


class Names:
    """Finds what names mean; every fault goes to `faults` and the expression's type is UNKNOWN from there on."""

    def __init__(self) -> None:
        self.faults: list[SqlFault] = []

    # What the parts of the compiler above this one give

    def expression(self, node: exp.Expr, scope: Scope) -> Value:
        """Compile one expression."""
        raise NotImplementedError

    def call(
        self, name: str, node: exp.Expr, scope: Scope, *, over: exp.Window | None = None, safe: bool = False
    ) -> Value:
        """Compile a call; `over` is the window around it, `safe` whether SAFE. stands before it."""
        raise NotImplementedError

    def rule(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        """Compile a call by a rule of its own; None where the table of functions knows better."""
        raise NotImplementedError

    def has_rule(self, name: str) -> bool:
        """Say whether calls of that name have a rule of their own."""
        raise NotImplementedError

    def subquery(self, node: exp.Expr, scope: Scope) -> Relation:
        """Compile a query inside an expression."""
        raise NotImplementedError

    def ordering(self, ordered: Sequence[exp.Expr], scope: Scope) -> list[str]:
        """Compile ORDER BY."""
        raise NotImplementedError

    def over(self, window: exp.Window, scope: Scope) -> str:
        """Compile OVER (...)."""
        raise NotImplementedError

    # What they share

    def fault(self, node: exp.Expr, message: str) -> Value:
        """Note a fault and return the value that stands for what has one."""
        self.faults.append(SqlFault(line_of(node), message))
        return NOTHING

    def unsupported(self, node: exp.Expr, what: str | None = None) -> Value:
        """Refuse a construct by name."""
        what = what or (node.sql_name() if isinstance(node, exp.Func) else node.sql("bigquery")[:60])
        return self.fault(node, f"{what} is not supported by the embedded warehouse yet.")

    def boolean(self, node: exp.Expr, scope: Scope, where: str) -> str:
        """Compile a condition."""
        value = self.expression(node, scope)
        if not t.coerces(value.type, t.BOOL):
            self.fault(node, f"{where} needs a condition, but '{shown(node)}' is {value.type}.")
        return value.sql

    def converted(self, node: exp.Expr, value: Value, want: Type) -> str:
        """Return a value's SQL in a type to which GoogleSQL turns it by itself."""
        if value.type == want or t.UNKNOWN in (value.type, want):
            return value.sql
        if value.type == t.NULL:
            return f"CAST(NULL AS {t.duckdb_type(want)})"
        if value.literal and value.type == t.STRING:
            read = sql_cast.literal(str(value.constant), want)
            if read is None:
                self.fault(node, f"'{value.constant}' is not a {want}.")
            return read or "NULL"
        if value.literal and value.type == t.FLOAT64 and want in EXACT:
            return f"CAST('{value.constant}' AS {t.duckdb_type(want)})"
        return sql_cast.convert(value.sql, value.type, want)

    def count(self, node: exp.Expr) -> int:
        """Return the number of LIMIT and OFFSET."""
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
            return int(node.name)
        self.fault(node, f"'{shown(node)}': LIMIT and OFFSET take a whole number.")
        return 0

    # Names

    def column(self, node: exp.Expr, scope: Scope) -> Value:
        """Compile a path: a column, perhaps of a table, and fields of it."""
        parts: list[exp.Expr] = []
        root = node
        while isinstance(root, exp.Dot):
            parts.insert(0, root.expression)
            root = root.this
        if isinstance(root, exp.Column):
            if isinstance(root.this, exp.Star):
                return self.fault(node, "'*' can only stand in the SELECT list or in COUNT(*).")
            path = [*root.parts, *parts]
            value, rest = self._resolve(path, scope)
        else:
            value, rest = self.expression(root, scope), parts
        for part in rest:
            value = self.field(part, value)
        return value

    def field(self, part: exp.Expr, value: Value) -> Value:
        """Return one field of a STRUCT."""
        if value.type == t.UNKNOWN:
            return NOTHING
        name = part.name
        if value.type.name != "STRUCT":
            kind = f"is {value.type}, which has no fields"
            hint = " UNNEST it first." if value.type.element else ""
            return self.fault(part, f"'{name}' cannot be read: what stands before it {kind}.{hint}")
        found = [(known, type_) for known, type_ in value.type.fields if known.lower() == name.lower()]
        if len(found) != 1:
            known = [field for field, _ in value.type.fields]
            hint = did_you_mean(name, known) or f" It has {', '.join(known)}."
            problem = "is not a field of the STRUCT" if not found else "is the name of two fields"
            return self.fault(part, f"'{name}' {problem}.{hint}")
        return Value(found[0][1], f"struct_extract({value.sql}, {quote_text(found[0][0])})")

    def _resolve(self, path: list[exp.Expr], scope: Scope) -> tuple[Value, list[exp.Expr]]:
        """Return what the first names of a path mean, and the names that are left: fields."""
        first = path[0].name
        for around in scope.outward():
            found = self._resolve_in(around, path)
            if found is not None:
                value, left = found
                aliased = value is around.aliases.get(first.lower())
                if not aliased and around.groups is not None and not around.depth and value.type != t.UNKNOWN:
                    around.loose.append((path[0], ".".join(part.name for part in path)))
                return value, left
        if not any(around.sources for around in scope.outward()):
            # The same words on one line for all columns, so that the query has one fault.
            message = "the query has no FROM, so that nothing says whose columns it reads. Write FROM dataset.table."
            return self.fault(path[0].find_ancestor(exp.Select) or path[0], message), []
        names = list(scope.names())
        sources = [source.alias for around in scope.outward() for source in around.sources]
        sources = [alias for alias in sources if not _MADE_UP.fullmatch(alias)]
        if len(path) > 1:
            hint = did_you_mean(first, [*sources, *names])
            known = f" The query knows {', '.join(dict.fromkeys(sources))}." if sources else ""
            return self.fault(path[0], f"'{first}' is not a table or column here.{hint or known}"), []
        hint = did_you_mean(first, names)
        return self.fault(path[0], f"'{first}' is not a column of the tables in FROM.{hint}"), []

    def _resolve_in(self, scope: Scope, path: list[exp.Expr]) -> tuple[Value, list[exp.Expr]] | None:
        first, rest = path[0].name, path[1:]
        alias = scope.aliases.get(first.lower())
        if alias is not None and not scope.depth:
            return alias, rest
        source = scope.source(first)
        if source is not None and rest:
            found = source.find(rest[0].name)
            if len(found) > 1:
                return self.fault(rest[0], f"'{rest[0].name}' is the name of two columns of '{first}'."), []
            if found:
                return found[0], rest[1:]
            if source.whole is not None:
                return source.whole, rest
            hint = did_you_mean(rest[0].name, [name for name, _ in source.columns])
            return self.fault(rest[0], f"'{rest[0].name}' is not a column of '{first}'.{hint}"), []
        if first.lower() in scope.merged:
            return scope.merged[first.lower()], rest
        values = [(one.alias, value) for one in scope.sources for value in one.find(first)]
        if len(values) > 1:
            choices = " or ".join(f"{name}.{first}" for name, _ in values)
            return self.fault(path[0], f"'{first}' is ambiguous. Write {choices}."), []
        if values:
            return values[0][1], rest
        if source is not None:
            return (source.whole or row_of(source)), rest
        return (alias, rest) if alias is not None else None


def shown(node: exp.Expr) -> str:
    """Return an expression as a message shows it."""
    text = re.sub(r"\bINTERVAL '(-?\d+)' ", r"INTERVAL \1 ", node.sql(dialect="bigquery", comments=False))
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - what fits a line


def row_of(source: Source) -> Value:
    """Return a table's row as a STRUCT."""
    return struct(source.columns)


def struct(fields: Sequence[tuple[str, Value]]) -> Value:
    """Return a STRUCT of values."""
    packed = ", ".join(
        f"{quote_text(name or f'_{place}')}: {value.sql}" for place, (name, value) in enumerate(fields, 1)
    )
    type_ = Type(
        "STRUCT", fields=tuple((name, t.INT64 if value.type == t.NULL else value.type) for name, value in fields)
    )
    if any(value.type == t.UNKNOWN for _, value in fields):
        return NOTHING
    return Value(type_, f"{{{packed}}}", literal=all(value.literal for _, value in fields))


def output_name(node: exp.Expr) -> str | None:
    """Return the name that a column of a SELECT list has without an alias, or with it."""
    if isinstance(node, exp.Alias):
        return str(node.alias)
    if isinstance(node, exp.Column):
        return str(node.name)
    if isinstance(node, exp.Dot):
        return str(node.expression.name)
    return None


def operands(node: exp.Expr, kind: type[exp.Expr]) -> list[exp.Expr]:
    """Return what AND (or OR) joins, from left to right, however long the chain is."""
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, kind):
            waiting += (one.expression, one.this)
        elif isinstance(one, exp.Paren) and isinstance(one.this, kind):
            waiting.append(one.this)
        else:
            found.append(one)
    return found
