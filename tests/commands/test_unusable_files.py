"""Files beside the tables' that cannot be read or written: a line that names them, and no traceback."""

import subprocess
import sys

import pytest

from tests.shop import new_project


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project in whose folder things stand in each other's places; nothing reaches an API."""
    project = new_project(tmp_path_factory.mktemp("project"))
    (project.root / "prefect.yaml").mkdir()
    (project.root / ".git").mkdir()
    (project.root / ".git/HEAD").write_bytes(b"\xff")
    (project.root / "bad.env").write_bytes(b"DERIVED_STAGE=\xff\n")
    (project.root / "home").mkdir()
    (project.root / "home/profiles.toml").mkdir()
    return project


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "says"),
    [
        ("flows.deploy --write", {}, 1, "prefect.yaml: Is a directory."),
        ("blocks bad.env", {"PREFECT_API_URL": "http://127.0.0.1:1/api"}, 2, "bad.env is not UTF-8 text."),
        ("flows.derive derived.top_items", {"PREFECT_HOME": "home"}, 1, "home/profiles.toml: Is a directory."),
        ("flows.watchdog", {"PREFECT_API_URL": "http://127.0.0.1:1/api"}, 2, "The watchdog runs in a pod"),
        (
            "flows.watchdog --most-memory 1.5Gi",
            {"PREFECT_API_URL": "http://127.0.0.1:1/api"},
            2,
            "--most-memory '1.5Gi' is",
        ),
        ("flows.derive derived.top_items", {}, 0, ""),
    ],
)
def test_the_file_is_named(project, arguments, environment, code, says):
    """With what is wrong with it; a repository that is none is no fault."""
    done = project.run(*arguments.split(), env=environment)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert says in done.stderr
    assert code == 0 or not done.stdout


def test_a_folder_that_is_gone(project, tmp_path):
    """It is said, as where there are no tables."""
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -m flows.check"
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, env=project.environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert done.stderr.startswith("The folder in which this runs is there no more.")
