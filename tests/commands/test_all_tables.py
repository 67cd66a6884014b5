"""All tables are run side by side, and stop where a person says so."""

import pytest

from flows.commands.all_tables import SIDE_BY_SIDE, run_all
from flows.commands.progress import Quiet
from flows.project.project import load_project
from flows.wiring import all_parts

TABLES = 3 * SIDE_BY_SIDE
SLOW = """
description: It takes a moment.
owner: data@example.com
schedule: "0 * * * *"
strategy: replace
columns: [{name: n, type: INT64}]
sql: |
  SELECT COUNT(*) AS n FROM UNNEST(GENERATE_ARRAY(1, 3000)) AS a CROSS JOIN UNNEST(GENERATE_ARRAY(1, 10000)) AS b
  WHERE MOD(a * b, 7) = 1
"""


class Impatient(Quiet):
    """Presses Ctrl-C as soon as a table has ended."""

    def ended(self, *_):
        """Press it."""
        raise KeyboardInterrupt


def test_ctrl_c_begins_no_further_table(tmp_path, monkeypatch):
    """Only those that were being worked on then end."""
    monkeypatch.setenv("DERIVED_HOME", str(tmp_path))
    (tmp_path / "tables" / "derived").mkdir(parents=True)
    for number in range(TABLES):
        (tmp_path / "tables" / "derived" / f"slow_{number:02}.yaml").write_text(SLOW)
    with all_parts(load_project(tmp_path), Impatient()) as parts:
        with pytest.raises(KeyboardInterrupt):
            run_all(parts, Impatient())
        done = parts.warehouse.query("SELECT COUNT(*) AS n FROM platform.ledger WHERE kind = 'commit'", {})[0]["n"]
    assert 1 <= done < TABLES
