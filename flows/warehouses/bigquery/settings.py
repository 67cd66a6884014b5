"""Where in BigQuery the tables live, as one address says it: `bigquery://project?location=EU`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from flows.model.errors import UsageError, did_you_mean
from flows.model.safe_text import without_password

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEME = "bigquery"
_EXAMPLE = "Write it as bigquery://my-project?location=EU."
_EMULATOR = "BIGQUERY_EMULATOR_HOST"
_PROJECT = re.compile(r"(?:[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")


@dataclass(frozen=True, slots=True)
class BigQuerySettings:
    """A project of Google Cloud and what its jobs may do."""

    project: str
    """The project that holds the datasets and pays for the jobs."""
    location: str
    """Where the datasets are, such as `EU` or `europe-west3`; it cannot be changed later."""
    maximum_bytes_billed: int | None = None
    """A query that would read more is refused before it starts."""


def emulator_of(environment: Mapping[str, str]) -> str | None:
    """Return the address of the emulator that an environment names; None where it names none.

    Raises:
        UsageError: it is no address; says what to write.
    """
    address = environment.get(_EMULATOR) or None
    if address and not re.match(r"https?://[^/]", address):
        shown = without_password(address)
        raise UsageError(f"{_EMULATOR}: '{shown}' is no address of an emulator. Write it as http://127.0.0.1:9050.")
    return address


def parse_address(address: str) -> BigQuerySettings:
    """Parse `bigquery://project?location=EU&maximum_bytes_billed=100000000000`.

    Raises:
        UsageError: it cannot be understood; says what to write.
    """
    shown = without_password(address)
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets that are no address
        parts = urlsplit("")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if parts.scheme != SCHEME or parts.path.strip("/") or not _PROJECT.fullmatch(parts.netloc):
        raise UsageError(f"'{shown}' names no project of BigQuery. {_EXAMPLE}")
    known = [field.name for field in fields(BigQuerySettings) if field.name != "project"]
    for name in options:
        if name not in known:
            hint = did_you_mean(name, known) or f" Write one of {', '.join(known)}."
            raise UsageError(f"'{shown}': BigQuery has no setting '{name}'.{hint}")
    location, most = (options.get(name, "") for name in known)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", location):
        raise UsageError(f"'{shown}' says no location, which cannot be changed later. {_EXAMPLE}")
    if most and not re.fullmatch(r"[1-9]\d{0,17}", most):
        raise UsageError(f"'{shown}': maximum_bytes_billed '{most}' is no number of bytes, such as 100000000000.")
    return BigQuerySettings(parts.netloc, location, int(most) if most else None)
