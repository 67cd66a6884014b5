"""An error of BigQuery is told in plain words, with whether trying again can help."""

from contextlib import closing

import pytest
from google.api_core import exceptions
from google.auth import exceptions as auth
from requests import exceptions as transport

from flows.model.errors import ConflictError, WarehouseError, WarehouseUnavailableError
from flows.warehouses import patience
from flows.warehouses.bigquery.faults import OVERTAKEN, OvertakenError, explained
from flows.warehouses.bigquery.settings import parse_address
from flows.warehouses.bigquery.warehouse import BigQuery
from flows.warehouses.interface import Written
from tests.servers import free_port

LINK = "https://console.cloud.google.com/bigquery?project=shop"


def reason(kind, text, error=exceptions.BadRequest):
    """Return an error as the service gives it."""
    return error(text, errors=[{"reason": kind, "message": text}])


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (reason("accessDenied", "Access Denied: no", exceptions.Forbidden), WarehouseError, "lists the roles"),
        (
            reason("notFound", "Not found: Table core.x", exceptions.NotFound),
            WarehouseError,
            "Not found: Table core.x.",
        ),
        (reason("quotaExceeded", "Too many", exceptions.Forbidden), WarehouseError, "A quota of the project".lower()),
        (reason("bytesBilledLimitExceeded", "9 > 8"), WarehouseError, "more than is allowed: 9 > 8. Bound the SQL"),
        (
            reason("invalidQuery", "Syntax error at [1:1]; reason: x"),
            WarehouseError,
            "Syntax error at [1:1]. See https",
        ),
        (
            reason("resourcesExceeded", "Resources exceeded: Too many DML statements outstanding against table x"),
            WarehouseUnavailableError,
            "Too many DML statements",
        ),
        (
            reason("invalidQuery", "Could not serialize access to table x due to concurrent update"),
            WarehouseUnavailableError,
            "concurrent update",
        ),
        (reason("rateLimitExceeded", "slow", exceptions.Forbidden), WarehouseUnavailableError, "does not answer"),
        (reason("backendError", "oops", exceptions.ServiceUnavailable), WarehouseUnavailableError, "oops"),
        (exceptions.NotFound("GET http://x/y?prettyPrint=false: unknown error"), WarehouseError, "HTTP 404 without"),
        (exceptions.BadGateway("502"), WarehouseUnavailableError, "502"),
        (exceptions.RetryError("timeout", None), WarehouseUnavailableError, "timeout"),
        (transport.ConnectionError("refused"), WarehouseUnavailableError, "refused"),
        (auth.TransportError("no route"), WarehouseUnavailableError, "no route"),
        (auth.DefaultCredentialsError("none"), WarehouseError, "gcloud auth application-default login"),
        (reason("invalidQuery", f"Error: {OVERTAKEN}"), OvertakenError, "this one changed nothing"),
        (
            reason("invalidQuery", "Transaction is aborted due to concurrent update against table x"),
            OvertakenError,
            "another run changed the same rows first",
        ),
    ],
)
def test_an_error_is_one_of_ours(error, kind, told):
    """It names what was being made, and where a person sees the job."""
    fault = explained(error, "core.x", LINK)
    assert type(fault) is kind
    assert fault.transient is (kind is WarehouseUnavailableError)
    assert str(fault).startswith("core.x: ")
    assert told in str(fault)
    assert "reason: " not in str(fault)
    assert isinstance(fault, ConflictError) or LINK in str(fault) or kind is WarehouseError


