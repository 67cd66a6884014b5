"""What the flow around a run makes of what it is given, and of what goes wrong in it; on a real server."""

from __future__ import annotations

import json

import pytest

SCRIPT = """
import json
from os import getpid, kill
from signal import SIGINT, default_int_handler, signal
from threading import Timer

from flows import derive, ingest
from flows.engine.outcome import Failure, Outcome
from flows.engine.steps import Plan, Reason, Step
from flows.model.errors import CheckFailedError, SourceError, SourceUnavailableError
from flows.model.window import Window, utc
from flows.tracking import flow, observer as tracking

said = {"form": []}
FORM = (
    ("accounts_by_day", {"dry_run": True, "force": True, "end": "2026-01-03"}),
    ("accounts_by_day", {"start": "2026-13-45"}),
    ("accounts_by_day", {"start": "2026-01-03T00:00:00Z", "end": "2026-01-02"}),
    ("accounts_by_day", {"force": "yes"}),
    ("accounts_by_day", {"rollback": True, "dry_run": True}),
    ("accounts_by_day", {"rollback": True, "start": "2026-01-02"}),
    ("accounts_by_day", {"rollback": True}),
    ("broken", {}),
    ("[b](//x)", {}),
)
run = getattr(derive, "derived-accounts_by_day")
for name, given in FORM:
    state = run(f"derived.{name}", **given, return_state=True)
    said["form"].append(f"{state.type.value} | {state.name} | {state.message}")
others = (getattr(ingest, "core-users"), {"trim": True}), (getattr(derive, "derived-late"), {})
for (run, given), table in zip(others, ("core.users", "derived.late")):
    state = run(table, **given, return_state=True)
    said["form"].append(f"{state.type.value} | {state.name} | {state.message}")

tracking.FIRST_WAIT = 0
DAYS = [Window(utc(f"2026-01-0{day}"), utc(f"2026-01-0{day + 1}")) for day in (1, 2)]
STEPS = tuple(Step(day, "missing", Reason("not committed")) for day in DAYS)
tries = []

def fails(request, observer):
    def work():
        tries.append(request.table)
        raise SourceError("gone") if request.table == "core.gone" else SourceUnavailableError("busy")
    observer.step(request.table, STEPS[0], work)
    return Outcome(request.table, Plan())

run = flow.tracked("ingest", fails)
for table in ("core.busy", "core.gone"):
    run(table, return_state=True)
said["tries"] = [tries.count("core.busy"), tries.count("core.gone")]

tracking.FIRST_WAIT = 60

def is_stopped(request, observer):
    def work():
        Timer(0.5, kill, (getpid(), SIGINT)).start()
        raise SourceUnavailableError("busy")
    observer.step(request.table, STEPS[0], work)

signal(SIGINT, default_int_handler)  # the runs before have ended, each as the last of its process
flow.tracked("ingest", is_stopped)("core.stopped", return_state=True)

EVIL = "v=x\\x1b[2J\\n```\\n<script>alert(1)</script>"

def hostile(request, observer):
    outcome = Outcome(request.table, Plan(STEPS))
    outcome.failures = [Failure(day, CheckFailedError(f"{day}: {EVIL}")) for day in DAYS]
    observer.ended(outcome)
    return outcome

flow.tracked("derive", hostile)("derived.hostile", return_state=True)
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def ran(project):
    """What was said of all these runs, which one process has made."""
    done = project.python("-c", SCRIPT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]) | {"stderr": done.stderr}


def test_the_form_of_a_run_takes_dates_and_refuses_what_is_wrong(project, ran):
    """A dry run, whose state starts no other, shows what would be done; words that are no date or switch are refused.

    A run that waits says for what: it ends well, as one that has nothing to do, and by another name.
    """
    *form, waiting = ran["form"]
    assert form == [
        "COMPLETED | DryRun | would do 2026-01-01..2026-01-03 in 2 steps",
        "FAILED | Failed | From '2026-13-45' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00.",
        "FAILED | Failed | From 2026-01-03T00:00:00Z is not before To 2026-01-02.",
        "FAILED | Failed | Force 'yes' is neither true nor false.",
        "FAILED | Failed | Abandon and Roll back make no windows that Dry run could show.",
        "FAILED | Failed | Abandon and Roll back are of the whole table: leave From and To out.",
        (
            "FAILED | Failed | derived.accounts_by_day: readers have seen no rows of another generation, so that there "
            "are none to go back to."
        ),
        (
            "FAILED | Failed | This deployment brings derived.accounts_by_day up to date, not derived.broken: run the "
            "deployment of that name."
        ),
        (
            "FAILED | Failed | This deployment brings derived.accounts_by_day up to date, not derived.[b](//x): run the "
            "deployment of that name."
        ),
        "COMPLETED | UpToDate | nothing to do, no rows are outside its start and end",
    ]
    assert waiting.startswith("COMPLETED | Waiting | nothing to do; ")
    assert waiting.endswith("core.payments has no rows yet")
    assert "Traceback" not in ran["stderr"]
    [run] = project.server.runs("derived.accounts_by_day dry run")
    shown = project.server.call("POST", "artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})[0]["data"]
    assert "| 2026-01-01..2026-01-03 | not committed yet \\(2 steps\\) |" in shown
    assert "SELECT" in shown


def test_only_what_may_pass_is_tried_again(ran):
    """A window whose error is transient is done up to five times, one with another error once."""
    assert ran["tries"] == [5, 1]


def test_a_run_that_is_stopped_while_a_window_waits_to_be_tried_again_has_not_crashed(project, ran):
    """Nor has the window's task."""
    [run] = project.server.runs("core.stopped")
    assert (run["state_name"], run["state"]["message"]) == (
        "Cancelled",
        "Stopped. Committed: nothing. Rolled back: 2026-01-01..2026-01-02. The next run does the rest.",
    )
    [task] = project.server.tasks(run["id"], ended=1)
    assert task["state_name"] == "Cancelled"
    assert "Crash detected" not in ran["stderr"]


def test_a_run_whose_windows_failed_is_failed_and_names_them(project, ran):  # noqa: ARG001 - the runs are made
    """State, log and artifact say so; a value can neither end the artifact's block nor steer who reads the log."""
    [run] = project.server.runs("derived.hostile")
    assert run["state_type"] == "FAILED"
    assert "2 windows failed (2026-01-01..2026-01-03)" in run["state"]["message"]
    artifact = project.artifact("derived.hostile")
    assert "\n````\nderived.hostile: 2 windows failed" in artifact
    assert artifact.rstrip().endswith("````")
    for text in (artifact, run["state"]["message"], project.server.logs(run["id"])):
        assert "\x1b" not in text
