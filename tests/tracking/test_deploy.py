"""`python -m flows.deploy` against `prefect deploy --all`, on real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests import prefect_api
from tests.prefect_api import PREFECT, REPOSITORY, Server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWN = {"id", "created", "updated", "flow_id", "work_queue_id", "concurrency_limit_id", "deployment_id", "created_by"}
"""What a server makes up by itself."""

STOPPED = """
import os, signal, time
from flows import deploy
from flows.commands.launch import launch

def open_project():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)

deploy.open_project = open_project
launch(deploy.main)
"""


@dataclass(frozen=True)
class Deploying:
    """A project and a server of its own."""

    root: Path
    server: Server

    def run(self, *command: str, fails: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python command in the project."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=self.server.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == fails, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def asked(self, answer: Callable[[subprocess.Popen[bytes], int], object]) -> int:
        """Deploy at a terminal whose other end something is done to once it is asked what to delete."""
        end, terminal = os.openpty()
        command = (sys.executable, "-m", "flows.deploy")
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=self.server.environment,
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            start_new_session=True,
        ) as running:
            os.close(terminal)
            seen = b""
            while b"Delete? [y/N]" not in seen:
                seen += os.read(end, 4096)
            time.sleep(0.5)  # nobody answers before it reads
            answer(running, end)
            code = running.wait(60)
        os.close(end)
        return code

    def deploy(self, *options: str, fails: int = 0) -> dict[str, Any]:
        """Deploy and return what is said of it."""
        said: dict[str, Any] = json.loads(self.run("-m", "flows.deploy", "--json", *options, fails=fails).stdout)
        return said

    def state(self) -> dict[str, Any]:
        """Return deployments and their automations by name, without what servers make up."""
        deployments = self.server.call("POST", "deployments/filter")
        automations = self.server.call("POST", "automations/filter")
        return {
            one["name"]: _plain(one)
            | {"automations": [_plain(a) for a in automations if a["actions"][0]["deployment_id"] == one["id"]]}
            for one in deployments
        }

    def change(self, table: str, old: str, new: str) -> None:
        """Change a table's file."""
        path = self.root / f"tables/{table.replace('.', '/')}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key not in OWN}
    if isinstance(value, str) and value.startswith("deployment:"):
        return "deployment"  # a limit's name holds an id
    if isinstance(value, list):
        return sorted(map(_plain, value), key=str)
    return value


@pytest.fixture(scope="module")
def deploying(tmp_path_factory):
    """The example tables, one of them with resources, beside a new server that has the work pool."""
    root = tmp_path_factory.mktemp("deploying")
    shutil.copytree(REPOSITORY / "tables", root / "tables")
    with prefect_api.server(tmp_path_factory.mktemp("server")) as server:
        made = Deploying(root, server)
        made.change("core.users", "strategy:", "resources: {cpu: 0.5, memory: 4 GB, timeout: 2 hours}\nstrategy:")
        yield made


def test_nothing_is_made_without_the_work_pool(deploying):
    """The message says how to make it, and the exit code that this is no failure of a table."""
    said = deploying.run("-m", "flows.deploy", fails=2).stderr
    assert "There is no work pool 'kubernetes'" in said
    assert "python -m flows.deploy --pool" in said


@pytest.fixture(scope="module")
def deployed(deploying):
    """The same with the pool and all deployments; each test leaves it so."""
    deploying.server.call("POST", "work_pools/", name="kubernetes", type="process")
    deploying.deploy()
    return deploying


