"""Calls with rules of their own: dates and their parts, formats, patterns, JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.model.types import Type
from flows.sql import types as t
from flows.sql.compile import cast as sql_cast
from flows.sql.compile import dates as sql_dates
from flows.sql.compile.names import EXACT, shown
from flows.sql.compile.operators import Operators
from flows.sql.compile.scope import NOTHING, Origin, Scope, Value
from flows.sql.functions import table as functions
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = {
    "HOUR": "hour",
    "DAY": "day",
    "ISOWEEK": "week",
    "WEEK(MONDAY)": "week",
    "MONTH": "month",
    "YEAR": "year",
}
"""Parts to which a bound may be cut, as windows name them."""


class Rules(Operators):
    """Compiles the calls that no signature describes."""

    def rule(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        """Compile a call by a rule of its own; None where the table of functions knows better."""
        return _CALLS[name](self, name, node, scope)

    def has_rule(self, name: str) -> bool:
        """Say whether calls of that name have a rule of their own."""
        return name in _CALLS

    def _of(self, item: exp.Expr, want: Type, name: str, scope: Scope) -> Value:
        value = self.expression(item, scope)
        if value.type == t.UNKNOWN:
            return NOTHING
        if not t.coerces(value.type, want, value.literal):
            hint = f" Write {want}({shown(item)})." if want.name in {"DATE", "TIMESTAMP", "DATETIME"} else ""
            return self.fault(item, f"{name} takes {want}, but '{shown(item)}' is {value.type}.{hint}")
        return Value(want, self.converted(item, value, want), origins=value.origins)

    def part(self, node: exp.Expr) -> str | None:
        """Return a date part in capitals, such as `DAY` or `WEEK(MONDAY)`."""
        name = node.name.upper()
        if isinstance(node, exp.Literal) and name in sql_dates.PARTS:
            self.fault(node, f"a part of a date or time is no text. Write {name} in place of {shown(node)}.")
            return None
        if isinstance(node, exp.Anonymous) and node.expressions:
            name = f"{name}({node.expressions[0].name.upper()})"
        if isinstance(node, exp.WeekStart):
            name = f"WEEK({node.name.upper()})"
        if name in sql_dates.PARTS:
            return name
        self.fault(node, f"'{shown(node)}' is not a part of a date or time.{did_you_mean(name, sql_dates.PARTS)}")
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

    def _call_safe_divide(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 2:  # noqa: PLR2004 - what is divided, and by what
            return None
        left, right = (self.expression(item, scope) for item in node.expressions)
        common = t.supertype((side.type, side.literal) for side in (left, right))
        if common not in EXACT:
            pairs = list(zip(node.expressions, (left, right), strict=True))
            return self.apply(name, node, functions.signatures(name, "scalar"), pairs)
        one, two = self.converted(node.expressions[0], left, common), self.converted(node.expressions[1], right, common)
        return Value(common, functions.divide_numeric(one, f"nullif({two}, 0)", EXACT[common]))

    def _call_move(self, name: str, node: exp.Expr, scope: Scope) -> Value:
        kind, verb = name.rsplit("_", 1)
        if len(node.expressions) != 2 or not isinstance(node.expressions[1], exp.Interval):  # noqa: PLR2004 - a value and an interval
            return self.fault(node, f"{name} takes a {kind} and an interval: {name}(..., INTERVAL 1 DAY).")
        item = node.expressions[0]
        value = self._of(item, Type(kind), name, scope)
        return self.moved(node, value, "+" if verb == "ADD" else "-", node.expressions[1], scope)

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
        first, second = node.expressions[:2]
        if isinstance(first, exp.Literal) and first.name.upper() in sql_dates.PARTS:
            right = f"{name}({shown(second)}, {first.name.upper()})"
            return self.fault(node, f"the arguments of {name} are swapped. Write {right}.")
        value, part = self.expression(first, scope), self.part(second)
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
            return self.unsupported(node, f"{name} with the format '{shown(node.expressions[0])}'")
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
            return self.unsupported(node, f"{name} with the format '{shown(node.expressions[0])}'")
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
            return self.unsupported(node, f"{name} with the path '{shown(node.expressions[-1])}'")
        if value.type not in (t.STRING, t.JSON):
            return self.fault(node, f"{name} takes JSON or STRING, but '{shown(node.expressions[0])}' is {value.type}.")
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

    def _call_from_text(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 1:
            return None
        item = node.expressions[0]
        value, want = self.expression(item, scope), Type(name)
        if value.type != t.STRING:
            return self.apply(name, node, functions.signatures(name, "scalar"), [(item, value)])
        if value.literal:
            return Value(want, self.converted(node, value, want))
        if want == t.DATE:
            return self.fault(node, f"DATE does not take STRING. Write CAST({shown(item)} AS DATE).")
        return Value(want, sql_cast.cast(value.sql, t.STRING, want, f"error('a STRING is no {want}')") or "NULL")

    def _call_string(self, name: str, node: exp.Expr, scope: Scope) -> Value | None:
        if len(node.expressions) != 1:
            return None
        value = self.expression(node.expressions[0], scope)
        if value.type not in (t.DATE, t.DATETIME, t.TIMESTAMP, t.TIME, t.UNKNOWN):
            return self.fault(node, f"{name} does not take {value.type}. Write CAST(... AS STRING).")
        return Value(t.STRING, sql_cast.cast(value.sql, value.type, t.STRING, "NULL") or "NULL")


_CALLS: dict[str, Callable[[Rules, str, exp.Expr, Scope], Value | None]] = {
    **dict.fromkeys(
        ("DATE_ADD", "DATE_SUB", "TIMESTAMP_ADD", "TIMESTAMP_SUB", "DATETIME_ADD", "DATETIME_SUB"),
        Rules._call_move,
    ),
    **dict.fromkeys(("DATE_DIFF", "TIMESTAMP_DIFF", "DATETIME_DIFF"), Rules._call_diff),
    **dict.fromkeys(("DATE_TRUNC", "TIMESTAMP_TRUNC", "DATETIME_TRUNC"), Rules._call_trunc),
    "SAFE_DIVIDE": Rules._call_safe_divide,
    "LAST_DAY": Rules._call_last_day,
    **dict.fromkeys(("FORMAT_DATE", "FORMAT_TIMESTAMP", "FORMAT_DATETIME", "FORMAT_TIME"), Rules._call_format),
    **dict.fromkeys(("PARSE_DATE", "PARSE_TIMESTAMP", "PARSE_DATETIME"), Rules._call_parse),
    **dict.fromkeys(("REGEXP_EXTRACT", "REGEXP_SUBSTR", "REGEXP_EXTRACT_ALL"), Rules._call_regexp),
    **dict.fromkeys(("JSON_VALUE", "JSON_EXTRACT_SCALAR", "JSON_QUERY"), Rules._call_json),
    **dict.fromkeys(("GENERATE_DATE_ARRAY", "GENERATE_TIMESTAMP_ARRAY"), Rules._call_dates),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "DATE"), Rules._call_from_text),
    "STRING": Rules._call_string,
}
