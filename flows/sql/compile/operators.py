"""Operators: comparisons, arithmetic with exact decimals, dates and intervals, logic, IN and LIKE."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile import dates as sql_dates
from flows.sql.compile.calls import Calls
from flows.sql.compile.names import EXACT, operands, shown
from flows.sql.compile.scope import NOTHING, Scope, Value
from flows.sql.functions import table as functions
from flows.sql.types import quote, quote_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type

COMPARE: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/"}
BITWISE: dict[type[exp.Expr], str] = {
    exp.BitwiseAnd: "({} & {})",
    exp.BitwiseOr: "({} | {})",
    exp.BitwiseXor: "xor({}, {})",
}
_INT64 = (-(2**63), 2**63 - 1)


class Operators(Calls):
    """Compiles literals and operators."""

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

    def _compare(self, node: exp.Expr, scope: Scope) -> Value:
        left, right = self.expression(node.this, scope), self.expression(node.expression, scope)
        return Value(t.BOOL, self.compare(node, (node.this, left), COMPARE[type(node)], (node.expression, right)))

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
                f"{' and '.join(kinds)} cannot be compared in '{shown(node)}'.{hint or ' Write CAST(... AS ' + kinds[0] + ').'}",
            )
        elif common.name in {"ARRAY", "STRUCT", "JSON"}:
            self.fault(node, f"{common.name}s cannot be compared by the embedded warehouse yet. Compare their parts.")
            return None
        return common

    def _arithmetic(self, node: exp.Expr, scope: Scope) -> Value:
        sign = ARITHMETIC[type(node)]
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
        if common in EXACT and sign == "*":
            return Value(common, self._product(common, (left, one), (right, two)))
        if sign == "/":
            two = two if right.literal and float(right.constant or 0) else _unless_zero(two)
            return Value(
                common, functions.divide_numeric(one, two, EXACT[common]) if common in EXACT else f"({one} / {two})"
            )
        plain = f"({one} {sign} {two})"
        return Value(common, f"CAST({plain} AS {t.duckdb_type(common)})" if common in EXACT else plain)

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
            return self.fault(node, f"'{shown(interval)}' is not an interval. Write INTERVAL n DAY.")
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
            hint = f" Write TIMESTAMP({verb}(DATE(...), {shown(interval)}))."
            return self.fault(node, f"GoogleSQL cannot move a TIMESTAMP by a {part}: its length varies.{hint}")
        return self.fault(node, f"{value.type} cannot be moved by '{shown(interval)}'.")

    def _amount(self, node: exp.Expr, scope: Scope) -> Value:
        if isinstance(node, exp.Literal) and re.fullmatch(r"-?[0-9]+", node.name):
            return self.integer(node, int(node.name))
        value = self.expression(node, scope)
        if value.type not in (t.INT64, t.NULL, t.UNKNOWN):
            return self.fault(node, f"an interval counts in INT64, but '{shown(node)}' is {value.type}.")
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
                node, f"UNNEST needs an ARRAY, but '{shown(node.args['unnest'].expressions[0])}' is {listed.type}."
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
            return self.fault(node, f"LIKE takes STRINGs, but '{shown(node)}' has {left.type} and {right.type}.")
        escape = "" if right.literal and "\\" not in str(right.constant) else " ESCAPE '\\'"
        word = "NOT LIKE" if node.args.get("negate") else "LIKE"
        return Value(t.BOOL, f"({left.sql} {word} {right.sql}{escape})")

    def _ilike(self, node: exp.Expr, _: Scope) -> Value:
        word = "NOT LIKE" if node.args.get("negate") else "LIKE"
        pattern = shown(node.expression)
        lowered = pattern.lower() if isinstance(node.expression, exp.Literal) else f"LOWER({pattern})"
        return self.fault(node, f"GoogleSQL has no ILIKE. Write LOWER({shown(node.this)}) {word} {lowered}.")

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
        return Value(t.INT64, BITWISE[type(node)].format(*(side.sql for side in sides)))


def _unless_zero(sql: str) -> str:
    return f"CASE WHEN {sql} = 0 THEN error('division by zero: write SAFE_DIVIDE for NULL instead') ELSE {sql} END"