# As GoogleSQL's reference implementation says it.
SAID = {
    "CAST(t AS INT64)": "Bad int64 value: twelve",
    "CAST(t AS NUMERIC)": "Invalid NUMERIC value: twelve",
    "CAST(t AS DATE)": "Invalid date: 'twelve'",
    "CAST(CONCAT(t, '!') AS FLOAT64)": "Bad double value: twelve",
    "CAST(f AS INT64)": "int64 out of range: 1e+300",
    "CAST(b AS STRING)": "Invalid cast of bytes to UTF8 string",
    "DATETIME(t)": 'Invalid datetime string "twelve"',
    "PARSE_TIMESTAMP('%F %T', LOWER(t))": 'Failed to parse input string "twelve"',
    "n / z": "division by zero: 3 / 0",
    "DIV(n, z)": "division by zero: 3 / 0",
    "MOD(n, z)": "division by zero: MOD(3, 0)",
    "big + n": "int64 overflow: 9223372036854775807 + 3",
    "d * 10": "numeric overflow: 99999999999999999999999999999 * 10",
    "ABS(-big - 1)": "int64 overflow: --9223372036854775808",
    "(SELECT SUM(x) FROM UNNEST([big, big]) AS x)": "int64 overflow",
    "(SELECT x FROM UNNEST([n, z]) AS x)": "More than one element",
    "arr[OFFSET(3)]": "Array index 3 is out of bounds",
    "SUBSTR(t, 1, z - 1)": "Third argument in SUBSTR() cannot be negative",
    "SQRT(-n)": "Argument to SQRT cannot be negative: -3",
    "PARSE_JSON(t)": "Invalid input to PARSE_JSON: syntax error while parsing value",
    "FROM_HEX(t)": "Failed to decode invalid hexadecimal string due to character at offset 0: twelve",
    "DATE(2026, 13, n)": "Input calculates to invalid date: 2026-13-03",
    "DATE_ADD(DATE(ts), INTERVAL big DAY)": "Adding 9223372036854775807 DAY to date 2026-01-01 causes overflow",
    "REGEXP_CONTAINS(t, t || '(')": "Cannot parse regular expression: missing ): twelve(",
}


@pytest.mark.parametrize("expression", SAID)
def test_what_a_value_does_to_a_run_is_told_by_its_place_in_the_file(expression):
    """It names the function as it is written, its line, and how to have NULL instead, as on DuckDB."""
    sql = f"SELECT\n  {expression} AS v\nFROM core.t AS r"
    error = reason("invalidQuery", SAID[expression])
    fault = explained(
        error, "d.t", LINK, f"CREATE x AS\n{sql}", Written(sql, lambda line: f"tables/d/t.yaml:{line + 10}")
    )
    head, _, advice = str(fault).partition(f" See {LINK} ")
    assert head.startswith(f"d.t: {SAID[expression]} ('")
    assert head.endswith("' in tables/d/t.yaml:12).")
    assert advice.startswith("Write ")


@pytest.mark.parametrize(
    ("said", "place"), [("Unheard of at [4:3]", "t.yaml:13"), ("Unheard of", "the SQL that begins in t.yaml:11")]
)
def test_of_other_errors_the_line_is_told_that_bigquery_names_or_where_the_sql_begins(said, place):
    """BigQuery counts lines of what was sent."""
    written = Written("SELECT\n  n,\n  m\nFROM core.t AS r", lambda line: f"t.yaml:{line + 10}")
    fault = explained(reason("invalidQuery", said), "d.t", LINK, f"CREATE x AS\n{written.sql}", written)
    assert str(fault) == f"d.t: {said} ({place}). See {LINK}"


def test_failures_of_other_jobs_are_of_one_kind():
    """So that a run gives up after several of them, though each has its link."""
    kinds = {explained(reason("invalidQuery", f"Bad int64 value: {n}"), "d.t", f"{LINK}-{n}abc").kind for n in (1, 2)}
    assert len(kinds) == 1


def test_where_nobody_takes_the_connection_it_is_told_soon(monkeypatch):
    """Most often another address is meant."""
    monkeypatch.setattr(patience, "REFUSED", 0.2)
    address = f"http://127.0.0.1:{free_port()}"
    with closing(BigQuery(parse_address("bigquery://my-project?location=EU"), address)) as warehouse:
        jobs = warehouse._opened  # noqa: SLF001 - as it is before it has looked at its ledger
        for work in (
            lambda: warehouse.query("SELECT 1", {}),
            lambda: jobs.query("SELECT 1"),
            lambda: jobs.dry_run("SELECT 1"),
        ):
            with pytest.raises(
                WarehouseUnavailableError, match=r"BigQuery cannot be reached: .*whether an emulator runs"
            ):
                work()
