"""What a window sends to BigQuery, as a person can read it: `golden/<strategy>.sql` has the jobs of a window's commit.

The files are written anew with DERIVED_WRITE_GOLDEN=1.
"""

import os
import re
from pathlib import Path

import pytest

from flows.model.window import EVER
from tests.engine.builders import EVENTS, LOG, TOTALS, USERS, Rows, do, event, logged, prepare, table, window
from tests.servers.bigquery.statements import heard

GOLDEN = Path(__file__).with_name("golden")
LARGE = table("derived.large", "id INT64", strategy="replace", sql="SELECT id FROM core.events WHERE amount > 1")


def append(warehouse):
    """Commit a window over one that differs; return the table."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    do(warehouse, EVENTS, EVER, Rows([event(1, 0, updated=1, amount=2)]))
    return TOTALS, window(0), None


def replace(warehouse):
    """Commit a table over one that differs."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0, amount=2)]))
    return LARGE, None, None


def core_merge(warehouse):
    """Commit a window of which a row has moved to another partition."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0), event(2, 0)]))
    return EVENTS, window(3), Rows([event(2, 2, updated=3, amount=9), event(4, 3)])


def derived_merge(warehouse):
    """Commit a window that says more of a key."""
    do(warehouse, LOG, EVER, Rows([logged(1, 0, 5), logged(1, 1, 6)]))
    do(warehouse, USERS, window(0))
    return USERS, window(1), None


@pytest.mark.parametrize("scene", [append, replace, core_merge, derived_merge])
def test_a_window_sends_what_its_file_shows(warehouse, scene):
    """Stage and look, then one script that publishes."""
    given = scene(warehouse)
    prepare(warehouse, given[0])
    sent = heard(warehouse)
    do(warehouse, *given)
    jobs = [sql for sql in sent if "platform" in sql and not sql.startswith("SELECT 'entry' AS part")]
    told = "\n\n-- next job\n".join(job.rstrip() for job in jobs) + "\n"
    # The ledger's columns are told once, beside `Entry`.
    told = re.sub(r"(?<=INSERT INTO `platform`\.`ledger_)(\d+`) \(.*\) VALUES \(.*\);", r"\1 ...;", told)
    path = GOLDEN / f"{scene.__name__}.sql"
    if os.environ.get("DERIVED_WRITE_GOLDEN"):
        path.write_text(told)
    assert told == path.read_text()
