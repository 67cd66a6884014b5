"""What it means that Prefect's API does not answer, or refuses."""

from __future__ import annotations

import httpx

from flows.model.errors import ApiError, UsageError
from flows.model.safe_text import unended

REFUSED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


class BusyError(Exception):
    """The API has no time just now, or this once has not answered; it may be asked again after so many seconds."""

    def __init__(self, why: str, after: float = 0) -> None:
        super().__init__(why)
        self.after = after


def told_of(error: BaseException, url: str, otherwise: str) -> ApiError | UsageError | None:
    """Return what an error of a connection to the API says for a person; None where it is none.

    Args:
        error: what was raised.
        url: where the API is.
        otherwise: what a person may do in place of starting it.
    """
    if isinstance(error, BusyError):
        return ApiError(f"Prefect's API at {url} has no time: {unended(error)}.")
    if isinstance(error, httpx.HTTPStatusError):
        return _refused(error, url)
    if isinstance(error, httpx.HTTPError):
        why = f"{type(error).__name__} {error}".strip()
        return ApiError(f"Prefect's API at {url} does not answer ({why}). Start it, or {otherwise}.")
    return None


def detail_of(answer: httpx.Response) -> str:
    """Return what the API answers in place of what it was asked for."""
    try:
        said = answer.json()
    except ValueError:
        said = answer.text
    said = said.get("detail", said) if isinstance(said, dict) else said
    return f"Prefect's API answers {answer.status_code}: {unended(said)}"


def _refused(error: httpx.HTTPStatusError, url: str) -> ApiError | UsageError:
    code = error.response.status_code
    if code in REFUSED:
        return UsageError(
            f"Prefect's API at {url} refuses who asks ({code}). Set PREFECT_API_KEY (Cloud) or PREFECT_API_AUTH_STRING "
            "(a server of your own), or log in: prefect cloud login"
        )
    if code in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}:
        return UsageError(f"{detail_of(error.response)}. Is {url} the address of Prefect's API, with /api at its end?")
    return ApiError(detail_of(error.response))
