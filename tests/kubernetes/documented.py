"""The commands of docs/kubernetes.md, with the names of this machine, and a working copy to run them in."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from tests.prefect_api import REPOSITORY
from tests.servers.demo import make_project

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = "localhost/derived:1"
LEFT_OUT = (".git", ".venv", ".derived*", ".hypothesis", ".*cache", "__pycache__")
PAGE = (REPOSITORY / "docs/kubernetes.md").read_text()
NAMES = {"registry.example.com/derived:1": IMAGE}
"""What stands in the page for a reader's own, and what it is here."""


def check_out(folder: Path) -> None:
    """Make a working copy of the repository whose core tables come from servers."""
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
    for name in (".git", ".venv"):
        (folder / name).symlink_to(REPOSITORY / name)
    make_project(REPOSITORY / "tables", folder)


def commands(beginning: str) -> str:
    """Return the block of commands of the page that begins so."""
    (block,) = re.findall(rf"^```sh\n({re.escape(beginning)}.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return str(block)


def execute(script: str, folder: Path, environment: dict[str, str], names: dict[str, str] | None = None) -> str:
    """Execute commands of the page in a working copy and return what they print."""
    for shown, here in (NAMES | (names or {})).items():
        script = script.replace(shown, here)
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout
