"""How a person sees a run go on: a line or a bar for each window, or for each table."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from flows.commands.terminal import err, out
from flows.model.safe_text import one_line
from flows.report.plan_text import describe_plan
from flows.report.text import describe_divided, describe_end, describe_entry, describe_kept, describe_outcome, remarks

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.engine.extract import Slot
    from flows.engine.outcome import Outcome
    from flows.engine.request import Reached
    from flows.engine.steps import Plan, Step
    from flows.extracts.manifest import Manifest
    from flows.model.entry import Entry


class Quiet:
    """Observes runs without a word about what they do."""

    def planned(self, table: str, plan: Plan) -> None:
        """Hear what is to do for a table."""

    def reach(self, table: str, work: Callable[[], Reached]) -> Reached:  # noqa: ARG002 - names are for others
        """Reach a source here and now."""
        return work()

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:  # noqa: ARG002 - names are for others
        """Do the work here and now."""
        return work()

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:  # noqa: ARG002 - the same
        """Read here and now, unless it was read before."""
        return work()

    def load(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the work as a step in one piece is done."""
        return self.step(table, step, work)

    def divided(self, table: str, step: Step, count: int) -> None:
        """Hear that pieces of a step are tried in its place."""

    def say(self, line: str) -> None:
        """Tell a person why nothing happens, where programs do not listen."""
        err(line)

    def ended(self, outcome: Outcome) -> None:
        """Hear how a table ended."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Windows(Quiet):
    """Shows how one table goes: a line for each window, and on a terminal a bar."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None

    def planned(self, table: str, plan: Plan) -> None:
        """Say what is to do."""
        for line in describe_plan(table, plan):
            out(line)
        if sys.stdout.isatty() and len(plan.windows) > 1:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

            self._bar = Progress(
                TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            )
            self._task = self._bar.add_task(table, total=len(plan.windows))
            self._bar.start()

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the work and say how it went."""
        entry = super().step(table, step, work)
        if self._bar is not None:
            self._bar.update(self._task, advance=int(entry.is_commit), description=step.name)
        else:
            out(describe_entry(step.name, entry))
        return entry

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:
        """Say what was read before."""
        if slot.found is not None:
            self.say(describe_kept(step.name, slot.found))
        return super().extract(table, step, slot, work)

    def divided(self, table: str, step: Step, count: int) -> None:  # noqa: ARG002 - the table is known
        """Say that a step is tried again in pieces."""
        if self._bar is not None:
            self._bar.update(self._task, total=self._bar.tasks[0].total + count - 1)
        else:
            out(f"  {describe_divided(step.name, count)}")

    def ended(self, outcome: Outcome) -> None:
        """Say what was done, and what there is to know of it."""
        self.close()
        if outcome.entries or outcome.swapped:
            out(f"{describe_outcome(outcome)}, {time.perf_counter() - self._started:.2f} s in all")
        for line in remarks(outcome):
            self.say(line)

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar is not None:
            self._bar.stop()


class Tables(Quiet):
    """Prints a line for each table that ended."""

    def __init__(self, width: int) -> None:
        self._width = width

    def ended(self, outcome: Outcome) -> None:
        """Print how a table ended, and what there is to know of it."""
        self.print(f"{one_line(outcome.table):<{self._width}}  {describe_end(outcome)}")
        for line in remarks(outcome):
            self.say(line)

    def print(self, line: str) -> None:
        """Print a line."""
        out(line)


class TableBars(Tables):
    """Shows a bar for each table that is being worked on, on a terminal."""

    def __init__(self, width: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - slow to import

        super().__init__(width)
        self._bars = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), transient=True)
        self._tasks: dict[str, Any] = {}
        self._totals: dict[str, int] = {}
        self._bars.start()

    def planned(self, table: str, plan: Plan) -> None:
        """Start a bar."""
        if plan.windows:
            self._totals[table] = len(plan.windows)
            self._tasks[table] = self._bars.add_task(table, total=len(plan.windows))

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the work and advance the table's bar."""
        entry = super().step(table, step, work)
        self._bars.advance(self._tasks[table], int(entry.is_commit))
        return entry

    def divided(self, table: str, step: Step, count: int) -> None:  # noqa: ARG002 - a bar tells no windows
        """Make room in the table's bar for more steps."""
        self._totals[table] += count - 1
        self._bars.update(self._tasks[table], total=self._totals[table])

    def ended(self, outcome: Outcome) -> None:
        """Take the bar away and print how the table ended."""
        if outcome.table in self._tasks:
            self._bars.remove_task(self._tasks.pop(outcome.table))
        super().ended(outcome)

    def print(self, line: str) -> None:
        """Print a line above the bars."""
        self._bars.print(line, markup=False, highlight=False)

    def close(self) -> None:
        """Take all bars away."""
        self._bars.stop()
