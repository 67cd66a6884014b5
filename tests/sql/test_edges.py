"""Over values at the edges of their types, every signature, operator and cast gives what GoogleSQL gives, or an error."""

import itertools
import json
import math
import re

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.sql import output
from flows.sql.compile.compiler import compiled
from flows.sql.compile.dates import KINDS
from flows.sql.functions import signatures
from flows.sql.functions.casts import BETWEEN
from flows.sql.functions.date_parts import parts_of
from flows.sql.parse.parser import parse_any
from tests.sql import edges
from tests.sql.evaluated import ERROR, evaluated, one_by_one
from tests.sql.judged_queries import rendered, same

KNOWN = edges.known()
BY_TYPES = {
    types: list(templates)
    for types, templates in itertools.groupby(
        sorted(edges.templates(), key=lambda one: one.types), lambda one: one.types
    )
}
"""Expressions by the types of their values: they share a table."""
STRICTER = {
    "BIGNUMERIC": "what needs more than 18 places, or 20 digits before the point",
    "AVG(": "a sum that overflows though its quotient would not; an infinity beside others, which is NaN for the judge alone",
    "DATETIME($1, $2": "parts far beyond their range, which the judge takes modulo 2 ** 32",
    "TIME($1, $2": "the same",
    "12:34:56.1234567": "a text with more digits than microseconds",
    "23:59:60": "a second of a leap",
    "0x1') AS FLOAT64": "a number of FLOAT64 in hexadecimal",
    '{"a": "x"\'': "broken JSON",
    "GENERATE_ARRAY(": "no elements between numbers that are far from each other",
    "POW($1, $2) :: NUMERIC": "a NUMERIC whose last places FLOAT64 does not decide",
    "POWER($1, $2) :: NUMERIC": "the same",
    "2f": "numbers from 1e31 on, of which it does not write all digits",
}
"""Where the embedded warehouse ends in an error and GoogleSQL in a value, with why."""

OF_OTHER_VALUES = {
    "+(FLOAT64, FLOAT64)": "a sum beyond 1.8e308",
    "-(FLOAT64, FLOAT64)": "the same",
    "*(FLOAT64, FLOAT64)": "the same",
    "BIGNUMERIC to INT64": "a number beyond INT64",
    "ROUND(NUMERIC, INT64, STRING)": "a number that has no place for one more digit",
    "ROUND(BIGNUMERIC, INT64, STRING)": "the same",
    "TRANSLATE(BYTES, BYTES, BYTES)": "a character that stands for two",
    "REGEXP_CONTAINS(STRING, STRING)": "a pattern that is none",
    "REGEXP_CONTAINS(BYTES, BYTES)": "the same",
    "REGEXP_REPLACE(STRING, STRING, STRING)": "the same",
    "REGEXP_REPLACE(BYTES, BYTES, BYTES)": "the same",
}
"""What may fail, but not with the values of its cases."""


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def agrees(judged, value, wanted, type_):
    if "AVG(" in str(judged.template) and value == math.inf:
        return True
    if ERROR in (value, wanted):
        stricter = any(word in str(judged.template) for word in STRICTER)
        return value == ERROR and (wanted == ERROR or stricter)
    return same(value, json.loads(wanted), type_)


@pytest.mark.parametrize("types", BY_TYPES, ids=", ".join)
def test_values_at_the_edges_are_those_of_googlesql(connection, types):
    """What columns give is GoogleSQL's type and value; what is not there is refused."""
    templates = BY_TYPES[types]
    every = list(dict.fromkeys(choice for template in templates for choice in template.choices()))
    table = edges.table(every)
    rows, _ = compiled(parse_any(table), {}, {})
    connection.execute(f"CREATE OR REPLACE TEMP TABLE cases AS {rows.sql}")
    listed = ",\n".join(f"{edges.over_columns(one)} AS v{place}" for place, one in enumerate(templates))
    schema = {"cases": {name: output(value.type) for name, value in rows.columns}}
    relation, context = compiled(parse_any(f"SELECT\n{listed}\nFROM cases"), schema, {})
    refused = {fault.line - 2 for fault in context.faults}
    known = {
        place: (KNOWN[str(templates[place])], value)
        for place, (_, value) in enumerate(relation.columns)
        if place not in refused
    }
    others = {place: str(value.type) for place, (judged, value) in known.items() if str(value.type) != judged.type}
    assert not {str(templates[place]): type_ for place, type_ in others.items()}
    columns = {place: rendered(value.sql, value.type) for place, (_, value) in known.items()}
    answers = {
        place: dict(zip(map(every.index, templates[place].choices()), judged.answers, strict=True))
        for place, (judged, _) in known.items()
    }
    together = {}
    for place, by_row in answers.items():
        together.setdefault(tuple(sorted(row for row in by_row if by_row[row] != ERROR)), []).append(place)
    source, different = ' FROM cases AS "t0_0_cases"', {}
    for good, group in together.items():
        # What ends in an error is asked alone, the rest together.
        given = evaluated(connection, [columns[place] for place in group], source, list(good))
        for place, values in zip(group, given, strict=True):
            judged, value = known[place]
            bad = [row for row in answers[place] if row not in good]
            found = zip((*good, *bad), (*values, *one_by_one(connection, columns[place], source, bad)), strict=True)
            different |= {
                (str(judged.template), every[row]): (one, answers[place][row])
                for row, one in found
                if not agrees(judged, one, answers[place][row], value.type)
            }
    assert not different


