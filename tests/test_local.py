"""`make local`: a person sees everything run on one machine, and Ctrl-C ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from tests.prefect_api import REPOSITORY, Server, alive_in, clean_environment, free_port
from tests.tracking.test_prefect import USERS


@pytest.mark.timeout(600)
def test_a_table_runs_in_a_server_of_this_machine_until_ctrl_c(tmp_path):
    """It says where to look and what files have faults, other core tables' runs complete, and no process of it is left."""
    (tmp_path / "tables/core").mkdir(parents=True)
    shutil.copy(REPOSITORY / "tables/core/users.yaml", tmp_path / "tables/core")
    (tmp_path / "tables/core/orders.yaml").write_text("description: Nothing else.\n")
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
        alive = "\n".join(alive_in(tmp_path))
        assert all(word in alive for word in ("flows.local", "server start", "worker start")), alive
        running.send_signal(signal.SIGINT)
        assert running.wait(120) == 0
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGTERM)
    said = log.read_text()
    assert said.endswith("Ending ...\n")
    assert "Traceback" not in said
    assert "tables/core/orders.yaml:" in said
    deadline = time.monotonic() + 30
    while (left := alive_in(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.3)  # what was killed is gone a moment later
    assert not left
