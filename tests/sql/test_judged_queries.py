"""Queries give the types and rows of GoogleSQL's own reference implementation, or are refused by name."""

import re
from datetime import UTC, datetime

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.sql import analyze, output, to_duckdb
from flows.sql.compile.compiler import compiled
from flows.sql.parse.parser import parse_any, plain
from tests.sql.judged_queries import ROWS, load, rendered, same

TABLES, CASES, _ = load()
SECTIONS = {
    section: [case for case in CASES if case.section == section] for section in {one.section: 0 for one in CASES}
}
OTHERWISE = re.compile(r"\|>|(^|\()\s*FROM|[])]\s*\.")
"""Pipes, a FROM that begins a query, calls behind their first argument."""
WINDOW = {"window_start": datetime(2026, 1, 1, tzinfo=UTC), "window_end": datetime(2026, 1, 2, tzinfo=UTC)}


@pytest.fixture(scope="module")
def warehouse():
    """A connection with the tables of the file, and their schema."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA core")
        schema = {}
        for name, sql in TABLES.items():
            schema[name] = dict(analyze(sql, {}, {}).columns)
            connection.execute(f"CREATE TABLE {name} AS {to_duckdb(sql, {})}")
        yield connection, schema


def rows_of(connection, sql, types):
    """Return the rows of DuckDB's SQL, or None where it ends in an error that a value can end in."""
    listed = ", ".join(rendered(f"c{place}", type_) for place, type_ in enumerate(types))
    names = ", ".join(f"c{place}" for place in range(len(types)))
    window = {name: value for name, value in WINDOW.items() if f"${name}" in sql}
    try:
        return connection.execute(f"SELECT {listed} FROM ({sql}) AS q({names})", window or None).fetchall()
    except (duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.ConversionException):
        return None


def ours(sql, schema):
    """Return the types of a query's columns and DuckDB's SQL; columns need no names here."""
    relation, context = compiled(parse_any(sql), schema, {})
    if context.faults:
        raise SqlError(context.faults)
    return [output(value.type) for _, value in relation.columns], relation.sql


@pytest.mark.parametrize("section", SECTIONS)
def test_queries_give_what_googlesql_gives(warehouse, section):
    """Types, values and errors are GoogleSQL's own."""
    wrong = {case.written: told for case in SECTIONS[section] if (told := difference(*warehouse, case))}
    assert not wrong


def test_the_text_that_bigquery_gets_parses_to_the_same_query():
    """It has SELECTs in place of pipes, and calls before their first arguments."""
    changed = 0
    for sql in (case.sql() for case in CASES if case.refusal is None and OTHERWISE.search(case.written)):
        try:
            tree = parse_any(sql)
        except SqlError:
            continue
        text = plain(sql)
        assert parse_any(text) == tree, text
        changed += text != sql
    assert changed > 150


def difference(connection, schema, case):
    """Return what a case gives in place of what it should, as a text; an empty one where there is none."""
    try:
        if case.refusal is not None:
            return f"not refused: {to_duckdb(case.sql(), schema)}"
        types, compiled_sql = ours(case.sql(), schema)
    except SqlError as error:
        if case.refusal is None:
            return "" if not case.given()[0] else f"refused: {error}"
        return "" if case.refusal in str(error) else f"refused otherwise: {error}"
    wanted_types, wanted = case.given()
    found = rows_of(connection, compiled_sql, types)
    if not wanted_types:
        return "" if found is None else f"no error, but {found}"
    if ", ".join(map(str, types)) != wanted_types:
        return f"of the types {', '.join(map(str, types))}"
    if case.by_row and found is None:
        each = [rows_of(connection, ours(case.sql(row), schema)[1], types) for row in ROWS]
        found = [one[0] if one is not None else ("!",) for one in each]
    if found is None:
        return "an error"
    ordered = case.by_row or "ORDER BY" in case.sql().rsplit(")", 1)[-1]
    return "" if are_alike(found, wanted, types, ordered=ordered) else f"rows {found}"


def are_alike(found, wanted, types, *, ordered):
    """Say whether rows are those that are wanted, in the same order where they have one."""
    waiting = [list(row) for row in found]
    for row in wanted:
        candidates = enumerate(waiting[:1] if ordered else waiting)
        at = next((at for at, one in candidates if all(map(equal, one, row, types))), None)
        if at is None:
            return False
        del waiting[at]
    return not waiting


def equal(found, wanted, type_):
    return found == wanted == "!" or (found != "!" and wanted != "!" and same(found, wanted, type_))
