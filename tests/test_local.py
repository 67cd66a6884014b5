"""`make local`: a person sees everything run on one machine, and Ctrl-C ends it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.prefect_api import REPOSITORY, Server, clean_environment, free_port
from tests.tracking.test_prefect import USERS


def _alive(group: str) -> list[str]:
    """Return the processes of whoever was started in a folder."""
    found = subprocess.run(("pgrep", "-f", "--", group), capture_output=True, text=True, check=False).stdout.split()
    return [pid for pid in found if pid != str(os.getpid())]


@pytest.mark.timeout(600)
def test_a_table_runs_in_a_server_of_this_machine_until_ctrl_c(tmp_path):
    """It says where to look, the core tables' runs complete, and at the end no process of it is left."""
    (tmp_path / "tables/core").mkdir(parents=True)
    shutil.copy(REPOSITORY / "tables/core/users.yaml", tmp_path / "tables/core")
    (tmp_path / ".derived/shop").mkdir(parents=True)
    (tmp_path / ".derived/shop/users.csv").write_text(USERS)
    port, log = free_port(), tmp_path / "log"
    command = (sys.executable, "-m", "flows.local", "--port", str(port))
    with log.open("w") as file:
        running = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=clean_environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = Server(f"http://127.0.0.1:{port}/api", tmp_path)
        deadline = time.monotonic() + 300
        while "Press Ctrl-C to end" not in log.read_text():
            assert running.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.3)
        assert f"Look at http://127.0.0.1:{port}/runs" in log.read_text()
        [run] = server.call("POST", "flow_runs/filter", deployments={"name": {"any_": ["core.users"]}}, limit=1)
        done = server.wait(run["id"])
        assert done["state_name"] == "Committed", server.logs(run["id"])
        running.send_signal(signal.SIGINT)
        assert running.wait(120) == 0
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
    said = log.read_text()
    assert said.endswith("Ending ...\n")
    assert "Traceback" not in said
    assert not re.search(r"--port \d+", " ".join(_alive(f"--port {port}")))
