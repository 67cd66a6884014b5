"""What is installed is what was locked."""

from __future__ import annotations

import re

import pytest

from tests.prefect_api import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
RUNTIME = (REPOSITORY / "requirements-runtime.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("lock", [LOCK, RUNTIME], ids=["all", "runtime"])
def test_every_package_is_locked_to_a_version_and_to_what_its_files_hold(lock):
    """A registry that serves another file under the same version is noticed."""
    packages = re.split(r"\n(?=[a-z0-9])", lock)[1:]
    assert len(packages) > 100
    assert [package for package in packages if not re.match(r"[\w.-]+(\[\w+\])?==\S+", package)] == []
    assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_an_image_holds_the_versions_that_are_tested_and_no_package_of_development():
    """What runs in a pod is what the tests ran with."""
    tested, runtime = (set(re.findall(r"(?m)^([\w.-]+(?:\[\w+\])?==\S+)", lock)) for lock in (LOCK, RUNTIME))
    assert runtime < tested
    assert not {name.partition("==")[0] for name in runtime} & {"pytest", "hypothesis", "mypy", "ruff", "uv"}


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile"])
def test_the_installation_checks_them(file):
    """Neither the first package nor the others are installed unchecked."""
    text = (REPOSITORY / file).read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in text.splitlines() if re.search(r"pip (install|sync)", line)]
    assert installs
    assert [line for line in installs if "--require-hashes" not in line] == []


def test_the_lock_names_no_index():
    """It serves whichever index the machine is set up for."""
    assert "://" not in LOCK + RUNTIME
