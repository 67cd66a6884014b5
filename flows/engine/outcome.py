"""What a run of one table did, and whom it tells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flows.engine.extract import Slot
    from flows.engine.request import Reached
    from flows.engine.steps import Plan, Step
    from flows.extracts.manifest import Manifest
    from flows.model.entry import Entry, Notice
    from flows.model.errors import DerivedError
    from flows.model.table import Table
    from flows.model.window import Window


@dataclass(frozen=True, slots=True)
class Failure:
    """A window that could not be done."""

    window: Window | None
    error: DerivedError


@dataclass
class Outcome:
    """What a run of one table did."""

    table: str
    plan: Plan
    entries: list[Entry] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    """What there is to say of the table as a whole."""
    held: Sequence[Window] = ()
    """Ranges of windows of which a core table has held rows when the run began."""
    defined: Table | None = None
    """The table as its file defines it; None where that has faults."""
    untried: tuple[Step, ...] = ()
    """Steps of the plan that were not tried, as the run gave up."""
    lendings: int = 0
    """How often others had had the warehouse when it was planned."""
    swapped: Entry | None = None
    """What let a generation take the place of the one that readers saw."""
    turned: Entry | None = None
    """What a person did to generations in place of making rows: an abandon, or the swap of a rollback."""

    def swap(self, entry: Entry, generation: int) -> None:
        """Take that a generation was swapped in, and forget what failed of rows that readers see no longer."""
        made = {one.window for one in self.entries if one.generation == generation}
        wanted = {step.window for step in self.plan.windows if step.generation == generation} - made
        self.swapped = entry
        self.failures = [failure for failure in self.failures if failure.window in wanted]
        self.untried = tuple(step for step in self.untried if step.generation == generation)

    @property
    def rows(self) -> int:
        """Rows of all windows that were done, and of what there is of one that was not."""
        done = {entry.window for entry in self.entries if entry.is_commit}
        return sum(entry.rows for entry in self.entries if entry.is_commit or entry.window not in done)

    @property
    def seconds(self) -> float:
        """Seconds that the windows took together."""
        return sum(entry.seconds for entry in self.entries)


class Observer(Protocol):
    """Whom runs tell what they do: a person's terminal, or Prefect."""

    def planned(self, table: str, plan: Plan) -> None:
        """Take what the run of a table will do, before it does it."""

    def reach(self, table: str, work: Callable[[], Reached]) -> Reached:
        """Reach the source of a table; may do it again after a transient error."""

    def step(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the work of one step and return its entry; may do it again after a transient error."""

    def extract(self, table: str, step: Step, slot: Slot, work: Callable[[], Manifest]) -> Manifest:
        """Do the first half of a step, which reads; may know by the slot's cache key what the work would give."""

    def load(self, table: str, step: Step, work: Callable[[], Entry]) -> Entry:
        """Do the other half and return the step's entry; may do it again after a transient error."""

    def divided(self, table: str, step: Step, count: int) -> None:
        """Take that a step failed for some of its rows, and that so many pieces of it are tried in its place."""

    def say(self, line: str) -> None:
        """Take a line for the log."""

    def ended(self, outcome: Outcome) -> None:
        """Take what was done for a table, and what was not."""
