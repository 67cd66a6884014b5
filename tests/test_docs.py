"""What the documentation shows is what there is."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests.shop import REPOSITORY

README = (REPOSITORY / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    if line.startswith(".venv/bin/python")
]


def test_the_page_of_fields_is_up_to_date():
    """docs/table.md is what `make docs` writes."""
    page = subprocess.run(
        [sys.executable, "docs/generate.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert (REPOSITORY / "docs/table.md").read_text() == page.stdout


def test_the_readme_shows_the_example_as_it_is():
    """The table file in the README is the one in tables/."""
    assert (REPOSITORY / "tables/derived/revenue_by_item.yaml").read_text() in README


@pytest.mark.parametrize("command", [command for command in COMMANDS if "--new" not in command])
def test_a_command_of_the_readme_works(shop, command):
    """Each command can be pasted into a shell after `make demo`, and shows the output that stands below it."""
    if "flows.deploy --check" in command:
        shop.run("flows.deploy", "--write")
    done = subprocess.run(
        [sys.executable, *shlex.split(command)[1:]],
        cwd=shop.root,
        env=shop.environment | {"COLUMNS": "110"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.search(re.escape(command) + r"\n```\n```\n(.*?)```", README, flags=re.DOTALL)
    if shown and not re.search(r"\d s$|\+00", shown[1], flags=re.MULTILINE):
        assert shown[1].strip() in done.stdout


def test_the_first_file_of_a_table_is_written_as_shown(shop, mysql_server, database):
    """It names the table's columns and is valid at once."""
    (command,) = [command for command in COMMANDS if "--new" in command]
    mysql_server.execute(
        "CREATE TABLE invoices (invoice_id BIGINT PRIMARY KEY, amount DECIMAL(12, 2) NOT NULL COMMENT 'In euros',"
        " created_at DATETIME(6) NOT NULL, updated_at DATETIME(6) NOT NULL, KEY (updated_at))",
        database=database,
    )
    done = shop.run(*shlex.split(command)[2:], env={"DERIVED_CONNECTION_SHOP": mysql_server.url(database)})
    assert done.returncode == 0, done.stderr
    assert f"{command}\n```\n```\n{done.stdout}```" in README
    assert "description: In euros" in (shop.root / "tables/core/invoices.yaml").read_text()
    assert shop.run("flows.check", "core.invoices").returncode == 0


def test_make_runs_what_the_readme_begins_with():
    """The two commands at the top are targets."""
    for target in ("demo", "test", "demo-servers"):
        done = subprocess.run(["make", "-n", target], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert re.search(rf"make {target}\b", README)
