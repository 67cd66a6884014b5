from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
import yaml

from tests.prefect_api import REPOSITORY, clean_environment


@pytest.fixture
def project(tmp_path):
    """A folder with the example tables."""
    shutil.copytree(REPOSITORY / "tables", tmp_path / "tables")
    return tmp_path


def _deploy(project, action):
    return subprocess.run(
        [sys.executable, "-m", "flows.deploy", action],
        cwd=project,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_prefect_takes_every_key_of_the_file(project):
    """Prefect drops keys that it does not know and a file with an invalid entry: here nothing is lost."""
    from prefect.cli.deploy._models import PrefectYamlModel  # noqa: PLC0415 - seconds to import

    assert _deploy(project, "--write").returncode == 0
    written = yaml.safe_load((project / "prefect.yaml").read_text(encoding="utf-8"))
    assert len(written["deployments"]) == len(list(project.glob("tables/*/*.yaml")))
    assert PrefectYamlModel.model_validate(written).model_dump(mode="json", exclude_unset=True) == written


def test_the_file_says_what_writes_it_and_is_written_the_same_again(project):
    """The command stands in the first line, deployments in the order of their names; writing again changes no byte."""
    _deploy(project, "--write")
    first = (project / "prefect.yaml").read_bytes()
    assert b"python -m flows.deploy --write" in first.splitlines()[0]
    names = [deployment["name"] for deployment in yaml.safe_load(first)["deployments"]]
    assert names == sorted(names)
    _deploy(project, "--write")
    assert (project / "prefect.yaml").read_bytes() == first


def test_check_fails_until_the_file_is_up_to_date(project):
    """`--check` changes nothing; it shows what differs and says what to run."""
    assert _deploy(project, "--check").returncode == 1
    assert not (project / "prefect.yaml").exists()
    _deploy(project, "--write")
    done = _deploy(project, "--check")
    assert (done.returncode, done.stdout) == (0, "prefect.yaml is up to date.\n")

    table = project / "tables/core/users.yaml"
    table.write_text(table.read_text().replace('"5 * * * *"', '"7 * * * *"'))
    done = _deploy(project, "--check")
    assert done.returncode == 1
    assert "+    cron: 7 * * * *" in done.stderr
    assert "python -m flows.deploy --write" in done.stderr


def test_a_table_with_faults_stops_no_other(project):
    """The others are written, its faults are shown, and the command fails."""
    (project / "tables/core/broken.yaml").write_text("description: [not, text]\n")
    done = _deploy(project, "--write")
    assert done.returncode == 1
    assert "tables/core/broken.yaml:1" in done.stderr
    names = [item["name"] for item in yaml.safe_load((project / "prefect.yaml").read_text())["deployments"]]
    assert "core.users" in names
    assert "core.broken" not in names


def test_text_of_a_table_is_no_template(project):
    """Prefect would put variables, secrets and the environment in the place of `{{ … }}`: none is left."""
    table = project / "tables/core/users.yaml"
    _, others = table.read_text().split("\n", 1)
    table.write_text("description: '{{{ $HOME }}} and {{ prefect.variables.x }}'\n" + others)
    assert _deploy(project, "--write").returncode == 0
    written = (project / "prefect.yaml").read_text()
    assert "$HOME" in written
    assert "{{" not in written
