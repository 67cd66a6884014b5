"""Expressions: what each GoogleSQL expression's type is, and what it is in DuckDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model import sql_cast, sql_dates
from flows.model import sql_functions as functions
from flows.model import sql_types as t
from flows.model.errors import SqlFault, did_you_mean
from flows.model.sql_parse import call_name, line_of
from flows.model.sql_scope import NOTHING, Origin, Relation, Scope, Source, Value
from flows.model.sql_types import quote, quote_text
from flows.model.types import Type, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
_BITWISE: dict[type[exp.Expr], str] = {
    exp.BitwiseAnd: "({} & {})",
    exp.BitwiseOr: "({} | {})",
    exp.BitwiseXor: "xor({}, {})",
}
_EXACT = {t.NUMERIC: 9, t.BIGNUMERIC: 18}
_INT64 = (-(2**63), 2**63 - 1)
_NUMERIC_DIGITS = 29
_SHORT_SCALE = 4


class Expressions:
    """Compiles expressions; every fault goes to `faults` and the expression's type is UNKNOWN from there on."""

    def __init__(self) -> None:
        self.faults: list[SqlFault] = []

    # What the compiler of queries gives.
    def subquery(self, node: exp.Expr, scope: Scope) -> Relation:
        """Compile a query inside an expression."""
        raise NotImplementedError

    def ordering(self, ordered: Sequence[exp.Expr], scope: Scope) -> list[str]:
        """Compile ORDER BY."""
        raise NotImplementedError

    def over(self, window: exp.Window, scope: Scope) -> str:
        """Compile OVER (...)."""
        raise NotImplementedError

    def fault(self, node: exp.Expr, message: str) -> Value:
        """Note a fault and return the value that stands for what has one."""
        self.faults.append(SqlFault(line_of(node), message))
        return NOTHING

    def expression(self, node: exp.Expr, scope: Scope) -> Value:
        """Compile one expression."""
        mark = len(scope.loose)
        value = self._dispatch(node, scope)
        if scope.groups is not None and not scope.depth and value.sql in scope.groups:
            del scope.loose[mark:]
        return value

    def _dispatch(self, node: exp.Expr, scope: Scope) -> Value:
        for key, part in node.args.items():
            if part and key not in _ARGS and key not in _ARGS_OF.get(type(node), ()):
                return self.unsupported(node, f"{key.strip('_').replace('_', ' ').upper()} in '{_text(node)}'")
        compile_ = _NODES.get(type(node))
        if compile_ is not None:
            return compile_(self, node, scope)
        name = call_name(node)
        if name is not None:
            return self.call(name, node, scope)
        return self.unsupported(node)

    def unsupported(self, node: exp.Expr, what: str | None = None) -> Value:
        """Refuse a construct by name."""
        what = what or (node.sql_name() if isinstance(node, exp.Func) else node.sql("bigquery")[:60])
        return self.fault(node, f"{what} is not supported by the embedded warehouse yet.")

    def boolean(self, node: exp.Expr, scope: Scope, where: str) -> str:
        """Compile a condition."""
        value = self.expression(node, scope)
        if not t.coerces(value.type, t.BOOL):
            self.fault(node, f"{where} needs a condition, but '{_text(node)}' is {value.type}.")
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
        if value.literal and value.type == t.FLOAT64 and want in _EXACT:
            return f"CAST('{value.constant}' AS {t.duckdb_type(want)})"
        return sql_cast.convert(value.sql, value.type, want)

    # Names

    def _column(self, node: exp.Expr, scope: Scope) -> Value:
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
        names = list(scope.names())
        sources = [source.alias for around in scope.outward() for source in around.sources]
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
            return (source.whole or _row(source)), rest
        return (alias, rest) if alias is not None else None

    # Literals

    def _literal(self, node: exp.Expr, _: Scope) -> Value:
        text = node.name
        if node.is_string:
            return Value(t.STRING, quote_text(text), literal=True, constant=text)
        if re.fullmatch(r"[0-9]+", text):
            return self.integer(node, int(text))
        return Value(t.FLOAT64, f"CAST('{text}' AS DOUBLE)", literal=True, constant=text)

    def integer(self, node: exp.Expr, number: int) -> Value:
        """Return an INT64 literal."""
        if not _INT64[0] <= number <= _INT64[1] + 1:
            return self.fault(node, f"{number} does not fit INT64. Write NUMERIC '{number}'.")
        return Value(t.INT64, f"CAST({number} AS BIGINT)", literal=True, constant=number)

    def _neg(self, node: exp.Expr, scope: Scope) -> Value:
        value = self.expression(node.this, scope)
        if value.literal and isinstance(value.constant, int):
            return self.integer(node, -value.constant)
        if value.literal and value.type == t.FLOAT64:
            return Value(t.FLOAT64, f"CAST('-{value.constant}' AS DOUBLE)", literal=True, constant=f"-{value.constant}")
        if value.type == t.INT64:
            return Value(t.INT64, f"(CAST(0 AS BIGINT) - {value.sql})")
        if value.type in (*t.NUMBERS, t.UNKNOWN):
            return Value(value.type, f"(-{value.sql})")
        return self.fault(node, f"'-' does not take {value.type}.")

    def _parameter(self, node: exp.Expr, _: Scope) -> Value:
        return Value(t.TIMESTAMP, f"CAST(${node.name.lower()} AS TIMESTAMPTZ)")

    # Operators

    def _compare(self, node: exp.Expr, scope: Scope) -> Value:
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        return Value(t.BOOL, self.compare(node, (node.this, left), _COMPARE[type(node)], (node.expression, right)))

    def compare(self, node: exp.Expr, left: tuple[exp.Expr, Value], sign: str, right: tuple[exp.Expr, Value]) -> str:
        """Return a comparison; NaN equals and exceeds nothing."""
        common = self.comparable(node, [left[1], right[1]])
        if common is None:
            return "NULL"
        one, two = self.converted(*left, common), self.converted(*right, common)
        plain = f"({one} {sign} {two})"
        if common != t.FLOAT64:
            return plain
        nans = [f"CAST(isnan({sql}) AS INTEGER)" for sql, side in ((one, left), (two, right)) if not side[1].literal]
        result = "TRUE" if sign == "<>" else "FALSE"
        return f"CASE WHEN {' + '.join(nans)} > 0 THEN {result} ELSE {plain} END" if nans else plain

    def comparable(self, node: exp.Expr, values: Sequence[Value]) -> Type | None:
        """Return the type in which values can be compared, or note a fault."""
        common = t.supertype((value.type, value.literal) for value in values)
        if common is None:
            kinds = list(dict.fromkeys(str(value.type) for value in values))
            times = {"DATE", "TIMESTAMP", "DATETIME"}
            hint = " Write DATE(...) or TIMESTAMP(...) around one of them." if times.issuperset(kinds) else ""
            self.fault(
                node,
                f"{' and '.join(kinds)} cannot be compared in '{_text(node)}'.{hint or ' Write CAST(... AS ' + kinds[0] + ').'}",
            )
        elif common.name in {"ARRAY", "STRUCT", "JSON"}:
            self.fault(node, f"{common.name}s cannot be compared by the embedded warehouse yet. Compare their parts.")
            return None
        return common

    def _arithmetic(self, node: exp.Expr, scope: Scope) -> Value:
        sign = _ARITHMETIC[type(node)]
        if isinstance(node.expression, exp.Interval) or isinstance(node.this, exp.Interval):
            return self._moved(node, sign, scope)
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        if t.UNKNOWN in (left.type, right.type):
            return NOTHING
        if sign in "+-" and left.type == t.DATE and t.coerces(right.type, t.INT64):
            return Value(t.DATE, f"({left.sql} {sign} CAST({right.sql} AS INTEGER))")
        common = t.supertype((side.type if side.type != t.NULL else t.INT64, side.literal) for side in (left, right))
        if common not in t.NUMBERS:
            times = {left.type, right.type} <= {t.TIMESTAMP, t.DATE, t.DATETIME}
            hint = " Write TIMESTAMP_DIFF(later, earlier, SECOND) or DATE_DIFF(...)." if sign == "-" and times else ""
            hint = hint or (" Write CONCAT(...)." if sign == "+" and t.STRING in (left.type, right.type) else "")
            return self.fault(node, f"'{sign}' does not take {left.type} and {right.type}.{hint}")
        if sign == "/" and common == t.INT64:
            common = t.FLOAT64
        one, two = self.converted(node.this, left, common), self.converted(node.expression, right, common)
        if common in _EXACT and sign == "*":
            return Value(common, self._product(common, (left, one), (right, two)))
        if sign == "/":
            two = two if right.literal and float(right.constant or 0) else _unless_zero(two)
            return Value(
                common, functions.divide_numeric(one, two, _EXACT[common]) if common in _EXACT else f"({one} / {two})"
            )
        plain = f"({one} {sign} {two})"
        return Value(common, f"CAST({plain} AS {t.duckdb_type(common)})" if common in _EXACT else plain)

    def _product(self, common: Type, left: tuple[Value, str], right: tuple[Value, str]) -> str:
        for (value, sql), (_, other) in ((left, right), (right, left)):
            if value.type == t.INT64:
                return f"CAST(CAST({value.sql} AS DECIMAL(19, 0)) * {other} AS {t.duckdb_type(common)})"
            digits = str(value.constant).lstrip("-") if value.literal else ""
            if re.fullmatch(r"[0-9]{0,9}\.[0-9]{1,4}", digits) and common == t.NUMERIC:
                scale = len(digits.split(".")[1])
                short = f"CAST('{value.constant}' AS DECIMAL({9 + scale}, {scale}))"
                return f"CAST({short} * {other} AS DECIMAL(38, 9))"
            del sql
        if common == t.BIGNUMERIC:
            return f"CAST({left[1]} * {right[1]} AS DECIMAL(38, 18))"
        return functions.multiply_numeric(left[1], right[1])

    def _moved(self, node: exp.Expr, sign: str, scope: Scope) -> Value:
        if isinstance(node.this, exp.Interval) and sign == "-":
            return self.unsupported(node, "INTERVAL minus something")
        first = isinstance(node.this, exp.Interval)
        value = self.expression(node.expression if first else node.this, scope)
        interval = node.this if first else node.expression
        if value.type == t.DATE:
            value = Value(t.DATETIME, f"CAST({value.sql} AS TIMESTAMP)")
        return self.moved(node, value, sign, interval, scope, week=True)

    def moved(  # noqa: PLR0913 - the parts of a move
        self, node: exp.Expr, value: Value, sign: str, interval: exp.Expr, scope: Scope, *, week: bool = False
    ) -> Value:
        """Return a date or time plus or minus INTERVAL n UNIT."""
        unit = interval.args.get("unit")
        if not isinstance(interval, exp.Interval) or not isinstance(unit, exp.Var) or interval.this is None:
            return self.fault(node, f"'{_text(interval)}' is not an interval. Write INTERVAL n DAY.")
        part, amount = unit.name.upper(), self._amount(interval.this, scope)
        if t.UNKNOWN in (value.type, amount.type):
            return NOTHING
        count = amount.sql if sign == "+" else f"(CAST(0 AS BIGINT) - {amount.sql})"
        if week and part == "WEEK" and value.type == t.TIMESTAMP:
            part, count = "DAY", f"({count} * 7)"
        moved = sql_dates.add(value.sql, value.type, count, part)
        if moved is not None:
            return Value(value.type, moved)
        if value.type == t.TIMESTAMP and part in {"WEEK", "MONTH", "QUARTER", "YEAR"}:
            verb = "DATE_SUB" if sign == "-" else "DATE_ADD"
            hint = f" Write TIMESTAMP({verb}(DATE(...), {_text(interval)}))."
            return self.fault(node, f"GoogleSQL cannot move a TIMESTAMP by a {part}: its length varies.{hint}")
        return self.fault(node, f"{value.type} cannot be moved by '{_text(interval)}'.")

    def _amount(self, node: exp.Expr, scope: Scope) -> Value:
        if isinstance(node, exp.Literal) and re.fullmatch(r"-?[0-9]+", node.name):
            return self.integer(node, int(node.name))
        value = self.expression(node, scope)
        if value.type not in (t.INT64, t.NULL, t.UNKNOWN):
            return self.fault(node, f"an interval counts in INT64, but '{_text(node)}' is {value.type}.")
        return value

    def _logic(self, node: exp.Expr, scope: Scope) -> Value:
        sign = "AND" if isinstance(node, exp.And) else "OR"
        sides = (self.boolean(side, scope, sign) for side in operands(node, type(node)))
        return Value(t.BOOL, f"({f' {sign} '.join(sides)})")

    def _not(self, node: exp.Expr, scope: Scope) -> Value:
        return Value(t.BOOL, f"(NOT {self.boolean(node.this, scope, 'NOT')})")

    def _is(self, node: exp.Expr, scope: Scope) -> Value:
        value, what = self.expression(node.this, scope), node.expression
        if isinstance(what, exp.Null):
            return Value(t.BOOL, f"({value.sql} IS NULL)")
        if isinstance(what, exp.Boolean) and t.coerces(value.type, t.BOOL):
            return Value(
                t.BOOL, f"(coalesce({value.sql}, {'FALSE' if what.this else 'TRUE'}) = {str(what.this).upper()})"
            )
        return self.unsupported(node)

    def _distinct(self, node: exp.Expr, scope: Scope) -> Value:
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        common = self.comparable(node, [left, right])
        if common is None:
            return NOTHING
        one, two = self.converted(node.this, left, common), self.converted(node.expression, right, common)
        sign = "IS NOT DISTINCT FROM" if isinstance(node, exp.NullSafeEQ) else "IS DISTINCT FROM"
        return Value(t.BOOL, f"({one} {sign} {two})")

    def _between(self, node: exp.Expr, scope: Scope) -> Value:
        value = node.this, self.expression(node.this, scope)
        low, high = ((node.args[key], self.expression(node.args[key], scope)) for key in ("low", "high"))
        return Value(t.BOOL, f"({self.compare(node, value, '>=', low)} AND {self.compare(node, value, '<=', high)})")

    def _in(self, node: exp.Expr, scope: Scope) -> Value:
        value = self.expression(node.this, scope)
        if node.args.get("unnest"):
            return self._in_array(node, value, scope)
        if node.args.get("query"):
            return self._in_query(node, value, scope)
        items = [(item, self.expression(item, scope)) for item in node.expressions]
        common = self.comparable(node, [value, *(item for _, item in items)])
        if common is None:
            return NOTHING
        if common == t.FLOAT64:
            return Value(
                t.BOOL, f"({' OR '.join(self.compare(node, (node.this, value), '=', item) for item in items)})"
            )
        listed = ", ".join(self.converted(item_node, item, common) for item_node, item in items)
        return Value(t.BOOL, f"({self.converted(node.this, value, common)} IN ({listed}))")

    def _in_array(self, node: exp.Expr, value: Value, scope: Scope) -> Value:
        listed = self.expression(node.args["unnest"].expressions[0], scope)
        if t.UNKNOWN in (listed.type, value.type):
            return NOTHING
        if listed.type.element is None:
            return self.fault(
                node, f"UNNEST needs an ARRAY, but '{_text(node.args['unnest'].expressions[0])}' is {listed.type}."
            )
        element = Value(listed.type.element, "x", literal=listed.literal)
        common = self.comparable(node, [value, element])
        if common is None:
            return NOTHING
        sql, array = self.converted(node.this, value, common), listed.sql
        if common != listed.type.element:
            array = f"CAST({array} AS {t.duckdb_type(t.array(common))})"
        nan = f" AND NOT isnan({sql})" if common == t.FLOAT64 else ""
        return Value(
            t.BOOL,
            f"CASE WHEN coalesce(len({array}), 0) = 0 THEN FALSE WHEN {sql} IS NULL THEN NULL "
            f"WHEN list_contains({array}, {sql}){nan} THEN TRUE "
            f"WHEN list_count({array}) < len({array}) THEN NULL ELSE FALSE END",
        )

    def _in_query(self, node: exp.Expr, value: Value, scope: Scope) -> Value:
        relation = self.subquery(node.args["query"], scope)
        if len(relation.columns) != 1:
            return self.fault(node, f"IN needs a query of one column; this one gives {len(relation.columns)}.")
        inner = relation.columns[0][1]
        common = self.comparable(node, [value, Value(inner.type, "x")])
        if common is None:
            return NOTHING
        if common == t.FLOAT64:
            return self.unsupported(node, "IN (SELECT ...) of FLOAT64")
        sql = relation.sql
        if common != inner.type:
            sql = f"SELECT CAST({quote(relation.columns[0][0] or '')} AS {t.duckdb_type(common)}) FROM ({sql})"
        return Value(t.BOOL, f"({self.converted(node.this, value, common)} IN ({sql}))")

    def _like(self, node: exp.Expr, scope: Scope) -> Value:
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        if not (t.coerces(left.type, t.STRING) and t.coerces(right.type, t.STRING)):
            return self.fault(node, f"LIKE takes STRINGs, but '{_text(node)}' has {left.type} and {right.type}.")
        escape = "" if right.literal and "\\" not in str(right.constant) else " ESCAPE '\\'"
        word = "NOT LIKE" if node.args.get("negate") else "LIKE"
        return Value(t.BOOL, f"({left.sql} {word} {right.sql}{escape})")

    def _concat(self, node: exp.Expr, scope: Scope) -> Value:
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        name = "ARRAY_CONCAT" if left.type.element or right.type.element else "CONCAT"
        return self.apply(
            name, node, functions.signatures(name, "scalar"), [(node.this, left), (node.expression, right)]
        )

    def _bitwise(self, node: exp.Expr, scope: Scope) -> Value:
        sides = [self.expression(side, scope) for side in (node.this, node.expression)]
        if any(not t.coerces(side.type, t.INT64) for side in sides):
            return self.unsupported(node)
        return Value(t.INT64, _BITWISE[type(node)].format(*(side.sql for side in sides)))

    # Choices

    def _case(self, node: exp.Expr, scope: Scope) -> Value:
        subject = node.this and (node.this, self.expression(node.this, scope))
        branches: list[tuple[str, exp.Expr, Value]] = []
        for branch in node.args["ifs"]:
            if subject:
                condition = self.compare(branch, subject, "=", (branch.this, self.expression(branch.this, scope)))
            else:
                condition = self.boolean(branch.this, scope, "WHEN")
            result = branch.args["true"]
            branches.append((condition, result, self.expression(result, scope)))
        default = node.args.get("default")
        otherwise = (default, self.expression(default, scope)) if default else (node, Value(t.NULL, "NULL"))
        values = [value for _, _, value in branches] + [otherwise[1]]
        common = t.supertype((value.type, value.literal) for value in values)
        if common is None:
            kinds = ", ".join(dict.fromkeys(str(value.type) for value in values if value.type != t.NULL))
            return self.fault(node, f"CASE gives {kinds}, which have no type in common. Write CAST(... AS TYPE).")
        whens = " ".join(f"WHEN {when} THEN {self.converted(then, value, common)}" for when, then, value in branches)
        literal = all(value.literal for value in values)
        return Value(
            common,
            f"CASE {whens} ELSE {self.converted(otherwise[0], otherwise[1], common)} END",
            literal=literal and common == t.NULL,
        )

    def _cast(self, node: exp.Expr, scope: Scope) -> Value:
        safe = isinstance(node, exp.TryCast)
        if node.args.get("format"):
            return self.unsupported(node, "CAST with FORMAT")
        try:
            want = parse_type(node.args["to"].sql(dialect="bigquery"))
        except ValueError as error:
            return self.fault(node, str(error))
        value = self.expression(node.this, scope)
        if value.type == t.UNKNOWN:
            return Value(want.base, "NULL")
        if value.literal and value.type == t.STRING and want in (t.DATE, t.TIMESTAMP, t.DATETIME, t.TIME):
            read = sql_cast.literal(str(value.constant), want)
            if read is None and not safe:
                return self.fault(node, f"'{value.constant}' is not a {want}.")
            return Value(want, read or f"CAST(NULL AS {t.duckdb_type(want)})")
        if value.literal and want.base in _EXACT and value.type in (t.FLOAT64, t.INT64, t.STRING) and not want.decimal:
            if not re.fullmatch(r"-?[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?", str(value.constant)):
                return self.fault(node, f"'{value.constant}' is not a {want}.")
            return Value(want, f"CAST('{value.constant}' AS {t.duckdb_type(want)})")
        failure = (
            "NULL"
            if safe
            else f"error({quote_text('Could not cast ' + value.type.name + ' to ' + str(want) + ': ')} || CAST({value.sql} AS VARCHAR))"
        )
        cast = sql_cast.cast(value.sql, value.type, want, failure)
        if cast is None:
            return self.fault(node, f"{value.type} cannot be cast to {want}.")
        if safe and "error(" in cast:
            return self.unsupported(node, f"SAFE_CAST of an expression that may fail itself ('{_text(node.this)}')")
        return Value(want.base, f"TRY({cast})" if safe else cast)

    # Structs and arrays

    def _struct(self, node: exp.Expr, scope: Scope) -> Value:
        fields: list[tuple[str, Value]] = []
        for item in node.expressions:
            inner = item.expression if isinstance(item, exp.PropertyEQ) else item.unalias()
            name = item.name if isinstance(item, exp.PropertyEQ) else output_name(item)
            fields.append((name or "", self.expression(inner, scope)))
        return struct(fields)

    def _array(self, node: exp.Expr, scope: Scope) -> Value:
        if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Query):
            relation = self.subquery(node.expressions[0], scope)
            if len(relation.columns) != 1:
                return self.fault(
                    node, "ARRAY(SELECT ...) takes a query of one column. Write SELECT AS STRUCT for more."
                )
            inner = relation.columns[0][1].type
            return Value(t.array(inner if inner != t.NULL else t.INT64), f"ARRAY({relation.sql})")
        values = [(item, self.expression(item, scope)) for item in node.expressions]
        if not values:
            return Value(t.array(t.NULL), "[]", literal=True)
        common = t.supertype((value.type, value.literal) for _, value in values)
        if common is None:
            kinds = ", ".join(dict.fromkeys(str(value.type) for _, value in values))
            return self.fault(node, f"an ARRAY of {kinds} has no one type. Write CAST(... AS TYPE).")
        if common.element is not None:
            return self.fault(node, "an ARRAY of ARRAYs does not exist in GoogleSQL. Write STRUCTs that hold them.")
        common = t.INT64 if common == t.NULL else common
        listed = ", ".join(self.converted(item, value, common) for item, value in values)
        return Value(t.array(common), f"[{listed}]", literal=all(value.literal for _, value in values))

    def _bracket(self, node: exp.Expr, scope: Scope) -> Value:
        array, index = self.expression(node.this, scope), self.expression(node.expressions[0], scope)
        if t.UNKNOWN in (array.type, index.type):
            return NOTHING
        if array.type.element is None or not t.coerces(index.type, t.INT64):
            return self.unsupported(node, f"{array.type}[{index.type}]")
        place = f"{index.sql} + 1" if not node.args.get("offset") else index.sql
        known = f"{place} BETWEEN 1 AND len({array.sql})"
        if node.args.get("safe"):
            return Value(array.type.element, f"CASE WHEN {known} THEN list_extract({array.sql}, {place}) END")
        outside = "error('Array index is out of bounds: write SAFE_OFFSET for NULL instead')"
        return Value(
            array.type.element, f"CASE WHEN NOT ({known}) THEN {outside} ELSE list_extract({array.sql}, {place}) END"
        )

    # Queries inside expressions

    def _scalar(self, node: exp.Expr, scope: Scope) -> Value:
        relation = self.subquery(node, scope)
        if len(relation.columns) != 1:
            return self.fault(
                node, f"a query inside an expression gives one column; this one gives {len(relation.columns)}."
            )
        return Value(relation.columns[0][1].type, f"({relation.sql})")

    def _exists(self, node: exp.Expr, scope: Scope) -> Value:
        return Value(t.BOOL, f"EXISTS ({self.subquery(node.this, scope).sql})")

    # Calls

    def call(
        self, name: str, node: exp.Expr, scope: Scope, *, over: exp.Window | None = None, safe: bool = False
    ) -> Value:
        """Compile a call; `over` is the window around it, `safe` whether SAFE. stands before it."""
        if functions.signatures(name, "aggregate") or (over is not None and functions.signatures(name, "window")):
            return self._aggregate(name, node, scope, over)
        if over is not None:
            return self.unsupported(node, f"{name}(...) OVER")
        if functions.signatures(name, "window"):
            return self.fault(node, f"{name} needs OVER (...).")
        special = _CALLS.get(name)
        if special is not None and not safe:
            result = special(self, name, node, scope)
            if result is not None:
                return result
        candidates = functions.signatures(name, "scalar")
        if not candidates:
            return self._unknown(name, node, scope, known=special is not None)
        if any(isinstance(item, exp.Distinct | exp.Order | exp.Star | exp.Kwarg) for item in node.expressions):
            return self.fault(node, f"'{_text(node)}': {name} takes plain arguments.")
        arguments = [(item, self.expression(item, scope)) for item in node.expressions]
        return self.apply(name, node, candidates, arguments, safe=safe)

    def _unknown(self, name: str, node: exp.Expr, scope: Scope, *, known: bool) -> Value:
        if known:
            return self.unsupported(node, f"'{_text(node)}'")
        for item in node.expressions:
            if not isinstance(item, exp.Distinct | exp.Order | exp.Star | exp.Kwarg | exp.Limit):
                self.expression(item, scope)
        hint = did_you_mean(name, [*functions.names(), *_CALLS])
        return self.fault(node, f"{name} is not supported by the embedded warehouse yet.{hint}")

    def apply(
        self,
        name: str,
        node: exp.Expr,
        candidates: Sequence[functions.Signature],
        arguments: Sequence[tuple[exp.Expr, Value]],
        *,
        safe: bool = False,
        **marks: str,
    ) -> Value:
        """Choose the signature that fits and fill its template."""
        matched = functions.match(candidates, [(value.type, value.literal) for _, value in arguments])
        if any(value.type == t.UNKNOWN for _, value in arguments):
            return Value(matched[2], "NULL") if matched and matched[2] != t.UNKNOWN else NOTHING
        if matched is None:
            given = ", ".join(str(value.type) for _, value in arguments)
            known = " or ".join(
                f"{name}({', '.join(map(str, one.parameters))}{'...' if one.repeated else ''})" for one in candidates
            )
            return self.fault(
                node, f"{name}({given}) does not exist, or not in the embedded warehouse yet. It knows {known}."
            )
        signature, wanted, result = matched
        for (item, value), want in zip(arguments, wanted, strict=True):
            if value.type in _EXACT and want == t.FLOAT64 and name not in _INEXACT:
                return self.unsupported(
                    node, f"{name} of {value.type}: write CAST({_text(item)} AS FLOAT64), as the exact {name}"
                )
        sql = [self.converted(item, value, want) for (item, value), want in zip(arguments, wanted, strict=True)]
        rendered = functions.render(signature.template, sql, safe, **marks)
        if safe:
            if "error(" in rendered:
                return self.unsupported(node, f"SAFE.{name} of an expression that may fail itself")
            rendered = f"TRY({rendered})"
        origins: frozenset[Origin] = frozenset()
        if name in {"DATE", "TIMESTAMP", "DATETIME"} and len(arguments) == 1:
            unit = "day" if name == "DATE" else None
            origins = frozenset(Origin(one.occurrence, one.unit or unit) for one in arguments[0][1].origins)
        return Value(result, rendered, literal=False, origins=origins)

    def _safe(self, node: exp.Expr, scope: Scope) -> Value:
        name = call_name(node.this)
        if name is None:
            return self.unsupported(node)
        return self.call(name, node.this, scope, safe=True)

    def _window(self, node: exp.Expr, scope: Scope) -> Value:
        inner, name = node.this, call_name(node.this)
        if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls):
            name = call_name(inner.this)
        if name is None or not isinstance(node, exp.Window):
            return self.unsupported(node)
        scope.windowed = True
        return self.call(name, inner, scope, over=node)

    def _aggregate(self, name: str, node: exp.Expr, scope: Scope, over: exp.Window | None) -> Value:
        kind = "aggregate" if functions.signatures(name, "aggregate") else "window"
        if kind == "aggregate" and over is None:
            scope.aggregated = True
            if scope.depth:
                return self.fault(
                    node, f"{name} stands inside another aggregate. Compute the inner one in a WITH first."
                )
        scope.depth += over is None
        arguments, parts = self._aggregate_arguments(list(node.expressions), scope)
        scope.depth -= over is None
        suffix = f" OVER {self.over(over, scope)}" if over is not None else ""
        if parts.get("star"):
            return (
                Value(t.INT64, f"count(*){suffix}")
                if name == "COUNT"
                else self.fault(node, f"{name}(*) does not exist.")
            )
        if "having" in parts:
            name, arguments = ("MAX_BY" if parts["max"] else "MIN_BY"), [arguments[0], parts["having"]]
        nulls = parts.get("nulls")
        if (
            (parts.get("limit") or nulls or parts.get("order"))
            and kind == "aggregate"
            and name not in {"ARRAY_AGG", "STRING_AGG", "ARRAY_CONCAT_AGG"}
        ):
            return self.fault(node, f"{name} takes no ORDER BY, LIMIT, IGNORE NULLS or RESPECT NULLS.")
        ignore = " IGNORE NULLS" if nulls == "ignore" else ""
        if kind == "aggregate" and nulls == "ignore":
            suffix = f" FILTER (WHERE {arguments[0][1].sql} IS NOT NULL){suffix}"
            ignore = ""
        candidates = functions.signatures(name, kind)
        distinct = "DISTINCT " if parts.get("distinct") else ""
        if distinct and not all("$d" in one.template or name in _SAME_DISTINCT for one in candidates):
            return self.unsupported(node, f"{name}(DISTINCT ...)")
        order = f" ORDER BY {', '.join(parts['order'])}" if parts.get("order") else ""
        value = self.apply(name, node, candidates, arguments, d=distinct, s=order, o=suffix, i=ignore)
        if parts.get("limit") and value.type != t.UNKNOWN:
            if name != "ARRAY_AGG":
                return self.unsupported(node, f"{name} with LIMIT")
            return Value(value.type, f"list_slice({value.sql}, 1, {parts['limit']})")
        return value

    def _aggregate_arguments(self, items: list[exp.Expr], scope: Scope) -> tuple[list[tuple[exp.Expr, Value]], dict]:  # type: ignore[type-arg]
        parts: dict = {}  # type: ignore[type-arg]
        arguments: list[tuple[exp.Expr, Value]] = []
        while items:
            item = items.pop(0)
            if isinstance(item, exp.Limit):
                parts["limit"] = self.count(item.expression)
                items.insert(0, item.this)
            elif isinstance(item, exp.Order):
                parts["ordered"] = item.expressions
                items.insert(0, item.this)
            elif isinstance(item, exp.IgnoreNulls | exp.RespectNulls):
                parts["nulls"] = "ignore" if isinstance(item, exp.IgnoreNulls) else "respect"
                items.insert(0, item.this)
            elif isinstance(item, exp.HavingMax):
                parts["max"] = item.args.get("max")
                parts["having"] = (item.expression, self.expression(item.expression, scope))
                items.insert(0, item.this)
            elif isinstance(item, exp.Distinct):
                parts["distinct"] = True
                items[:0] = item.expressions
            elif isinstance(item, exp.Star):
                parts["star"] = True
            else:
                arguments.append((item, self.expression(item, scope)))
        if "ordered" in parts:
            parts["order"] = self.ordering(parts["ordered"], scope)
        return arguments, parts

    def count(self, node: exp.Expr) -> int:
        """Return the number of LIMIT and OFFSET."""
        if isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit():
            return int(node.name)
        self.fault(node, f"'{_text(node)}': LIMIT and OFFSET take a whole number.")
        return 0

    # Calls with rules of their own

    def _call_safe_divide(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 2:  # noqa: PLR2004 - what is divided, and by what
            return None
        left, right = (self.expression(item, scope) for item in node.expressions)
        common = t.supertype((side.type, side.literal) for side in (left, right))
        if common not in _EXACT:
            pairs = list(zip(node.expressions, (left, right), strict=True))
            return self.apply(name, node, functions.signatures(name, "scalar"), pairs)
        one, two = self.converted(node.expressions[0], left, common), self.converted(node.expressions[1], right, common)
        return Value(common, functions.divide_numeric(one, f"nullif({two}, 0)", _EXACT[common]))

    def _call_move(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        kind, verb = name.rsplit("_", 1)
        if len(node.expressions) != 2 or not isinstance(node.expressions[1], exp.Interval):  # noqa: PLR2004 - a value and an interval
            return self.fault(node, f"{name} takes a {kind} and an interval: {name}(..., INTERVAL 1 DAY).")
        item = node.expressions[0]
        value = self._of(item, Type(kind), name, scope)
        return self.moved(node, value, "+" if verb == "ADD" else "-", node.expressions[1], scope)

    def _of(self, item: exp.Expr, want: Type, name: str, scope: Scope) -> Value:
        value = self.expression(item, scope)
        if value.type == t.UNKNOWN:
            return NOTHING
        if not t.coerces(value.type, want, value.literal):
            hint = f" Write {want}({_text(item)})." if want.name in {"DATE", "TIMESTAMP", "DATETIME"} else ""
            return self.fault(item, f"{name} takes {want}, but '{_text(item)}' is {value.type}.{hint}")
        return Value(want, self.converted(item, value, want), origins=value.origins)

    def _call_diff(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        kind = Type(name.removesuffix("_DIFF"))
        if len(node.expressions) != 3:  # noqa: PLR2004 - two values and a part
            return self.fault(
                node, f"{name} takes a later and an earlier {kind} and a part: {name}(later, earlier, DAY)."
            )
        left, right = (self._of(item, kind, name, scope) for item in node.expressions[:2])
        part = self.part(node.expressions[2])
        if t.UNKNOWN in (left.type, right.type) or part is None:
            return Value(t.INT64, "NULL")
        sql = sql_dates.difference(left.sql, right.sql, kind, part)
        return Value(t.INT64, sql) if sql else self.fault(node, f"{name} does not count in {part}.")

    def _call_trunc(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        if not 2 <= len(node.expressions) <= 3:  # noqa: PLR2004 - a value, a part and perhaps a zone
            return self.fault(node, f"{name} takes a value and a part: {name}(..., MONTH).")
        value, part = self.expression(node.expressions[0], scope), self.part(node.expressions[1])
        if value.type == t.STRING and value.literal:
            value = self._of(node.expressions[0], Type(name.removesuffix("_TRUNC")), name, scope)
        if value.type == t.UNKNOWN or part is None:
            return NOTHING
        zone = self._of(node.expressions[2], t.STRING, name, scope).sql if len(node.expressions) > 2 else None  # noqa: PLR2004
        if value.type not in (t.DATE, t.DATETIME, t.TIMESTAMP) or (zone and value.type != t.TIMESTAMP):
            return self.fault(node, f"{name} does not take {value.type}.")
        sql = sql_dates.truncate(value.sql, value.type, part, zone)
        if sql is None:
            return self.fault(node, f"{name} does not cut {value.type} to {part}.")
        unit = UNITS.get(part) if zone is None else None
        origins = frozenset(Origin(one.occurrence, unit) for one in value.origins if unit and one.unit in (None, unit))
        return Value(value.type, sql, origins=origins)

    def part(self, node: exp.Expr) -> str | None:
        """Return a date part in capitals, such as `DAY` or `WEEK(MONDAY)`."""
        name = node.name.upper()
        if isinstance(node, exp.Anonymous) and node.expressions:
            name = f"{name}({node.expressions[0].name.upper()})"
        if isinstance(node, exp.WeekStart):
            name = f"WEEK({node.name.upper()})"
        if name in sql_dates.PARTS:
            return name
        self.fault(node, f"'{_text(node)}' is not a part of a date or time.{did_you_mean(name, sql_dates.PARTS)}")
        return None

    def _extract(self, node: exp.Expr, scope: Scope) -> Value:
        inner, zone = node.expression, None
        if isinstance(inner, exp.AtTimeZone):
            inner, zone = inner.this, self._of(inner.args["zone"], t.STRING, "AT TIME ZONE", scope).sql
        value, part = self.expression(inner, scope), self.part(node.this)
        if value.type == t.UNKNOWN or part is None:
            return NOTHING
        found = sql_dates.extract(value.sql, value.type, part, zone)
        if found is None:
            return self.fault(node, f"EXTRACT({part}) does not take {value.type}.")
        return Value(found[1], found[0])

    def _call_last_day(self, _: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 2:  # noqa: PLR2004 - a day and a part
            return None
        value, part = self._of(node.expressions[0], t.DATE, "LAST_DAY", scope), self.part(node.expressions[1])
        sql = part and sql_dates.last_day(value.sql, part)
        return Value(t.DATE, sql) if sql else self.fault(node, f"LAST_DAY does not know {part}.")

    def _call_format(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        kind = Type(name.split("_", 1)[1])
        if len(node.expressions) != 2:  # noqa: PLR2004 - a format and a value
            return self.unsupported(node, f"{name} with {len(node.expressions)} arguments")
        pattern, value = self.expression(node.expressions[0], scope), self._of(node.expressions[1], kind, name, scope)
        if t.UNKNOWN in (pattern.type, value.type):
            return Value(t.STRING, "NULL")
        text = sql_dates.format_text(str(pattern.constant), kind) if pattern.literal else None
        if text is None:
            return self.unsupported(node, f"{name} with the format '{_text(node.expressions[0])}'")
        local = functions.naive(value.sql) if kind == t.TIMESTAMP else value.sql
        return Value(t.STRING, f"strftime({local}, {text})")

    def _call_parse(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        kind = Type(name.split("_", 1)[1])
        if len(node.expressions) != 2:  # noqa: PLR2004 - a format and a text
            return self.unsupported(node, f"{name} with {len(node.expressions)} arguments")
        pattern, value = (
            self.expression(node.expressions[0], scope),
            self._of(node.expressions[1], t.STRING, name, scope),
        )
        form = sql_dates.PARSED.get(str(pattern.constant)) if pattern.literal else None
        if form is None or (form[1] and kind == t.DATE):
            return self.unsupported(node, f"{name} with the format '{_text(node.expressions[0])}'")
        regex, _ = form
        read = f"strptime({value.sql}, {quote_text(sql_dates.plain_format(str(pattern.constant)))})"
        read = functions.aware(read) if kind == t.TIMESTAMP else f"CAST({read} AS {t.duckdb_type(kind)})"
        known = f"regexp_full_match({value.sql}, {quote_text(regex)}) OR {value.sql} IS NULL"
        return Value(kind, f"CASE WHEN {known} THEN {read} ELSE error('{name}: the text does not have the format') END")

    def _call_regexp(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        if len(node.expressions) != 2:  # noqa: PLR2004 - a text and a pattern
            return self.unsupported(node, f"{name} with {len(node.expressions)} arguments")
        value, pattern = (
            self._of(node.expressions[0], t.STRING, name, scope),
            self.expression(node.expressions[1], scope),
        )
        if t.UNKNOWN in (value.type, pattern.type):
            return NOTHING
        if not pattern.literal:
            return self.unsupported(node, f"{name} with a pattern that is no literal")
        try:
            groups = re.compile(str(pattern.constant)).groups
        except re.error as error:
            return self.fault(node, f"'{pattern.constant}' is not a regular expression: {error}.")
        if groups > 1:
            return self.fault(node, f"{name} takes a pattern with at most one group. Write (?:...) for the others.")
        if name == "REGEXP_EXTRACT_ALL":
            return Value(t.array(t.STRING), f"regexp_extract_all({value.sql}, {pattern.sql}, {groups})")
        sql = f"CASE WHEN regexp_matches({value.sql}, {pattern.sql}) THEN regexp_extract({value.sql}, {pattern.sql}, {groups}) END"
        return Value(t.STRING, sql)

    def _call_json(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        value = self.expression(node.expressions[0], scope)
        path = (
            self.expression(node.expressions[1], scope)
            if len(node.expressions) > 1
            else Value(t.STRING, "'$'", literal=True, constant="$")
        )
        if t.UNKNOWN in (value.type, path.type):
            return Value(t.STRING, "NULL")
        if not path.literal or not re.fullmatch(r"\$(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*", str(path.constant)):
            return self.unsupported(node, f"{name} with the path '{_text(node.expressions[-1])}'")
        if value.type not in (t.STRING, t.JSON):
            return self.fault(node, f"{name} takes JSON or STRING, but '{_text(node.expressions[0])}' is {value.type}.")
        if name == "JSON_QUERY":
            if value.type != t.JSON:
                return self.unsupported(node, "JSON_QUERY of a STRING")
            return Value(t.JSON, f"json_extract({value.sql}, {path.sql})")
        scalar = f"json_type({value.sql}, {path.sql}) NOT IN ('OBJECT', 'ARRAY', 'NULL')"
        return Value(t.STRING, f"CASE WHEN {scalar} THEN json_extract_string({value.sql}, {path.sql}) END")

    def _call_dates(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        kind = Type("DATE" if name == "GENERATE_DATE_ARRAY" else "TIMESTAMP")
        first, last = (self._of(item, kind, name, scope) for item in node.expressions[:2])
        step = node.expressions[2] if len(node.expressions) > 2 else None  # noqa: PLR2004
        part = step.args["unit"].name.upper() if isinstance(step, exp.Interval) else "DAY"
        amount = self._amount(step.this, scope) if isinstance(step, exp.Interval) else self.integer(node, 1)
        if t.UNKNOWN in (first.type, last.type, amount.type):
            return Value(t.array(kind), "NULL")
        if kind == t.TIMESTAMP:
            length = sql_dates.MICROSECONDS.get(part)
            micros = f"generate_series(epoch_us({first.sql}), epoch_us({last.sql}), {amount.sql} * {length})"
            sql = f"list_transform({micros}, lambda x: make_timestamptz(x))" if length else None
        else:
            months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(part)
            days = {"DAY": 1, "WEEK": 7}.get(part)
            moved = sql_dates.add(first.sql, t.DATE, f"(x * {amount.sql})", part) if days or months else None
            count = (
                f"(({last.sql} - {first.sql}) // ({amount.sql} * {days}))"
                if days
                else f"(date_diff('month', {first.sql}, {last.sql}) // ({amount.sql} * {months}))"
            )
            every = f"list_transform(generate_series(0, {count}), lambda x: {moved})"
            sql = f"list_filter({every}, lambda x: CASE WHEN {amount.sql} > 0 THEN x <= {last.sql} ELSE x >= {last.sql} END)"
            sql = sql if moved else None
        return Value(t.array(kind), sql) if sql else self.fault(node, f"{name} does not step by {part}.")

    def _call_text_time(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 1:
            return None
        item = node.expressions[0]
        value, want = self.expression(item, scope), Type(name)
        if value.type != t.STRING:
            return self.apply(name, node, functions.signatures(name, "scalar"), [(item, value)])
        if value.literal:
            return Value(want, self.converted(node, value, want))
        if want == t.DATE:
            return self.fault(node, f"DATE does not take STRING. Write CAST({_text(item)} AS DATE).")
        return Value(want, sql_cast.cast(value.sql, t.STRING, want, f"error('a STRING is no {want}')") or "NULL")

    def _call_string(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 1:
            return None
        value = self.expression(node.expressions[0], scope)
        if value.type not in (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.UNKNOWN):
            return self.fault(node, f"{name} does not take {value.type}. Write CAST(... AS STRING).")
        return Value(t.STRING, sql_cast.cast(value.sql, value.type, t.STRING, "NULL") or "NULL")


UNITS = {
    "HOUR": "hour",
    "DAY": "day",
    "ISOWEEK": "week",
    "WEEK(MONDAY)": "week",
    "MONTH": "month",
    "YEAR": "year",
}
"""Parts to which a bound may be cut, as windows name them."""
_INEXACT = {"IEEE_DIVIDE", "IS_NAN", "IS_INF"}
"""What takes NUMERIC as FLOAT64 in GoogleSQL too."""
_SAME_DISTINCT = {"MIN", "MAX", "ANY_VALUE", "LOGICAL_AND", "LOGICAL_OR", "BIT_AND", "BIT_OR"}


# The parts of nodes that are read here, or that say nothing about what an expression means. A node with another part
# is refused: the parser has understood something that nobody here has.
_ARGS = {"this", "expression", "expressions"}
_ARGS_OF: dict[type[exp.Expr], set[str]] = {
    exp.Column: {"table", "db", "catalog"},
    exp.Literal: {"is_string"},
    exp.HexString: {"is_integer"},
    exp.ByteString: {"is_bytes"},
    exp.Div: {"typed", "safe"},
    exp.Between: {"low", "high"},
    exp.In: {"query", "unnest"},
    exp.Like: {"negate"},
    exp.DPipe: {"safe"},
    exp.Case: {"ifs", "default"},
    exp.Cast: {"to", "format"},
    exp.TryCast: {"to", "format", "safe"},
    exp.Array: {"struct_name_inheritance", "value_constructor", "bracket_notation"},
    exp.Bracket: {"offset", "safe"},
    exp.Subquery: {"with_", "order", "limit", "offset"},
    exp.Window: {"partition_by", "order", "spec", "alias", "over"},
}


def _unless_zero(sql: str) -> str:
    return f"CASE WHEN {sql} = 0 THEN error('division by zero: write SAFE_DIVIDE for NULL instead') ELSE {sql} END"


def _text(node: exp.Expr) -> str:
    text = node.sql(dialect="bigquery", comments=False)
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - what fits a line


def _row(source: Source) -> Value:
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


def _paren(self: Expressions, node: exp.Expr, scope: Scope) -> Value:
    return self.expression(node.this, scope)


def _constant(node: exp.Expr) -> Value:
    if isinstance(node, exp.Boolean):
        return Value(t.BOOL, "TRUE" if node.this else "FALSE", literal=True)
    if isinstance(node, exp.ByteString):
        return Value(t.BYTES, f"unhex('{node.this.replace(chr(92) + 'x', '')}')", literal=True)
    return Value(t.NULL, "NULL", literal=True)


# Read by Expressions._dispatch: how each kind of node is compiled.
_NODES: dict[type[exp.Expr], Callable[[Expressions, exp.Expr, Scope], Value]] = {
    exp.Column: Expressions._column,
    exp.Dot: Expressions._column,
    exp.Literal: Expressions._literal,
    exp.Null: lambda _, node, __: _constant(node),
    exp.Boolean: lambda _, node, __: _constant(node),
    exp.ByteString: lambda _, node, __: _constant(node),
    exp.HexString: lambda self, node, _: self.integer(node, int(node.name, 16)),
    exp.Parameter: Expressions._parameter,
    exp.Paren: _paren,
    exp.Neg: Expressions._neg,
    **dict.fromkeys(_COMPARE, Expressions._compare),
    **dict.fromkeys(_ARITHMETIC, Expressions._arithmetic),
    **dict.fromkeys(_BITWISE, Expressions._bitwise),
    exp.And: Expressions._logic,
    exp.Or: Expressions._logic,
    exp.Not: Expressions._not,
    exp.Is: Expressions._is,
    exp.NullSafeEQ: Expressions._distinct,
    exp.NullSafeNEQ: Expressions._distinct,
    exp.Between: Expressions._between,
    exp.In: Expressions._in,
    exp.Like: Expressions._like,
    exp.DPipe: Expressions._concat,
    exp.Case: Expressions._case,
    exp.Cast: Expressions._cast,
    exp.TryCast: Expressions._cast,
    exp.Extract: Expressions._extract,
    exp.Struct: Expressions._struct,
    exp.Array: Expressions._array,
    exp.Bracket: Expressions._bracket,
    exp.Subquery: Expressions._scalar,
    exp.Exists: Expressions._exists,
    exp.Window: Expressions._window,
    exp.SafeFunc: Expressions._safe,
}
# Calls with rules of their own; None from one means that the table of functions knows better.
_CALLS: dict[str, Callable[[Expressions, str, exp.Expr, Scope], Value | None]] = {
    **dict.fromkeys(
        ("DATE_ADD", "DATE_SUB", "TIMESTAMP_ADD", "TIMESTAMP_SUB", "DATETIME_ADD", "DATETIME_SUB"),
        Expressions._call_move,
    ),
    **dict.fromkeys(("DATE_DIFF", "TIMESTAMP_DIFF", "DATETIME_DIFF"), Expressions._call_diff),
    **dict.fromkeys(("DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC"), Expressions._call_trunc),
    "SAFE_DIVIDE": Expressions._call_safe_divide,
    "LAST_DAY": Expressions._call_last_day,
    **dict.fromkeys(("FORMAT_DATE", "FORMAT_TIMESTAMP", "FORMAT_DATETIME", "FORMAT_TIME"), Expressions._call_format),
    **dict.fromkeys(("PARSE_DATE", "PARSE_TIMESTAMP", "PARSE_DATETIME"), Expressions._call_parse),
    **dict.fromkeys(("REGEXP_EXTRACT", "REGEXP_SUBSTR", "REGEXP_EXTRACT_ALL"), Expressions._call_regexp),
    **dict.fromkeys(("JSON_VALUE", "JSON_EXTRACT_SCALAR", "JSON_QUERY"), Expressions._call_json),
    **dict.fromkeys(("GENERATE_DATE_ARRAY", "GENERATE_TIMESTAMP_ARRAY"), Expressions._call_dates),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "DATE"), Expressions._call_text_time),
    "STRING": Expressions._call_string,
}
