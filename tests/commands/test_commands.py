"""The commands as a person runs them."""

import gzip
import json
import subprocess
import sys
import time
from datetime import date, timedelta

import pytest

from tests.shop import new_project, shorten

REVENUE = "derived.revenue_by_item"


def test_demo_answers_the_question_and_does_no_work_twice(shop):
    """A second demo shows the same answer and says that there was nothing to do."""
    again = shop.run("flows.demo")
    assert again.returncode == 0
    assert "Which items make the most revenue?" in again.stdout
    assert "March 2026" in again.stdout
    assert "no work was done twice" in again.stdout


def test_derive_says_when_there_is_nothing_to_do(shop):
    """A run without work ends well; of a range that begins or ends in a window it names the windows that it took."""
    done = shop.command("derive", REVENUE)
    assert (done.returncode, done.stdout) == (0, f"{REVENUE}: nothing to do, all its windows are committed\n")
    done = shop.command("derive", REVENUE, "--from", "2026-02-01T23:00", "--to", "2026-02-02T00:30")
    there = "all its windows in 2026-02-01..2026-02-03 are committed; --force does them again"
    assert (done.returncode, done.stdout) == (0, f"{REVENUE}: nothing to do, {there}\n")


def test_a_dry_run_shows_windows_and_sql_and_writes_nothing(shop):
    """The file is the same before and after, to the byte; a range that begins or ends in a window means all of it."""
    before = shop.warehouse.read_bytes()
    asked = ("--from", "2026-02-01T23:00", "--to", "2026-02-02T00:30")
    done = shop.command("derive", REVENUE, "--dry-run", "--force", *asked)
    assert done.returncode == 0
    assert "2026-02-01..2026-02-03 in 2 steps" in done.stdout
    assert "$window_start" in done.stdout
    assert shop.warehouse.read_bytes() == before


def test_a_dry_run_of_a_new_project_makes_no_folder(tmp_path):
    """Nothing is written, not even an empty warehouse."""
    fresh = new_project(tmp_path)
    done = fresh.command("derive", REVENUE, "--dry-run")
    assert done.returncode == 0
    assert "has no rows yet" in done.stdout
    assert not fresh.warehouse.parent.exists()


def test_force_does_windows_again_and_touches_nothing(shop):
    """The same rows again are no change for anybody downstream."""
    before = shop.tables()
    done = shop.command("derive", REVENUE, "--force", "--from", "2026-02-01", "--to", "2026-02-03", "--json")
    outcome = json.loads(done.stdout)
    assert [window["start"][:10] for window in outcome["windows"]] == ["2026-02-01", "2026-02-02"]
    assert shop.tables() == before
    assert shop.rows("SELECT count(*) FROM platform.ledger WHERE touched = [] AND version > 90") >= [(2,)]
    assert "nothing to do" in shop.command("derive", "derived.top_items").stdout


def test_a_late_change_is_repaired_downstream_and_only_there(shop):
    """A payment that the export gives differently makes exactly its day stale, and after the repair nothing is.

    A merge takes back what it had of it: all tables are those of a fresh warehouse.
    """
    shorten(shop, "2026-01-26")
    assert shop.command("run").returncode == 0
    exports = shop.root / ".derived/shop/payments-2026-01.csv.gz"
    lines = gzip.decompress(exports.read_bytes()).decode().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if ",captured,2026-01-13" in line)
    lines[at] = lines[at].replace(",captured,", ",failed,")
    exports.write_bytes(gzip.compress("".join(lines).encode()))
    updated = lines[at].rstrip().split(",")[-1][:10]
    following = (date.fromisoformat(updated) + timedelta(days=1)).isoformat()
    copied = shop.command("ingest", "core.payments", "--force", "--from", updated, "--to", following)
    assert copied.returncode == 0, copied.stderr
    stale = json.loads(shop.command("derive", REVENUE, "--dry-run", "--json").stdout)
    assert [window["start"][:10] for window in stale["windows"]] == ["2026-01-13"]
    assert stale["windows"][0]["reason"] == "core.payments changed in 2026-01-13..2026-01-14"
    assert shop.command("run").returncode == 0
    assert json.loads(shop.command("derive", REVENUE, "--dry-run", "--json").stdout)["windows"] == []
    assert shop.command("run", env={"DERIVED_HOME": str(shop.root / "fresh")}).returncode == 0
    mended = shop.tables()
    (shop.root / "fresh/warehouse.duckdb").replace(shop.warehouse)
    assert shop.tables() == mended