def test_the_server_is_left_as_prefect_leaves_it(deployed):
    """Deployments, schedules, limits, forms and triggers are equal field by field."""
    tables = sorted(f"{path.parent.name}.{path.stem}" for path in deployed.root.glob("tables/*/*.yaml"))
    ours = deployed.state()
    assert sum(bool(one["automations"]) for one in ours.values()) == 5
    assert ours["core.users"]["job_variables"] == {"cpu": "500m", "memory": "4000M", "timeout": 7200}

    ids = [one["id"] for one in deployed.server.call("POST", "deployments/filter")]
    deployed.server.call("POST", "deployments/bulk_delete", deployments={"id": {"any_": ids}})
    for one in deployed.server.call("POST", "automations/filter"):
        deployed.server.call("DELETE", f"automations/{one['id']}")
    deployed.run("-m", "flows.deploy", "--write")
    deployed.run(*PREFECT[1:], "--no-prompt", "deploy", "--all")
    assert deployed.state() == ours
    assert deployed.deploy()["unchanged"] == tables


def test_deploying_imports_no_prefect(deployed):
    """Which takes as long as to ask of a thousand tables."""
    code = (
        "import runpy, sys\nsys.argv = ['flows.deploy', '--json']\n"
        "try:\n    runpy.run_module('flows.deploy', run_name='__main__')\n"
        "finally:\n    print([name for name in sys.modules if name.partition('.')[0] == 'prefect'], file=sys.stderr)"
    )
    said = deployed.run("-c", code)
    assert said.stderr == "[]\n"
    assert len(json.loads(said.stdout)["unchanged"]) == len(deployed.state())


def test_each_table_has_one_deployment(deployed):
    """Core tables are deployed as runs of `ingest`, derived tables as runs of `derive`, with nothing but their name."""
    there = deployed.state()
    paths = {f"{path.parent.name}.{path.stem}": path for path in deployed.root.glob("tables/*/*.yaml")}
    assert there.keys() == paths.keys()
    for name, path in paths.items():
        deployment, file = there[name], yaml.safe_load(path.read_text())
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


def test_a_deployment_runs_on_the_schedule_of_its_table_and_once_at_a_time(deployed):
    """The cron of the file is in UTC and active; a second run waits for the first."""
    deployment = deployed.state()["derived.revenue_by_item"]
    [schedule] = deployment["schedules"]
    assert (schedule["slug"], schedule["active"]) == ("hourly at :10", True)
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("10 * * * *", "UTC")
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "ENQUEUE"


@pytest.mark.parametrize(
    ("table", "decisions"),
    [("core.orders", ["Trim", "Abandon", "Roll back"]), ("derived.revenue_by_item", ["Abandon", "Roll back"])],
)
def test_the_form_of_a_run_explains_itself(deployed, table, decisions):
    """Every parameter has a title and a description, moments are picked as dates, and the table is fixed.

    It has what a run may ask a person to decide; what is of the other flow it has not.
    """
    [schema] = [one for one in deployed.server.call("POST", "deployments/filter") if one["name"] == table]
    fields = schema["parameter_openapi_schema"]["properties"]
    assert fields["table"]["const"] == table
    titles = [field["title"] for field in sorted(fields.values(), key=lambda field: field["position"])]
    assert titles == ["Table", "From", "To", "Force", "Rebuild", "Accept", *decisions, "Dry run"]
    assert all(field["description"] for field in fields.values())
    for name in ("start", "end"):
        assert {"type": "string", "format": "date-time"} in fields[name]["anyOf"]


def test_only_what_changed_is_made_again(deployed):
    """A new time takes the place of the old one, a form says what windows there are now; the rest is not touched.

    Of a table's windows a deployment holds nothing but what its form says of them.
    """
    before = {one["name"]: one for one in deployed.server.call("POST", "deployments/filter")}
    deployed.change("core.users", '"5 * * * *"', '"30 6 * * 1"')
    deployed.change("core.payments", "size: 1 day", "size: 1 hour")
    deployed.change("derived.top_items", "FROM derived.revenue_by_item", "FROM derived.revenue_by_item_of_nobody")
    said = deployed.deploy(fails=1)
    assert said["updated"] == ["core.payments", "core.users"]
    assert "tables/derived/top_items.yaml" in said["faults"][0]
    after = {one["name"]: one for one in deployed.server.call("POST", "deployments/filter")}
    assert {name for name in after if after[name]["updated"] != before[name]["updated"]} == set(said["updated"])
    [schedule] = after["core.users"]["schedules"]
    assert (schedule["slug"], schedule["schedule"]["cron"]) == ("Mondays at 06:30", "30 6 * * 1")
    assert "1 hour long" in after["core.payments"]["parameter_openapi_schema"]["properties"]["start"]["description"]
    deployed.change("derived.top_items", "_of_nobody", "")  # its deployment stayed as it was


