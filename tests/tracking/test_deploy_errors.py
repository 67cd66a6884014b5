"""What `python -m flows.deploy` says and leaves where something is in its way."""

from __future__ import annotations

import json
import re
import threading
import time
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from tests import prefect_api

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

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


def test_nothing_is_made_without_the_work_pool(without_pool):
    """The message says how to make it, and the exit code that this is no failure of a table."""
    assert "There is no work pool 'kubernetes'" in without_pool
    assert "python -m flows.deploy --pool" in without_pool


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
    """Hands requests on to a server, but gives no answer to the first of a kind, which comes there late.

    Or it hands that on after somebody else has done something.
    """

    behind = ""
    lost = ""
    """Method and path of what is lost, as a pattern."""
    until = ""
    """The same of the request after which it comes to the server; empty where it comes there at once."""
    meanwhile: ClassVar[list[Callable[[], object]]] = []
    """What somebody else does before it comes to the server, with its answer."""
    held: ClassVar[list[Callable[[], httpx.Response]]] = []
    is_lost = False

    def do_GET(self) -> None:
        """Hand it on."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        kept = {name: self.headers[name] for name in ("Content-Type", "X-PREFECT-API-VERSION") if self.headers[name]}
        address, asked = self.behind + self.path, f"{self.command} {self.path}"
        send = partial(_answered, self.command, address, content=content, headers=kept, timeout=60)
        if re.fullmatch(self.lost, asked) and not _Losing.is_lost:
            _Losing.is_lost = True
            if not self.meanwhile:
                self.held.append(send)
                if not self.until:
                    self.held.pop()()
                return
            self.meanwhile.pop()()
        answer = send()
        if self.held and re.fullmatch(self.until, asked):
            self.held.pop()()
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.end_headers()
        self.wfile.write(answer.content)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names of http.server

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _answered(method: str, address: str, **request) -> httpx.Response:
    """Ask a server until it has time: SQLite is busy now and then, which is none of what these tests are about."""
    while (
        answer := prefect_api.httpx.request(method, address, **request)
    ).status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        time.sleep(0.1)
    return answer


TRIGGER = "POST /api/automations/"


@pytest.mark.parametrize(
    ("lost", "until"),
    [
        pytest.param(TRIGGER, "", id="an answer is lost"),
        pytest.param(TRIGGER, TRIGGER, id="a trigger comes late"),
        pytest.param("DELETE /api/automations/owned-by/.*", TRIGGER, id="what deletes the old one comes late"),
    ],
)
def test_a_trigger_is_there_once_whatever_was_lost(deployed, monkeypatch, lost, until):
    """It is not asked for again where it is there; one that comes late goes, and one that goes late is made again."""
    right = deployed.state()
    said = _deploy_losing(deployed, monkeypatch, lost, until)
    assert said["updated"] == ["derived.top_items"]
    assert not _Losing.held
    assert deployed.state() == right


def test_two_who_deploy_at_once_leave_one_trigger(deployed, monkeypatch):
    """Who is the last to make one deletes the other's, which would start a second run of each commit."""
    right = deployed.state()
    others = []
    monkeypatch.setattr(_Losing, "meanwhile", [lambda: others.append(deployed.deploy())])
    said = _deploy_losing(deployed, monkeypatch, TRIGGER)
    assert said["updated"] == others[0]["updated"] == ["derived.top_items"]
    assert deployed.state() == right


def test_what_is_lost_is_asked_for_as_often_as_a_person_says(deployed, monkeypatch):
    """By the setting of Prefect's client, here never again; the next deploy makes what is missing."""
    right = deployed.state()
    said = _deploy_losing(deployed, monkeypatch, TRIGGER, TRIGGER, fails=1, PREFECT_CLIENT_MAX_RETRIES="0")
    assert "does not answer any more" in said["failed"]["derived.top_items"]
    assert deployed.deploy()["updated"] == ["derived.top_items"]
    assert deployed.state() == right


def _deploy_losing(deployed, monkeypatch, lost, until="", fails=0, **environment):
    """Deploy a change of one table through who loses something, and return what is said of it."""
    [table] = [one for one in deployed.server.call("POST", "deployments/filter") if one["name"] == "derived.top_items"]
    deployed.server.call("PATCH", f"deployments/{table['id']}", description="mine")
    behind = deployed.server.url.removesuffix("/api")
    given = {"behind": behind, "lost": lost, "until": until, "is_lost": False, "held": []}
    for name, value in given.items():
        monkeypatch.setattr(_Losing, name, value)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Losing) as losing:
        threading.Thread(target=losing.serve_forever, daemon=True).start()
        environment["PREFECT_API_URL"] = f"http://127.0.0.1:{losing.server_port}/api"
        said = json.loads(deployed.run("-m", "flows.deploy", "--json", fails=fails, **environment).stdout)
        losing.shutdown()
    assert _Losing.is_lost, said
    return said


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
            ("", ("flows.deploy", "--delete", "all"), "'--delete': 'all' is no whole number from 1 on."),
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
