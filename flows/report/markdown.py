"""What a run did as Markdown, for an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.report.escape import fenced, for_markdown
from flows.report.text import describe_failures, describe_outcome, describe_wait, remarks

if TYPE_CHECKING:
    from flows.engine.table_run import Outcome


def artifact_key(table: str) -> str:
    """Return the key of a table's artifact: `core.user_plans` has `core--user-plans`."""
    return table.lower().replace(".", "--").replace("_", "-")


def outcome_markdown(outcome: Outcome) -> str:
    """Return what a run did, and links to the artifacts of the tables that it read."""
    # Relative links, as a pod's address of the API is not a person's.
    links = [f"- [{for_markdown(table)}](/artifacts/key/{artifact_key(table)})" for table in outcome.plan.upstreams]
    reads = "\n\n**Reads**\n\n" + "\n".join(links) + "\n" if links else ""
    failed = f"\n{error_markdown(outcome.table, describe_failures(outcome))}" if outcome.failures else ""
    return _done(outcome) + failed + reads


def error_markdown(table: str, error: Exception | str) -> str:
    """Return why a run failed."""
    return f"## {for_markdown(table)}: failed\n\n{fenced(error)}\n"


def _done(outcome: Outcome) -> str:
    lines = [f"## {for_markdown(describe_outcome(outcome))}", ""]
    if outcome.entries:
        lines += ["| window | rows | seconds | touched |", "| --- | ---: | ---: | --- |"]
        lines += [
            f"| {entry.window or 'whole table'} | {entry.rows:,} | {entry.seconds:.2f} |"
            f" {', '.join(str(item.range) for item in entry.touched) or 'nothing'} |"
            for entry in outcome.entries
        ]
    lines += [f"- {for_markdown(line)}" for line in remarks(outcome)]
    lines += [
        f"- waits: {waiting.window or 'the table'}: {for_markdown(describe_wait(waiting.wait))}"
        for waiting in outcome.plan.waiting
    ]
    return "\n".join(lines) + "\n"
