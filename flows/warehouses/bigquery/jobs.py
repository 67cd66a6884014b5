"""BigQuery's jobs: each has its id before it is sent, so that a lost response never runs one twice."""

from __future__ import annotations

import random
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import uuid4

from google.api_core import exceptions
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from flows.model.errors import WarehouseUnavailableError
from flows.warehouses.bigquery.faults import ERRORS, explained, says_unknown
from flows.warehouses.bigquery.types import parameter, rows_by_name, type_of
from flows.warehouses.interface import PAGE, DryRun
from flows.warehouses.patience import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from google.cloud.bigquery.table import RowIterator

    from flows.warehouses.bigquery.settings import BigQuerySettings
    from flows.warehouses.bigquery.types import Parameter
    from flows.warehouses.interface import Written

TRIES = 4
"""How often a job that failed for a reason that may pass is run."""
LOOKS = 6
"""How often a table is looked at that other runs change each time before what was decided by it is done."""
_LONGEST_LABEL = 63
RETRY = patient(DEFAULT_RETRY)
Job = TypeVar("Job", bigquery.QueryJob, bigquery.LoadJob)
T = TypeVar("T")


@dataclass(frozen=True)
class Result:
    """What a job gave."""

    rows: list[dict[str, Any]]
    bytes: int
    """Bytes that it read."""


@dataclass(frozen=True, slots=True)
class Cause:
    """For what a job runs: the beginning of its id, and its labels."""

    subject: str = ""
    """The table and window, for people."""
    name: str = "derived"
    labels: tuple[tuple[str, str], ...] = ()
    most: int | None = None
    """Bytes that a job may read, where that is not what all jobs may."""
    written: Written | None = None
    """The query in its SQL that a person wrote."""

    def to(self, what: str) -> Cause:
        """Return the cause of one job among those of the same window."""
        return replace(self, name=f"{self.name}-{what}")


NO_CAUSE = Cause()


