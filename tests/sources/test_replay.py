"""Bad rows as a person finds them and has them tried again."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from flows.commands.one_table import run_command
from flows.commands.quarantine import Replay, faults, replay
from flows.engine.request import Request
from flows.model.errors import QuarantineError
from flows.wiring import load_alone
from tests.shop import Shop

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.project import Mirror

MYSQL = """
description: A thing of the shop.
owner: shop@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2024-03-01, end: 2024-03-04}
source: {kind: mysql, connection: shop, table: things, cursor: at, max_bad_rows: LIMIT}
strategy: merge
key: [id]
columns:
  - {name: id, type: INT64}
  - {name: n, type: TYPE}
  - {name: born, type: DATE}
  - {name: at, type: TIMESTAMP}
"""
FILES = """
description: A thing of the shop.
owner: shop@example.com
schedule: "0 * * * *"
source: {kind: files, path: things.csv, max_bad_rows: 2}
strategy: replace
columns:
  - {name: id, type: INT64}
  - {name: n, type: NUMERIC}
"""


def definition(limit: int, type_: str = "INT64") -> str:
    """Return the file of the table over MySQL."""
    return MYSQL.replace("LIMIT", str(limit)).replace("TYPE", type_)


def test_bad_rows_of_a_database_are_tried_again(mirror: Mirror) -> None:
    """Listed by fault with counts; after a fix only their windows are read, and what passes is in the table."""
    mirror.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT UNSIGNED, born DATE, at TIMESTAMP(6) NOT NULL, KEY (at))",
        "INSERT INTO things VALUES (1, 1, '2000-01-01', '2024-03-01'), (2, 18446744073709551615, NULL, '2024-03-01 23:58'),"
        " (3, 18446744073709551614, NULL, '2024-03-02 12:00'), (4, 4, '0000-00-00', '2024-03-03')",
    )
    mirror.write("things", definition(0))
    failed = mirror.ingest("core.things", code=1)
    assert "python -m flows.ingest core.things --quarantine" in failed.stderr
    failed = mirror.ingest("core.things", "--replay", code=1)
    assert "core.things: 3 rows tried again: 0 no longer bad, 3 still bad" in failed.stdout
    assert failed.stderr.count("max_bad_rows allows 0") == 3
    mirror.write("things", definition(3))
    mirror.ingest("core.things")
    listing = mirror.ingest("core.things", "--quarantine").stdout
    assert listing.startswith("2  n: … does not fit INT64\n    id=2: n: '18446744073709551615' does not fit INT64\n")
    assert "1  born: … is a zero date\n    id=4:" in listing
    groups = json.loads(mirror.ingest("core.things", "--quarantine", "--json").stdout)
    assert [(group["fault"], group["count"], group["place"]) for group in groups] == [
        ("n: … does not fit INT64", 2, "id=2"),
        ("born: … is a zero date", 1, "id=4"),
    ]
    mirror.write("things", definition(3, "NUMERIC"))
    planned = mirror.ingest("core.things", "--replay", "--dry-run").stdout
    assert planned.count("to do:") == 3
    done = mirror.ingest("core.things", "--replay")
    assert "core.things: 3 rows tried again: 2 no longer bad, 1 still bad" in done.stdout
    assert mirror.rows("SELECT id, n FROM core.things ORDER BY id") == [(1, 1), (2, 2**64 - 1), (3, 2**64 - 2)]
    mirror.execute(
        "UPDATE things SET born = NULL WHERE id = 4", "INSERT INTO things VALUES (5, 5, '0000-00-00', '2024-03-03')"
    )
    last = json.loads(mirror.ingest("core.things", "--replay", "--json").stdout)
    assert last == {"table": "core.things", "tried": 1, "passed": 1, "bad": 0, "more": 1, "errors": []}
    assert mirror.rows("SELECT place FROM platform.quarantine") == [("id=5",)]
    commits = mirror.rows(
        "SELECT window_start::DATE::VARCHAR FROM platform.ledger WHERE kind = 'commit' ORDER BY version"
    )
    assert [day for (day,) in commits][-4:] == ["2024-03-01", "2024-03-02", "2024-03-03", "2024-03-03"]
    assert "--from and --to" in mirror.ingest("core.things", "--replay", "--from", "2024-03-01", code=2).stderr


def test_bad_rows_of_files_are_tried_again(tmp_path: Path) -> None:
    """A full copy too: the file is mended, and the rows pass."""
    project = Shop(tmp_path)
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "tables/core/things.yaml").write_text(FILES)
    (tmp_path / "things.csv").write_text("id,n\n1,one\n2,2\n3,three\n")
    assert project.command("ingest", "core.things").returncode == 0
    assert "2  n … is no number\n" in project.command("ingest", "core.things", "--quarantine").stdout
    (tmp_path / "things.csv").write_text("id,n\n1,1\n2,2\n3,three\n")
    done = project.command("ingest", "core.things", "--replay")
    assert done.stdout.endswith("core.things: 2 rows tried again: 1 no longer bad, 1 still bad\n")
    assert project.rows("SELECT id FROM core.things ORDER BY id") == [(1,), (2,)]
    (tmp_path / "things.csv").write_text("id,n\n1,1\n2,2\n3,3\n")
    assert project.command("ingest", "core.things", "--replay").returncode == 0
    assert project.command("ingest", "core.things", "--replay").stdout == "core.things: no rows in quarantine\n"


def test_rows_that_passed_in_what_is_made_anew_are_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers' rows without them are there until all is made; of what that lacks yet the rows are bad still."""
    (tmp_path / "tables/core").mkdir(parents=True)
    window = "window: {size: 1 day, start: 2024-03-01, end: 2024-03-03}\n"
    file = FILES.replace("csv,", "csv, cursor: at,").replace("replace", "merge\nkey: [id]")
    (tmp_path / "tables/core/things.yaml").write_text(f"{file}  - {{name: at, type: DATE}}\n{window}")
    monkeypatch.chdir(tmp_path)
    run = partial(run_command, "ingest", dry_run=False, as_json=False)

    def copy(*values: str, **asked: bool) -> None:
        rows = [f"{key},{value},2024-03-0{min(key, 2)}\n" for key, value in enumerate(values, 1)]
        (tmp_path / "things.csv").write_text(f"id,n,at\n{''.join(rows)}")
        run(Request("core.things", **asked))

    copy("one", "two")
    with pytest.raises(QuarantineError, match="allows 2"):
        copy("1", "two", "three", "four", rebuild=True)
    table = load_alone("ingest", "core.things").table("core.things")
    assert [group.count for group in faults(table)] == [3]
    done = replay("core.things", run)
    assert (done.tried, done.bad, len(done.errors)) == (3, 3, 1)
    copy("1", "2", "3", "four")
    assert [(group.count, group.raw) for group in faults(table)] == [(1, "4,four,2024-03-02")]
    assert replay("core.things", run) == Replay(tried=1, bad=1)


def test_a_bad_row_before_the_start_is_met_once_that_lies_before_it(mirror: Mirror) -> None:
    """It is tried again in its window then."""
    mirror.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT, born DATE, at DATETIME(6) NOT NULL, KEY (at))",
        "INSERT INTO things VALUES (1, 1, '2000-02-00', '2024-02-29 23:58'), (2, 2, '0000-00-00', '2024-02-29 23:58')",
    )
    before = mirror.write("things", definition(1))
    assert "quarantine" not in mirror.ingest("core.things").stderr
    before.write_text(definition(1).replace("start: 2024-03-01", "start: 2024-02-29"))
    mirror.ingest("core.things", code=1)
    before.write_text(definition(2).replace("start: 2024-03-01", "start: 2024-02-29"))
    assert "rows in quarantine: 2" in mirror.ingest("core.things").stderr
    mirror.execute("UPDATE things SET born = '2000-01-01', at = '2024-02-29 23:58'")
    replayed = mirror.ingest("core.things", "--replay")
    assert "core.things: 2 rows tried again: 2 no longer bad, 0 still bad" in replayed.stdout
