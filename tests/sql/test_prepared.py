"""What passes `check` is SQL that the embedded warehouse takes: calls, operators and casts of all types, over no rows."""

import itertools
import os
import re
from random import Random

import duckdb
import pytest

from flows.model.errors import SqlError
from flows.model.types import parse_type
from flows.sql.compile.compiler import compiled
from flows.sql.functions import signatures
from flows.sql.parse.parser import parse_any
from flows.sql.parse.repeat import VARYING

TYPES = {
    "INT64": "1", "FLOAT64": "1.5", "NUMERIC": "NUMERIC '1.5'", "BIGNUMERIC": "BIGNUMERIC '1.5'", "STRING": "'a'", "BYTES": "b'a'",
    "BOOL": "TRUE", "DATE": "DATE '2026-01-01'", "DATETIME": "DATETIME '2026-01-01'", "TIMESTAMP": "TIMESTAMP '2026-01-01'",
    "TIME": "TIME '01:00:00'", "JSON": "PARSE_JSON('1')", "ARRAY<INT64>": "[1]", "ARRAY<STRING>": "['a']",
    "STRUCT<x INT64, y STRING>": "STRUCT(1 AS x, 'a' AS y)", "ARRAY<STRUCT<x INT64>>": "[STRUCT(1 AS x)]",
}  # fmt: skip
"""Types, each with a value that is written down."""
MOST = int(os.environ.get("DERIVED_FUZZ", "1000"))
"""How many of all pairs are tried of each kind."""
COLUMNS = {f"c{place}": type_ for place, type_ in enumerate(TYPES)}
OPERATORS = (
    *("{} + {}", "{} - {}", "{} * {}", "{} / {}", "{} || {}", "{} & {}", "{} << {}", "{} = {}", "{} < {}", "{} AND {}"),
    *("{} IS DISTINCT FROM {}", "{} LIKE {}", "{} IN ({})", "{} IN UNNEST({})", "{} BETWEEN {} AND {}", "{}[{}]", "{}[SAFE_OFFSET({})]"),
    *("IF(TRUE, {}, {})", "CASE {} WHEN {} THEN 1 END", "CASE WHEN {} THEN {} END", "COALESCE({}, {})", "[{}, {}]", "({}, {}) = (1, {})"),
    *("NULLIF({}, {})", "GREATEST({}, {})", "{} IN (SELECT {})", "DATE_ADD({}, INTERVAL {} DAY)", "TIMESTAMP_SUB({}, INTERVAL {} HOUR)"),
    *("DATE_DIFF({}, {}, WEEK)", "FORMAT('%t', {}, {})", "STRUCT({} AS a, {} AS b).a", "SAFE_DIVIDE({}, {})", "SAFE_ADD({}, {})"),
)  # fmt: skip
"""Of two values, or three of which the last two are of one type."""
ALONE = (
    *("-{}", "~{}", "NOT {}", "{} IS NULL", "{} IS TRUE", "{}.x", "{}.x.y", "{}['x']", "{}[0]", "UNNEST({})", "EXISTS(SELECT {})", "(SELECT {})"),
    *("TO_JSON({})", "TO_JSON_STRING({})", "STRING({})", "DATE({})", "DATETIME({})", "TIMESTAMP({})", "TIME({})", "ARRAY(SELECT {})"),
    *("ARRAY(SELECT DISTINCT x FROM UNNEST([{}]) AS x)", "(SELECT MAX(x) FROM UNNEST({}) AS x)", "ARRAY_LENGTH({})", "INT64({})", "BOOL({})"),
    *("LAX_INT64({})", "LAX_STRING({})", "JSON_VALUE({}, '$.a')", "JSON_QUERY({}, '$.a')", "JSON_VALUE_ARRAY({})", "JSON_QUERY_ARRAY({})"),
    *("EXTRACT(YEAR FROM {})", "EXTRACT(HOUR FROM {})", "EXTRACT(DATE FROM {})", "EXTRACT(WEEK(MONDAY) FROM {})", "EXTRACT(TIME FROM {})"),
    *("DATE_TRUNC({}, MONTH)", "TIMESTAMP_TRUNC({}, HOUR)", "DATETIME_TRUNC({}, WEEK(TUESDAY))", "TIME_TRUNC({}, MINUTE)", "LAST_DAY({})"),
    *("FORMAT_DATE('%F', {})", "FORMAT_TIMESTAMP('%F %T', {}, 'Europe/Berlin')", "FORMAT_TIME('%T', {})", "PARSE_DATE('%F', {})"),
    *("FORMAT('%d', {})", "FORMAT('%s', {})", "FORMAT('%.2f', {})", "FORMAT('%t', {})", "FORMAT('%T', {})", "UNIX_SECONDS({})"),
    *("REGEXP_EXTRACT({}, 'a')", "REGEXP_EXTRACT_ALL({}, 'a')", "REGEXP_EXTRACT({}, b'a')", "ROUND({}, 2)", "TRUNC({}, 1)", "ROUND({}, c0)"),
    *("GENERATE_ARRAY({}, 3)", "GENERATE_DATE_ARRAY({}, DATE '2026-02-01')", "SAFE.SUBSTR({}, 1)", "CAST({} AS NUMERIC(5, 2))"),
)  # fmt: skip
FRAMES = (
    "",
    "ORDER BY c0",
    "PARTITION BY {}",
    "ORDER BY {}",
    "PARTITION BY c4 ORDER BY c0 DESC ROWS BETWEEN 1 PRECEDING AND 2 FOLLOWING",
    "ORDER BY {} RANGE BETWEEN 1 PRECEDING AND CURRENT ROW",
    "ORDER BY c0 RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
)
OTHERS = {
    "STRING_AGG": ", '-'",
    "NTH_VALUE": ", 2",
    "PERCENTILE_CONT": ", 0.5",
    "PERCENTILE_DISC": ", 0.5",
    "APPROX_QUANTILES": ", 4",
}
"""The second argument of aggregates that need one of their own."""
INSIDE = (
    "{}",
    "DISTINCT {}",
    "{} IGNORE NULLS",
    "{} ORDER BY c0",
    "{} ORDER BY {}",
    "{} ORDER BY c0 LIMIT 2",
    "{} HAVING MAX c0",
)


