"""Ingest in two steps: what was read of a source is not read again until it is committed, and never loaded after that."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from flows.engine import commit, first_copy
from flows.model.errors import CheckFailedError, DerivedError, UsageError, WarehouseError
from flows.sources.mysql import wire
from tests.sources.staged import TABLE, Staged, ingest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.mysql import MysqlServer

WHOLE = ">= '2024-03-01 00:00:00' AND < '2024-03-06 00:00:00'"
FOUND = [(1, Decimal("1.125"), "v1"), (2, Decimal("2.125"), "v2"), (3, Decimal("3.125"), "v3")]
FOUND += [(4, Decimal("4.125"), "v4"), (5, Decimal("5.125"), "v5"), (8, None, None)]


@pytest.fixture
def staged(mysql_server: MysqlServer, database: str, tmp_path: Path) -> Staged:
    """A project with a table of things, none of which is copied."""
    project = Staged(tmp_path, mysql_server.url(database), mysql_server, database)
    project.fill()
    return project


@pytest.fixture
def here(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> Staged:
    """The same, for runs in this process."""
    staged.enter(monkeypatch)
    return staged


def fail(kind: type[DerivedError], **asked: bool) -> None:
    """Do the same, where each load ends in such an error before it publishes."""
    with patch.object(commit, "_check", side_effect=kind("so it goes")):
        assert [type(error) for error in ingest(**asked)] == [kind]


def copied(staged: Staged) -> list[tuple]:
    """Return what the core table holds, without the cursor."""
    return staged.rows("SELECT id, n, v FROM core.things ORDER BY id")


def in_parts(staged: Staged, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let a first copy be parts of two thousand rows."""
    monkeypatch.setattr(first_copy, "PART_ROWS", 2_000)
    monkeypatch.setattr(wire, "BATCH_BYTES", 100_000)
    staged.execute(
        f"INSERT INTO things SELECT 10 + seq, seq, REPEAT('v', 20), '2024-03-02' FROM seq_1_to_{rows}",
        "ANALYZE TABLE things",
    )


def test_failed_loads_and_a_killed_process_read_each_window_once(staged: Staged) -> None:
    """Three loads fail, a fourth is killed with -9, the fifth commits; bad rows and NULLs come with the rows."""
    staged.ingest("core.things", "--from", "2024-03-03", "--to", "2024-03-04")
    with staged.listening() as asked:
        for _ in range(3):
            failed = staged.ingest_broken("WarehouseError")
            assert failed.returncode == 1, failed.stderr
            assert "4 windows failed" in failed.stderr
        assert staged.ingest_broken("killed").returncode == -9
        done = staged.ingest("core.things")
        assert "3 rows that were read at " in done.stderr
    assert asked == {
        ">= '2024-03-01 00:00:00' AND < '2024-03-03 00:00:00'": 1,
        ">= '2024-03-03 23:55:00' AND < '2024-03-06 00:00:00'": 1,
    }
    assert copied(staged) == FOUND
    assert staged.rows("SELECT place, reason FROM platform.quarantine") == [
        ("id=7", "n: '10000000000000000000000000000000000.000' does not fit NUMERIC")
    ]
    assert "are NULL (on_error): v 1" in done.stderr
    assert staged.kept == []


def test_a_later_run_loads_what_was_read_and_reads_the_rest(here: Staged) -> None:
    """Windows that have closed since are read by themselves."""
    with here.listening() as asked:
        here.write("things", TABLE.replace("end: 2024-03-06", "end: 2024-03-03"))
        fail(WarehouseError)
        here.write("things", TABLE)
        assert ingest() == []
    assert asked == {
        ">= '2024-03-01 00:00:00' AND < '2024-03-03 00:00:00'": 1,
        ">= '2024-03-02 23:55:00' AND < '2024-03-06 00:00:00'": 1,
    }
    assert copied(here) == FOUND


