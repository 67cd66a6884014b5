"""A window that fails keeps no other from being tried, and the run says what it left."""

import json

import pytest

from tests.shop import Shop

CORE = """
description: Events.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-11}
strategy: append
partition: {column: at, by: day}
source: {kind: files, path: events.csv, cursor: at}
columns: [{name: at, type: TIMESTAMP}, {name: n, type: INT64}]
"""
DERIVED = """
description: Their numbers by day.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-11}
strategy: append
partition: {column: day, by: day}
columns: [{name: day, type: DATE}, {name: n, type: INT64, checks: [{range: {max: 9}}]}]
sql: |
  SELECT DATE(at) AS day, SUM(n) AS n FROM core.events
  WHERE at >= @window_start AND at < @window_end GROUP BY 1
"""
READER = """
description: All of them.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-11}
strategy: append
partition: {column: day, by: day}
columns: [{name: day, type: DATE}, {name: n, type: INT64}]
sql: SELECT day, n FROM derived.numbers WHERE day >= DATE(@window_start) AND day < DATE(@window_end)
"""


@pytest.fixture
def project(tmp_path):
    """Ten days of events, one a day, and a table that fails where a number is greater than 9."""
    for name, text in (("core/events", CORE), ("derived/numbers", DERIVED), ("derived/reader", READER)):
        path = tmp_path / f"tables/{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write(*numbers):
        lines = [f"2026-01-{day:02} 12:00:00,{number}" for day, number in enumerate(numbers, 1)]
        (tmp_path / "events.csv").write_text("\n".join(["at,n", *lines, ""]))
        return Shop(tmp_path)

    return write


def test_later_windows_are_tried(project):
    """The run ends as failed and names the window; all others are committed; the next run tries it again."""
    shop = project(1, 10, 1, 1, 1, 1, 1, 11, 1, 1)
    assert shop.command("ingest", "core.events").returncode == 0
    done = shop.command("derive", "derived.numbers")
    assert done.returncode == 1
    assert "2 windows failed (2026-01-02..2026-01-03, 2026-01-08..2026-01-09)" in done.stderr
    assert "n=10" in done.stderr
    assert "n=11" in done.stderr
    assert "not tried" not in done.stderr
    assert shop.rows("SELECT count(*) FROM derived.numbers") == [(8,)]
    again = json.loads(shop.command("derive", "derived.numbers", "--json").stdout)
    assert [failure["start"][:10] for failure in again["failures"]] == ["2026-01-02", "2026-01-08"]
    assert {failure["kind"] for failure in again["failures"]} == {"CheckFailedError"}
    assert "2 windows failed" in again["error"]


def test_a_run_gives_up_after_five_failures_in_a_row(project):
    """It says how many windows were not tried."""
    shop = project(1, 10, 10, 10, 10, 1, 10, 10, 10, 10)
    shop.command("ingest", "core.events")
    assert "not tried" not in shop.command("derive", "derived.numbers").stderr
    shop = project(*[10] * 10)
    shop.command("ingest", "core.events", "--force")
    done = shop.command("derive", "derived.numbers", "--force")
    assert done.returncode == 1
    # Those that failed in the run before go last.
    assert (
        "5 windows failed (2026-01-01..2026-01-05, 2026-01-06..2026-01-07), and 5 more windows not tried" in done.stderr
    )


def test_advice_for_windows_that_fail_alike_stands_once(project):
    """Below what is wrong with each of them, with the line of the file to mend."""
    shop = project(*[1] * 5)
    shop.command("ingest", "core.events")
    path = shop.root / "tables/derived/numbers.yaml"
    path.write_text(
        path.read_text().replace("DATE(at) AS day", "DATE(IF(n > 0, TIMESTAMP_ADD(at, INTERVAL 1 DAY), at)) AS day")
    )
    done = shop.command("derive", "derived.numbers")
    assert done.returncode == 1
    assert done.stderr.count("have a day outside it") == 5
    assert done.stderr.count("Bound day (") == 1
    assert done.stderr.splitlines()[-1].startswith("Bound day (tables/derived/numbers.yaml:10) by @window_start")


def test_readers_of_a_failed_table_are_tried(project):
    """What they can do is done; their plan says what waits and why."""
    shop = project(1, 10, *[1] * 8)
    done = shop.command("run")
    assert done.returncode == 1
    assert "skipped" not in done.stdout
    assert (
        "; 1 more window to wait: 2026-01-02..2026-01-03: derived.numbers is complete up to 2026-01-02" in done.stdout
    )
    assert shop.rows("SELECT count(*) FROM derived.reader") == [(9,)]
    plan = json.loads(shop.command("derive", "derived.reader", "--dry-run", "--json").stdout)
    [waiting] = plan["waiting"]
    assert waiting["start"].startswith("2026-01-02")
    assert "derived.numbers" in waiting["reason"]
    assert "its window 2026-01-02..2026-01-03 failed" in waiting["reason"]


