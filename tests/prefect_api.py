"""A real Prefect server for the tests, and its REST API."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from flows.commands.processes import SERVER

REPOSITORY = Path(__file__).parents[1]
PREFECT = (sys.executable, "-m", "prefect")
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "derived-tests"
_BLANK = _CACHE / f"prefect-{'-'.join(map(version, ('prefect', 'prefect-gcp', 'prefect-kubernetes')))}.db"
"""What a server's database is at its beginning."""
_MADE = {
    "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
    "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
"""Lets a server take its database as it is; to look whether it is up to date it imports all of Prefect's integrations."""
WITHOUT_LOOPS = {
    f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in ("LATE_RUNS", "PAUSE_EXPIRATIONS", "FOREMAN")
}
"""Lets a server not ask its database every few seconds for what no test has: late and paused runs, idle workers."""
_TIMEOUT = 180
_HTTP = httpx.Client(
    timeout=_TIMEOUT,
    verify=False,  # noqa: S501 - servers of this machine, without TLS
    trust_env=False,
    limits=httpx.Limits(keepalive_expiry=1),  # uvicorn ends what was idle for 5 s, maybe as a request is sent
)
_ONCE = httpx.Client(
    timeout=_TIMEOUT,
    verify=False,  # noqa: S501 - the same
    trust_env=False,
    limits=httpx.Limits(max_keepalive_connections=0),
)
"""Takes a new connection for each request: one that a server which stood still has ended may not be asked again."""


def clean_environment(**more: str) -> dict[str, str]:
    """Return the environment without any Prefect settings of the machine, and with the repository importable."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(("PREFECT_", "DERIVED_"))}
    return kept | {"PYTHONPATH": str(REPOSITORY), "DO_NOT_TRACK": "1"} | more


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    home: Path
    """Its PREFECT_HOME."""
    pid: int = 0
    """Its process, where `server` has started it."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands that use it."""
        return clean_environment(PREFECT_HOME=str(self.home), PREFECT_API_URL=self.url)

    def call(self, method: str, path: str, items: list[Any] | None = None, **content: Any) -> Any:
        """Send one request, whose body are the items or the other arguments.

        SQLite is busy at times, as clients know; a question is asked again where the connection is lost.
        """
        is_question = method == "GET" or path.endswith("filter")
        deadline = time.monotonic() + 60
        while True:
            try:
                client = _HTTP if is_question else _ONCE
                answer = client.request(method, f"{self.url}/{path}", json=items or content or None)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                    break
            except httpx.TransportError:
                if not is_question or time.monotonic() > deadline:
                    raise
            time.sleep(0.5)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def runs(self, name: str) -> list[dict[str, Any]]:
        """Return the flow runs of a name."""
        found: list[dict[str, Any]] = self.call("POST", "flow_runs/filter", flow_runs={"name": {"any_": [name]}})
        return found

    def wait(self, flow_run: str, seconds: float = 240, every: float = 0.3) -> dict[str, Any]:
        """Return a flow run once it has ended; it is looked at every so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            run: dict[str, Any] = self.call("GET", f"flow_runs/{flow_run}")
            if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                return run
            assert time.monotonic() < deadline, f"still {run['state_name']} after {seconds} s"
            time.sleep(every)

    def tasks(self, flow_run: str, ended: int) -> list[dict[str, Any]]:
        """Return the task runs of a flow run once so many have ended; the server hears of them late."""
        deadline = time.monotonic() + 20
        while True:
            found = self.call("POST", "task_runs/filter", flow_runs={"id": {"any_": [flow_run]}})
            if sum(task["end_time"] is not None for task in found) >= ended or time.monotonic() > deadline:
                return found
            time.sleep(0.3)

    def events(self, name: str, resource: str) -> list[dict[str, Any]]:
        """Return the events of a name about something, once there is one; the server hears of them late."""
        deadline = time.monotonic() + 20
        wanted = {"event": {"name": [name]}, "resource": {"id": [resource]}}
        while (
            not (found := self.call("POST", "events/filter", filter=wanted)["events"]) and time.monotonic() < deadline
        ):
            time.sleep(0.3)
        return found

    def logs(self, flow_run: str, until: str = "") -> str:
        """Return what a flow run has logged; logs arrive in batches, some seconds after they were written."""
        deadline = time.monotonic() + 20
        while True:
            found = self.call("POST", "logs/filter", logs={"flow_run_id": {"any_": [flow_run]}}, sort="TIMESTAMP_ASC")
            text = "\n".join(line["message"] for line in found)
            if until in text or time.monotonic() > deadline:
                return text
            time.sleep(0.3)


@contextmanager
def process(command, log: Path, **options):
    """Run a command beside the test; it and its children are killed at the end."""
    with log.open("w") as file:
        running = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, **options)
        try:
            yield running
        finally:
            with suppress(ProcessLookupError):  # it ended by itself
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def alive_in(folder: Path) -> list[str]:
    """Return the commands of the processes that work in a folder or were told of one in it, whatever they are called."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended meanwhile, or is somebody else's
            environment = (process / "environ").read_bytes()
            if (process / "cwd").readlink() == folder or f"={folder}/".encode() in environment:
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def server(home: Path, port: int | None = None, **settings: str):
    """Run a Prefect server on SQLite, without its scheduler: no run starts by itself.

    Args:
        home: its PREFECT_HOME.
        port: where it is to listen.
        settings: more of its environment.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/api"
    environment = clean_environment(
        PREFECT_HOME=str(home),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_UI_ENABLED="false",
        PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED="false",
        PYTHONTZPATH="",  # as README says: else it walks a folder of time zones for each schedule that it shows
        **settings,
    )
    is_new = not (home / "prefect.db").exists()
    if is_new:
        begin(home)
    if (home / "prefect.db").exists():
        environment |= _MADE
    log = home / "server.log"
    with process((sys.executable, "-m", *SERVER, str(port)), log, env=environment) as running:
        deadline = time.monotonic() + 180
        while True:
            try:
                if _HTTP.get(f"{url}/health", timeout=5).is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.2)
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        if is_new and not _BLANK.exists():
            _keep_blank(home)
        yield Server(url, home, running.pid)


def begin(home: Path) -> None:
    """Give a server that has never run what it would make first, where that is kept."""
    home.mkdir(parents=True, exist_ok=True)
    if _BLANK.exists():
        shutil.copy(_BLANK, home / "prefect.db")


def _keep_blank(home: Path) -> None:
    """Keep the database of a server that has just begun, which took it half of its start to make."""
    _BLANK.parent.mkdir(parents=True, exist_ok=True)
    copied = _BLANK.with_suffix(f".{os.getpid()}")
    with closing(sqlite3.connect(home / "prefect.db")) as made:
        made.execute("VACUUM INTO ?", [str(copied)])
    copied.replace(_BLANK)
