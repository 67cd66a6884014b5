"""A Kubernetes with what k8s/ describes, and beside it a Prefect server, MySQL and MongoDB; run by tests/kubernetes/run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socket import create_connection
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from flows.shop import write_exports
from tests import prefect_api
from tests.kubernetes.image import IMAGE
from tests.prefect_api import REPOSITORY, clean_environment
from tests.servers import Unavailable, mongodb, mysql
from tests.servers.demo import DATABASE, load_mongodb, load_mysql, make_project

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

ADDRESS = os.environ.get("CLUSTER_ADDRESS", "")
"""Where this machine is to the pods."""
NAMESPACE = "derived"
RUNS_AS = 10001
PATIENCE = 15
"""Seconds that the watchdog gives a pod here."""
OVERLAY = f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: {NAMESPACE}
resources: [../k8s/one-node, volume.yaml]
images: [{{name: derived, newName: {IMAGE.rpartition(":")[0]}, newTag: "{IMAGE.rpartition(":")[2]}"}}]
generatorOptions: {{disableNameSuffixHash: true}}
configMapGenerator:
  - name: derived-prefect
    behavior: replace
    literals: ["PREFECT_API_URL=http://{ADDRESS}:4200/api"]
secretGenerator:
  - name: derived-runs
    envs: [connections.env]
patches:
  - target: {{kind: Deployment, name: derived-watchdog}}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --patience={PATIENCE}
      - op: add
        path: /spec/template/spec/containers/0/args/-
        value: --every=2
"""
VOLUME = """\
apiVersion: v1
kind: PersistentVolume
metadata: {{name: warehouse}}
spec:
  capacity: {{storage: 50Gi}}
  accessModes: [ReadWriteOnce]
  hostPath: {{path: "{path}"}}
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
        content = {"parameters": {"table": table} | (parameters or {}), "job_variables": job_variables}
        run = self.server.call("POST", f"deployments/{deployment['id']}/create_flow_run", **content)
        return str(run["id"])

    def states(self, run: str) -> list[str]:
        """Return the names of the states that a run has been in."""
        found = self.server.call("GET", f"flow_run_states/?flow_run_id={run}")
        return [state["name"] for state in sorted(found, key=lambda state: state["timestamp"])]

    def jobs(self, run: str) -> list[str]:
        """Return the jobs that were made for a run and are kept."""
        return self.kubectl("get", "jobs", "-l", f"prefect.io/flow-run-id={run}", "-o", "name").split()


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Everything in place: the worker and the watchdog run, the deployments are made, no run has started."""
    if not ADDRESS:
        raise Unavailable("no Kubernetes: run tests/kubernetes/run")
    folder = tmp_path_factory.mktemp("kubernetes")
    warehouse = folder / "warehouse"
    warehouse.mkdir(mode=0o700)
    os.chown(warehouse, RUNS_AS, RUNS_AS)
    with (
        prefect_api.server(tmp_path_factory.mktemp("prefect")) as server,
        mysql.serving() as database,
        mongodb.serving() as documents,
        _reached(4200, server.url.rpartition(":")[2].partition("/")[0]),
        _reached(3306, database.port),
        _reached(27017, documents.uri().rpartition(":")[2].partition("/")[0]),
    ):
        write_exports(folder / "shop")
        load_mysql(database, folder / "shop")
        load_mongodb(documents, folder / "shop")
        connections = {
            "DERIVED_CONNECTION_SHOP": database.url(DATABASE),
            "DERIVED_CONNECTION_SHOP_ORDERS": documents.uri(DATABASE),
        }
        project = folder / "project"
        project.mkdir()
        make_project(REPOSITORY / "tables", project)
        shutil.copytree(REPOSITORY / "work-pools", project / "work-pools")
        platform = Platform(server, project, warehouse, connections)
        _apply(platform, folder)
        _deploy(server, project)
        try:
            for name in ("worker", "watchdog"):
                platform.kubectl("rollout", "status", f"deployment/derived-{name}", "--timeout=120s")
            yield platform
        finally:
            for name in ("worker", "watchdog"):
                print(name, platform.kubectl("logs", f"deployment/derived-{name}", "--tail=60"))  # noqa: T201


def _apply(platform: Platform, folder: Path) -> None:
    shutil.copytree(REPOSITORY / "k8s", folder / "k8s")
    overlay = folder / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(OVERLAY)
    (overlay / "volume.yaml").write_text(VOLUME.format(path=platform.warehouse))
    secret = "".join(f"{name}={_for_pods(url)}\n" for name, url in platform.connections.items())
    (overlay / "connections.env").write_text(secret)
    platform.kubectl("apply", "-k", str(overlay))


def _for_pods(url: str) -> str:
    """Return a source's URL with the address and port at which pods reach it."""
    port = "3306" if url.startswith("mysql") else "27017"
    before, _, after = url.partition("127.0.0.1:")
    return f"{before}{ADDRESS}:{port}{after.lstrip('0123456789')}"


def _deploy(server: prefect_api.Server, project: Path) -> None:
    for options in (("--pool", "--image", IMAGE, "--claim", "warehouse"), ("--yes",)):
        command = [sys.executable, "-m", "flows.deploy", *options]
        done = subprocess.run(command, cwd=project, env=server.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    # Here runs start when a test starts them.
    for automation in server.call("POST", "automations/filter"):
        server.call("DELETE", f"automations/{automation['id']}")


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


@pytest.fixture(scope="session")
def filled(platform: Platform) -> Platform:
    """The same once every table was brought up to date, by one pod each."""
    for tables in (
        ("core.orders", "core.payments", "core.users"),
        ("derived.purchases_by_user", "derived.revenue_by_item", "derived.revenue_by_country"),
        ("derived.revenue_by_category", "derived.top_items"),
    ):
        runs = {table: platform.start(table) for table in tables}
        for table, run in runs.items():
            ended = platform.server.wait(run, 300)
            assert ended["state_type"] == "COMPLETED", (
                f"{table}: {ended['state']['message']}\n{platform.server.logs(run)}"
            )
            assert len(platform.jobs(run)) == 1
    return platform


@pytest.fixture(scope="session")
def expected(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The warehouse that one process on this machine makes of the same sources."""
    home = tmp_path_factory.mktemp("expected")
    environment = clean_environment(DERIVED_HOME=str(home), HOME=str(home), **platform.connections)
    command = [sys.executable, "-m", "flows.run"]
    done = subprocess.run(command, cwd=platform.project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return home / "warehouse.duckdb"
