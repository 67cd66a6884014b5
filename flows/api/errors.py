"""What it means that Prefect's API does not answer, or refuses."""

from __future__ import annotations

import httpx

from flows.model.errors import ApiError, UsageError
from flows.model.safe_text import unended

LONGEST = 300
"""Characters of what an API answers that are shown: a proxy sends whole pages."""


class BusyError(Exception):
    """The API has no time just now; it may be asked again after so many seconds. The text goes on after its name."""

    def __init__(self, why: str, after: float = 0) -> None:
        super().__init__(why)
        self.after = after


class LostError(BusyError):
    """Who answered before has not, or a proxy for it: nobody knows whether the API did what was asked."""


def told_of(error: BaseException, url: str, otherwise: str) -> ApiError | UsageError | None:
    """Return what an error of a connection to the API says for a person; None where it is none.

    Args:
        error: what was raised.
        url: where the API is.
        otherwise: what a person may do in place of starting it.
    """
    if isinstance(error, BusyError):
        return ApiError(f"Prefect's API at {url} {unended(error)}.")
    if isinstance(error, httpx.HTTPStatusError):
        return _refused(error, url)
    if isinstance(error, httpx.HTTPError):
        why = f"{type(error).__name__} {error}".strip()
        return ApiError(f"Prefect's API at {url} does not answer ({why}). Start it, or {otherwise}.")
    return None


def detail_of(answer: httpx.Response) -> str:
    """Return what the API answers in place of what it was asked for, without what it was sent."""
    try:
        said = answer.json()
    except ValueError:
        said = answer.text
    if isinstance(said, dict):
        wrong = [one for one in said.get("exception_detail") or () if isinstance(one, dict)]
        places = [f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}" for one in wrong]
        said = said.get("detail") or "; ".join(places) or said.get("exception_message", said)
    told = unended(said)
    return f"Prefect's API answers {answer.status_code}: {told[:LONGEST]}{'…' if len(told) > LONGEST else ''}"


def _refused(error: httpx.HTTPStatusError, url: str) -> ApiError | UsageError:
    code = error.response.status_code
    if code == httpx.codes.UNAUTHORIZED:
        return UsageError(
            f"Prefect's API at {url} refuses who asks ({code}). Set PREFECT_API_KEY (Cloud) or PREFECT_API_AUTH_STRING "
            "(a server of your own), or log in: prefect cloud login"
        )
    if code == httpx.codes.FORBIDDEN:
        return UsageError(
            f"{detail_of(error.response)}. Is who asks at {url} (PREFECT_API_KEY, PREFECT_API_AUTH_STRING) allowed to?"
        )
    if code in {httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED}:
        return UsageError(f"{detail_of(error.response)}. Is {url} the address of Prefect's API, with /api at its end?")
    return ApiError(detail_of(error.response))
