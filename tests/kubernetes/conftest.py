"""A Kubernetes with what k8s/ describes, and beside it a Prefect server, MySQL and MongoDB; run by tests/kubernetes/run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import create_connection
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from flows.shop import write_exports
from tests import prefect_api
from tests.kubernetes.documented import IMAGE, check_out, commands, execute
from tests.prefect_api import clean_environment
from tests.servers import Unavailable, bigquery, mongodb, mysql
from tests.servers.demo import DATABASE, load_mongodb, load_mysql

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.bigquery import BigQueryServer

ADDRESS = os.environ.get("CLUSTER_ADDRESS", "")
"""Where this machine is to the pods."""
NAMESPACE = "derived"
RUNS_AS = 10001
BIGQUERY = "bigquery://test-project?location=EU"
IN_ORDER = (
    ("core.orders", "core.payments", "core.users"),
    ("derived.purchases_by_user", "derived.revenue_by_item", "derived.revenue_by_country"),
    ("derived.revenue_by_category", "derived.top_items"),
)
"""The tables; each row reads only those before it."""
PATIENCE = 30
"""Seconds that the watchdog gives a pod here."""
EDITS = {
    "newName: derived\n": f"newName: {IMAGE.rpartition(':')[0]}\n",
    "http://prefect.example.com:4200": f"http://{ADDRESS}:4200",
    "bigquery://my-project?location=EU\n": f"{BIGQUERY}\n      - BIGQUERY_EMULATOR_HOST=http://{ADDRESS}:9050\n",
}
"""What a person edits in k8s/base/kustomization.yaml."""
IMPATIENT = f"""
patches:
  - target: {{kind: Deployment, name: derived-worker}}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/env/-
        value: {{name: PREFECT_WORKER_QUERY_SECONDS, value: "2"}}
      - op: add
        path: /spec/template/spec/containers/0/env/-
        value: {{name: PREFECT_WORKER_HEARTBEAT_SECONDS, value: "10"}}
  - target: {{kind: Deployment, name: derived-watchdog}}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --patience={PATIENCE}
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --every=4
"""
"""So that nothing is waited for longer here than it must be; asked more often, the server on a busy machine has no time for more."""
VOLUME = """\
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 50Gi}}
  accessModes: [ReadWriteOnce]
  claimRef: {{namespace: derived, name: {name}}}
  hostPath: {{path: "{path}", type: Directory}}
"""
CLAIM = """\
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}, namespace: derived}}
spec: {{accessModes: [ReadWriteOnce], volumeName: {name}, resources: {{requests: {{storage: 50Gi}}}}}}
"""


@dataclass(frozen=True)
class Platform:
    """All that a run needs, running."""

    server: prefect_api.Server
    project: Path
    """The table files of the image."""
    warehouse: Path
    """The folder of the claim, in which the pods keep their warehouse."""
    connections: dict[str, str]
    """The same sources, as this machine reaches them."""
    bigquery: BigQueryServer
    """The emulator in which the pods of k8s/base have their warehouse."""
    first_run: str
    """The run that the commands of the page start."""

    def kubectl(self, *arguments: str, code: int = 0) -> str:
        """Return what kubectl says of the namespace, and ends with this code."""
        command = ["kubectl", "--namespace", NAMESPACE, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr if code else done.stdout

    def start(self, table: str, parameters: dict[str, Any] | None = None, **job_variables: Any) -> str:
        """Start a run of a table's deployment, as the UI does, and return its id."""
        flow = "ingest" if table.startswith("core.") else "derive"
        deployment = self.server.call("GET", f"deployments/name/{flow}/{table}")
        # As little as lets all of a test's pods be on the one node at once.
        variables = {"cpu": "50m", "memory": "1Gi"} | job_variables
        content = {"parameters": {"table": table} | (parameters or {}), "job_variables": variables}
        run = self.server.call("POST", f"deployments/{deployment['id']}/create_flow_run", **content)
        return str(run["id"])

    def states(self, run: str) -> list[str]:
        """Return the names of the states that a run has been in."""
        found = self.server.call("GET", f"flow_run_states/?flow_run_id={run}")
        return [state["name"] for state in sorted(found, key=lambda state: state["timestamp"])]

    def claim(self, name: str) -> Path:
        """Make another claim, and return the folder that its pods want."""
        folder, volume = self.warehouse.with_name(name), self.warehouse.with_name(f"{name}.yaml")
        volume.write_text((VOLUME + CLAIM).format(name=name, path=folder))
        self.kubectl("apply", "-f", str(volume))
        return folder

    def jobs(self, run: str) -> list[str]:
        """Return the jobs that were made for a run and are kept."""
        return self.kubectl("get", "jobs", "-l", f"prefect.io/flow-run-id={run}", "-o", "name").split()


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """A Kubernetes, in whose network the tests run."""
    if lacking := os.environ.get("DERIVED_TEST_NO_KUBERNETES"):
        raise Unavailable(f"Kubernetes: {lacking}")
    if not ADDRESS:
        raise Unavailable("no Kubernetes: run tests/kubernetes/run")


