"""A source or a file that changes while a table is copied from day to day, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from tests.sources.project import Mirror

DEFINITION = """
description: A thing of the shop.
owner: shop@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2024-03-01, end: 2024-03-END}
source: {kind: mysql, connection: shop, table: things, cursor: at}
strategy: merge
key: [id]
columns:
  - {name: id, type: INT64}
  - {name: v, type: STRING}
  - {name: at, type: TIMESTAMP}
"""
NAMED = "  - {name: colour, type: STRING}\n"
TOLD = "new column colour: NULL in rows copied before; python -m flows.ingest core.things --force copies them again"


def warned(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return what a run says, but for what it says of a connection without TLS."""
    return [line for line in done.stderr.splitlines() if "(ssl_mode=disabled)" not in line]


def until(day: str) -> str:
    """Return the table's file, with windows up to that day."""
    return DEFINITION.replace("END", day)


@pytest.fixture
def things(mirror: Mirror) -> Mirror:
    """A project with two things, of which the one of the first day is copied."""
    mirror.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, v VARCHAR(20), at TIMESTAMP(6) NOT NULL, KEY (at))",
        "INSERT INTO things VALUES (1, 'one', '2024-03-01 12:00'), (2, 'two', '2024-03-02 12:00')",
    )
    mirror.write("things", until("02"))
    mirror.ingest("core.things")
    mirror.write("things", until("03"))
    return mirror


MISFITS = [
    ("ALTER TABLE things DROP COLUMN v", ["columns.v: shop_test.things has no column 'v'", "take the column out"]),
    ("ALTER TABLE things ADD v2 TEXT", ["columns.v:", "Did you mean 'v2'?", "write from: <its new name>"]),
    ("ALTER TABLE things ADD v POINT", ["columns.v: 'v' in shop_test.things is point", "Write BYTES"]),
    ("ALTER TABLE things MODIFY at DATE", ["columns.at: 'at' in shop_test.things is date", "source.cursor: 'at'"]),
    ("RENAME TABLE things TO things_2024", ["shop_test.things does not exist. Did you mean 'things_2024'?"]),
    ("DROP TABLE things_2024", ["shop_test.things' doesn't exist", "Mend source.table"]),
]
"""What happens to the source one after the other, and what is said of it."""


def test_a_source_that_no_longer_fits_is_an_error_before_anything_is_written(things: Mirror) -> None:
    """It names the column and what to do; the table stays as it was, and each failure is in the ledger."""
    before = things.rows("FROM core.things")
    for change, said in MISFITS:
        things.execute(change)
        failed = things.ingest("core.things", code=1)
        for words in said:
            assert words in failed.stderr
    assert things.rows("FROM core.things") == before
    errors = things.rows("SELECT error FROM platform.failures ORDER BY failed_at")
    assert [said[0] in error for (error,), (_, said) in zip(errors, MISFITS, strict=True)] == [True] * len(MISFITS)


def test_a_column_whose_type_changed_but_fits_is_read_on(things: Mirror) -> None:
    """Wider text, a wider integer."""
    things.execute("ALTER TABLE things MODIFY v LONGTEXT, MODIFY id BIGINT")
    things.ingest("core.things")
    assert things.rows("SELECT id, v FROM core.things ORDER BY id") == [(1, "one"), (2, "two")]


def test_a_new_column_is_told_once_and_left_out_until_the_file_names_it(things: Mirror) -> None:
    """Then it is NULL in old rows, until a person has them copied again."""
    things.execute("ALTER TABLE things ADD COLUMN colour VARCHAR(9) DEFAULT 'red', DROP INDEX at")
    first = things.ingest("core.things")
    assert 'are not copied; name those that you need: ["colour"]' in first.stderr
    assert "CREATE INDEX `things_at` ON `things` (`at`)" in first.stderr
    things.execute("INSERT INTO things VALUES (3, 'three', '2024-03-03', 'blue')", "ALTER TABLE things ADD `o d'd` INT")
    things.write("things", until("04"))
    second = things.ingest("core.things")
    assert """name those that you need: ["o d'd"]""" in second.stderr
    assert "CREATE INDEX" in second.stderr
    things.execute("CREATE INDEX things_at ON things (at)")
    things.write("things", until("05"))
    assert warned(things.ingest("core.things")) == []

    things.write("things", until("05") + NAMED)
    named = things.ingest("core.things")
    assert TOLD in named.stderr
    assert "nothing to do" in named.stdout
    assert things.rows("SELECT id, colour FROM core.things ORDER BY id") == [(1, None), (2, None), (3, None)]
    assert warned(things.ingest("core.things")) == []
    things.ingest("core.things", "--force", "--to", "2024-03-02")
    assert things.rows("SELECT id, colour FROM core.things ORDER BY id") == [(1, "red"), (2, None), (3, None)]
    things.ingest("core.things", "--force")
    assert things.rows("SELECT id, colour FROM core.things ORDER BY id") == [(1, "red"), (2, "red"), (3, "blue")]


def test_a_column_that_the_source_has_not_changes_nothing(things: Mirror) -> None:
    """Be there windows to do or not, it is an error of the file, and the table does not get the column."""
    for end in ("02", "03"):
        things.write("things", until(end) + NAMED)
        assert "columns.colour: shop_test.things has no column 'colour'" in things.ingest("core.things", code=1).stderr
        assert things.rows("SELECT column_name FROM duckdb_columns() WHERE schema_name = 'core'") == [
            ("id",),
            ("v",),
            ("at",),
        ]


def test_a_column_is_named_while_there_are_windows_to_do(things: Mirror) -> None:
    """New windows have its values; a forced copy of all has nothing to say."""
    things.execute("ALTER TABLE things ADD COLUMN colour VARCHAR(9) DEFAULT 'red', ADD COLUMN size INT DEFAULT 4")
    things.write("things", until("03") + NAMED)
    done = things.ingest("core.things")
    assert TOLD in done.stderr
    assert 'name those that you need: ["size"]' in done.stderr
    assert things.rows("SELECT id, colour FROM core.things ORDER BY id") == [(1, None), (2, "red")]
    things.write("things", until("03") + NAMED + "  - {name: size, type: INT64}\n")
    assert "new column" not in things.ingest("core.things", "--force").stderr
    assert things.rows("SELECT id, size FROM core.things ORDER BY id") == [(1, 4), (2, 4)]
