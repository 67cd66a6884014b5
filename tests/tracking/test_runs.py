"""What Prefect shows of a run: its name, state, tasks, artifact and asset. Everything here talks to a real server."""

from __future__ import annotations

import re

ODD = """\
description: Things, one of which is odd.
owner: data@example.com
schedule: "0 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-04}
source: {kind: files, path: .derived/shop/odd.csv, cursor: at}
strategy: append
partition: {column: at, by: day}
columns: [{name: id, type: INT64}, {name: at, type: DATE}]
"""
UNWANTED = {"Traceback", "leaked", "Warning", "RuntimeWarning"}


def _unwanted(log):
    return UNWANTED & set(re.split(r"\W+", log.read_text()))


def test_a_command_is_tracked_where_an_api_is_configured(project):
    """`python -m flows.ingest` leaves a flow run that is named by what it did, and says how much."""
    [run] = project.server.runs("core.users 2026-01-01..2026-01-11")
    assert run["tags"] == ["core"]
    assert run["state_name"] == "Committed"
    assert run["state"]["message"].endswith(" windows, 3 rows")


def test_a_pod_executes_its_run(project, tmp_path):
    """Its name says what it did, its windows are task runs, an artifact and an asset tell of it.

    The state's name says whether anything was committed, and its message how much; what was printed says nothing of how
    it is started.
    """
    log = tmp_path / "log"
    asked = {"start": "2026-01-02T00:00:00Z", "end": "2026-01-04T00:00:00Z"}
    run = project.run("derived.accounts_by_day", log, **asked)
    assert run["state_type"] == "COMPLETED", log.read_text()
    assert run["name"] == "derived.accounts_by_day 2026-01-02..2026-01-04"
    assert (run["state_name"], run["state"]["message"]) == ("Committed", "2 windows, 1 row")
    assert "Finished in state" in log.read_text()
    assert not _unwanted(log), log.read_text()

    tasks = project.server.tasks(run["id"], ended=3)
    assert {task["name"] for task in tasks} == {"2026-01-02..2026-01-03", "2026-01-03..2026-01-04", "asset"}
    for task in tasks:
        assert task["state_type"] == "COMPLETED"
        assert {"derived", "derived.accounts_by_day"} <= set(task["tags"])
    artifact = project.artifact("derived.accounts_by_day")
    assert "| 2026-01-0" in artifact
    assert "[core.users](/artifacts/key/core--users)" in artifact
    [asset] = project.server.events("prefect.asset.materialization.succeeded", "derived://derived/accounts_by_day")
    assert asset["resource"] == {
        "prefect.resource.id": "derived://derived/accounts_by_day",
        "prefect.resource.name": "derived.accounts_by_day",
        "prefect.asset.description": "Accounts opened per day; a text such as {{ $HOME }} stays as it is.",
        "prefect.asset.owners": '["shop@example.com"]',
    }
    related = {(one["prefect.resource.role"], one["prefect.resource.id"]) for one in asset["related"]}
    assert ("asset", "derived://core/users") in related
    assert asset["payload"] == {"commits": 2, "rows": 1}

    again = ("derived.accounts_by_day", "--from", "2026-01-02", "--to", "2026-01-04")
    assert project.python("-m", "flows.derive", *again).returncode == 0
    [idle] = project.server.runs("derived.accounts_by_day nothing to do")
    assert (idle["state_type"], idle["state_name"]) == ("COMPLETED", "UpToDate")
    assert (
        idle["state"]["message"]
        == "nothing to do, all its windows in 2026-01-02..2026-01-04 are committed; --force does them again"
    )


def test_a_run_that_was_given_what_it_does_not_take_fails_with_our_message(project, tmp_path):
    """The form has no such field, and the server lets it pass; no traceback, and the name that is nearest."""
    log = tmp_path / "log"
    run = project.run("derived.late", log, **{"forse it": True})
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Failed"), log.read_text()
    assert run["name"] == "derived.late"
    assert "trim" not in run["state"]["message"]  # of core tables alone
    message = run["state"]["message"]
    assert message.startswith("'forse it' is no parameter of this deployment. Did you mean 'force'? There are table, ")
    assert "Traceback" not in project.server.logs(run["id"], until=message)
    assert not _unwanted(log), log.read_text()


def test_a_run_that_committed_some_windows_and_failed_says_both(project, tmp_path):
    """It is failed by type, so that people hear of it, and named so that who reads the table starts; no traceback."""
    log = tmp_path / "log"
    run = project.run("derived.broken", log)
    assert (run["state_type"], run["state_name"]) == ("FAILED", "PartlyCommitted"), log.read_text()
    message = run["state"]["message"]
    assert message.startswith("Committed: 1 window, 0 rows. Failed: derived.broken 2026-01-02..2026-01-03: ")
    assert "Traceback" not in project.server.logs(run["id"], until=message)
    assert not _unwanted(log), log.read_text()


def test_a_run_that_cannot_work_fails_with_its_message(project):
    """Command, state, log and artifact say why, and none shows a traceback."""
    done = project.python("-m", "flows.ingest", "core.userz")
    assert done.returncode != 0
    assert "Did you mean 'core.users'?" in done.stderr
    assert "Traceback" not in done.stderr

    [run] = project.server.runs("core.userz")
    assert run["state_type"] == "FAILED"
    assert "Did you mean 'core.users'?" in run["state"]["message"]
    assert "Did you mean 'core.users'?" in project.artifact("core.userz")
    assert "Traceback" not in project.server.logs(run["id"])


def test_a_step_that_is_divided_is_a_task_for_each_piece(project):
    """The log says why there are more than were planned; the run is failed for the window at fault alone."""
    (project.root / ".derived/shop/odd.csv").write_text("id,at\n1,2026-01-01\nx,2026-01-02\n3,2026-01-03\n")
    path = project.root / "tables/core/odd.yaml"
    path.write_text(ODD)
    assert project.python("-m", "flows.ingest", "core.odd").returncode == 1
    path.unlink()
    [run] = project.server.runs("core.odd 2026-01-01..2026-01-04")
    assert run["state_name"] == "PartlyCommitted"
    assert run["state"]["message"].startswith(
        "Committed: 2 windows, 2 rows. Failed: core.odd: 1 bad row in 2026-01-02.."
    )
    said = "2026-01-01..2026-01-04  failed for some of its rows: tried again in 3 pieces"
    assert said in project.server.logs(run["id"], until=said)
    tasks = {task["name"]: task["state_type"] for task in project.server.tasks(run["id"], ended=4)}
    assert tasks.pop("2026-01-01..2026-01-04") == "FAILED"
    assert tasks.pop("2026-01-02..2026-01-03") == "FAILED"
    assert {tasks["2026-01-01..2026-01-02"], tasks["2026-01-03..2026-01-04"]} == {"COMPLETED"}
