"""`python -m flows.deploy` against `prefect deploy --all`, on real servers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from tests import prefect_api
from tests.prefect_api import PREFECT
from tests.tracking.deploying import Deploying

if TYPE_CHECKING:
    from pathlib import Path


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
    """Whatever a person has changed there, `prefect deploy --all` would set it right too; but the last it leaves.

    A server keeps the triggers of a deployment that is deleted, which then start nothing for ever.
    """
    right = deployed.state()
    there = {one["name"]: one for one in deployed.server.call("POST", "deployments/filter")}
    of = {name: f"deployments/{one['id']}" for name, one in there.items()}
    schedules = {name: f"{of[name]}/schedules/{one['schedules'][0]['id']}" for name, one in there.items()}
    automations = deployed.server.call("POST", "automations/filter")
    triggers = {one["name"].partition(" ")[0]: one for one in automations}

    deployed.server.call("PATCH", of["core.orders"], description="mine")
    deployed.server.call("POST", f"{of['core.payments']}/pause_deployment")
    more = [{"slug": "often", "schedule": {"cron": "* * * * *", "timezone": "UTC"}, "active": True}]
    deployed.server.call("POST", f"{of['core.users']}/schedules", more)
    deployed.server.call("PATCH", schedules["derived.purchases_by_user"], parameters={"force": True})
    described = triggers["derived.revenue_by_category"] | {"description": "mine", "tags": ["mine"]}
    deployed.server.call("PUT", f"automations/{described['id']}", **_without(described, "id", "created", "updated"))
    deployed.server.call("DELETE", of["derived.revenue_by_country"])
    waiting = {"collision_strategy": "ENQUEUE", "grace_period_seconds": 900}
    deployed.server.call("PATCH", of["derived.revenue_by_item"], concurrency_options=waiting)
    deployed.server.call("DELETE", f"automations/{triggers['derived.top_items']['id']}")

    said = deployed.deploy()
    assert said["created"] == ["derived.revenue_by_country"]
    assert said["updated"] == sorted(there.keys() - {"derived.revenue_by_country"})
    assert deployed.state() == right
    names = [one["name"] for one in deployed.server.call("POST", "automations/filter")]
    assert sorted(names) == sorted(one["name"] for one in automations)


def _without(found: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in found.items() if name not in names}


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
