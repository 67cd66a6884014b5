from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from flows.report.schedule import describe_schedule
from tests.shop import Shop, new_project


@pytest.fixture
def project(tmp_path):
    """A folder with the example tables."""
    return new_project(tmp_path).root


def _deploy(project, action):
    return Shop(project).command("deploy", action)


def test_prefect_takes_every_key_of_the_file(project):
    """Prefect drops keys that it does not know and a file with an invalid entry: here nothing is lost."""
    from prefect.cli.deploy._models import PrefectYamlModel  # noqa: PLC0415 - seconds to import
    from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger  # noqa: PLC0415

    assert _deploy(project, "--write").returncode == 0
    written = yaml.safe_load((project / "prefect.yaml").read_text(encoding="utf-8"))
    assert len(written["deployments"]) == len(list(project.glob("tables/*/*.yaml")))
    assert PrefectYamlModel.model_validate(written).model_dump(mode="json", exclude_unset=True) == written
    triggers = [trigger for one in written["deployments"] for trigger in one.get("triggers", [])]
    assert triggers
    for trigger in triggers:
        assert trigger.keys() <= DeploymentEventTrigger.model_fields.keys()
        assert DeploymentEventTrigger.model_validate(trigger).schedule_after == timedelta(seconds=60)


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


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("10 * * * *", "hourly at :10"),
        ("*/15 * * * *", "every 15 minutes"),
        ("5 */6 * * *", "every 6 hours at :05"),
        ("30 6 * * *", "daily at 06:30"),
        ("30 6 * * 7", "Sundays at 06:30"),
        ("0 6 * * 1-5", "Mondays to Fridays at 06:00"),
        ("0 6 1 * *", "monthly on day 1 at 06:00"),
        ("*/7 * * * *", "cron */7 * * * *"),
        ("0 6 1 1 *", "cron 0 6 1 1 *"),
    ],
)
def test_a_schedule_is_called_by_what_it_does(cron, words):
    """Where there are no such words, by its cron."""
    assert describe_schedule(cron) == words


def test_a_table_runs_after_the_tables_that_its_sql_reads(project):
    """Core tables have no trigger; runs are known by their names, be they of a deployment or not."""
    _deploy(project, "--write")
    written = {one["name"]: one for one in yaml.safe_load((project / "prefect.yaml").read_text())["deployments"]}
    [trigger] = written["derived.revenue_by_item"]["triggers"]
    assert trigger["expect"] == ["prefect.flow-run.Committed", "prefect.flow-run.PartlyCommitted", "derived.committed"]
    assert trigger["match"]["prefect.resource.name"] == ["core.orders *", "core.payments *"]
    assert (trigger["threshold"], trigger["within"]) == (1, trigger["schedule_after"])
    assert "triggers" not in written["core.orders"]