def test_a_failed_core_window_holds_what_reads_it(project):
    """Windows after it are committed too, but what is derived waits for the one that is missing, and says so."""
    shop = project(*[1] * 10)
    text = (shop.root / "tables/core/events.yaml").read_text()
    (shop.root / "tables/core/events.yaml").write_text(
        text.replace("type: INT64}", "type: INT64, checks: [{range: {max: 9}}]}")
    )
    shop.command("ingest", "core.events", "--to", "2026-01-03")
    project(1, 1, 10, *[1] * 7)
    assert shop.command("ingest", "core.events", "--from", "2026-01-03", "--to", "2026-01-04").returncode == 1
    assert shop.command("ingest", "core.events", "--from", "2026-01-04").returncode == 0
    done = shop.command("derive", "derived.numbers")
    assert done.returncode == 0
    assert "core.events is complete up to 2026-01-03, needed up to 2026-01-04: its window" in done.stdout
    assert "2026-01-03..2026-01-04 failed" in done.stdout


def test_one_row_is_no_rows(project):
    """Words follow the count."""
    shop = project(1)
    done = shop.command("ingest", "core.events", "--to", "2026-01-02")
    assert "1 row " in done.stdout
    assert "1 rows" not in done.stdout


def test_a_retyped_column_of_no_rows_needs_no_word(project):
    """A first run that failed has copied nothing that could be converted."""
    shop = project(10)
    path = shop.root / "tables/core/events.yaml"
    text = path.read_text()
    path.write_text(text.replace("type: INT64}", "type: INT64, checks: [{range: {max: 9}}]}"))
    assert shop.command("ingest", "core.events").returncode == 1
    path.write_text(text.replace("type: INT64}", "type: NUMERIC}"))
    done = shop.command("ingest", "core.events")
    assert (done.returncode, done.stderr) == (0, "")
    path.write_text(text.replace("type: INT64}", "type: BIGNUMERIC}"))
    for asked in (("--dry-run",), ()):
        assert (
            "retyped column n: converted in rows copied before" in shop.command("ingest", "core.events", *asked).stderr
        )


def test_a_full_copy_that_is_up_to_date_names_force(project):
    """Who wants it now is told how."""
    shop = project(1)
    path = shop.root / "tables/core/events.yaml"
    lines = [line for line in CORE.splitlines() if not line.startswith(("window", "partition", "strategy", "source"))]
    path.write_text("\n".join([*lines, "strategy: replace", "source: {kind: files, path: events.csv}", ""]))
    assert shop.command("ingest", "core.events").returncode == 0
    assert "waits for its schedule; --force copies it now" in shop.command("ingest", "core.events").stdout
    project(1, 2)
    assert shop.command("ingest", "core.events", "--rebuild").returncode == 0
    assert shop.rows("SELECT n FROM core.events ORDER BY n") == [(1,), (2,)]


def test_windows_that_failed_before_go_last(project):
    """Five old windows that always fail do not keep new ones from being tried: those come first in the next run."""
    shop = project(10, 10, 10, 10, 10, 10, 1, 1, 1, 1)
    shop.command("ingest", "core.events")
    first = shop.command("derive", "derived.numbers")
    assert "5 windows failed" in first.stderr
    assert "and 5 more windows not tried" in first.stderr
    again = shop.command("derive", "derived.numbers")
    assert "to do: 2026-01-01..2026-01-11 in 10 steps" in again.stdout
    assert shop.rows("SELECT count(*) FROM derived.numbers") == [(4,)]


def test_failures_of_several_kinds_do_not_let_a_run_give_up(project):
    """Five in a row of one class are five of one kind only where one check refuses them all, or one cause is named."""
    shop = project(*[10, 11] * 5)
    shop.command("ingest", "core.events")
    path = shop.root / "tables/derived/numbers.yaml"
    odd = "checks: [{sql: 'SELECT n FROM derived.numbers WHERE MOD(n, 2) = 1', name: even}, "
    odd += "{sql: 'SELECT n FROM derived.numbers WHERE MOD(n, 2) = 0', name: odd}]\n"
    path.write_text(path.read_text().replace(", checks: [{range: {max: 9}}]", "") + odd)
    done = shop.command("derive", "derived.numbers")
    assert "10 windows failed (2026-01-01..2026-01-11)\n" in done.stderr
    path.write_text(
        path.read_text().replace("SUM(n) AS n", "IF(SUM(n) = 10, DIV(1, 0), CAST(REPEAT('x', SUM(n)) AS INT64)) AS n")
    )
    assert "10 windows failed (2026-01-01..2026-01-11)\n" in shop.command("derive", "derived.numbers").stderr


def test_windows_of_one_step_are_counted_one_by_one(project):
    """A run gives up after five windows in a row, whatever steps they were in; the rest goes first in the next run."""
    shop = project(*[10] * 7, 1, 1, 1)
    path = shop.root / "tables/core/events.yaml"
    path.write_text(CORE.replace("type: INT64}", "type: INT64, checks: [{range: {max: 9}}]}"))
    done = shop.command("ingest", "core.events")
    assert done.returncode == 1
    assert "5 windows failed (2026-01-01..2026-01-06), and 5 more windows not tried" in done.stderr
    again = shop.command("ingest", "core.events")
    assert "core.events: 7 windows failed (2026-01-01..2026-01-08)\n" in again.stderr
    assert shop.rows("SELECT count(*) FROM core.events") == [(3,)]
