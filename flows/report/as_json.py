"""A plan and an outcome as values that JSON can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from flows.report.plan_text import describe_reason, describe_wait
from flows.report.text import count_untried, describe_failures
from flows.report.warning_text import warnings_of

if TYPE_CHECKING:
    from flows.engine.outcome import Outcome
    from flows.engine.steps import Plan
    from flows.model.window import Window


class OutcomeJson(TypedDict):
    """What `--json` prints of a run."""

    table: str
    windows: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    failures: list[dict[str, Any]]
    untried: int
    error: str | None
    """What failed, in words."""
    rows: int
    seconds: float


def outcome_json(outcome: Outcome) -> OutcomeJson:
    """Return what a run did."""
    return {
        "table": outcome.table,
        "windows": [
            {
                **_span(entry.window),
                "rows": entry.rows,
                "seconds": round(entry.seconds, 6),
                "version": entry.version,
                "warnings": warnings_of(entry),
            }
            for entry in outcome.entries
        ],
        "waiting": _waiting(outcome.plan),
        "failures": [
            {**_span(failure.window), "error": str(failure.error), "kind": type(failure.error).__name__}
            for failure in outcome.failures
        ],
        "untried": count_untried(outcome),
        "error": describe_failures(outcome) or None,
        "rows": outcome.rows,
        "seconds": round(outcome.seconds, 6),
    }


def plan_json(table: str, plan: Plan) -> dict[str, Any]:
    """Return what a run would do."""
    return {
        "table": table,
        "windows": [
            {**_span(step.window), "cause": step.cause, "reason": describe_reason(step.reason)} for step in plan.windows
        ],
        "bytes": plan.bytes,
        "generation": _generation(plan),
        "waiting": _waiting(plan),
        "lacking": [
            {"table": less.table, "failed": [_span(window) for window in less.failed]} for less in plan.lacking
        ],
        "behind": [
            {
                "table": older.table,
                "windows": older.windows,
                "changed_at": older.changed_at.isoformat() if older.changed_at else None,
            }
            for older in plan.behind
        ],
        "kept": [{"table": stays.table, "windows": stays.windows} for stays in plan.kept],
    }


def _generation(plan: Plan) -> dict[str, Any] | None:
    """Return what becomes of a changed definition."""
    following = plan.succession
    if following is None:
        return None
    return {
        "number": following.generation,
        "changes": [change.name for change in following.changes],
        "windows": following.windows,
        "done": following.done,
        "seconds": following.seconds,
    }


def _waiting(plan: Plan) -> list[dict[str, Any]]:
    return [{**_span(waiting.window), "reason": describe_wait(waiting.wait)} for waiting in plan.waiting]


def _span(window: Window | None) -> dict[str, str | None]:
    if window is None:
        return {"start": None, "end": None}
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}
