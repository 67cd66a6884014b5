"""What is installed is what was locked."""

from __future__ import annotations

import re

from tests.prefect_api import REPOSITORY

LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")


def test_every_package_is_locked_to_a_version_and_to_what_its_files_hold():
    """A registry that serves another file under the same version is noticed."""
    packages = re.split(r"\n(?=[a-z0-9])", LOCK)[1:]
    assert len(packages) > 100
    assert [package for package in packages if not re.match(r"[\w.-]+(\[\w+\])?==\S+", package)] == []
    assert [package for package in packages if "--hash=sha256:" not in package] == []


def test_the_installation_checks_them():
    """Neither the first package nor the others are installed unchecked."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in makefile.splitlines() if re.search(r"pip (install|sync)", line)]
    assert [line for line in installs if "--require-hashes" not in line] == []


def test_the_lock_names_no_index():
    """It serves whichever index the machine is set up for."""
    assert "://" not in LOCK
