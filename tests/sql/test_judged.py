"""Types and values are those that GoogleSQL's own analyzer gives, over all pairs of types; `make cases` asks it anew."""

import json
import math
from decimal import ROUND_HALF_UP, Context, Decimal

import duckdb
import pytest

from flows.sql import to_duckdb
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


def rows(connection, template, one, twos):
    """Give for each second operand what is computed with it, or an error."""
    if not twos:
        return {}
    try:
        found = connection.execute(to_duckdb(query(template, one, twos), SCHEMA)).fetchone()
        return dict(zip(twos, found, strict=True))
    except duckdb.Error:
        if len(twos) == 1:
            return {twos[0]: "error"}
        half = len(twos) // 2
        return rows(connection, template, one, twos[:half]) | rows(connection, template, one, twos[half:])


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
        types = dict(zip(values, ours(template, one, list(values)), strict=True))
        supported = [two for two, type_ in types.items() if type_ is not None]
        found = rows(connection, template, one, [two for two in supported if values[two] != "error"])
        for two in supported:
            # What ends in an error is asked alone, the rest together.
            value = found[two] if two in found else rows(connection, template, one, [two])[two]
            if not same(value, values[two], types[two]):
                others[one, two] = (value, values[two])
    assert not others
