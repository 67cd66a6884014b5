"""What it means that Prefect's API does not answer, or refuses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
from prefect.settings import PREFECT_API_URL

from flows.model.errors import ApiError, UsageError
from flows.model.safe_text import unended

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHOUT = "unset PREFECT_API_URL to run without it"
REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


@contextmanager
def asking_api(*, needed: bool = False) -> Iterator[None]:
    """Raise ApiError where Prefect's API does not answer, UsageError where it refuses who asks or is something else.

    Args:
        needed: whether nothing can be done without one, so that nobody is told to go without.
    """
    try:
        yield
    except Exception as error:
        told = _told_of(error, "set PREFECT_API_URL to one that runs" if needed else WITHOUT)
        if told is None:
            raise
        raise told from error


def _told_of(error: Exception, otherwise: str) -> ApiError | UsageError | None:
    """Return what an error of Prefect's client says for a person; None where it is none of its connection."""
    # Prefect raises a bare RuntimeError where it cannot connect, and its HTTP library's errors later.
    if str(error).startswith("Failed to reach API"):
        return ApiError(f"{unended(error)}. Start it, or {otherwise}.")
    if isinstance(error, httpx.HTTPStatusError):
        return _refused(error)
    if isinstance(error, httpx.HTTPError):
        why = f"{type(error).__name__} {error}".strip()
        return ApiError(f"Prefect's API at {api_address()} does not answer ({why}). Start it, or {otherwise}.")
    return None


def api_address() -> str:
    """Return where Prefect's API is."""
    return str(PREFECT_API_URL.value())


def detail_of(error: httpx.HTTPStatusError) -> str:
    """Return what the API answers in place of what it was asked for."""
    try:
        said = error.response.json()
    except ValueError:
        said = error.response.text
    said = said.get("detail", said) if isinstance(said, dict) else said
    return f"Prefect's API answers {error.response.status_code}: {unended(said)}"


def _refused(error: httpx.HTTPStatusError) -> ApiError | UsageError:
    url, code = api_address(), error.response.status_code
    if code in REFUSED:
        return UsageError(
            f"Prefect's API at {url} refuses who asks ({code}). Set PREFECT_API_KEY (Cloud) or PREFECT_API_AUTH_STRING "
            "(a server of your own), or log in: prefect cloud login"
        )
    if code in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}:
        return UsageError(f"{detail_of(error)}. Is {url} the address of Prefect's API, with /api at its end?")
    return ApiError(detail_of(error))
