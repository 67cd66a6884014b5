"""What it means that Prefect's API does not answer."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.model.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def asking_api() -> Iterator[None]:
    """Raise ApiError where Prefect's API does not answer."""
    try:
        yield
    except Exception as error:
        # Prefect raises a bare RuntimeError where it cannot connect, and its HTTP library's errors later.
        if str(error).startswith("Failed to reach API"):
            raise ApiError(f"{error}. Start it, or unset PREFECT_API_URL to run without it.") from error
        if type(error).__module__.startswith("httpx"):
            why = f"Prefect's API does not answer ({error})"
            raise ApiError(f"{why}. Start it, or unset PREFECT_API_URL to run without it.") from error
        raise
