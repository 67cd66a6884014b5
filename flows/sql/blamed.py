"""Which part of a query an error of its run may come from, and what to write there instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import SqlError
from flows.sql.parse.parser import parse_any
from flows.sql.parse.tree import call_name, line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPERATORS: dict[str, tuple[tuple[type[exp.Expr], ...], str]] = {
    "/": ((exp.Div,), "Write SAFE_DIVIDE(x, y) to have NULL there."),
    "+": ((exp.Add,), "Write SAFE_ADD(x, y) to have NULL there, or CAST both to a type that holds more."),
    "-": ((exp.Sub, exp.Neg), "Write SAFE_SUBTRACT(x, y) to have NULL there, or CAST both to a type that holds more."),
    "*": ((exp.Mul,), "Write SAFE_MULTIPLY(x, y) to have NULL there, or CAST both to a type that holds more."),
    "[]": ((exp.Bracket,), "Write SAFE_OFFSET or SAFE_ORDINAL in the brackets to have NULL there."),
    "SELECT": (
        (exp.Subquery,),
        "Write MAX(...) or another aggregate in it, ORDER BY with LIMIT 1, or ARRAY(SELECT ...).",
    ),
}
"""The kinds of nodes that an operator has, and what to write where it fails."""
_AGGREGATES = {"SUM", "AVG"}
_TOTALS = {
    "SUM or AVG": re.compile("SUM|AVG"),
    "VARIANCE or STDDEV": re.compile("VAR.*|STDDEV.*|COVAR.*|CORR"),
}
"""What begins a message of several aggregates, and the names of these."""
_OWN = {"ERROR", "CAST", "CONTAINS_SUBSTR", "EDIT_DISTANCE", "FORMAT", "NORMALIZE_AND_CASEFOLD", "UPPER"}
"""What fails because its author says so (ERROR, a type with a greatest length), or in the embedded warehouse alone: SAFE. catches neither."""
_PATTERNS = "REGEXP"
"""What begins the names of all functions that take a regular expression."""
_CAST = re.compile(r"Could not cast (\w+) to (\w+)")
_CALL = re.compile(r"([A-Z][A-Z0-9_]*(?:\.[A-Z0-9_]+)?)\b")
_OPERATOR = re.compile(r"'([^' ]+)'")
_COLUMN = re.compile(r"(?:the column (\w+)|a column): ")
_BAD_JSON = "Malformed JSON: "
_MORE_DIGITS = "Write a type with more digits in `columns`, or a value that fits in the SQL."
_MOST_LINES = 3


def blamed(message: str, written: str, at: Callable[[int], str] | None = None) -> tuple[str, str]:
    """Return where in a query a failure may come from, and what to write; empty texts where nobody knows.

    `at` gives what a line of it is called. A message begins with what failed: `Could not cast STRING to INT64: ...`, `PARSE_DATE: ...`, `'/': ...`, `the column v: ...`.
    """
    what = instead = ""
    is_it: Callable[[exp.Expr], bool]
    if found := _CAST.match(message):
        what, instead = "CAST", f"Write SAFE_CAST(... AS {found[2]}) to have NULL there."
        is_it = _casts_to(found[2])
    elif found := _OPERATOR.match(message):
        what = found[1]
        kinds, instead = _OPERATORS.get(what, ((), ""))
        is_it = _is_one_of(kinds)
    elif (what := message.partition(":")[0]) in _TOTALS:
        instead = "Write CAST(... AS FLOAT64) inside of it, which holds more."
        is_it = _calls_any(_TOTALS[what])
    elif found := _CALL.match(message.replace(_BAD_JSON, "PARSE_JSON: ")):
        what = found[1]
        instead = "" if what in _OWN else _of_call(what)
        is_it = _calls(what)
        if message.startswith("WITH RECURSIVE"):
            instead, is_it = "Write a WHERE in it that ends it, such as n < 100.", _recurs
    else:
        column = _COLUMN.match(message)
        if column is None:
            return "", ""
        return place_of(column[1] or "", written, at or _in_sql) if column[1] else "", _MORE_DIGITS
    return _where(written, is_it, at or _in_sql), instead


def _recurs(node: exp.Expr) -> bool:
    return isinstance(node, exp.With) and bool(node.recursive)


def _of_call(name: str) -> str:
    if name == _PATTERNS:
        return "Write SAFE. before the function to have NULL there."
    if name in _AGGREGATES:
        return f"Write {name}(CAST(... AS NUMERIC)), or FLOAT64, which hold more."
    return f"Write SAFE.{name}(...) to have NULL there."


def _casts_to(name: str) -> Callable[[exp.Expr], bool]:
    def casts(node: exp.Expr) -> bool:
        to = node.args["to"].sql(dialect="bigquery").partition("(")[0] if type(node) is exp.Cast else ""
        return to == name or (to in {"BIGDECIMAL", "DECIMAL"} and name in {"BIGNUMERIC", "NUMERIC"})

    return casts


def _is_one_of(kinds: tuple[type[exp.Expr], ...]) -> Callable[[exp.Expr], bool]:
    return lambda node: isinstance(node, kinds) and not isinstance(node.parent, exp.From | exp.Join | exp.In)


def _calls(name: str) -> Callable[[exp.Expr], bool]:
    def calls(node: exp.Expr) -> bool:
        called = call_name(node) or ""
        found = called == name or (name == _PATTERNS and called.startswith(f"{name}_"))
        return found and not isinstance(node.parent, exp.SafeFunc)

    return calls


def _calls_any(names: re.Pattern[str]) -> Callable[[exp.Expr], bool]:
    return lambda node: names.fullmatch(call_name(node) or "") is not None


def _in_sql(line: int) -> str:
    return f"line {line} of the SQL"


def place_of(column: str, sql: str, at: Callable[[int], str]) -> str:
    """Return where a query says what a column of its result is; an empty text where nobody knows."""
    found = [line for line, _ in _found(sql, lambda node: _gives(node, column))]
    return at(found[0]) if found else ""


def _gives(node: exp.Expr, column: str) -> bool:
    return isinstance(node.parent, exp.Select) and node.arg_key == "expressions" and node.alias_or_name == column


def _where(sql: str, is_it: Callable[[exp.Expr], bool], at: Callable[[int], str]) -> str:
    """Say where a query has nodes of a kind: the only one in full, several by their lines."""
    found = list(_found(sql, is_it))
    lines = sorted({line for line, _ in found})
    if len({text for _, text in found}) == 1 and len(lines) == 1:
        return f"'{found[0][1]}' in {at(lines[0])}"
    if not lines or len(lines) > _MOST_LINES:
        return ""
    return " or ".join(map(at, lines))


def _found(sql: str, is_it: Callable[[exp.Expr], bool]) -> Iterator[tuple[int, str]]:
    try:
        tree = parse_any(sql)
    except SqlError:
        return
    for node in tree.walk():
        if is_it(node):
            yield line_of(node), shown(node)