@pytest.mark.parametrize("types", BY_TYPES, ids=", ".join)
def test_literals_at_the_edges_give_what_columns_give(connection, types):
    """A value written down gives what one that is stored gives, where GoogleSQL takes it for the same type."""
    different = {}
    for template in BY_TYPES[types]:
        judged, choices = KNOWN[str(template)], template.choices()
        listed = ",\n".join(f"{template.filled(choice)} AS v{place}" for place, choice in enumerate(choices))
        try:
            relation, context = compiled(parse_any(f"SELECT\n{listed}"), {}, {})
        except SqlError:
            continue
        faulty = {fault.line - 2 for fault in context.faults}
        known = {
            place: value
            for place, (_, value) in enumerate(relation.columns)
            if place not in faulty and str(value.type) == judged.type and not edges.exact(template)
        }
        good = [place for place in known if judged.answers[place] != ERROR]
        for asked in (good, *([place] for place in known if place not in good)):
            columns = [rendered(known[place].sql, known[place].type) for place in asked]
            for place, (value,) in zip(asked, evaluated(connection, columns, ""), strict=True):
                if not agrees(judged, value, judged.answers[place], known[place].type):
                    different[str(template), choices[place]] = (value, judged.answers[place])
    assert not different


def test_every_signature_has_cases():
    """What the table of functions has, GoogleSQL has been asked about; `make cases` asks anew."""
    assert {str(template) for template in edges.templates()} == KNOWN.keys()


def test_what_may_fail_is_marked_so():
    """A signature with an error among its cases says so, and none without one does; so does a cast."""
    found = {(name, one): edges.calls(name, one) for name in signatures.names() for one in signatures.scalar(name)}
    found |= {
        (sign, one): edges.of_operator(sign, one) for sign, all_ in signatures.operators().items() for one in all_
    }
    marked = {f"{name}{one}": (one.may_fail, list(map(str, templates))) for (name, one), templates in found.items()}
    marked |= {
        f"{have} to {want}": (cast.may_fail, [f"CAST($1 AS {want}) :: {have}"])
        for (have, want), cast in BETWEEN.items()
        if not cast.refused
    }
    asked = {name: [KNOWN[one].answers for one in templates if one in KNOWN] for name, (_, templates) in marked.items()}
    fails = {name: any(ERROR in answers for answers in known) for name, known in asked.items() if known}
    assert len(fails) > 200
    assert {name for name in fails if marked[name][0] != fails[name]} == set(OF_OTHER_VALUES)


def test_every_cast_has_cases():
    """Each pair of types of the table of casts is among them; of DATE to DATETIME the judge itself is wrong."""
    casts = {(str(have), str(want)) for (have, want), cast in BETWEEN.items() if not cast.refused}
    asked = {
        (*one.types, one.text.partition(" AS ")[2].removesuffix(")"))
        for one in edges.templates()
        if "CAST($1 AS" in one.text
    }
    assert casts - asked == {("DATE", "DATETIME")}


def test_every_part_has_cases():
    """Each part that a function takes of a type is among them; of weeks that begin on a day, one day."""
    texts = {(one.text, one.types[0]) for one in edges.templates()}
    for verb, text in (
        ("TRUNC", "{0}_TRUNC($1, {1})"),
        ("DIFF", "{0}_DIFF($1, $2, {1})"),
        ("ADD", "{0}_ADD($1, INTERVAL $2 {1})"),
    ):
        for kind in KINDS:
            parts = {re.sub(r"\(.+", "(THURSDAY)", part) for part in parts_of(verb, kind)}
            assert {(text.format(kind, part), str(kind)) for part in parts} <= texts
