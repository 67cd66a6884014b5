"""The processes that share the tests."""

from __future__ import annotations

import subprocess
import sys

from tests.prefect_api import clean_environment

CRASHING = "import os\ndef test_fine():\n    pass\ndef test_crash():\n    os._exit(9)\ndef test_behind():\n    pass\n"


def test_a_test_that_ends_its_process_is_tried_once(tmp_path):
    """Those behind it run in another."""
    (tmp_path / "test_it.py").write_text(CRASHING)
    options = (
        "-p",
        "xdist.plugin",
        "-p",
        "tests.workers",
        "-c",
        "/dev/null",
        "--rootdir",
        ".",
        "--numprocesses",
        "1",
        "--dist",
        "loadfile",
    )
    done = subprocess.run(
        (sys.executable, "-m", "pytest", *options, "."),
        cwd=tmp_path,
        env=clean_environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),  # they take longer than all else
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 2 passed" in done.stdout, done.stdout