@pytest.fixture(scope="session")
def platform(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:  # noqa: ARG001 - it is needed
    """Everything in place as docs/kubernetes.md says, with BigQuery: the worker and the watchdog run, no table is made."""
    folder = tmp_path_factory.mktemp("kubernetes")
    warehouse = folder / "warehouse"
    warehouse.mkdir()
    give(warehouse)
    with (
        prefect_api.server(tmp_path_factory.mktemp("prefect")) as server,
        mysql.serving() as database,
        mongodb.serving() as documents,
        bigquery.serving(keep=True) as emulator,  # the emulator, whatever else there is: pods reach nothing outside
        _reached(4200, server.url.rpartition(":")[2].partition("/")[0]),
        _reached(3306, database.port),
        _reached(27017, documents.uri().rpartition(":")[2].partition("/")[0]),
        _reached(9050, emulator.port),
    ):
        write_exports(folder / "shop")
        load_mysql(database, folder / "shop")
        load_mongodb(documents, folder / "shop")
        connections = {
            "DERIVED_CONNECTION_SHOP": database.url(DATABASE),
            "DERIVED_CONNECTION_SHOP_ORDERS": documents.uri(DATABASE),
        }
        project = folder / "project"
        check_out(project)
        first_run = _ten_commands(server, project, connections)
        # Here runs start when a test starts them.
        for automation in server.call("POST", "automations/filter"):
            server.call("DELETE", f"automations/{automation['id']}")
        platform = Platform(server, project, warehouse, connections, emulator, first_run)
        try:
            yield platform
        finally:
            for name in ("worker", "watchdog"):
                print(name, platform.kubectl("logs", f"deployment/derived-{name}", "--tail=60"))  # noqa: T201


def _ten_commands(server: prefect_api.Server, project: Path, connections: dict[str, str]) -> str:
    """Run what leads from nothing to a pod, and the commands that make its secrets; return the run's id."""
    editor = project / "editor.py"
    change = "text = text.replace(old, new) if old in text else sys.exit(f'there is no {old}')"
    lines = ["import pathlib, sys", "path = pathlib.Path(sys.argv[1])", "text = path.read_text()"]
    lines += [f"for old, new in {EDITS!r}.items():", f"    {change}", f"path.write_text(text + {IMPATIENT!r})"]
    editor.write_text("\n".join(lines))
    environment = server.environment | {"EDITOR": f"{sys.executable} {editor}"}
    # The image was built and given to the node before: tests/kubernetes/image.py.
    built = "docker() { :; }\n"
    names = {"http://prefect.example.com:4200": f"http://{ADDRESS}:4200"}
    said = execute(built + commands("make install"), project, environment, names)
    literals = [f"{name}={shlex.quote(_for_pods(url))}" for name, url in connections.items()]
    names = {"DERIVED_CONNECTION_SHOP=<url>": " --from-literal ".join(literals), "<key>": "nobody-asks"}
    for secret in ("derived-prefect", "derived-runs"):
        execute(commands(f"kubectl -n {NAMESPACE} create secret generic {secret}"), project, environment, names)
    found = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", said)
    assert found, said
    return found[0]


def give(folder: Path) -> None:
    """Let pods write in a folder, and nobody else."""
    folder.chmod(0o700)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, RUNS_AS, RUNS_AS)


