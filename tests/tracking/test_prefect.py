"""What Prefect makes of the project: deployments, runs, retries. Everything here talks to a real server."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pytest
import yaml

from tests.prefect_api import PREFECT, REPOSITORY, Server, process

if TYPE_CHECKING:
    from pathlib import Path

USERS = """\
user_id,handle,country,plan,newsletter,signed_up_at,updated_at
1,ada,GB,plus,1,2026-01-01 08:00:00.000000,2026-01-01 08:00:00.000000
2,bob,,free,,2026-01-02 09:30:00.250000,2026-01-02 09:30:00.250000
3,cyd,DE,free,0,2026-01-02 10:00:00.000000,2026-01-03 11:00:00.000000
"""
ACCOUNTS = """\
description: 'Accounts opened per day; a text such as {{ $HOME }} stays as it is.'
owner: shop@example.com
schedule: "20 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-04-01}
strategy: append
partition: {column: day, by: day}
columns:
  - {name: day,      type: DATE,  description: Day of the sign-up (UTC)}
  - {name: accounts, type: INT64, description: How many were opened}
sql: |
  SELECT DATE(signed_up_at) AS day, COUNT(*) AS accounts
  FROM core.users
  WHERE signed_up_at >= @window_start AND signed_up_at < @window_end
  GROUP BY day
"""


BROKEN = """\
description: Accounts that were not opened on the first day; its first window is empty, and then there is work.
owner: shop@example.com
schedule: "30 * * * *"
window: {size: 1 day, start: 2026-01-01, end: 2026-01-03}
strategy: append
partition: {column: day, by: day}
columns:
  - {name: day,   type: DATE,  description: Day of the sign-up (UTC)}
  - {name: value, type: INT64, description: Anything}
sql: |
  SELECT DATE(u.signed_up_at) AS day, SUM(CAST(u.handle AS INT64)) AS value
  FROM core.users AS u
  WHERE u.signed_up_at >= @window_start AND u.signed_up_at < @window_end AND u.handle <> 'ada'
  GROUP BY day
