"""Runs as pods under PodSecurity `restricted`: their image, the tables that they make on one node, and everybody's rights."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.kubernetes.conftest import differing, tables_of
from tests.kubernetes.documented import IMAGE
from tests.kubernetes.image import PODMAN
from tests.prefect_api import REPOSITORY

pytestmark = pytest.mark.timeout(1200)  # the first of them starts all that they share


PACKAGES = "venv/lib/python3*/site-packages/*.dist-info"


def _plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_image_is_small_and_runs_as_nobody():
    """At most 800 MB, no root, this commit, and the packages of its lock alone: none of development, and no pip."""
    told = subprocess.run([*PODMAN, "image", "inspect", IMAGE], capture_output=True, check=True)
    (image,) = json.loads(told.stdout)
    assert image["Size"] <= 800e6
    assert image["Config"]["User"] == "10001:10001"
    mounted = subprocess.run([*PODMAN, "image", "mount", IMAGE], capture_output=True, text=True, check=True)
    installed = {path.name.removesuffix(".dist-info") for path in Path(mounted.stdout.strip()).glob(PACKAGES)}
    subprocess.run([*PODMAN, "image", "unmount", IMAGE], capture_output=True, check=True)
    lock = (REPOSITORY / "requirements-runtime.lock").read_text()
    locked = {(_plain(name), version) for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;]+)", lock)}
    found = {(_plain(name), version) for name, _, version in (one.rpartition("-") for one in installed)}
    assert found
    assert found <= locked


def test_pods_make_the_tables_that_one_process_makes(filled, expected):
    """Every row of the eight tables is equal: from MySQL and MongoDB into the file on the claim, one pod per run."""
    assert tables_of(expected) == tables_of(filled.warehouse / "warehouse.duckdb")
    assert len(tables_of(expected)) == 8
    assert differing(filled.warehouse / "warehouse.duckdb", expected) == []


def test_the_namespace_lets_in_nothing_less_restricted(filled):
    """The pods above were made under PodSecurity `restricted`, and have no token of the cluster."""
    refused = filled.kubectl("run", "root", f"--image={IMAGE}", "--restart=Never", code=1)
    assert 'violates PodSecurity "restricted' in refused
    pods = json.loads(filled.kubectl("get", "pods", "-l", "app.kubernetes.io/component=run", "-o", "json"))["items"]
    assert pods
    assert all(pod["spec"]["automountServiceAccountToken"] is False for pod in pods)
    mounts = [mount["mountPath"] for pod in pods for mount in pod["spec"]["containers"][0]["volumeMounts"]]
    assert set(mounts) == {"/tmp", "/var/lib/derived"}  # noqa: S108 - where the pods' volume is


@pytest.mark.parametrize(
    ("account", "verb", "what", "allowed"),
    [
        ("derived-worker", "create", "jobs", "yes"),
        ("derived-worker", "create", "pods", "no"),
        ("derived-worker", "get", "secrets", "no"),
        ("derived-watchdog", "list", "pods", "yes"),
        ("derived-watchdog", "delete", "pods", "no"),
        ("derived-watchdog", "get", "secrets", "no"),
        ("derived-runs", "list", "pods", "no"),
    ],
)
def test_everybody_has_the_least_rights(platform, account, verb, what, allowed):
    """Nobody reads secrets; who watches changes nothing; runs see nothing of the cluster."""
    who = f"--as=system:serviceaccount:derived:{account}"
    said = platform.kubectl("auth", "can-i", verb, what, who, code=0 if allowed == "yes" else 1)
    assert said.strip() == allowed