def test_parts_of_a_first_copy_are_extracts(here: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    """One whose load failed is loaded by another run, which reads what comes after it; one connection is enough."""
    in_parts(here, monkeypatch, 9_000)
    monkeypatch.setenv("DERIVED_CONNECTION_SHOP", f"{os.environ['DERIVED_CONNECTION_SHOP']}&max_connections=1")
    with here.listening() as asked:
        with patch.object(commit, "_check", side_effect=[(), WarehouseError("so it goes")]):
            assert [type(error) for error in ingest()] == [WarehouseError]
        (first,) = here.rows("SELECT count(*), max(id) FROM core.things")
        (manifest,) = (json.loads(path.read_text()) for path in here.kept if path.name == "manifest.json")
        assert ingest() == []
    assert manifest["rows"] >= 2_000
    assert asked == {WHOLE: 1, f"{WHOLE} AND ((`id` > {first[1] + manifest['rows']}))": 1}
    assert here.rows("SELECT count(*), count(DISTINCT id), max(id) FROM core.things") == [(9006, 9006, 9010)]
    assert here.rows("SELECT kind FROM platform.ledger WHERE kind <> 'failure' ORDER BY version DESC LIMIT 2") == [
        ("commit",),
        ("part",),
    ]
    assert here.kept == []


def test_a_first_part_is_found_again_though_more_has_closed(here: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    """The copy goes on to where windows had closed when it was read; what has closed since is read by itself."""
    in_parts(here, monkeypatch, 5_000)
    before = WHOLE.replace("03-06", "03-05")
    with here.listening() as asked:
        here.write("things", TABLE.replace("end: 2024-03-06", "end: 2024-03-05"))
        with patch.object(commit, "_check", side_effect=WarehouseError("so it goes")):
            assert [type(error) for error in ingest()] == [WarehouseError]
        here.write("things", TABLE)
        assert ingest() == []
    assert asked[before] == 1
    assert [sql for sql in asked if sql.startswith(f"{before} AND ((`id` > ")] != []
    assert asked[">= '2024-03-04 23:55:00' AND < '2024-03-06 00:00:00'"] == 1
    assert len(asked) == 3
    assert here.rows("SELECT count(*), count(DISTINCT id) FROM core.things") == [(5006, 5006)]


def test_what_was_read_before_a_table_was_emptied_is_not_loaded(here: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that began again under another definition, and then under the first one, reads what there is now."""
    in_parts(here, monkeypatch, 5_000)
    other = TABLE.replace("key: [id]", "key: [id]\npartition: {column: at, by: day}")
    for text, before in ((TABLE, []), (other, [()])):
        here.write("things", text)
        with patch.object(commit, "_check", side_effect=[*before, WarehouseError("so it goes")]):
            assert [type(error) for error in ingest()] == [WarehouseError]
    here.execute("DELETE FROM things WHERE id BETWEEN 100 AND 199")
    here.write("things", TABLE)
    assert ingest() == []
    assert here.rows("SELECT count(*), count(DISTINCT id) FROM core.things") == [(4906, 4906)]
    assert here.rows("SELECT count(*) FROM platform.ledger WHERE kind = 'reset'") == [(1,)]


def test_what_a_clock_that_was_ahead_has_read_goes(here: Staged) -> None:
    """When the time comes of which it spoke, nobody could tell any more that its windows were not over."""
    fail(WarehouseError)
    (path,) = (path for path in here.kept if path.name == "manifest.json")
    manifest = json.loads(path.read_text())
    ahead = datetime.fromisoformat(manifest["read_at"]) + timedelta(hours=1)
    path.write_text(json.dumps(manifest | {"read_at": ahead.isoformat()}))
    with here.listening() as asked:
        fail(WarehouseError)
    assert asked == {WHOLE: 1}
    assert not path.exists()


def test_what_was_read_for_a_table_that_is_gone_or_elsewhere_is_read_again(
    here: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is under another definition, and where its files are not as they were written."""
    with here.listening() as asked:
        fail(WarehouseError)
        monkeypatch.setenv("DERIVED_HOME", "elsewhere")
        assert ingest() == []
        monkeypatch.delenv("DERIVED_HOME")
    assert asked == {WHOLE: 2}
    with here.listening() as asked:
        here.change("DROP TABLE core.things")
        fail(WarehouseError)
        for path in here.kept:
            if path.suffix == ".parquet":
                path.write_bytes(path.read_bytes().replace(b"v5", b"v6"))
        fail(WarehouseError)
        here.write("things", TABLE.replace("name: n, type: NUMERIC", "name: m, from: n, type: STRING"))
        assert ingest() == []
    assert asked == {WHOLE: 3}
    assert here.rows("SELECT count(*), max(m) FROM core.things") == [(7, "5.125")]


def test_force_and_rebuild_read_again(here: Staged) -> None:
    """A row that was deleted at the source in the meantime does not come back."""
    assert ingest() == []
    with here.listening() as asked:
        fail(WarehouseError, rebuild=True)
        here.execute("DELETE FROM things WHERE id = 1")
        assert ingest(rebuild=True) == []
        assert copied(here) == FOUND[1:]
        fail(WarehouseError, force=True)
        assert ingest(force=True) == []
        assert ingest() == []
    assert asked == {WHOLE: 4}
    assert here.kept == []


def test_rows_that_were_refused_for_what_they_are_are_read_again(here: Staged) -> None:
    """They may be mended by now: those of a check, and bad ones, which are not kept where they are too many."""
    with here.listening() as asked:
        with patch.object(commit, "_check", side_effect=CheckFailedError("so it goes")):
            assert [type(error) for error in ingest()] == [CheckFailedError] * 5
        assert here.kept == []
        here.write("things", TABLE.replace("max_bad_rows: 1", "max_bad_rows: 0"))
        (error,) = ingest()
        assert "max_bad_rows allows 0" in str(error)
        assert here.kept == []
        here.execute("DELETE FROM things WHERE id = 7")
        assert ingest() == []
    assert asked[WHOLE] == 1
    assert asked[">= '2024-03-01 23:55:00' AND < '2024-03-03 00:00:00'"] == 2
    assert asked[">= '2024-03-04 23:55:00' AND < '2024-03-06 00:00:00'"] == 3
    assert asked.total() == 4 + 5 + 5 + 1
    assert here.rows("SELECT count(*) FROM platform.quarantine") == [(0,)]


def test_a_full_copy_is_its_run_s_alone(here: Staged) -> None:
    """Its extract is not found by another run, and does not stay."""
    whole = "\n".join(line for line in TABLE.splitlines() if not line.startswith(("window", "key")))
    here.write("things", whole.replace("strategy: merge", "strategy: replace").replace(", cursor: at", ""))
    with here.listening() as asked:
        fail(WarehouseError)
        assert here.kept == []
        assert ingest() == []
    assert sum(asked.values()) == 2
    assert copied(here) == FOUND


def test_what_was_read_of_files_is_its_run_s_alone(here: Staged) -> None:
    """They may have grown since: their window may not have been over by a right clock."""
    here.write("things", TABLE.replace("kind: mysql, connection: shop, table: things", "kind: files, path: things.csv"))
    path = here.root / "things.csv"
    path.write_text("id,n,v,at\n1,1,a,2024-03-01\n")
    fail(WarehouseError)
    assert here.kept == []
    path.write_text("id,n,v,at\n1,1,a,2024-03-01\n2,2,b,2024-03-01\n")
    assert ingest() == []
    assert copied(here) == [(1, Decimal(1), "a"), (2, Decimal(2), "b")]


def test_what_readers_see_is_copied_from_where_it_always_was(here: Staged) -> None:
    """Until the generation of another source takes its place: its newly closed windows come first, by its own file."""
    here.write("things", TABLE.replace("end: 2024-03-06", "end: 2024-03-05"))
    assert ingest() == []
    here.write("things", TABLE.replace("kind: mysql, connection: shop, table: things", "kind: files, path: things.csv"))
    (here.root / "things.csv").write_text("id,n,v,at\n1,1,a,2024-03-01\n")
    with here.listening() as asked:
        assert ingest(rebuild=True) == []
    assert asked == {">= '2024-03-04 23:55:00' AND < '2024-03-06 00:00:00'": 1}
    assert copied(here) == [(1, Decimal(1), "a")]


def test_a_stage_that_cannot_be_used_says_so(here: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with what to set instead."""
    (here.root / "stage").write_text("no folder")
    (error,) = ingest()
    assert re.fullmatch(r"The stage .*/stage cannot be used: .*\. Set DERIVED_STAGE to a folder .*", str(error))
    monkeypatch.setenv("DERIVED_STAGE", "/proc/stage")
    (error,) = ingest()
    assert str(error).startswith(
        "The stage /proc/stage cannot be used: /proc/stage: no folder can be made there. Set DER"
    )
    monkeypatch.setenv("DERIVED_STAGE", "s3://bucket")
    with pytest.raises(UsageError, match=r"DERIVED_STAGE: 's3://bucket' is no stage. Write a folder, gs://bucket"):
        ingest()
    monkeypatch.setenv("DERIVED_STAGE", "gcs-bucket/stage")
    with pytest.raises(UsageError, match="'gcs-bucket/stage' is a block, and no Prefect API is configured"):
        ingest()


def test_what_nobody_came_back_for_is_removed(here: Staged) -> None:
    """By the next run of the table that reads anything, a week later."""
    fail(WarehouseError)
    for path in here.kept:
        os.utime(path, (0, 0))
    abandoned = here.root / "stage/core.things/abandoned/00000.parquet"
    abandoned.parent.mkdir()
    abandoned.touch()
    with here.listening() as asked:
        assert ingest() == []
    assert asked == {WHOLE: 1}
    assert here.kept == [abandoned]