def values():
    """Give each type's column and value."""
    return [*COLUMNS, *TYPES.values()]


def of_operators():
    for form in OPERATORS:
        for one, two in itertools.product(values(), repeat=2):
            yield form.format(*(one, two, two)[: form.count("{}")])


def of_one():
    for form, one in itertools.product(ALONE, [*values(), "NULL"]):
        yield form.format(one)
    for one, type_ in itertools.product(values(), TYPES):
        yield f"CAST({one} AS {type_})"
        yield f"SAFE_CAST({one} AS {type_})"


def of_calls():
    """Give calls of all functions with one and two arguments of all types, and by all their signatures with one other type."""
    for name in set(signatures.names()) - set(VARYING):
        for signature in signatures.scalar(name):
            given = [str(one) for one in signature.parameters]
            usual = [
                next((c for c, t in COLUMNS.items() if t == one), "c0" if one != "ARRAY<T>" else "c12") for one in given
            ]
            for place in range(len(usual)):
                for other in [*values(), "NULL"]:
                    listed = ", ".join([*usual[:place], other, *usual[place + 1 :]])
                    yield f"{name}({listed})"
                    yield f"SAFE.{name}({listed})"


def of_aggregates():
    for name in (one for one in signatures.names() if " " not in one):
        for signature in [*signatures.aggregate(name), *signatures.window(name)]:
            more = OTHERS.get(name, ", c0") if len(signature.parameters) > 1 else ""
            for one, inside in itertools.product(values(), INSIDE):
                first, by, last = inside.replace("{}", one).partition(" ORDER BY")
                call = f"{name}({f'{first}{more}{by}{last}' if signature.parameters else ''})"
                yield call
                yield from (f"{call} OVER ({frame.replace('{}', one)})" for frame in FRAMES)


def of_queries():
    """Give all of these with queries of one value in place of columns."""
    for one in itertools.chain(of_operators(), of_one(), of_calls()):
        if re.search(r"\bc\d+\b", one):
            yield re.sub(r"\b(c\d+)\b", r"(SELECT \1 FROM core.t AS u)", one)


SCHEMA = {"core.t": {name: parse_type(type_) for name, type_ in COLUMNS.items()}}


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA core")
        listed = ", ".join(f"CAST(v.{name} AS {type_}) AS {name}" for name, type_ in COLUMNS.items())
        one = ", ".join(f"{value} AS {name}" for name, value in zip(COLUMNS, TYPES.values(), strict=True))
        relation, context = compiled(parse_any(f"SELECT {listed} FROM (SELECT {one}) AS v"), {}, {})
        assert not context.faults
        connection.execute(f"CREATE TABLE core.t AS SELECT * FROM ({relation.sql}) LIMIT 0")
        yield connection


def refused(connection, queries):
    """Give the queries that DuckDB does not take, with why; many are tried as one."""
    try:
        listed = " UNION ALL ".join(f"SELECT 1 FROM (SELECT * FROM ({sql}) LIMIT 0)" for _, sql in queries)
        connection.execute(f"EXPLAIN {listed}")
    except duckdb.Error as error:
        if len(queries) == 1:
            return [(queries[0][0], str(error).splitlines()[0])]
        half = len(queries) // 2
        return [*refused(connection, queries[:half]), *refused(connection, queries[half:])]
    return []


@pytest.mark.parametrize("expressions", [of_operators, of_one, of_calls, of_aggregates, of_queries])
def test_what_is_not_refused_can_be_prepared(engine, expressions):
    """The compiler refuses each pair of types that DuckDB would."""
    known, all_ = [], sorted(set(expressions()))
    for one in Random(1).sample(all_, min(MOST, len(all_))):  # noqa: S311 - no secret
        try:
            relation, context = compiled(parse_any(f"SELECT {one} AS r FROM core.t"), SCHEMA, {})
        except SqlError:
            continue
        if not context.faults and not context.unrepeatable:
            known.append((one, relation.sql))
    assert len(known) > 40
    failed = [one for at in range(0, len(known), 50) for one in refused(engine, known[at : at + 50])]
    assert not failed
