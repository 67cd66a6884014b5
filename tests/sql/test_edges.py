"""Over values at the edges of their types, every signature, operator and cast gives what GoogleSQL gives, or an error."""

import json
import math

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.sql import analyze
from flows.sql.compile.compiler import compiled
from flows.sql.parse.parser import parse_any
from tests.sql import edges
from tests.sql.judged_queries import rendered, same

FAILURES = (
    *(duckdb.InvalidInputException, duckdb.OutOfRangeException, duckdb.ConversionException),
    duckdb.NotImplementedException,  # a zone that is not known
    UnicodeDecodeError,  # DuckDB cuts the text of an error within a character
)
KNOWN = edges.known()
STRICTER = {
    "BIGNUMERIC": "what needs more than 18 places, or 20 digits before the point",
    "AVG(": "a sum that overflows though its quotient would not; an infinity beside others, which is NaN for the judge alone",
    "DATETIME($1, $2": "parts far beyond their range, which the judge takes modulo 2 ** 32",
    "TIME($1, $2": "the same",
    "12:34:56.1234567": "a text with more digits than microseconds",
    "23:59:60": "a second of a leap",
    "0x1') AS FLOAT64": "a number of FLOAT64 in hexadecimal",
    '{"a": "x"\'': "broken JSON",
}
"""Where the embedded warehouse ends in an error and GoogleSQL in a value, with why."""


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def one_by_one(connection, columns, source):
    """Return each column's first value, or an error in its place."""
    try:
        listed = ", ".join(f"{{'v': {column}}}" for column in columns)
        return [found["v"] for found in connection.execute(f"SELECT {listed}{source}").fetchone()]
    except FAILURES:
        if len(columns) == 1:
            return [edges.ERROR]
        half = len(columns) // 2
        return [*one_by_one(connection, columns[:half], source), *one_by_one(connection, columns[half:], source)]


def differences(judged, choices, found, type_):
    return {
        choice: (value, wanted)
        for choice, value, wanted in zip(choices, found, judged.answers, strict=True)
        if not agrees(judged, value, wanted, type_)
    }


def agrees(judged, value, wanted, type_):
    if "AVG(" in str(judged.template) and value == math.inf:
        return True
    if edges.ERROR in (value, wanted):
        stricter = any(word in str(judged.template) for word in STRICTER)
        return value == edges.ERROR and (wanted == edges.ERROR or stricter)
    return same(value, json.loads(wanted), type_)


@pytest.mark.parametrize("template", edges.templates(), ids=str)
def test_values_at_the_edges_are_those_of_googlesql(connection, template):
    """Columns and literals give the same, and that is GoogleSQL's; what is not there is refused."""
    judged, choices = KNOWN[str(template)], template.choices()
    table = edges.table(choices)
    schema = {"cases": dict(analyze(table, {}).columns)}
    relation, context = compiled(parse_any(f"SELECT {edges.over_columns(template)} AS v FROM cases"), schema, {})
    if context.faults:
        return
    assert judged.type, "GoogleSQL has no such expression"
    ((_, value),) = relation.columns
    assert str(value.type) == judged.type
    rows, _ = compiled(parse_any(table), {}, {})
    connection.execute(f"CREATE OR REPLACE TEMP TABLE cases AS {rows.sql}")
    column = rendered(value.sql, value.type)
    source = ' FROM cases AS "t0_0_cases"'
    try:
        ordered = connection.execute(f"SELECT {{'v': {column}}}{source} ORDER BY id").fetchall()
        found = [row["v"] for (row,) in ordered]
    except FAILURES:
        found = [one_by_one(connection, [column], f"{source} WHERE id = {place}")[0] for place in range(len(choices))]
    assert not differences(judged, choices, found, value.type)


@pytest.mark.parametrize("template", edges.templates(), ids=str)
def test_literals_at_the_edges_give_what_columns_give(connection, template):
    """A value written down gives what one that is stored gives, where GoogleSQL takes it for the same type."""
    judged, choices = KNOWN[str(template)], template.choices()
    listed = ",\n".join(f"{template.filled(choice)} AS v{place}" for place, choice in enumerate(choices))
    try:
        relation, context = compiled(parse_any(f"SELECT\n{listed}"), {}, {})
    except SqlError:
        return
    faulty = {fault.line - 2 for fault in context.faults}
    known = {
        place: value
        for place, (_, value) in enumerate(relation.columns)
        if place not in faulty and str(value.type) == judged.type and not edges.exact(template)
    }
    columns = [rendered(value.sql, value.type) for value in known.values()]
    found = dict(zip(known, one_by_one(connection, columns, "") if columns else (), strict=True))
    others = {
        choices[place]: (value, judged.answers[place])
        for place, value in found.items()
        if not agrees(judged, value, judged.answers[place], known[place].type)
    }
    assert not others


def test_every_signature_has_cases():
    """What the table of functions has, GoogleSQL has been asked about; `make cases` asks anew."""
    assert {str(template) for template in edges.templates()} == KNOWN.keys()
