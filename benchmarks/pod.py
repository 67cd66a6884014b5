"""Measure what a pod costs that has nothing to do: its processes, from the start of the first to the end of the last.

python benchmarks/pod.py 5      five runs of a derived table of the demo, whose windows are all committed
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent))

from deploy import REPOSITORY, run, server

from flows.shop import write_exports

TABLE = "derived.revenue_by_item"
GOAL = 3.0
"""Seconds of CPU."""


def main() -> None:
    """Measure and print."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="derived-pod-") as folder:
        place = Path(folder)
        root = place / "project"
        root.mkdir()
        for part in ("tables", "work-pools"):
            (root / part).symlink_to(REPOSITORY / part)
        write_exports(root / ".derived" / "shop")
        with server(place, "") as environment:
            run(root, environment | {"PREFECT_API_URL": ""}, "-m", "flows.run")
            run(root, environment, "-m", "flows.deploy", "--pool", "--process")
            run(root, environment, "-m", "flows.deploy", "--json")
            costs = [cost(root, environment) for _ in range(runs)]
    print(f"| {TABLE}, nothing to do | median of {runs} | all | goal |\n| --- | ---: | --- | ---: |")
    for name, found, goal in zip(("CPU", "wall"), zip(*costs, strict=True), (GOAL, ""), strict=True):
        print(f"| {name} | {statistics.median(found):.2f} s | {', '.join(f'{one:.2f}' for one in found)} | {goal} |")


def cost(root: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of CPU and of time that a run takes, of all its processes."""
    api = environment["PREFECT_API_URL"]
    deployment = httpx.get(f"{api}/deployments/name/derive/{TABLE}").raise_for_status().json()["id"]
    made = httpx.post(f"{api}/deployments/{deployment}/create_flow_run", json={"parameters": {"table": TABLE}})
    id_ = made.raise_for_status().json()["id"]
    started = time.perf_counter()
    command = [sys.executable, "-m", "flows.pod"]
    executed = subprocess.Popen(command, cwd=root, env=environment | {"PREFECT__FLOW_RUN_ID": id_})
    _, status, usage = os.wait4(executed.pid, 0)  # with those that it has started and waited for
    took = time.perf_counter() - started
    ended = httpx.get(f"{api}/flow_runs/{id_}").raise_for_status().json()["state"]
    if status or ended["name"] != "UpToDate":
        sys.exit(f"exit status {status}, {ended['name']}: {ended['message']}")
    return usage.ru_utime + usage.ru_stime, took


if __name__ == "__main__":
    main()
