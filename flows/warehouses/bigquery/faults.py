"""What BigQuery's errors mean: whether trying again can help, whether another run was first, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.api_core import exceptions
from google.auth import exceptions as auth
from requests import exceptions as transport

from flows.model.errors import ConflictError, WarehouseError, WarehouseUnavailableError, shape
from flows.model.safe_text import unended
from flows.warehouses.patience import is_refused

if TYPE_CHECKING:
    from flows.model.errors import DerivedError
    from flows.warehouses.interface import Written

OVERTAKEN = "another run has committed"
"""What a publish's first statement raises where the table is not as it was when the rows were compared."""
_ABORTED = ("aborted due to concurrent update", OVERTAKEN)
_QUEUED = ("could not serialize access to table", "too many dml statements outstanding")
"""What a single statement is told that others on its table are in the way of; BigQuery gives no reason of their own."""
_WORDLESS = "unknown error"
"""What the client says of an answer that is not of BigQuery's form, as of a proxy."""
_LOOK = "Look at the network, and where BIGQUERY_EMULATOR_HOST is set, whether an emulator runs there"
_MAY_PASS = {
    "backendError",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "rateLimitExceeded",
    "tableUnavailable",
}
_OF_ROWS = {"invalid", "resourcesExceeded"}
"""Why files are not loaded whose values, or whose rows' sizes, BigQuery cannot take."""
_WORDS = {
    "accessDenied": "BigQuery does not allow it: {message}. docs/bigquery.md lists the roles that a run needs.",
    "billingNotEnabled": "the project has no billing account, without which BigQuery changes no rows: {message}.",
    "bytesBilledLimitExceeded": (
        "it would read more than is allowed: {message}. Bound the SQL by @window_start and @window_end on the "
        "partition columns of what it reads, or raise `budget` in its file, or maximum_bytes_billed in "
        "DERIVED_WAREHOUSE where it has none."
    ),
    "notFound": "{message}.",
    "quotaExceeded": (
        "a quota of the project is used up: {message}. Wait for tomorrow, or ask for more in the console (IAM, Quotas)."
    ),
    "resourcesExceeded": "it needs more than BigQuery gives one query: {message}. Make windows or joins smaller.",
    "responseTooLarge": "its result is too large: {message}.",
}
ERRORS = (
    exceptions.GoogleAPICallError,
    exceptions.RetryError,
    auth.GoogleAuthError,
    transport.RequestException,
)
"""All that the client raises."""


class OvertakenError(ConflictError):
    """A transaction met another one of the same table; the same work may succeed after another look."""


def explained(
    error: Exception, subject: str, link: str = "", sent: str = "", written: Written | None = None
) -> DerivedError:
    """Return an error of the client as one of ours.

    Args:
        error: what the client raised.
        subject: what was being made; may be empty.
        link: where a person sees the job.
        sent: the SQL that the job ran.
        written: the query in it that a person wrote, where there is one.
    """
    where = f"{subject}: " if subject else ""
    message = _message(error)
    shown = f" See {link}" if link else ""
    if any(words in message for words in _ABORTED):
        return OvertakenError(f"{where}another run changed the same rows first, so this one changed nothing.{shown}")
    if isinstance(error, auth.GoogleAuthError) and not isinstance(error, auth.TransportError):
        return WarehouseError(
            f"{where}Google Cloud does not know who asks: {message}. On a laptop: gcloud auth application-default "
            "login; in a pod: Workload Identity (docs/bigquery.md)."
        )
    if is_refused(error):
        return WarehouseUnavailableError(f"{where}BigQuery cannot be reached: {message}. {_LOOK}.")
    reason, cause = _reason(error), shape(message)
    if reason in _MAY_PASS or _is_lost(error) or any(words in message.lower() for words in _QUEUED):
        return WarehouseUnavailableError(f"{where}BigQuery does not answer just now: {message}.{shown}", cause=cause)
    place = instead = ""
    if written is not None and reason not in _WORDS:
        from flows.warehouses.bigquery.explain import located  # noqa: PLC0415 - slow to import, and seldom needed

        place, instead = located(message, sent, written)
    words = _WORDS.get(reason, "{message}.").format(message=f"{message} ({place})" if place else message)
    return WarehouseError(f"{where}{words}{shown}", advice=instead, cause=cause, of_rows=reason in _OF_ROWS)


def says_unknown(error: Exception, job_id: str) -> bool:
    """Say whether BigQuery does not know a job, which can be for a while also where it has it.

    https://github.com/googleapis/python-bigquery/issues/2134
    """
    return isinstance(error, exceptions.NotFound) and job_id in _message(error)


def _message(error: Exception) -> str:
    """Return what an error says, without the address that was asked and the job that failed."""
    text = error.message if isinstance(error, exceptions.GoogleAPICallError) else str(error)
    first: str = (text or type(error).__name__).split("\n", 1)[0].split("; reason: ", 1)[0]
    _, found, rest = first.partition("prettyPrint=false: ")
    said = unended(rest if found else first)
    if said == _WORDLESS and isinstance(error, exceptions.GoogleAPICallError):
        return f"HTTP {error.code} without BigQuery's words. {_LOOK}"
    return said


def _reason(error: Exception) -> str:
    if not isinstance(error, exceptions.GoogleAPICallError):
        return ""
    return str(error.errors[0].get("reason", "")) if error.errors and isinstance(error.errors[0], dict) else ""


def _is_lost(error: Exception) -> bool:
    """Say whether the service, not what was asked of it, is at fault."""
    return isinstance(
        error,
        (
            exceptions.RetryError,
            exceptions.ServerError,
            exceptions.TooManyRequests,
            auth.TransportError,
            transport.RequestException,
        ),
    )
