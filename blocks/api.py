"""What it means that Prefect's API does not answer, or refuses, to who asks by Prefect's own client."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prefect.settings import PREFECT_API_URL

from flows.api.errors import told_of
from flows.model.errors import ApiError
from flows.model.safe_text import unended

if TYPE_CHECKING:
    from collections.abc import Iterator

WITHOUT = "unset PREFECT_API_URL to run without it"


@contextmanager
def asking_api(*, needed: bool = False) -> Iterator[None]:
    """Raise ApiError where Prefect's API does not answer, UsageError where it refuses who asks or is something else.

    Args:
        needed: whether nothing can be done without one, so that nobody is told to go without.
    """
    otherwise = "set PREFECT_API_URL to one that runs" if needed else WITHOUT
    try:
        yield
    except Exception as error:
        # Prefect raises a bare RuntimeError where it cannot connect, and its HTTP library's errors later.
        if str(error).startswith("Failed to reach API"):
            raise ApiError(f"{unended(error)}. Start it, or {otherwise}.") from error
        told = told_of(error, str(PREFECT_API_URL.value()), otherwise)
        if told is None:
            raise
        raise told from error
