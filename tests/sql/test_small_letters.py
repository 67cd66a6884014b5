"""A query means the same in small letters, as many teams write all of theirs."""

import re

from flows.model.errors import SqlError
from flows.sql import analyze
from tests.sql.judged_queries import load
from tests.sql.test_judged_queries import ours

TABLES, CASES, _ = load()
PARTS = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--.*|/\*.*?\*/|\b[A-Z_]{2,}\b")
"""Texts, names in backticks, comments, and words in capitals."""


def small(sql):
    """Return a query with its words in small letters; texts, names in backticks and comments stay."""
    return PARTS.sub(lambda part: part[0] if part[0][0] in "'\"`-/" else part[0].lower(), sql)


def test_the_judged_queries_compile_to_the_same_in_small_letters():
    """Their types and the SQL of the embedded warehouse, or their faults, differ in the letters of names alone."""
    schema = {name: dict(analyze(sql, {}, {}).columns) for name, sql in TABLES.items()}

    def compiled(sql):
        try:
            types, text = ours(sql, schema)
        except SqlError as fault:
            return str(fault).lower()
        return f"{types} {text}".lower()

    queries = {sql for sql in (case.sql() for case in CASES) if small(sql) != sql}
    assert len(queries) > 4000
    assert not [sql for sql in queries if compiled(sql) != compiled(small(sql))]