class Jobs:
    """Runs jobs in one project."""

    def __init__(self, client: bigquery.Client, settings: BigQuerySettings) -> None:
        self.client = client
        self.settings = settings
        self._ahead: timedelta | None = None

    def query(
        self, sql: str, parameters: Iterable[Parameter] = (), cause: Cause = NO_CAUSE, *, job_id: str | None = None
    ) -> Result:
        """Run a query, a statement or a script; return the rows of its last SELECT.

        Args:
            sql: what to run.
            parameters: its query parameters.
            cause: for what.
            job_id: the same for the same work: of two jobs of one id only one ever runs.
        """
        config = self._config(parameters, cause)
        job, rows = self._run(self._sent(sql, config), job_id or _new_id(cause), cause, _all_rows, sql)
        return Result(rows, job.total_bytes_processed or 0)

    def pages(self, sql: str, parameters: Iterable[Parameter] = ()) -> Iterator[list[dict[str, Any]]]:
        """Run a query as one job, and give its rows some at a time."""
        sent = self._sent(sql, self._config(parameters, NO_CAUSE))
        _, found = self._run(sent, _new_id(NO_CAUSE), NO_CAUSE, _row_pages)
        with translated():
            yield from found

    def dry_run(self, sql: str, parameters: Iterable[Parameter] = (), cause: Cause = NO_CAUSE) -> DryRun:
        """Return what a SELECT would read and give; it does not run, and costs nothing."""
        config = bigquery.QueryJobConfig(query_parameters=list(parameters), dry_run=True, use_query_cache=False)
        with translated(cause.subject):
            # By itself the client would begin for ten minutes anew what `retry` has given up.
            told = self.client.query(
                sql, job_config=config, location=self.settings.location, retry=RETRY, job_retry=None
            )
        return DryRun(told.total_bytes_processed or 0, {field.name: type_of(field) for field in told.schema or ()})

    def load(self, begin: Callable[[str], bigquery.LoadJob], cause: Cause) -> None:
        """Run a load job, which `begin` sends under the id that it is given."""
        self._run(begin, _new_id(cause), cause, lambda _: None)

    def now(self) -> datetime:
        """Return BigQuery's clock, by that of this machine and what once was between the two."""
        if self._ahead is None:
            before = datetime.now(UTC)
            told: datetime = self.query("SELECT CURRENT_TIMESTAMP() AS now").rows[0]["now"]
            self._ahead = told - (before + (datetime.now(UTC) - before) / 2)
        return datetime.now(UTC) + self._ahead

    def _config(self, parameters: Iterable[Parameter], cause: Cause) -> bigquery.QueryJobConfig:
        config = bigquery.QueryJobConfig(query_parameters=list(parameters), labels=dict(cause.labels))
        most = cause.most or self.settings.maximum_bytes_billed
        if most is not None:  # the client would send None as a text
            config.maximum_bytes_billed = most
        return config

    def _sent(self, sql: str, config: bigquery.QueryJobConfig) -> Callable[[str], bigquery.QueryJob]:
        """Return what sends a query under an id."""
        return lambda job_id: self.client.query(
            sql, job_config=config, job_id=job_id, location=self.settings.location, retry=RETRY, job_retry=None
        )

    def _run(
        self, begin: Callable[[str], Job], name: str, cause: Cause, read: Callable[[Any], T], sql: str = ""
    ) -> tuple[Job, T]:
        """Run a job to its end, and read what it gave."""
        number = 1
        for attempt in range(1, TRIES + 1):
            job_id, job = name if number == 1 else f"{name}-{number}", None
            try:
                job = self._begin(begin, job_id)
                # The client would run the same SQL again under another id. Without a number of rows none come with the
                # answer that it has ended, and are asked for once more.
                once: dict[str, Any] = {"job_retry": None, "page_size": PAGE} if job.job_type == "query" else {}
                return job, read(job.result(**once, retry=RETRY))
            except ERRORS as error:
                fault = explained(error, cause.subject, self._link(job_id), sql, cause.written)
                # Of a job that has ended in an error a second run makes the same again: a statement or a transaction
                # that fails has changed nothing, and what scripts make beside one they replace. Of a job that has not
                # ended nobody knows what it will do.
                has_ended = job is not None and job.state == "DONE" and job.error_result is not None
                may_pass = has_ended and isinstance(fault, WarehouseUnavailableError)
                is_unknown = not has_ended and says_unknown(error, job_id)
                if attempt == TRIES or not (may_pass or is_unknown):
                    raise fault from error
                # One that BigQuery does not know, or not yet, is sent again under its id: if it comes to be known, it
                # has run once.
                number += may_pass
            pause(attempt)
        raise AssertionError(name)

    def _begin(self, begin: Callable[[str], Job], job_id: str) -> Job:
        try:
            return begin(job_id)
        except exceptions.Conflict:
            # It was sent before, and the answer was lost.
            return cast("Job", self.client.get_job(job_id, location=self.settings.location, retry=RETRY))

    def _link(self, job_id: str) -> str:
        place = f"{self.settings.project}&j=bq:{self.settings.location}:{job_id}&page=queryresults"
        return f"https://console.cloud.google.com/bigquery?project={place}"


@contextmanager
def translated(subject: str = "", link: str = "") -> Iterator[None]:
    """Let no error of the client through as it is; `subject` is what was being made."""
    try:
        yield
    except ERRORS as error:
        raise explained(error, subject, link) from error


def pause(attempt: int) -> None:
    """Wait before another attempt: longer each time, and not as long as whoever else waits for the same."""
    time.sleep(random.uniform(0.5, 1.0) * min(2.0**attempt / 4, 20.0))  # noqa: S311 - no secret


def label(text: str) -> str:
    """Return a text as a label's value may hold it."""
    return re.sub(r"[^a-z0-9_-]", "_", text.lower())[:_LONGEST_LABEL]


def labels(**named: str) -> tuple[tuple[str, str], ...]:
    """Return labels by their keys' last part."""
    return tuple((f"derived_{name}", label(text)) for name, text in named.items())


def _all_rows(found: RowIterator) -> list[dict[str, Any]]:
    return rows_by_name(found, found.schema)


def _row_pages(found: RowIterator) -> Iterator[list[dict[str, Any]]]:
    return (rows_by_name(page, found.schema) for page in found.pages)


def _new_id(cause: Cause) -> str:
    return f"{cause.name}-{uuid4().hex}"


def parameters_of(values: Mapping[str, object]) -> list[Parameter]:
    """Return Python's values as query parameters."""
    return [parameter(name, value) for name, value in values.items()]
