"""What Prefect logs of errors that say all by their message."""

from __future__ import annotations

import logging

from prefect.exceptions import CancelledRun

from flows.model.errors import DerivedError

RUNS = ("prefect.flow_runs", "prefect.engine")
"""Where a deployed run logs an error that its state and its own log have told already, once each."""
TASKS = "prefect.task_runs"


def show_no_traceback_of_ours() -> None:
    """Let the logs of runs show no traceback of an error that a person can mend."""
    for name in RUNS:
        logging.getLogger(name).addFilter(_is_news)
    logging.getLogger(TASKS).addFilter(_without_traceback)


def _is_news(record: logging.LogRecord) -> bool:
    return not _tells_ours(record)


def _without_traceback(record: logging.LogRecord) -> bool:
    if _tells_ours(record):
        record.exc_info = None
    return True


def _tells_ours(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], DerivedError | CancelledRun)
