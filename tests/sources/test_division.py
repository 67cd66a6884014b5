"""Windows that are copied in one step: those with rows at fault fail, and all others are committed in the same run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from flows.engine import commit, first_copy
from flows.model.errors import QuarantineError, WarehouseError
from flows.sources.mysql import wire
from tests.sources.staged import TABLE, Staged, ingest

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from pymongo.collection import Collection

    from tests.servers.mysql import MysqlServer
    from tests.sources.project import Mirror, Project

DAYS = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
FILE = """\
description: Things.
owner: shop@example.com
schedule: "0 * * * *"
window: {{size: 1 day, start: 2026-01-01, end: 2026-01-21}}
source: {{{source}, cursor: at}}
strategy: merge
key: [id]
columns:
  - {{name: id, type: INT64, from: {key}}}
  - {{name: n, type: INT64{checks}}}
  - {{name: at, type: TIMESTAMP}}
"""
CHECKED = ", checks: [{range: {max: 100}}]"


def failures(project: Project) -> list[tuple[str, str]]:
    """Return the windows of which the ledger has failures, in their order."""
    return project.rows(
        "SELECT DISTINCT strftime(window_start AT TIME ZONE 'UTC', '%d'), strftime(window_end AT TIME ZONE 'UTC', '%d')"
        " FROM platform.ledger WHERE kind = 'failure' ORDER BY 1"
    )


def all_but(project: Project, *bad: int) -> None:
    """Run twice: all but the bad days are copied by the first, the second tries those alone, and each names them."""
    shown = [(f"{day:02}", f"{day + 1:02}") for day in bad]
    done = json.loads(project.ingest("core.things", "--json", code=1).stdout)
    assert [failure["start"][8:10] for failure in done["failures"]] == [start for start, _ in shown]
    assert done["untried"] == 0
    good = [(day,) for day in range(1, DAYS + 1) if day not in bad]
    assert project.rows("SELECT id FROM core.things ORDER BY id") == good
    assert failures(project) == shown
    planned = json.loads(project.ingest("core.things", "--dry-run", "--json").stdout)["windows"]
    assert [(one["start"][8:10], one["end"][8:10]) for one in planned] == shown
    project.ingest("core.things", code=1)
    assert failures(project) == shown


def test_windows_of_mysql(mirror: Mirror) -> None:
    """A value that does not fit, and one that a check refuses; words say that pieces are tried."""
    mirror.write("things", FILE.format(source="kind: mysql, connection: shop, table: things", key="id", checks=CHECKED))
    mirror.execute("CREATE TABLE things (id INT PRIMARY KEY, n BIGINT UNSIGNED, at DATETIME, KEY (at))")
    for day in range(1, DAYS + 1):
        n = {8: 2**64 - 1, 13: 101}.get(day, day)
        mirror.execute(f"INSERT INTO things VALUES ({day}, {n}, '2026-01-{day:02} 12:00')")
    all_but(mirror, 8, 13)
    mirror.execute("UPDATE things SET n = 1 WHERE n > 100", "UPDATE things SET n = 101 WHERE id IN (3, 4)")
    done = mirror.ingest("core.things", "--force", code=1)
    assert "2026-01-01..2026-01-08  failed for some of its rows: tried again in 2 pieces" in done.stdout
    assert "core.things: 2 windows failed (2026-01-03..2026-01-05)" in done.stderr
    assert mirror.rows("SELECT count(*), max(n) FROM core.things") == [(DAYS, DAYS)]


def test_windows_of_mongodb(mongodb_project: Project, collection: Collection[dict[str, Any]]) -> None:
    """A text where a number is expected, in the first window and in the last."""
    source = "kind: mongodb, connection: shop, collection: things"
    mongodb_project.write("things", FILE.format(source=source, key="_id", checks=""))
    collection.create_index("at")
    for day in range(1, DAYS + 1):
        n: object = "many" if day in {1, DAYS} else day
        collection.insert_one({"_id": day, "n": n, "at": START + timedelta(days=day - 1)})
    all_but(mongodb_project, 1, DAYS)


def test_a_row_that_each_window_meets_divides_nothing(mirror: Mirror) -> None:
    """A line of a file that cannot be read belongs to no window: one reading tells of it, and none is repeated."""
    mirror.write("things", FILE.format(source="kind: files, path: things.jsonl", key="id", checks=""))
    lines = [json.dumps({"id": day, "n": 1, "at": f"2026-01-{day:02}T00:00:00Z"}) for day in range(1, DAYS + 1)]
    (mirror.root / "things.jsonl").write_text("\n".join([*lines, "{"]))
    done = mirror.ingest("core.things", code=1)
    assert "1 bad row in 2026-01-01..2026-01-21" in done.stderr
    assert "pieces" not in done.stdout


@pytest.fixture
def here(mysql_server: MysqlServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staged:
    """A project with a table of things, and a stage, for runs in this process."""
    project = Staged(tmp_path, mysql_server.url(database), mysql_server, database)
    project.fill()
    project.enter(monkeypatch)
    return project


@pytest.mark.parametrize("stage", ["stage", ""])
def test_a_first_copy_that_fails_behind_a_part(here: Staged, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """Windows are committed over what the parts have brought; what fails again is what failed, by itself."""
    monkeypatch.setenv("DERIVED_STAGE", stage)
    monkeypatch.setattr(first_copy, "PART_ROWS", 2_000)
    monkeypatch.setattr(wire, "BATCH_BYTES", 100_000)
    here.write("things", TABLE.replace("type: NUMERIC}", "type: NUMERIC, checks: [{range: {max: 6000}}]}"))
    here.execute(
        "INSERT INTO things SELECT 10 + seq, seq, REPEAT('v', 20), '2024-03-02' FROM seq_1_to_6000",
        "INSERT INTO things SELECT 10000 + seq, 0, 'v', '2024-03-04' FROM seq_1_to_10",
        "UPDATE things SET n = 6001 WHERE id = 10010",
        "ANALYZE TABLE things",
    )
    (error,) = ingest()
    assert "core.things 2024-03-04..2024-03-05: 1 check failed" in str(error)
    kinds = here.rows("SELECT kind, count(*) FROM platform.ledger WHERE kind <> 'failure' GROUP BY 1 ORDER BY 1")
    assert kinds[1][0] == "part"
    assert here.rows(
        "SELECT count(*) FROM core.things WHERE \"at\" NOT BETWEEN '2024-03-04' AND '2024-03-04 23:59'"
    ) == [(6005,)]
    here.execute("UPDATE things SET n = 1 WHERE id = 10010")
    assert ingest() == []
    assert here.rows("SELECT count(*), count(DISTINCT id), max(n) FROM core.things") == [(6016, 6016, 6000)]
    assert here.rows("SELECT place FROM platform.quarantine") == [("id=7",)]
    assert here.kept == []


def test_a_piece_whose_load_failed_is_loaded_by_the_next_run(here: Staged) -> None:
    """An extract is found again by its own window, whatever step it was a piece of."""
    here.write("things", TABLE.replace("max_bad_rows: 1", "max_bad_rows: 0, overlap: 0 minutes"))
    with here.listening() as asked:
        with patch.object(commit, "_check", side_effect=[WarehouseError("so it goes"), (), ()]):
            assert [type(error) for error in ingest()] == [WarehouseError, QuarantineError]
        assert [type(error) for error in ingest()] == [QuarantineError]
    assert asked[">= '2024-03-01 00:00:00' AND < '2024-03-05 00:00:00'"] == 1
    assert asked[">= '2024-03-05 00:00:00' AND < '2024-03-06 00:00:00'"] == 2
    assert here.rows("SELECT id FROM core.things ORDER BY id") == [(1,), (2,), (3,), (4,)]