"""


LONG = (
    BROKEN.replace("SUM(CAST(u.handle AS INT64))", "MAX(MOD(a.n * b.n * c.n, 7))")
    .replace("AS u\n", "AS u CROSS JOIN numbers AS a CROSS JOIN numbers AS b CROSS JOIN numbers AS c\n")
    .replace("u.handle <> 'ada'", "@window_start >= TIMESTAMP '2026-01-02 00:00:00+00'")
    .replace("  SELECT", "  WITH numbers AS (SELECT n FROM UNNEST(GENERATE_ARRAY(1, 16000)) AS n)\n  SELECT")
)
"""Its second window takes years."""
NAMED = "derived.long 2026-01-01..2026-01-03"
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


@dataclass(frozen=True)
class Project:
    """A project whose tables are deployed to a server."""

    root: Path
    server: Server
    deployments: dict[str, dict]
    """What the server knows, by deployment's name."""

    def deployment(self, name: str) -> dict:
        """Return what the server knows of a table."""
        return self.deployments[name]

    def move(self, name: str) -> None:
        """Move a table's deployment to the pool of the process worker."""
        pool = {"work_pool_name": "local", "job_variables": {"working_dir": str(self.root)}}
        self.server.call("PATCH", f"deployments/{self.deployment(name)['id']}", **pool)

    def python(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run a Python command in the project, with the server as Prefect's API."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.server.environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory, prefect_server):
    """The example tables, a small export of users and one more table, deployed with `prefect deploy --all`."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(REPOSITORY / "tables", root / "tables")
    (root / "tables/derived/accounts_by_day.yaml").write_text(ACCOUNTS)
    (root / "tables/derived/broken.yaml").write_text(BROKEN)
    (root / "tables/derived/long.yaml").write_text(LONG)
    (root / ".derived/shop").mkdir(parents=True)
    (root / ".derived/shop/users.csv").write_text(USERS)

    prefect_server.call("POST", "work_pools/", name="kubernetes", type="kubernetes")
    for command in (("-m", "flows.deploy", "--write"), (*PREFECT[1:], "--no-prompt", "deploy", "--all")):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=root,
            env=prefect_server.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    found = prefect_server.call("POST", "deployments/filter")
    return Project(root, prefect_server, {deployment["name"]: deployment for deployment in found})


@pytest.fixture(scope="module")
def worker(project, tmp_path_factory):
    """A process worker, to which the deployments of some tables are moved."""
    project.server.call("POST", "work_pools/", name="local", type="process")
    for name in ("core.users", "derived.accounts_by_day", "derived.broken"):
        project.move(name)
    command = (*PREFECT, "worker", "start", "--pool", "local", "--type", "process")
    environment = project.server.environment | {"PREFECT_WORKER_QUERY_SECONDS": "1"}
    log = tmp_path_factory.mktemp("worker") / "log"
    with process(command, log, env=environment, cwd=log.parent):
        yield log


def _start(project, name, state="SCHEDULED", **parameters):
    """Start a run of a deployment and return its id; a pending one is not a worker's."""
    path = f"deployments/{project.deployment(name)['id']}/create_flow_run"
    state = {"type": state, "message": "asked for by a test"}
    return project.server.call("POST", path, parameters=parameters, state=state)["id"]


def _run(project, name, **parameters):
    """Start a run of a deployment and return it once it has ended."""
    return project.server.wait(_start(project, name, **parameters))


def _artifact(project, table):
    key = table.replace(".", "--").replace("_", "-")
    return project.server.call("GET", f"artifacts/{key}/latest")["data"]


def test_each_table_has_one_deployment(project):
    """Core tables are deployed as runs of `ingest`, derived tables as runs of `derive`, with nothing but their name."""
    files = {
        f"{path.parent.name}.{path.stem}": yaml.safe_load(path.read_text()) for path in project.root.glob("tables/*/*")
    }
    assert project.deployments.keys() == files.keys()
    for name, file in files.items():
        deployment = project.deployment(name)
        flow = "ingest" if "source" in file else "derive"
        assert deployment["entrypoint"] == f"flows.{flow}.{name.replace('.', '-')}"
        assert deployment["parameters"] == {"table": name}
        assert deployment["work_pool_name"] == "kubernetes"
        assert set(deployment["tags"]) == {
            "core" if "source" in file else "derived",
            name.partition(".")[0],
            file["owner"],
        }
        assert deployment["description"].startswith(file["description"].replace("{{", "{ {"))
        assert not deployment["pull_steps"]


def test_a_deployment_runs_on_the_schedule_of_its_table_and_once_at_a_time(project):
    """The cron of the file is in UTC and active; a second run waits for the first."""
    deployment = project.deployment("derived.revenue_by_item")
    [schedule] = deployment["schedules"]
    assert (schedule["slug"], schedule["active"]) == ("hourly at :10", True)
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("10 * * * *", "UTC")
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"


def test_the_form_of_a_run_explains_itself(project):
    """Every parameter has a title and a description, moments are picked as dates, and the table is fixed."""
    schema = project.deployment("derived.revenue_by_item")["parameter_openapi_schema"]
    assert schema["properties"]["table"]["const"] == "derived.revenue_by_item"
    assert [field["title"] for field in schema["properties"].values()][:3] == ["Table", "From", "To"]
    names = ["table", "start", "end", "force", "rebuild", "accept", "dry_run"]
    assert list(schema["properties"]) == names
    assert all(field["description"] for field in schema["properties"].values())
    for name in ("start", "end"):
        assert {"type": "string", "format": "date-time"} in schema["properties"][name]["anyOf"]


def test_a_worker_runs_both_flows(project, worker):
    """A run of each flow completes; its name says what it did, its windows are task runs, an artifact tells of it.

    The state's name says whether anything was committed, and its message how much, or what is waited for.
    """
    derive = ("-m", "flows.derive", "derived.accounts_by_day", "--from", "2026-01-02", "--to", "2026-01-04")
    assert project.python(*derive).returncode == 0
    ingested = _run(project, "core.users")
    assert ingested["state_type"] == "COMPLETED", f"{project.server.logs(ingested['id'])}\n{worker.read_text()}"
    assert ingested["name"].startswith("core.users 2026-01-01..")

    derived = _run(project, "derived.accounts_by_day", start="2026-01-02T00:00:00Z", end="2026-01-04T00:00:00Z")
    assert derived["state_type"] == "COMPLETED", f"{project.server.logs(derived['id'])}\n{worker.read_text()}"
    assert derived["name"] == "derived.accounts_by_day 2026-01-02..2026-01-04"
    assert (derived["state_name"], derived["state"]["message"]) == ("Committed", "2 windows, 1 row")
    assert ingested["state_name"] == "Committed"
    assert ingested["state"]["message"].endswith(" windows, 3 rows")

    tasks = project.server.tasks(derived["id"], ended=3)
    assert {task["name"] for task in tasks} == {"2026-01-02..2026-01-03", "2026-01-03..2026-01-04", "asset"}
    for task in tasks:
        assert task["state_type"] == "COMPLETED"
        assert {"derived", "derived.accounts_by_day"} <= set(task["tags"])
    artifact = _artifact(project, "derived.accounts_by_day")
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

    assert project.python(*derive).returncode == 0
    idle = {run["state_name"]: run for run in project.server.runs("derived.accounts_by_day nothing to do")}
    assert idle.keys() == {"Waiting", "UpToDate"}
    assert {run["state_type"] for run in idle.values()} == {"COMPLETED"}
    assert "core.users has no rows yet" in idle["Waiting"]["state"]["message"]
    assert idle["UpToDate"]["state"]["message"] == "nothing to do, all its windows are committed"


def test_a_run_that_committed_some_windows_and_failed_says_both(project, worker):
    """It is failed by type, so that people hear of it, and named so that who reads the table starts; no traceback."""
    assert project.python("-m", "flows.ingest", "core.users").returncode == 0
    run = _run(project, "derived.broken", force=True)  # its trigger may have done the first window already
    assert (run["state_type"], run["state_name"]) == ("FAILED", "PartlyCommitted"), worker.read_text()
    message = run["state"]["message"]
    assert message.startswith("Committed: 1 window, 0 rows. Failed: derived.broken 2026-01-02..2026-01-03: ")
    assert "Traceback" not in project.server.logs(run["id"], until=message)
    assert not {"Traceback", "leaked"} & set(re.split(r"\W+", worker.read_text())), worker.read_text()


def _in_the_middle(project, run):
    """Wait until a run of the long table has committed its first window and works on the other."""
    deadline = time.monotonic() + 120
    names = {}
    while names.get("2026-01-01..2026-01-02") != "Completed" or "2026-01-02..2026-01-03" not in names:
        assert time.monotonic() < deadline, names
        time.sleep(0.5)
        names = {task["name"]: task["state_name"] for task in project.server.tasks(run, ended=0)}
    time.sleep(1)


def _pod(project, run, log):
    """Execute a run as a pod does, which has its code elsewhere than the warehouse."""
    template = json.loads((REPOSITORY / "work-pools/kubernetes.json").read_text())
    command = template["variables"]["properties"]["command"]["default"].split()
    environment = project.server.environment | {
        "PREFECT__FLOW_RUN_ID": run,
        "PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "reschedule",
        "DERIVED_HOME": str(project.root / ".derived"),
    }
    return process([sys.executable, *command[1:]], log, env=environment, cwd=project.root)


def test_a_pod_executes_its_run(project, tmp_path):
    """Its end is the run's, and what was printed says nothing of how it is started."""
    run, log = _start(project, "derived.revenue_by_item", state="PENDING"), tmp_path / "log"
    with _pod(project, run, log) as pod:
        assert pod.wait(120) == 0, log.read_text()
    ended = project.server.call("GET", f"flow_runs/{run}")
    assert ended["state_name"] == "Waiting", log.read_text()
    assert "Finished in state" in log.read_text()
    assert not {"Traceback", "leaked", "Warning", "RuntimeWarning"} & set(re.split(r"\W+", log.read_text())), (
        log.read_text()
    )


def _half_done(project):
    """Return the windows of the long table that the ledger knows, and its rows."""
    with duckdb.connect(str(project.root / ".derived/warehouse.duckdb"), read_only=True) as warehouse:
        windows = warehouse.execute(
            "SELECT window_start::DATE::VARCHAR, kind FROM platform.ledger WHERE table_name = 'derived.long'"
        ).fetchall()
        return windows, warehouse.execute("SELECT count(*) FROM derived.long").fetchall()


def test_a_run_that_is_stopped_ends_as_prefect_means_it(project, worker, tmp_path):
    """In the middle of a query; what was complete stays and no more, and no log has a traceback.

    SIGTERM to what a pod runs gives a retry, cancelling a cancelled run, and so does Ctrl-C.
    """
    assert project.python("-m", "flows.ingest", "core.users").returncode == 0
    run, log = _start(project, "derived.long", state="PENDING"), tmp_path / "log"
    with _pod(project, run, log) as pod:
        _in_the_middle(project, run)
        pod.terminate()
        pod.wait(60)
    stopped = project.server.call("GET", f"flow_runs/{run}")
    assert stopped["state_name"] == "AwaitingRetry", log.read_text()
    assert not {"Traceback", "leaked"} & set(re.split(r"\W+", log.read_text())), log.read_text()
    assert _half_done(project) == ([("2026-01-01", "commit")], [(0,)])

    project.move("derived.long")
    run = _start(project, "derived.long", force=True)
    _in_the_middle(project, run)
    project.server.call("POST", f"flow_runs/{run}/set_state", state={"type": "CANCELLING"})
    assert project.server.wait(run)["state_name"] == "Cancelled", worker.read_text()
    assert _half_done(project) == ([("2026-01-01", "commit")] * 2, [(0,)])
    assert "Traceback" not in project.server.logs(run)
    assert {task["state_name"] for task in project.server.tasks(run, ended=2)} == {"Completed", "Cancelled"}

    command = (sys.executable, "-m", "flows.derive", "derived.long", "--force")
    with process(command, log, env=project.server.environment, cwd=project.root) as person:
        while not (found := [one for one in project.server.runs(NAMED) if one["state_type"] == "RUNNING"]):
            assert person.poll() is None, log.read_text()
            time.sleep(0.3)
        _in_the_middle(project, found[0]["id"])
        person.send_signal(signal.SIGINT)
        assert person.wait(60) == 130
    assert log.read_text().endswith("\nStopped. What was committed stays; start it again to do the rest.\n"), (
        log.read_text()
    )
    assert "Traceback" not in log.read_text()
    assert project.server.wait(found[0]["id"])["state_name"] == "Cancelled"
    assert _half_done(project) == ([("2026-01-01", "commit")] * 3, [(0,)])


FORM = """
from flows import derive

run = getattr(derive, "derived-accounts_by_day")
for name, given in (
    ("accounts_by_day", {"dry_run": True, "force": True, "end": "2026-01-03"}),
    ("accounts_by_day", {"start": "2026-13-45"}),
    ("accounts_by_day", {"start": "2026-01-03T00:00:00Z", "end": "2026-01-02"}),
    ("accounts_by_day", {"force": "yes"}),
    ("broken", {}),
):
    state = run(f"derived.{name}", **given, return_state=True)
    print(state.type.value, state.name, state.message, sep=" | ")
"""


def test_the_form_of_a_run_takes_dates_and_refuses_what_is_wrong(project):
    """A dry run, whose state starts no other, shows what would be done; words that are no date or switch are refused."""
    assert project.python("-m", "flows.ingest", "core.users").returncode == 0
    done = project.python("-c", FORM)
    assert done.stdout.splitlines() == [
        "COMPLETED | DryRun | would do 2026-01-01..2026-01-03 in 2 steps",
        "FAILED | Failed | From '2026-13-45' is not a date. Write it as 2026-01-31 or 2026-01-31T06:00.",
        "FAILED | Failed | From 2026-01-03T00:00:00Z is not before To 2026-01-02.",
        "FAILED | Failed | force 'yes' is neither true nor false.",
        (
            "FAILED | Failed | This deployment brings derived.accounts_by_day up to date, not derived.broken: run the "
            "deployment of that name."
        ),
    ], done.stderr
    assert "Traceback" not in done.stderr
    [run] = project.server.runs("derived.accounts_by_day dry run")
    shown = project.server.call("POST", "artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})[0]["data"]
    assert "| 2026-01-02..2026-01-03 | " in shown  # asked for, or not committed yet
    assert "SELECT" in shown


def test_a_command_is_tracked_where_an_api_is_configured(project):
    """`python -m flows.ingest` leaves a flow run that is named by what it did."""
    done = project.python("-m", "flows.ingest", "core.users", "--from", "2026-01-01", "--to", "2026-01-03", "--force")
    assert done.returncode == 0, done.stderr
    [run] = project.server.runs("core.users 2026-01-01..2026-01-03")
    assert run["tags"] == ["core"]


def test_a_run_that_cannot_work_fails_with_its_message(project):
    """Command, state, log and artifact say why, and none shows a traceback."""
    done = project.python("-m", "flows.ingest", "core.userz")
    assert done.returncode != 0
    assert "Did you mean 'core.users'?" in done.stderr
    assert "Traceback" not in done.stderr

    [run] = project.server.runs("core.userz")
    assert run["state_type"] == "FAILED"
    assert "Did you mean 'core.users'?" in run["state"]["message"]
    assert "Did you mean 'core.users'?" in _artifact(project, "core.userz")
    assert "Traceback" not in project.server.logs(run["id"])


RETRIES = """
from flows.engine.steps import Plan, Reason, Step
from flows.engine.outcome import Outcome
from flows.model.errors import SourceError, SourceUnavailableError
from flows.model.window import Window, utc
from flows.tracking import flow, observer as tracking

tracking.FIRST_WAIT = 0
DAY = Step(Window(utc("2026-01-01"), utc("2026-01-02")), "missing", Reason("not committed"))
tries = []

def body(request, observer):
    def work():
        tries.append(request.table)
        raise SourceError("gone") if request.table == "core.gone" else SourceUnavailableError("busy")
    observer.step(request.table, DAY, work)
    return Outcome(request.table, Plan())

run = flow.tracked("ingest", body)
for table in ("core.busy", "core.gone"):
    run(table, return_state=True)
print(tries.count("core.busy"), tries.count("core.gone"))
"""


def test_only_what_may_pass_is_tried_again(project):
    """A window whose error is transient is done up to five times, one with another error once."""
    done = project.python("-c", RETRIES)
    assert done.stdout.splitlines()[-1:] == ["5 1"], done.stderr


HOSTILE = """
from flows.engine.steps import Plan, Reason, Step
from flows.engine.outcome import Failure, Outcome
from flows.model.errors import CheckFailedError
from flows.model.window import Window, utc
from flows.tracking import flow

EVIL = "v=x\\x1b[2J\\n```\\n<script>alert(1)</script>"

def body(request, observer):
    days = [Window(utc(f"2026-01-0{day}"), utc(f"2026-01-0{day + 1}")) for day in (1, 2)]
    steps = tuple(Step(day, "missing", Reason("not committed")) for day in days)
    outcome = Outcome(request.table, Plan(steps))
    outcome.failures = [Failure(day, CheckFailedError(f"{day}: {EVIL}")) for day in days]
    observer.ended(outcome)
    return outcome

flow.tracked("derive", body)("derived.hostile", return_state=True)
"""


def test_a_run_whose_windows_failed_is_failed_and_names_them(project):
    """State, log and artifact say so; a value can neither end the artifact's block nor steer who reads the log."""
    done = project.python("-c", HOSTILE)
    assert done.returncode == 0, done.stderr
    [run] = project.server.runs("derived.hostile")
    assert run["state_type"] == "FAILED"
    assert "2 windows failed (2026-01-01..2026-01-03)" in run["state"]["message"]
    artifact = _artifact(project, "derived.hostile")
    assert "\n````\nderived.hostile: 2 windows failed" in artifact
    assert artifact.rstrip().endswith("````")
    for text in (artifact, run["state"]["message"], project.server.logs(run["id"])):
        assert "\x1b" not in text


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
