from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPS = """
import pytest

def test_one():
    pytest.skip({reason!r})
"""


def _run(folder, body, ci):
    (folder / "test_skips.py").write_text(body)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.machine", "-p", "no:cacheprovider", "-c", "/dev/null", folder],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [
        ("too lazy", "true", 1),
        ("mongod: none on the PATH", "true", 0),
        ("too lazy", "", 0),
    ],
)
def test_a_needless_skip_fails_where_ci_runs(tmp_path, reason, ci, code):
    """A skip fails under CI=true, unless it begins with the name of a server that cannot be had."""
    done = _run(tmp_path, SKIPS.format(reason=reason), ci)
    assert done.returncode == code, done.stdout
    assert code == 0 or f"does not allow: {reason}" in done.stdout


def test_a_whole_module_that_is_skipped_fails_too(tmp_path):
    """A module cannot be skipped as a whole under CI=true either."""
    done = _run(tmp_path, "import pytest\npytest.importorskip('no_such_module')\ndef test_one(): pass\n", "true")
    assert done.returncode != 0
    assert "does not allow: could not import 'no_such_module'" in done.stdout
