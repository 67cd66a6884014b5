"""A project that is deployed to a server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.prefect_api import Server

OWN = {"id", "created", "updated", "flow_id", "work_queue_id", "concurrency_limit_id", "deployment_id", "created_by"}
"""What a server makes up by itself."""


@dataclass(frozen=True)
class Deploying:
    """A project and a server of its own."""

    root: Path
    server: Server

    def run(self, *command: str, fails: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a Python command in the project."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=self.server.environment | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == fails, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def asked(self, answer: Callable[[subprocess.Popen[bytes], int], object]) -> int:
        """Deploy at a terminal whose other end something is done to once it is asked what to delete."""
        end, terminal = os.openpty()
        command = (sys.executable, "-m", "flows.deploy")
        with subprocess.Popen(
            command,
            cwd=self.root,
            env=self.server.environment,
            stdin=terminal,
            stdout=subprocess.DEVNULL,
            stderr=terminal,
            start_new_session=True,
        ) as running:
            os.close(terminal)
            seen = b""
            while b"Delete? [y/N]" not in seen:
                seen += os.read(end, 4096)
            time.sleep(0.5)  # nobody answers before it reads
            answer(running, end)
            code = running.wait(60)
        os.close(end)
        return code

    def deploy(self, *options: str, fails: int = 0) -> dict[str, Any]:
        """Deploy and return what is said of it."""
        said: dict[str, Any] = json.loads(self.run("-m", "flows.deploy", "--json", *options, fails=fails).stdout)
        return said

    def state(self) -> dict[str, Any]:
        """Return deployments and their automations by name, without what servers make up."""
        deployments = self.server.call("POST", "deployments/filter")
        automations = self.server.call("POST", "automations/filter")
        return {
            one["name"]: _plain(one)
            | {"automations": [_plain(a) for a in automations if a["actions"][0]["deployment_id"] == one["id"]]}
            for one in deployments
        }

    def change(self, table: str, old: str, new: str) -> None:
        """Change a table's file."""
        path = self.root / f"tables/{table.replace('.', '/')}.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if key not in OWN}
    if isinstance(value, str) and value.startswith("deployment:"):
        return "deployment"  # a limit's name holds an id
    if isinstance(value, list):
        return sorted(map(_plain, value), key=str)
    return value