def test_what_was_changed_on_the_server_is_set_right(deployed):
    """A trigger that somebody deleted, a schedule that was added, a parameter that was changed."""
    right = deployed.state()
    there = {one["name"]: one["id"] for one in deployed.server.call("POST", "deployments/filter")}
    for one in deployed.server.call("POST", "automations/filter"):
        if one["actions"][0]["deployment_id"] == there["derived.top_items"]:
            deployed.server.call("DELETE", f"automations/{one['id']}")
    more = [{"slug": "often", "schedule": {"cron": "* * * * *", "timezone": "UTC"}, "active": True}]
    deployed.server.call("POST", f"deployments/{there['core.users']}/schedules", more)
    deployed.server.call("PATCH", f"deployments/{there['core.orders']}", description="mine")
    assert deployed.deploy()["updated"] == ["core.orders", "core.users", "derived.top_items"]
    assert deployed.state() == right


def test_a_deployment_whose_table_is_gone_goes_when_somebody_says_so(deployed):
    """It stays without --yes, and goes with its triggers; one of a file with faults stays in any case.

    One of which no commit has had a file stays with --yes too: an older branch lacks it, or it is another project's.
    """
    (deployed.root / "tables/derived/top_items.yaml").rename(deployed.root / "top_items.yaml")
    _git(deployed.root, "init", "--quiet")
    _git(deployed.root, "commit", "--quiet", "--allow-empty", "--message", "Begin")
    _commit(deployed.root, "Make tables")
    said = deployed.run("-m", "flows.deploy", "--yes")
    assert said.stdout == "7 deployments: 7 unchanged\n"
    assert said.stderr == (
        "1 deployment of a table of which no commit here has had a file stays: derived.top_items. Another branch or "
        "project may have them. If all without a file are to go: python -m flows.deploy --delete 1\n"
    )
    (deployed.root / "top_items.yaml").rename(deployed.root / "tables/derived/top_items.yaml")
    _commit(deployed.root, "Make one more")
    (deployed.root / "tables/derived/top_items.yaml").rename(deployed.root / "top_items.yaml")
    _commit(deployed.root, "Take it out")
    said = deployed.run("-m", "flows.deploy")
    assert "1 deployment of a table without a file stays: derived.top_items. Delete it with --yes." in said.stderr
    before = deployed.state()
    assert deployed.asked(lambda running, _: running.send_signal(signal.SIGINT)) == 130
    assert deployed.asked(lambda _, typed: os.write(typed, b"\x04")) == 130
    assert deployed.asked(lambda _, typed: os.write(typed, b"n\n")) == 0
    assert deployed.state() == before
    (deployed.root / ".git").rename(deployed.root / "elsewhere")
    said = deployed.run("-m", "flows.deploy", "--yes")
    assert said.stdout == "deleted  derived.top_items\n7 deployments: 7 unchanged, 1 deleted\n"
    assert said.stderr == (
        "git cannot tell which tables this folder has had (not a git repository (or any of the parent directories): "
        ".git): each without a file counts as gone.\n"
    )
    assert "derived.top_items" not in deployed.state()
    names = [one["name"] for one in deployed.server.call("POST", "automations/filter")]
    assert names
    assert not [name for name in names if name.startswith("derived.top_items")]
    (deployed.root / "top_items.yaml").rename(deployed.root / "tables/derived/top_items.yaml")
    assert deployed.run("-m", "flows.deploy").stdout == (
        "created  derived.top_items\n8 deployments: 1 created, 7 unchanged\n"
    )
    shutil.rmtree(deployed.root / "elsewhere")


