"""Compare `python -m flows.deploy` with `prefect deploy --all`, on a server with SQLite and on one with PostgreSQL.

python benchmarks/deploy.py 200                200 tables on both; then 2,000 unchanged, and one changed
python benchmarks/deploy.py 20 --many 200 --no-postgresql

PostgreSQL is Debian's (apt-get install postgresql); it runs in a folder of its own, as the user postgres for root.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

sys.path.insert(0, str(Path(__file__).parent))

from scale import make_project

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parent.parent
GOALS = {"SQLite": 2.0, "PostgreSQL": 5.0}
MOST_SECONDS = {"unchanged": 5.0, "one changed": 5.0, "--write": 3.0}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", type=int, nargs="?", default=200, help="how many tables are deployed")
    parser.add_argument("--many", type=int, default=2_000, help="how many there are where nothing has changed")
    parser.add_argument("--no-postgresql", action="store_true", help="leave PostgreSQL out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="derived-deploy-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        root = place / "project"
        project_of(root, arguments.tables)
        databases = {"SQLite": contextlib.nullcontext("")}
        if not arguments.no_postgresql:
            databases["PostgreSQL"] = postgresql(place / "postgresql")
        print(f"| {count(root):,} tables, first deploy | prefect deploy --all | flows.deploy | ratio | goal |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, database in databases.items():
            with database as url:
                theirs = first(place, f"{url}/theirs" if url else "", root, ours=False)
                ours = first(place, f"{url}/ours" if url else "", root, ours=True)
            print(f"| {name} | {theirs:.1f} s | {ours:.1f} s | {theirs / ours:.2f} | {GOALS[name]} |", flush=True)
        large = place / "large"
        project_of(large, arguments.many)
        print(f"\n| {count(large):,} tables | seconds | goal |\n| --- | ---: | ---: |")
        for what, seconds in unchanged(place, large).items():
            print(f"| {what} | {seconds:.2f} | {MOST_SECONDS.get(what, '')} |", flush=True)


def project_of(root: Path, tables: int) -> None:
    """Write a project of so many tables, one in eleven of them a core table."""
    make_project(root, tables - tables // 11)


def count(root: Path) -> int:
    """Return how many tables a project has."""
    return len(list(root.glob("tables/*/*.yaml")))


def first(place: Path, database: str, root: Path, *, ours: bool) -> float:
    """Return how long a first deploy takes on a new server."""
    with server(place, database) as environment:
        run(root, environment, "-m", "flows.deploy", "--pool", "--process")
        run(root, environment, "-m", "flows.deploy", "--write")
        if ours:
            return run(root, environment, "-m", "flows.deploy", "--json")
        return run(root, environment, "-m", "prefect", "--no-prompt", "deploy", "--all")


def unchanged(place: Path, root: Path) -> dict[str, float]:
    """Return how long it takes to deploy many tables, to find nothing changed, one changed, and to write the file."""
    with server(place, "") as environment:
        found = {}
        run(root, environment, "-m", "flows.deploy", "--pool", "--process")
        found["first deploy"] = run(root, environment, "-m", "flows.deploy", "--json")
        wait_for_schedules(environment["PREFECT_API_URL"])
        found["unchanged"] = run(root, environment, "-m", "flows.deploy", "--json")
        file = next(root.glob("tables/core/*.yaml"))
        file.write_text(file.read_text().replace("'5 * * * *'", "'6 * * * *'"))
        found["one changed"] = run(root, environment, "-m", "flows.deploy", "--json")
        found["--write"] = run(root, environment, "-m", "flows.deploy", "--write")
    return found


def wait_for_schedules(url: str) -> None:
    """Wait until a server has made the runs of new schedules: that is its own work, and takes minutes."""
    counted = -1
    while (there := httpx.post(f"{url}/flow_runs/count", json={}, timeout=60).raise_for_status().json()) != counted:
        counted = there
        time.sleep(15)


def run(root: Path, environment: dict[str, str], *command: str) -> float:
    """Run a command in a project and return the seconds that it took."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    if "--json" in command and json.loads(done.stdout)["failed"]:
        sys.exit(done.stdout)
    return time.perf_counter() - started


@contextlib.contextmanager
def server(place: Path, database: str) -> Iterator[dict[str, str]]:
    """Run a Prefect server and give the environment of who uses it."""
    home = Path(tempfile.mkdtemp(dir=place))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DERIVED_"))}
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PYTHONTZPATH": "",  # as README says: else the server walks a folder of time zones for each schedule
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(REPOSITORY),
    }
    if database:
        environment["PREFECT_API_DATABASE_CONNECTION_URL"] = database
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    with (home / "log").open("w") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/health", timeout=5).is_success:
                    break
            if running.poll() is not None:
                sys.exit((home / "log").read_text())
            time.sleep(0.3)
        yield environment | {"PREFECT_API_URL": url}
    finally:
        running.terminate()
        running.wait(30)


@contextlib.contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run PostgreSQL with two empty databases, `ours` and `theirs`, and give the address without their names."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    programs = str(binaries[-1]) if binaries else str(Path(shutil.which("initdb") or "").parent)
    as_user = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder.mkdir()
    if as_user:
        os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [f"{programs}/{program}", *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL, **as_user
        )

    data = str(folder / "data")
    call("initdb", "--pgdata", data, "--username", "postgres", "--auth", "trust")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    call("pg_ctl", "--pgdata", data, "--wait", "--log", str(folder / "log"), "--options", options, "start")
    try:
        for name in ("ours", "theirs"):
            call("createdb", "--host", "127.0.0.1", "--port", str(port), "--username", "postgres", name)
        yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}"
    finally:
        call("pg_ctl", "--pgdata", data, "--mode", "fast", "stop")


if __name__ == "__main__":
    main()