def test_a_changed_definition_is_derived_again(shop):
    """Another WHERE makes all windows stale; where the rows come out the same, nothing downstream is."""
    definition = shop.root / "tables/derived/revenue_by_item.yaml"
    definition.write_text(definition.read_text().replace("p.status = 'captured'", "p.status IN ('captured', 'x')"))
    stale = json.loads(shop.command("derive", REVENUE, "--dry-run", "--json").stdout)
    assert len(stale["windows"]) == 90
    assert {window["reason"] for window in stale["windows"]} == {"the table's definition changed: sql"}
    assert shop.command("derive", REVENUE).returncode == 0
    assert "nothing to do" in shop.command("derive", "derived.top_items").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["derive", "derived.revenue_by_itme"], "Did you mean 'derived.revenue_by_item'?"),
        (["derive", "core.orders"], "python -m flows.ingest core.orders"),
        (["ingest", REVENUE], f"python -m flows.derive {REVENUE}"),
        (["derive", REVENUE, "--from", "yesterday"], "'yesterday' is not a date"),
        (["derive", REVENUE, "--from", "2026-02-02", "--to", "2026-02-01"], "is not before"),
        (["derive", REVENUE, "--force", "--from", ""], "--from '' is not a date."),
        (["derive", "derived.a b"], "Write it as dataset.name, each of letters, digits and _."),
        (["derive"], "Missing argument"),
        (
            ["derive", REVENUE, "--force", "--from", "2025-01-01", "--to", "2025-02-01"],
            "no window of 1 day lies within --from 2025-01-01 and --to 2025-02-01; those that have closed go from 2026-01-01",
        ),
        (["derive", "derived.top_items", "--from", "2026-01-01"], "has no windows: leave --from and --to out"),
        (["derive", REVENUE, "--rebuild"], "--force does what --rebuild would"),
        (["ingest", "core.orders", "--quarantine", "--replay"], "give one of them"),
        (["ingest", "core.orders", "--replay", "--force"], "leave --force, --rebuild and --accept out"),
        (["ingest", "core.orders", "--quarantine", "--dry-run"], "leave --from, --to and --dry-run out"),
        (["check", "tables/core/orders.yaml"], "Write core.orders, without the folder and the ending."),
        (["check", "derived.nothing"], "derived.nothing"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_hint(finished_shop, arguments, says):
    """No traceback, and the message says what to write instead."""
    done = finished_shop.command(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_check_shows_rows_and_publishes_nothing(shop):
    """The failure is in the ledger, the table is as it was, and what reads it has nothing to do."""
    before = shop.tables()
    definition = shop.root / "tables/derived/revenue_by_item.yaml"
    definition.write_text(
        definition.read_text()
        .replace("{range: {min: 1}}", "{range: {min: 2}}")
        .replace("p.status = 'captured'", "p.status IN ('captured', 'x')")
    )
    done = shop.command("run")
    assert done.returncode == 1
    assert "units range 2.." in done.stdout
    assert "units=1" in done.stdout
    assert "waits for a change of derived.revenue_by_item" in done.stdout
    assert shop.tables() == before
    assert "units range" in shop.rows("SELECT error FROM platform.failures")[0][0]


def test_one_bad_file_stops_only_its_own_table(shop):
    """Other tables are brought up to date; the fault is shown; the exit code says that not all is well."""
    (shop.root / "tables/derived/broken.yaml").write_text("description: no more than this\n")
    done = shop.command("run")
    assert done.returncode == 1
    assert "tables/derived/broken.yaml:1" in done.stderr
    assert "Traceback" not in done.stderr
    assert shop.command("derive", REVENUE).returncode == 0


def test_another_process_is_waited_for(shop):
    """Two runs at once: the second says for whom it waits, and does its work after."""
    code = "import duckdb, sys, time\nsession = duckdb.connect(sys.argv[1])\nprint('held', flush=True)\ntime.sleep(3)\n"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(shop.warehouse)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        started = time.monotonic()
        done = shop.command("derive", REVENUE)
        assert done.returncode == 0
        assert f"process {holder.pid} holds the warehouse" in done.stderr
        assert "nothing to do" in done.stdout
        assert time.monotonic() - started < 60


def test_without_an_api_prefect_is_not_imported(shop):
    """A direct run needs no Prefect at all."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['derive', '{REVENUE}']\n"
        "try:\n    runpy.run_module('flows.derive', run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code\n"
        "print('prefect' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=shop.root, env=shop.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