def _git(folder: Path, *command: str) -> None:
    who = ("-c", "user.name=Tester", "-c", "user.email=tester@example.com")
    subprocess.run(["git", "-C", str(folder), *who, *command], check=True)


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "tables")
    _git(folder, "commit", "--quiet", "--message", message)


def test_the_folder_of_another_project_deletes_nothing(deployed, tmp_path):
    """Where most deployments are of tables without a file --yes is refused, and nothing made; --delete says how many."""
    shutil.copytree(deployed.root / "tables/core", tmp_path / "tables/core", ignore=shutil.ignore_patterns("[op]*"))
    shutil.copy(tmp_path / "tables/core/users.yaml", tmp_path / "tables/core/people.yaml")
    other, before = Deploying(tmp_path, deployed.server), deployed.state()
    said = other.run("-m", "flows.deploy", "--yes", fails=2).stderr
    assert said.startswith("Of the 8 deployments of tables at this API 7 are of tables without a")
    assert "core.orders, core.payments, derived.purchases_by_user" in said
    assert said.endswith("Nothing was changed. If they are to go: python -m flows.deploy --delete 7\n")
    assert "--delete 6 says another number" in other.run("-m", "flows.deploy", "--delete", "6", fails=2).stderr
    assert deployed.state() == before


def test_what_is_in_another_work_pool_stays(deployed):
    """It is of somebody else, though its flow has the same name; once that pool is deleted it is of nobody, and goes."""
    deployed.server.call("POST", "work_pools/", name="theirs", type="process")
    flow = deployed.server.call("POST", "flows/", name="ingest")["id"]
    theirs = {"name": "core.theirs", "flow_id": flow, "entrypoint": "flows.ingest.core-theirs"}
    deployed.server.call("POST", "deployments/", work_pool_name="theirs", **theirs)
    assert deployed.deploy("--yes")["deleted"] == []
    deployed.server.call("DELETE", "work_pools/theirs")
    assert deployed.deploy("--yes")["deleted"] == ["core.theirs"]


def test_an_error_of_one_deployment_stops_no_other(deployed):
    """What the server refuses is told with its reason, and the exit code is 1."""
    template = {
        "variables": {"type": "object", "properties": {"cpu": {"type": "integer"}}},
        "job_configuration": {"command": ""},
    }
    deployed.server.call("PATCH", "work_pools/kubernetes", base_job_template=template)
    deployed.change("core.users", "Users as", "Accounts as")
    deployed.change("core.orders", "Orders as", "All orders as")
    said = deployed.deploy(fails=1)
    assert said["updated"] == ["core.orders"]
    assert "Validation failed for field 'cpu'" in said["failed"]["core.users"]
    template["variables"]["properties"]["cpu"]["type"] = "string"
    deployed.server.call("PATCH", "work_pools/kubernetes", base_job_template=template)
    assert deployed.deploy()["updated"] == ["core.users"]


def test_ctrl_c_does_not_wait_for_the_tables_to_be_read(deployed):
    """Which takes long for thousands of them."""
    began = time.monotonic()
    said = deployed.run("-c", STOPPED, fails=130)
    assert time.monotonic() - began < 40
    assert said.stderr.endswith("Stopped. What was committed stays; start it again to do the rest.\n")


