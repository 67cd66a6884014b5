"""What a run would do, found out without writing anything; without Prefect."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from flows.engine.estimate import estimated, query_of
from flows.engine.planning import make_plan
from flows.engine.prepare import column_notices
from flows.engine.readings import Readings
from flows.engine.redefine import question
from flows.model.asked import called
from flows.model.errors import UsageError
from flows.report.plan_text import describe_steps, plan_remarks
from flows.report.warning_text import column_lines
from flows.wiring import load_alone, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.engine.request import Request
    from flows.engine.steps import Plan, Step
    from flows.model.entry import Notice
    from flows.wiring import Kind


class DryRun(NamedTuple):
    """What a run would do."""

    table: str
    plan: Plan
    sql: str | None
    """A derived table's SQL as the warehouse would get it; None where nobody asked for it."""
    shown: Step | None
    """The window whose SQL that is."""
    columns: list[Notice]
    """Which columns of a core table's rows that are there would change."""
    question: str
    """What a person would have to answer first; empty where there is nothing."""

    @property
    def remarks(self) -> list[str]:
        """What there is to know beside what would be done."""
        asked = [self.question] if self.question else []
        return [*plan_remarks(self.table, self.plan), *column_lines(self.table, self.columns), *asked]

    @property
    def steps(self) -> list[str]:
        """A line for each range of windows that have one reason, with the reason."""
        return [f"{what}  {why}" for what, why in describe_steps(self.plan)]


def dry_run(kind: Kind, request: Request, say: Callable[[str], None], *, idle_sql: bool = False) -> DryRun:
    """Return what a run would do.

    Args:
        kind: which flow.
        request: what is asked for.
        say: is told what it waits for.
        idle_sql: whether to give the SQL also where there is nothing to do.

    Raises:
        DerivedError: as a run does before it begins.
    """
    if request.abandon or request.rollback:
        raise UsageError(f"{called('abandon', 'rollback')} make no windows that {called('dry_run')} could show.")
    project = load_alone(kind, request.table)
    table = project.table(request.table)
    project.require_valid(table.identity)
    with closing(open_warehouse(project.root, say, write=False)) as warehouse:
        todo = make_plan(project, table, Readings(warehouse, project.tables), request)
        todo = estimated(todo, project, table, warehouse, least=1)
        sql = None
        first = next((step for step in todo.windows if step.cause != "trim"), None)
        if table.sql and (first or idle_sql):
            sql = warehouse.shown(query_of(todo, first, project, table))
        asks = question(table, todo, warehouse, accept=request.accept)
        columns = [] if todo.succession or asks else column_notices(table, todo, warehouse)
    return DryRun(table.identity, todo, sql, first, columns, asks)
