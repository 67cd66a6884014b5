from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest

def test_one():
    pytest.skip("too lazy")
"""
NO_SERVER = """
import pytest
from tests.servers import Unavailable

@pytest.fixture(scope="session")
def server():
    raise Unavailable("no server: install one")

def test_one(server): pass
def test_two(server): pass
"""
NO_CLUSTER = """
import pytest
from tests.servers import Unavailable

@pytest.fixture
def cluster():
    raise Unavailable("Kubernetes: needs root")

def test_one(cluster): pass
"""


def _run(folder, body, ci, *options):
    (folder / "test_skips.py").write_text(body)
    plugins = ["-p", "tests.machine", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "-c", "/dev/null", *options, folder],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("body", "reason"), [(SKIPS, "too lazy"), (NO_SERVER, "no server: install one")])
def test_a_skip_fails_where_ci_runs(tmp_path, body, reason):
    """A skip, also that of a test whose server there is not, fails under CI=true only."""
    done = _run(tmp_path, body, "true")
    assert done.returncode == 1, done.stdout
    assert f"does not allow: {reason}" in done.stdout
    done = _run(tmp_path, body, "")
    assert done.returncode == 0, done.stdout
    assert "skipped" in done.stdout


def test_a_whole_module_that_is_skipped_fails_too(tmp_path):
    """A module cannot be skipped as a whole under CI=true either."""
    done = _run(tmp_path, "import pytest\npytest.importorskip('no_such_module')\ndef test_one(): pass\n", "true")
    assert done.returncode != 0
    assert "does not allow: could not import 'no_such_module'" in done.stdout


def test_what_a_machine_may_lack_is_told_and_fails_nothing(tmp_path):
    """Of a server in the list of those that not every machine of CI can have, the reason is all that is said."""
    done = _run(tmp_path, NO_CLUSTER, "true", "-rs")
    assert done.returncode == 0, done.stdout
    assert "Kubernetes: needs root" in done.stdout
