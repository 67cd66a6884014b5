"""The whole way of the data in one command: a shop's exports become core tables, derived tables and an answer.

python -m flows.demo
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands.all_tables import observing, run_all
from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.terminal import out
from flows.model.errors import DerivedError
from flows.model.sizes import plural
from flows.project.project import load_project
from flows.shop import write_exports
from flows.wiring import all_parts, private_home, project_folder

if TYPE_CHECKING:
    from flows.warehouses.interface import Warehouse

EXPORTS = Path(".derived/shop")
"""Where the core tables of the demo look for their files."""
QUESTION = "Which items make the most revenue? Orders are in MongoDB, payments in MySQL; the answer needs both."
ANSWER = """
    SELECT month, place, item, units, revenue
    FROM derived.top_items
    WHERE place <= 5
    ORDER BY month, place
"""
NEXT = """\
What to try next
  {python} -m flows.check derived.revenue_by_item      what it reads, and how far
  {python} -m flows.derive derived.revenue_by_item --dry-run --force --from 2026-03-01 --to 2026-03-03
  {python} -m flows.derive derived.top_items           nothing to do, and it says why
  edit the SQL of tables/derived/revenue_by_item.yaml, then: {python} -m flows.run
"""


def main() -> None:
    """Make the shop's exports, bring all tables up to date and show the answer."""
    with ending():
        started = time.perf_counter()
        root = project_folder()
        if not (root / EXPORTS).exists():
            out(f"Writing a quarter of a year of a shop's exports to {EXPORTS} ...")
        private_home(root)
        os.umask(0o077)  # what stands in that folder is for its owner alone
        write_exports(root / EXPORTS)
        done = answer(root)
        out(f"{done}; {time.perf_counter() - started:.1f} s.\n\n{NEXT.format(python=_python(root))}", end="")


def answer(root: Path) -> str:
    """Bring the shop's tables up to date and print the answer; return what was done for it.

    Raises DerivedError where a table has faults or failed, after saying so.
    """
    project = load_project(root)
    with observing(project) as observer, all_parts(project, observer) as parts:
        outcomes = run_all(parts, observer)
        if project.faults or any(outcome.failures for outcome in outcomes.values()):
            raise DerivedError("The demo's tables are not up to date: see above.")
        out("")
        _show(parts.warehouse)
    entries = [entry for outcome in outcomes.values() for entry in outcome.entries]
    tables = plural(len(outcomes), "table")
    if not entries:
        return f"Nothing to do: all {tables} were up to date, no work was done twice"
    return f"{plural(len(entries), 'commit')} to {tables}, {sum(entry.rows for entry in entries):,} rows"


def _python(root: Path) -> str:
    """Return how the Python that runs this is called from the project's folder."""
    here = Path(sys.executable)
    return str(here.relative_to(root)) if here.is_relative_to(root) else str(here)


def _show(warehouse: Warehouse) -> None:
    """Print the answer as a table."""
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.table import Table  # noqa: PLC0415

    rows: list[dict[str, Any]] = warehouse.query(ANSWER, {})
    most = max(row["revenue"] for row in rows)
    shown = Table(title=QUESTION, title_justify="left", title_style="bold")
    for name in ("month", "#", "item"):
        shown.add_column(name)
    for name in ("units", "revenue"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for number, row in enumerate(rows):
        last = number + 1 == len(rows) or rows[number + 1]["month"] != row["month"]
        month = f"{row['month']:%B %Y}" if row["place"] == 1 else ""
        bar = "█" * round(12 * float(row["revenue"] / most))
        shown.add_row(
            month, str(row["place"]), row["item"], f"{row['units']:,}", f"{row['revenue']:,.2f}", bar, end_section=last
        )
    Console().print(shown)


if __name__ == "__main__":
    launch(main)