class _Losing(BaseHTTPRequestHandler):
    """Hands requests on to a server, and loses its first answer to one that makes a trigger."""

    behind = ""
    lost = 0

    def do_GET(self) -> None:
        """Hand it on."""
        length = int(self.headers.get("Content-Length", 0))
        kept = {name: self.headers[name] for name in ("Content-Type", "X-PREFECT-API-VERSION") if self.headers[name]}
        answer = prefect_api.httpx.request(
            self.command, self.behind + self.path, content=self.rfile.read(length), headers=kept, timeout=60
        )
        if (self.command, self.path) == ("POST", "/api/automations/") and not _Losing.lost:
            _Losing.lost += 1
            return
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_trigger_whose_answer_was_lost_is_there_once(deployed):
    """A deployment that is made is begun again then, and is as one that was made at once."""
    right = deployed.state()
    [gone] = [one for one in deployed.server.call("POST", "deployments/filter") if one["name"] == "derived.top_items"]
    deployed.server.call("DELETE", f"automations/owned-by/prefect.deployment.{gone['id']}")
    deployed.server.call("DELETE", f"deployments/{gone['id']}")
    _Losing.behind = deployed.server.url.removesuffix("/api")
    with ThreadingHTTPServer(("127.0.0.1", 0), _Losing) as losing:
        threading.Thread(target=losing.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{losing.server_port}/api"
        said = json.loads(deployed.run("-m", "flows.deploy", "--json", PREFECT_API_URL=url).stdout)
        losing.shutdown()
    assert said["created"] == ["derived.top_items"]
    assert _Losing.lost == 1
    assert deployed.state() == right


class _Refusing(BaseHTTPRequestHandler):
    """Knows nobody, as an API does whose key is wrong."""

    def do_GET(self) -> None:
        """Refuse."""
        self.send_response(401)
        self.end_headers()
        self.wfile.write(b'{"exception_message": "Unauthorized"}')

    def do_POST(self) -> None:
        """Refuse."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_wrong_use_is_told(deployed):
    """No API, another address, a password in it, a wrong key: each with what to do, and exit code 2."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as refusing:
        threading.Thread(target=refusing.serve_forever, daemon=True).start()
        key = f"http://127.0.0.1:{refusing.server_port}/api"
        signed_in = key.replace("//", "//ci:secret@")
        for url, command, message in (
            ("", ("flows.deploy",), "No Prefect API is configured. Set PREFECT_API_URL"),
            (deployed.server.url.removesuffix("/api"), ("flows.deploy",), "with /api at its end"),
            (signed_in, ("flows.deploy",), "PREFECT_API_AUTH_STRING=<user>:<password>"),
            (signed_in, ("flows.derive", "derived.top_items"), "PREFECT_API_AUTH_STRING=<user>:<password>"),
            (signed_in, ("blocks",), "PREFECT_API_AUTH_STRING=<user>:<password>"),
            (key, ("flows.deploy",), "refuses who asks (401). Set PREFECT_API_KEY"),
            (key, ("flows.deploy", "--pool", "--process"), "refuses who asks (401). Set PREFECT_API_KEY"),
        ):
            said = deployed.run("-m", *command, fails=2, PREFECT_API_URL=url).stderr
            assert message in said, said
            assert "secret" not in said
        refusing.shutdown()


def test_an_api_that_does_not_answer_is_a_failure(deployed):
    """Deploying, making the pool and saving blocks say alike where it was looked for; none can go without it."""
    closed = "http://127.0.0.1:1/api"
    environment = {
        "PREFECT_API_URL": closed,
        "DERIVED_CONNECTION_SHOP": "mysql://reader:secret@db.example.com/shop",
    }
    for command in (("flows.deploy",), ("flows.deploy", "--pool", "--process"), ("blocks",)):
        said = deployed.run("-m", *command, fails=1, **environment).stderr
        assert said.startswith(f"Prefect's API at {closed} does not answer"), said
        assert said.endswith("Start it, or set PREFECT_API_URL to one that runs.\n"), said


def test_a_deployment_runs_its_own_table_alone(deployed):
    """The form shows the table as it is, with its windows, and the server refuses any other."""
    [payments] = [one for one in deployed.server.call("POST", "deployments/filter") if one["name"] == "core.payments"]
    fields = payments["parameter_openapi_schema"]["properties"]
    assert fields["table"]["const"] == "core.payments"
    assert " long, from 2026-01-01" in fields["start"]["description"]
    wrong = prefect_api.httpx.post(
        f"{deployed.server.url}/deployments/{payments['id']}/create_flow_run",
        json={"parameters": {"table": "core.users"}},
    )
    assert not wrong.is_success
    assert "'core.payments' was expected" in wrong.text
