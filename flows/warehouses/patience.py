"""How long a request to Google Cloud is sent again where nobody answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from google.api_core.retry import Retry
from google.auth import exceptions as auth
from requests import exceptions as transport
from urllib3.exceptions import NewConnectionError

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 120.0
"""Seconds for which a request is sent again where nobody answers."""
LONGEST_WAIT = 8.0
"""Seconds between two of its tries, at most."""
REFUSED = 15.0
"""Seconds for which that is done where nobody takes the connection: most often it is another address that is meant."""


class _Patience(Retry):
    """Sends a request again as the client does by itself, for a shorter time where nobody takes the connection."""

    def __call__(self, func: Callable[..., Any], on_error: Callable[[Exception], None] | None = None) -> Any:  # noqa: ANN401 - what the client gets
        """Return what calls a function until it has an answer."""
        began = time.monotonic()

        def may_pass(error: Exception) -> bool:
            hopeless = is_refused(error) and time.monotonic() - began >= REFUSED
            return not hopeless and bool(self._predicate(error))

        return Retry(may_pass, maximum=LONGEST_WAIT, timeout=PATIENCE)(func, on_error)


def patient(usual: Retry) -> Retry:
    """Return how requests of a client are sent again, for the same errors as it does by itself."""
    return _Patience(usual._predicate)  # noqa: SLF001 - it has no other name


def is_refused(error: BaseException | None) -> bool:
    """Say whether a connection could not be made at all."""
    if isinstance(error, auth.TransportError):  # of the server that says who asks
        error = error.__cause__
    found = error.args[0] if isinstance(error, transport.ConnectionError) and error.args else None
    return isinstance(getattr(found, "reason", None), NewConnectionError)
