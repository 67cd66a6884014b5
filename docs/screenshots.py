"""Take the pictures of Prefect's UI in docs/images/, of the demo as `make local` shows it.

python docs/screenshots.py (it needs Debian's `chromium`, and takes some minutes)
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs/images"
PORT = 4217
UI = f"http://127.0.0.1:{PORT}"
SHOWN = "derived.revenue_by_item"
LAST = "derived.revenue_by_category"
"""The last table of the demo's chain: once it has run, the pages have something to show."""
PATIENCE = 1200
BROWSER = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--run-all-compositor-stages-before-draw",
    "--virtual-time-budget=60000",
]


def main() -> None:
    """Run the demo on a server of its own, and take the pictures."""
    with tempfile.TemporaryDirectory(prefix="derived-") as name:
        project = Path(name, "project")
        for part in ("flows", "blocks", "tables", "pyproject.toml", "prefect.yaml"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            project.mkdir(exist_ok=True)
            copy(ROOT / part, project / part)
        running = subprocess.Popen(  # noqa: S603 - a command of our own
            (sys.executable, "-m", "flows.local", "--port", str(PORT)), cwd=project
        )
        try:
            _wait_for_run(running, LAST)
            for image, (path, height) in _pages().items():
                _take(IMAGES / f"{image}.png", path, height)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait()


def _pages() -> dict[str, tuple[str, int]]:
    """Return the address and the height of each page, by the name of its picture."""
    [deployment] = _ask("deployments/filter", deployments={"name": {"any_": [SHOWN]}})
    run = _runs(SHOWN)[0]["id"]
    [artifact] = _ask("artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}, "type": {"any_": ["markdown"]}})
    return {
        "deployments": ("deployments", 900),
        "form": (f"deployments/deployment/{deployment['id']}/run", 1350),
        "run": (f"runs/flow-run/{run}", 1000),
        "artifact": (f"artifacts/artifact/{artifact['id']}", 900),
    }


def _take(image: Path, path: str, height: int) -> None:
    image.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="derived-") as profile:
        target = (f"--user-data-dir={profile}", f"--window-size=1400,{height}", f"--screenshot={image}", f"{UI}/{path}")
        subprocess.run((*BROWSER, *target), check=True, stderr=subprocess.DEVNULL)  # noqa: S603 - of a page of our own


def _wait_for_run(running: subprocess.Popen[bytes], table: str) -> None:
    """Wait until a table has committed. Raises SystemExit where that takes too long or the server has ended."""
    deadline = time.monotonic() + PATIENCE
    while not _runs(table):
        if running.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{table} has not run: there is nothing to take pictures of.")
        time.sleep(2)


def _runs(table: str) -> list[dict[str, Any]]:
    try:
        found = _ask(
            "flow_runs/filter",
            deployments={"name": {"any_": [table]}},
            flow_runs={"state": {"name": {"any_": ["Committed"]}}},
        )
    except httpx.HTTPError:
        return []
    return found


def _ask(what: str, **asked: object) -> list[dict[str, Any]]:
    answer = httpx.post(f"{UI}/api/{what}", json=asked, timeout=30)
    return list(answer.raise_for_status().json())


if __name__ == "__main__":
    main()