@pytest.fixture(scope="session")
def one_node(platform: Platform) -> Platform:
    """The same with the file of DuckDB on a claim, as docs/kubernetes.md says for one node."""
    volume = platform.warehouse.with_name("volume.yaml")
    volume.write_text(VOLUME.format(name="warehouse", path=platform.warehouse))
    platform.kubectl("apply", "-f", str(volume))
    execute(commands("kubectl apply -k k8s/one-node"), platform.project, platform.server.environment)
    _let_runs_be_root(platform.server)
    for _ in range(2):  # a worker reads its pool, then says that it lives: the second time it has read what is new
        _wait_for_heartbeat(platform.server)
    return platform


def _let_runs_be_root(server: prefect_api.Server) -> None:
    """Edit the pool's template, as a person may: what PodSecurity says of it is for a run to tell."""
    template = server.call("GET", "work_pools/kubernetes")["base_job_template"]
    template["variables"]["properties"]["run_as_non_root"] = {"type": "boolean", "default": True}
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    pod["securityContext"]["runAsNonRoot"] = "{{ run_as_non_root }}"
    server.call("PATCH", "work_pools/kubernetes", base_job_template=template)


def _wait_for_heartbeat(server: prefect_api.Server) -> None:
    def last() -> list[str]:
        found = server.call("POST", "work_pools/kubernetes/workers/filter")
        return [worker["last_heartbeat_time"] for worker in found]

    before, deadline = last(), time.monotonic() + 120
    while last() == before:
        assert time.monotonic() < deadline, "no worker says that it lives"
        time.sleep(1)


def _for_pods(url: str) -> str:
    """Return a source's URL with the address and port at which pods reach it."""
    port = "3306" if url.startswith("mysql") else "27017"
    before, _, after = url.partition("127.0.0.1:")
    return f"{before}{ADDRESS}:{port}{after.lstrip('0123456789')}"


@contextmanager
def _reached(port: int, to: int | str) -> Iterator[None]:
    """Let pods reach a server of this machine that listens on 127.0.0.1."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with create_connection(("127.0.0.1", int(to))) as other:
                back = Thread(target=_copy, args=(other, self.request), daemon=True)
                back.start()
                _copy(self.request, other)
                back.join()

    class Server(ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Server((ADDRESS, port), Handler) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            listening.shutdown()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while some := source.recv(1 << 16):
            target.sendall(some)
    except OSError:
        pass  # one side has gone
    finally:
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(2)


def fill(platform: Platform, parameters: dict[str, dict[str, Any]] | None = None) -> None:
    """Bring every table up to date, by one pod each; with these parameters, by table."""
    for tables in IN_ORDER:
        runs = {table: platform.start(table, (parameters or {}).get(table)) for table in tables}
        for table, run in runs.items():
            ended = platform.server.wait(run, 600, every=1)
            told = f"{table}: {ended['state']['message']}"
            assert ended["state_name"] == "Committed", f"{told}\n{platform.server.logs(run)}"
            assert len(platform.jobs(run)) == 1


@pytest.fixture(scope="session")
def filled(one_node: Platform) -> Platform:
    """That node once every table was brought up to date, by one pod each."""
    fill(one_node)
    return one_node


@pytest.fixture(scope="session")
def expected(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse that one process on this machine makes of the same sources."""
    home = tmp_path_factory.mktemp("expected")
    here(platform, home, "flows.run")
    return home / "warehouse.duckdb"


def here(platform: Platform, home: Path, *command: str) -> None:
    """Run a command on this machine, whose warehouse is a file in a folder."""
    environment = clean_environment(DERIVED_HOME=str(home), HOME=str(home), **platform.connections)
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=platform.project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def tables_of(warehouse: Path) -> list[str]:
    """Return the names of the tables in a file of DuckDB that readers see."""
    query = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema IN ('core', 'derived')"
    with duckdb.connect(str(warehouse), read_only=True) as opened:
        return sorted(name for (name,) in opened.execute(query).fetchall() if "-" not in name)


def differing(one: Path, other: Path) -> list[str]:
    """Return the tables of a file of DuckDB in which another differs from it."""
    with duckdb.connect() as both:
        both.execute(f"ATTACH '{one}' AS one (READ_ONLY); ATTACH '{other}' AS other (READ_ONLY)")
        return [
            name
            for name in tables_of(other)
            for left, right in (("one", "other"), ("other", "one"))
            if both.execute(f"SELECT COUNT(*) FROM (FROM {left}.{name} EXCEPT ALL FROM {right}.{name})").fetchone()
            != (0,)
        ]
