"""A command whose output goes nowhere says so where it still can, with no traceback, and what it committed stays."""

import os
import shlex
import subprocess
import sys

import pytest

from tests.shop import Shop

TABLE = """
description: Numbers.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-05}
strategy: append
partition: {column: at, by: day}
columns:
  - {name: at, type: TIMESTAMP}
sql: SELECT @window_start AS at
"""
COMMANDS = ("check", "derive", "ingest", "run", "deploy", "demo", "local", "watchdog")
FULL = "Standard output cannot be written (No space left on device). Stopped."
CLOSED = "Standard output is closed, and nothing was done. Write > /dev/null to throw it away.\n"
STAYS = "What was committed stays; start it again to do the rest."


@pytest.fixture
def project(tmp_path):
    """A project of one table with four windows."""
    (tmp_path / "tables/d").mkdir(parents=True)
    (tmp_path / "tables/d/t.yaml").write_text(TABLE)
    return Shop(tmp_path)


def told(project, arguments, redirection, **environment):
    """Return the exit code of a command as a shell starts it, and what could be read of it."""
    line = f"exec {shlex.join([sys.executable, '-m', *arguments.split()])} {redirection}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=project.root, env=project.environment | environment, capture_output=True, check=False
    )
    text = (done.stdout + done.stderr).decode()
    assert "Traceback" not in text
    assert "Exception ignored" not in text
    return done.returncode, text


@pytest.mark.parametrize("module", [*(f"flows.{name}" for name in COMMANDS), "blocks"])
def test_help_that_cannot_be_written(project, module):
    """Each command has the one way to end there."""
    assert told(project, f"{module} --help", "> /dev/full") == (1, f"{FULL}\n")


def test_a_standard_output_that_takes_nothing(project):
    """What is committed before the first word stays; where it is closed from the start, nothing is done."""
    assert told(project, "flows.check", ">&-") == (1, CLOSED)
    assert told(project, "flows.run --json", ">&-") == (1, CLOSED)
    assert not project.warehouse.exists()
    assert told(project, "flows.run --json", "> /dev/full") == (1, f"{FULL} {STAYS}\n")
    assert project.rows("SELECT kind, sum(1) FROM platform.ledger GROUP BY kind") == [("commit", 4)]
    assert told(project, "flows.derive d.t", "> /dev/full 2>&1") == (1, "")
    assert told(project, "flows.check", ">&- 2>&-") == (1, "")


@pytest.mark.parametrize(
    ("redirection", "why"), [("2> /dev/full", "No space left on device"), ("2>&-", "it is closed")]
)
def test_a_standard_error_that_takes_nothing(project, redirection, why):
    """A command with nothing to say there is not concerned; else it says on standard output that something is missing."""
    assert told(project, "flows.check", redirection) == (0, "1 table: no faults.\n")
    assert told(project, "flows.check d.x", redirection) == (2, f"Standard error cannot be written ({why}).\n")
    assert told(project, "flows.derive", redirection) == (2, f"Standard error cannot be written ({why}).\n")
    (project.root / "tables/d/bad.yaml").write_text("description: x\n")
    code, text = told(project, "flows.run", redirection)
    assert code == 1
    assert "1 brought up to date" in text
    assert text.endswith(f"Standard error cannot be written ({why}).\n")
    code, text = told(project, "flows.run --json", redirection)
    assert code == 1
    assert text.startswith("{")
    assert text.endswith("}\n")


def test_closed_streams_are_no_places_for_files(project):
    """Where all three are closed, the warehouse's file has none of their numbers, into which libraries print."""
    (project.root / "sitecustomize.py").write_text(
        "import atexit, os\natexit.register(lambda: [os.write(number, b'x' * 9) for number in (1, 2)])\n"
    )
    path = {"PYTHONPATH": f"{project.root}:{project.environment['PYTHONPATH']}"}
    assert told(project, "flows.run", "<&- 2>&-", **path)[0] == 0
    assert project.rows("SELECT count(*) FROM d.t") == [(4,)]


def test_nobody_reads_any_more(project):
    """A closed pipe ends a command as it ends others; it says so where somebody reads, and whether work may be left."""
    for arguments, stays in (
        ("flows.check", ""),
        ("flows.derive d.t --dry-run", ""),
        ("flows.derive d.t", f" {STAYS}"),
        ("flows.run", f" {STAYS}"),
        ("flows.run --help", ""),
    ):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            [sys.executable, "-m", *arguments.split()],
            cwd=project.root,
            env=project.environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(writer)
        expected = f"Nobody reads what this prints any more. Stopped.{stays}\n"
        assert (done.returncode, done.stderr) == (141, expected), arguments


def test_a_reader_who_leaves_in_the_middle(project):
    """The window that was committed stays, none counts as failed, and the next run does the rest."""
    code, text = told(project, "flows.derive d.t", "| head -n 2")
    assert (code, text.count("2026-01-01")) == (0, 2)
    assert project.rows("SELECT count(*) FROM platform.failures") == [(0,)]
    code, text = told(project, "flows.run", "")
    assert code == 0
    assert project.rows("SELECT count(*) FROM d.t") == [(4,)]


def test_characters_that_the_output_does_not_have(project):
    """They are shown as escapes."""
    path = project.root / "tables/d/t.yaml"
    path.write_text(path.read_text().replace("columns:", "größe: 1\ncolumns:"))
    for environment in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        code, text = told(project, "flows.check", "", **environment)
        assert code == 1
        assert "gr" in text
        assert told(project, "flows.run --help", "", **environment)[0] == 0


def test_a_slow_reader_of_a_descriptor_that_does_not_wait(project):
    """As Node.js leaves its pipes: all of a long text arrives."""
    for number in range(600):
        (project.root / f"tables/d/bad{number}.yaml").write_text("description: x\n")
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen(
        [sys.executable, "-m", "flows.check"], cwd=project.root, env=project.environment, stdout=writer
    ) as running:
        os.close(writer)
        with os.fdopen(reader) as text:
            lines = text.readlines()
    assert running.returncode == 1
    assert lines[-1].endswith(" in 600 files of 601 tables.\n")
