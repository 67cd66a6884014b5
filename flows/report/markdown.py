"""What a run did as Markdown, for an artifact."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.model.window import EVER
from flows.report.escape import fenced, for_markdown
from flows.report.plan_text import describe_plan, describe_steps, describe_wait
from flows.report.text import describe_failures, describe_outcome, remarks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.engine.outcome import Outcome
    from flows.engine.steps import Plan
    from flows.model.window import Window

SHOWN = 500
"""How many windows stand in a table; a person reads no more of them."""
_NO_KEY = re.compile(r"[^a-z0-9-]")


def artifact_key(table: str) -> str:
    """Return the key of a table's artifact: `core.user_plans` has `core--user-plans`; what is no name has one too."""
    return _NO_KEY.sub("-", table.lower().replace(".", "--"))


def outcome_markdown(outcome: Outcome) -> str:
    """Return what a run did, and links to the artifacts of the tables that it read."""
    # Above what failed, "0 commits, 0 rows" would be read first.
    lines = [] if outcome.failures and not outcome.entries else [f"## {for_markdown(describe_outcome(outcome))}", ""]
    if outcome.entries:
        lines += ["| window | rows | seconds | touched |", "| --- | ---: | ---: | --- |"]
        lines += [
            f"| {entry.window or 'whole table'} | {entry.rows:,} | {entry.seconds:.2f} |"
            f" {', '.join(_touched(item.range) for item in entry.touched) or 'nothing'} |"
            for entry in outcome.entries[:SHOWN]
        ]
        lines += _left_out(len(outcome.entries))
    lines += [f"- {for_markdown(line)}" for line in remarks(outcome)] + _waits(outcome.plan)
    failed = f"\n{error_markdown(outcome.table, describe_failures(outcome))}" if outcome.failures else ""
    return "\n".join(lines) + "\n" + failed + _reads(outcome.plan)


def _touched(where: Window) -> str:
    return "everything" if where == EVER else str(where)


def plan_markdown(table: str, plan: Plan, sql: str | None, said: Iterable[str] = ()) -> str:
    """Return what a run would do, with the SQL and what there is to know beside it."""
    lines = [f"## {for_markdown(describe_plan(table, plan)[0])}", ""]
    if plan.windows:
        lines += ["| window | why |", "| --- | --- |"]
        steps = describe_steps(plan)
        lines += [f"| {what} | {for_markdown(why)} |" for what, why in steps[:SHOWN]] + _left_out(len(steps))
    lines += [f"- {for_markdown(line)}" for line in said] + _waits(plan)
    return "\n".join(lines) + "\n" + _reads(plan) + (f"\n{fenced(sql)}\n" if sql and plan.windows else "")


def error_markdown(table: str, error: Exception | str) -> str:
    """Return why a run failed."""
    return f"## {for_markdown(table)}: failed\n\n{fenced(error)}\n"


def _left_out(count: int) -> list[str]:
    return ["", f"and {count - SHOWN:,} more", ""] if count > SHOWN else [""]


def _waits(plan: Plan) -> list[str]:
    return [
        f"- waits: {waiting.window or 'the table'}: {for_markdown(describe_wait(waiting.wait))}"
        for waiting in plan.waiting
    ]


def _reads(plan: Plan) -> str:
    # Relative links, as a pod's address of the API is not a person's.
    links = [f"- [{for_markdown(table)}](/artifacts/key/{artifact_key(table)})" for table in plan.upstreams]
    return "\n\n**Reads**\n\n" + "\n".join(links) + "\n" if links else ""
