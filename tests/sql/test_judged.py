"""Types and values are those that GoogleSQL's own analyzer gives, over all pairs of types; `make cases` asks it anew."""

import json
import math
from decimal import ROUND_HALF_UP, Context, Decimal

import duckdb
import pytest

from flows.sql import output, to_duckdb
from flows.sql.compile.compiler import compiled
from flows.sql.parse.parser import parse_any
from tests.sql.judged import COLUMNS, TEMPLATES, batches, known_types, known_values, ours, query

SCHEMA = {"c": {name: type_ for name, (type_, _) in COLUMNS.items()}}
TYPES = known_types()
VALUES = known_values()
LENIENT = {
    "$a IN UNNEST([$b])": "the elements may turn into the value's type as well",
    "$a IN (SELECT $b)": "the same of rows",
    "[STRUCT($a AS x), STRUCT($b AS x)]": "a text literal may be a TIME",
    "STRING_AGG($a, $b)": "the separator need be no literal",
    "NTILE($a) OVER (ORDER BY c_int64)": "the number need be no literal",
    "LAG($a, $b) OVER (ORDER BY c_int64)": "the same",
    "NTH_VALUE($a, $b) OVER (ORDER BY c_int64)": "the same",
}
"""Templates of which more is accepted, with why."""
PLACES_OF_BIGNUMERIC = Decimal("1e-18")


@pytest.mark.parametrize("template", TEMPLATES)
def test_types_are_those_of_googlesql(template):
    """What is not refused has GoogleSQL's type, and what is an error there is refused, but for NULL written out."""
    others, accepted = {}, {}
    for one, twos in batches(template):
        for two, found in zip(twos, ours(template, one, twos), strict=True):
            wanted = TYPES[template].get((one, two))
            if found is not None and wanted is not None and found != wanted:
                others[one, two] = (found, wanted)
            if found is not None and wanted is None and "NULL" not in (one, two):
                accepted[one, two] = found
    assert not others
    assert not accepted or template in LENIENT


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        values = ", ".join(f"{value} AS {name}" for name, (_, value) in COLUMNS.items())
        connection.execute(f"CREATE TABLE c AS {to_duckdb(f'SELECT {values}', {})}")
        yield connection


def rows(connection, template, one, values):
    """Give for each second operand that is not refused with it what is computed, or an error, and the type."""
    relation, context = compiled(parse_any(query(template, one, list(values))), SCHEMA, {})
    lines = {fault.line for fault in context.faults}
    columns = zip(values, relation.columns, strict=True)
    left = {two: value for place, (two, (_, value)) in enumerate(columns) if place + 2 not in lines}
    # What ends in an error is asked alone, the rest together.
    good = [two for two in left if values[two] != "error"]
    asked = (good, *([two] for two in left if two not in good))
    # Of a window the query has more than its column.
    sql = {two: f"({relation.sql})" if len(values) == 1 else left[two].sql for two in left}
    found = {two: value for twos in asked for two, value in computed(connection, {two: sql[two] for two in twos})}
    return {two: (value, str(output(left[two].type))) for two, value in found.items()}


def computed(connection, columns):
    """Give each column's value; one by one where one of them ends in an error."""
    if not columns:
        return
    try:
        found = connection.execute(f'SELECT {", ".join(columns.values())} FROM c AS "t0_0_c"').fetchone()
        yield from zip(columns, found, strict=True)
    except duckdb.Error:
        if len(columns) == 1:
            yield from ((two, "error") for two in columns)
        else:
            for two, sql in columns.items():
                yield from computed(connection, {two: sql})


def same(found, wanted, type_):
    if found == "error" and type_ in {"BIGNUMERIC", "ARRAY<BIGNUMERIC>"}:
        return True  # what needs more than 38 digits
    if "error" in (found, wanted):
        return found == wanted
    if isinstance(found, list):
        element = type_.removeprefix("ARRAY<").removesuffix(">")
        listed = json.loads(wanted) if isinstance(wanted, str) else wanted
        return len(found) == len(listed) and all(same(*pair, element) for pair in zip(found, listed, strict=True))
    if isinstance(found, dict):
        fields = json.loads(wanted) if isinstance(wanted, str) else wanted
        return all(same(*pair, "") for pair in zip(found.values(), (value for _, value in fields), strict=True))
    if found is None or wanted in (None, "null"):
        return found is None and wanted in (None, "null")
    if isinstance(found, Decimal):
        return found == Decimal(wanted).quantize(PLACES_OF_BIGNUMERIC, ROUND_HALF_UP, Context(prec=80))
    if isinstance(found, float):
        return found == float(wanted) or (math.isnan(found) and wanted == "NaN")
    return str(found).lower() == wanted


@pytest.mark.parametrize("template", VALUES)
def test_numbers_have_the_values_of_googlesql(connection, template):
    """What is not refused has GoogleSQL's value, or ends in an error as there."""
    others = {}
    for one, values in VALUES[template].items():
        for two, (value, type_) in rows(connection, template, one, values).items():
            if (value, type_) == ("error", "NUMERIC") and template.startswith("POW"):
                continue  # what FLOAT64 does not decide
            if not same(value, values[two], type_):
                others[one, two] = (value, values[two])
    assert not others
