"""The place in BigQuery for which rows are made: a window of a table, and the tables that help."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from flows.warehouses.bigquery.faults import ERRORS
from flows.warehouses.bigquery.jobs import RETRY, Cause, labels
from flows.warehouses.bigquery.types import listed, parameter, quote, quote_table
from flows.warehouses.bigquery.views import PLATFORM
from flows.warehouses.interface import owner_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from flows.model.table import Table
    from flows.model.types import Type
    from flows.model.window import Window
    from flows.warehouses.bigquery.jobs import Jobs, Result
    from flows.warehouses.bigquery.types import Parameter
    from flows.warehouses.interface import Written

EXPIRY = "OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY))"
"""Of a table that helps, where nobody is left to drop it."""
BUDGETED = {"stage", "check"}
"""What runs the SQL of a person. How much a publish reads is for the rows that are there to say, not for its author."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to write something of a table: its jobs, and the tables in dataset `platform` that help it."""

    jobs: Jobs
    identity: str
    """The table."""
    window: Window | None
    owner: str = ""
    run_id: str = ""
    budget: int | None = None
    """Bytes that a window may read, where that is not what all jobs may."""
    number: str = field(default_factory=lambda: uuid4().hex[:12])
    """Tells this attempt's tables and jobs from those of others."""
    named: set[str] = field(default_factory=set)
    """The tables that help it."""

    @property
    def cause(self) -> Cause:
        """For what its jobs run."""
        window = re.sub(r"\W", "", self.window.start.isoformat()[:16]) if self.window else "whole"
        table = self.identity.replace(".", "-")
        owner = owner_of(self.identity).replace(".", "-")
        named = labels(table=owner, window=window, run=self.run_id, attempt=self.number, owner=self.owner)
        subject = f"{owner_of(self.identity)} {self.window or ''}".strip()
        return Cause(subject, f"derived-{table}-{window}-{self.number}", named)

    def helping(self, what: str) -> str:
        """Return a table that helps, quoted; no file's name has a `-`."""
        return quote_table(f"{PLATFORM}.{self._helper(what)}")

    def path(self, what: str) -> str:
        """Return the same for the API."""
        return f"{self.jobs.settings.project}.{PLATFORM}.{self._helper(what)}"

    def drop(self) -> None:
        """Drop the tables that helped; what cannot be dropped expires, and what was published stays so."""
        with suppress(*ERRORS):
            for what in sorted(self.named):
                self.jobs.client.delete_table(self.path(what), not_found_ok=True, retry=RETRY)

    def _helper(self, what: str) -> str:
        self.named.add(what)
        return f"{what}-{self.identity.replace('.', '-')}-{self.number}"


@dataclass(frozen=True)
class Target:
    """A window of a table, and one attempt to make its rows."""

    attempt: Attempt
    table: Table
    generation: int = 0

    @property
    def jobs(self) -> Jobs:
        """What runs its jobs."""
        return self.attempt.jobs

    @property
    def window(self) -> Window | None:
        """The window; None for the whole table."""
        return self.attempt.window

    @property
    def name(self) -> str:
        """The table, quoted."""
        return quote_table(self.table.identity)

    @property
    def columns(self) -> str:
        """All columns, quoted."""
        return listed(self.table.types)

    @property
    def inside(self) -> str:
        """The condition that a row's partition column lies in the window."""
        assert self.table.partition is not None  # noqa: S101 - callers looked
        column = quote(self.table.partition.column)
        return f"({column} >= @low AND {column} < @high)"

    @property
    def parameters(self) -> list[Parameter]:
        """The window's bounds: for the table's SQL, and as values of the partition column's type."""
        if self.window is None:
            return []
        start, end = self.window.start, self.window.end
        given = [parameter("window_start", start), parameter("window_end", end)]
        kind = self.table.partition_type
        if kind is None:
            return given
        return [*given, parameter("low", bound(kind, start), kind), parameter("high", bound(kind, end), kind)]

    def helping(self, what: str) -> str:
        """Return a table that helps, quoted."""
        return self.attempt.helping(what)

    def run(self, what: str, sql: str, parameters: Sequence[Parameter] = (), written: Written | None = None) -> Result:
        """Run a query or script with the window's bounds and more parameters, `written` in part by a person."""
        cause = replace(self.attempt.cause.to(what), written=written)
        if what in BUDGETED:
            cause = replace(cause, most=self.attempt.budget)
        return self.jobs.query(sql, [*self.parameters, *parameters], cause)


def bound(type_: Type, moment: datetime) -> object:
    """Return a moment as a value of a partition column's type."""
    if type_.name == "DATE":
        return moment.date()
    return moment.replace(tzinfo=None) if type_.name == "DATETIME" else moment
