"""One name misspelt in a query that is right has one fault, whatever stands around it."""

import re

from flows.model.errors import SqlError
from flows.sql import analyze
from tests.sql.judged_queries import load

TABLES, CASES, _ = load()
NAME = re.compile(r"'(?:[^'\\]|\\.)*'|\"[^\"]*\"|\b[A-Za-z_]\w*\b")
DEFINES = re.compile(r"\b(?:AS|WITH|RECURSIVE|,) $|\bOVER $")
OF_TWO_KINDS = ("SELECT w.st.y.*", "SELECT NORMALIZE(", "GROUP BY ROLLUP(kk)", "OVER (w ROWS")
"""What a name gives, what a mode or a set is, and which order a window has is known where the name is right."""


def misspelt(sql):
    """Give the query with each of its names in turn misspelt where it is used, not where it is given."""
    for found in NAME.finditer(sql):
        name, before, after = found[0], sql[: found.start()], sql[found.end() :]
        is_call = after.startswith("(") and name.isupper()
        is_column = name.islower() and not after.startswith(("(", ".", "'", '"')) and not DEFINES.search(before)
        if is_call or (is_column and not before.endswith("@")):
            yield f"{before}{name}zz{after}"


def test_one_mistake_is_one_fault():
    """Neither what the name stands in nor what reads the column that it gives has a fault of its own."""
    schema = {name: dict(analyze(sql, {}).columns) for name, sql in TABLES.items()}
    told = {}
    for case in CASES:
        if case.refusal is not None or any(words in case.sql() for words in OF_TWO_KINDS):
            continue
        try:
            analyze(case.sql(), schema, {})
        except SqlError:
            continue
        for sql in list(misspelt(case.sql()))[:4]:
            try:
                analyze(sql, schema, {})
            except SqlError as error:
                told[sql] = {fault.message for fault in error.faults}
    assert len(told) > 1_000
    many = {sql: faults for sql, faults in told.items() if len(faults) > 1}
    assert not many
