"""An error of BigQuery is told in plain words, with whether trying again can help."""

import pytest
from google.api_core import exceptions
from google.auth import exceptions as auth
from requests import exceptions as transport

from flows.model.errors import ConflictError, WarehouseError, WarehouseUnavailableError
from flows.warehouses.bigquery.faults import OVERTAKEN, OvertakenError, explained

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
        (reason("invalidQuery", "Syntax error at [1:1]; reason: x"), WarehouseError, "core.x: Syntax error at [1:1]"),
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
