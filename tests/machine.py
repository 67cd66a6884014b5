"""A pytest plugin: under CI=true a skip is a failure, but for want of a server that not every machine of CI can have."""

from __future__ import annotations

import os

import pytest

MAY_LACK = {
    "Kubernetes": "it needs root, namespaces and cgroups of its own, Go, and a way to Go's modules and Debian's packages",
}
"""Servers that a machine of CI may be unable to have, and why; a test without one skips with a reason that begins so."""


def _fail_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail") or os.environ.get("CI") != "true":
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if reason.partition(":")[0] in MAY_LACK:
        return
    report.outcome = "failed"
    report.longrepr = f"skipped, which CI=true does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):  # noqa: ARG001 - pytest names the arguments
    """Judge the skip of a test."""
    report = yield
    _fail_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):  # noqa: ARG001 - pytest names the argument
    """Judge the skip of a module."""
    report = yield
    _fail_skip(report)
    return report
