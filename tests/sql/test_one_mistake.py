"""One name misspelt in a query that is right has one fault, whatever stands around it."""

import re

import pytest

from flows.model.errors import SqlError
from flows.sql import analyze
from tests.sql.judged_queries import load

TABLES, CASES, _ = load()
NAME = re.compile(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|\b[A-Za-z_]\w*\b")
DEFINES = re.compile(r"\b(?:AS|WITH|RECURSIVE|,) $|\bOVER $")
OF_TWO_KINDS = ("SELECT w.st.y.*", "SELECT NORMALIZE(", "GROUP BY ROLLUP(kk)", "OVER (w ROWS", "ORDER BY b, a", "|>")
"""What a step of a pipe reads is what the one before it gives, by name; what a name gives, what a mode or a set is, which order a window has and which columns a star gives is known where the name is right."""


def misspelt(sql):
    """Give the query with each of its names in turn misspelt where it is used, not where it is given."""
    for found in NAME.finditer(sql):
        name, before, after = found[0], sql[: found.start()], sql[found.end() :]
        is_call = after.startswith("(") and name.isupper()
        is_column = name.islower() and not after.startswith(("(", ".", "'", '"')) and not DEFINES.search(before)
        if is_call or (is_column and not before.endswith("@")):
            yield f"{before}{name}zz{after}"


WRONG = (
    # Too few arguments, one too many, one of another type, and none.
    (re.compile(r"\b((?!IF|IN|BY|AS)[A-Z]\w+)\((\w+), [\w.']+\)"), r"\1(\2)"),
    (re.compile(r"\b(LOWER|UPPER|ABS|SUM|MAX|LENGTH|COUNTIF|SQRT)\(([^()]+)\)"), r"\1(\2, 1)"),
    (re.compile(r"\b(LOWER|UPPER|ABS|SUM|AVG|LENGTH|COUNTIF|SQRT)\(([^()]+)\)"), r"\1([TRUE])"),
    (re.compile(r"\b(LOWER|UPPER|ABS|SUM|LENGTH|FIRST_VALUE|ARRAY_AGG|LAG)\(([^()]+)\)"), r"\1()"),
    # Operands, conditions, keys and groups of other types, or missing.
    (re.compile(r" ([+*<>=-]) (?!EXCEPT|REPLACE)(\w+)\b(?![.(])"), r" \1 [1]"),
    (re.compile(r"\bWHERE "), "WHERE 1 AND "),
    (re.compile(r"\bORDER BY (\w+)"), "ORDER BY [1]"),
    (re.compile(r"\bGROUP BY (\w+), "), "GROUP BY "),
    # Names of windows, tables before a dot, columns of USING and of EXCEPT.
    (re.compile(r"\bOVER \(?(?!PARTITION|ORDER|ROWS|RANGE)(\w+)\b"), "OVER zz"),
    (re.compile(r"\b([a-z]\w*)\.(?=[a-z])"), "zz."),
    (re.compile(r"\bUSING ?\((\w+)"), "USING (zz"),
    (re.compile(r"\bEXCEPT ?\((\w+)"), "EXCEPT (zz"),
    (re.compile(r"\b(FROM|JOIN) core\.\w+"), r"\1 core.nosuch"),
    (re.compile(r"\b((?:FROM|JOIN) core\.\w+ AS) \w+"), r"\1 zz"),
    # What varies, called with what it does not take.
    (re.compile(r"\bWHERE "), "WHERE CURRENT_TIMESTAMP(1) IS NULL AND "),
    (re.compile(r"\bWHERE "), "WHERE RAND(1, 2) > 0 AND "),
)
OTHERS = (" PIVOT", "GROUP BY ROLLUP", "WITH RECURSIVE")
"""Where what is written stands for other words, so that a mistake in it is one in several of these."""


def wrong(sql):
    """Give the query with a mistake of each kind, at the first place where it can be made."""
    for pattern, instead in WRONG:
        found = pattern.search(sql)
        if found and not any(words in sql for words in OTHERS):
            yield sql[: found.start()] + found.expand(instead) + sql[found.end() :]


@pytest.mark.parametrize("mistakes", [misspelt, wrong])
def test_one_mistake_is_one_fault(mistakes):
    """Neither what it stands in nor what reads the column that it gives has a fault of its own."""
    schema = {name: dict(analyze(sql, {}).columns) for name, sql in TABLES.items()}
    told = {}
    for case in CASES:
        if case.refusal is not None or any(words in case.sql() for words in OF_TWO_KINDS):
            continue
        try:
            analyze(case.sql(), schema, {})
        except SqlError:
            continue
        made = list(mistakes(case.sql()))
        for sql in dict.fromkeys(made[:2] + made[-2:]):
            try:
                analyze(sql, schema, {})
            except SqlError as error:
                told[sql] = {fault.message for fault in error.faults}
    assert len(told) > 600
    many = {sql: faults for sql, faults in told.items() if len(faults) > 1}
    assert not many


def test_a_name_that_with_gives_twice_is_one_fault():
    """Nobody knows which of the two is meant where it is read."""
    with pytest.raises(SqlError) as refused:
        analyze("WITH w AS (SELECT 1 AS a), w AS (SELECT 2 AS b) SELECT a, b, c FROM w", {})
    assert [fault.message for fault in refused.value.faults] == ["WITH names 'w' twice. Give one of them another name."]
