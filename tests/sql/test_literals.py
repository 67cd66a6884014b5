"""Quoted texts stand for what GoogleSQL documents, or are faults."""

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.sql import analyze, to_duckdb


@pytest.mark.parametrize(
    ("literal", "said"),
    [
        (r"'\U00110000'", r"'\U00110000' is no character."),
        (r"'\Uffffffff'", r"'\Uffffffff' is no character."),
        (r"'\ud800'", r"'\ud800' is no character."),
        (r"'\U0000dfff'", r"'\U0000dfff' is no character."),
        (r"b'\u1234'", r"'\u1234' is a character, and BYTES hold none."),
        (r"b'\U00001234'", r"'\U00001234' is a character, and BYTES hold none."),
        (r"'\d+'", r"'\d' is no escape. Write '\\d' for a backslash, or a raw text: r'...'."),
        (r"'\8'", r"'\8' is no escape."),
        (r"'\x4'", r"'\x' is no escape."),
        (r"b'\q'", r"'\q' is no escape."),
    ],
)
def test_what_stands_for_nothing_is_a_fault(literal, said):
    """A character that does not exist and an escape that nobody knows are faults, never other text."""
    for read in (lambda sql: analyze(sql, {}, {}), lambda sql: to_duckdb(sql, {})):
        with pytest.raises(SqlError) as refused:
            read(f"SELECT\n{literal} AS x")
        (fault,) = refused.value.faults
        assert fault.line == 2
        assert fault.message.startswith(said)


@pytest.mark.parametrize(
    ("literal", "sql"),
    [
        (r"'\U0010ffff'", "'\U0010ffff'"),
        (r"'\x41\101\u00e4\n\\\?\"\`'", "'AAä\n\\?\"`'"),
        (r"r'\d+'", r"'\d+'"),
        (r"b'\xff\101ä\n'", "unhex('ff41c3a40a')"),
    ],
)
def test_escapes_stand_for_what_googlesql_documents(literal, sql):
    """Escapes are read, raw texts are not."""
    assert to_duckdb(f"SELECT {literal} AS x", {}) == f'SELECT {sql} AS "x"'


@pytest.mark.parametrize(
    ("cast", "found"), [("SAFE_CAST('{}' AS INT64)", None), ("CAST('0{}' AS FLOAT64)", float("inf"))]
)
def test_a_text_may_have_more_digits_than_python_reads(cast, found):
    """What it means is left to the warehouse."""
    sql = to_duckdb(f"SELECT {cast.format('9' * 5000)} AS x", {})
    assert duckdb.sql(sql).fetchall() == [(found,)]
