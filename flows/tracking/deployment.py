"""The deployment of a table as `prefect.yaml` has it; without Prefect, which is slow to import."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from flows.report.schedule import describe_schedule

if TYPE_CHECKING:
    from flows.model.resources import Resources
    from flows.model.table import Table
    from flows.project.project import Project
    from flows.wiring import Kind

WORK_POOL = "kubernetes"
THROTTLE = 60
"""Seconds within which all commits of what a table reads start one run of it, which begins after the last."""
COMMITTED = "derived.committed"
"""What a run tells when it ends that has committed something.

Prefect's server tells it too, of the run's state. But one that was started anew since the run was scheduled holds that
back for 15 minutes: each state follows the one before, and it has not seen those.
"""
EVENTS = ("prefect.flow-run.Committed", "prefect.flow-run.PartlyCommitted", COMMITTED)


def deployments(project: Project) -> list[dict[str, Any]]:
    """Return the deployments of all tables without faults, by name."""
    names = sorted(name for name in project.tables if name not in project.invalid)
    return [_versioned(_deployment(project, project.tables[name])) for name in names]


def kind_of(table: Table) -> Kind:
    """Return the flow that brings a table up to date."""
    return "derive" if table.source is None else "ingest"


def entrypoint(kind: Kind, identity: str) -> str:
    """Return where Prefect finds the flow of one table: no table's name holds a `-`."""
    return f"flows.{kind}.{identity.replace('.', '-')}"


def trigger_name(identity: str) -> str:
    """Return the name of the automation that a table's trigger becomes: others are of people."""
    return f"{identity} after what it reads"


def _deployment(project: Project, table: Table) -> dict[str, Any]:
    kind = kind_of(table)
    file = f"tables/{table.dataset}/{table.name}.yaml"
    tags = ("core" if table.source else "derived", table.dataset, table.owner)
    found: dict[str, Any] = {
        "name": table.identity,
        "version": "",
        "version_type": "prefect:simple",
        "description": _literal(f"{table.description.strip()}\n\nOwner: {table.owner}. File: {file}."),
        "tags": list(dict.fromkeys(map(_literal, tags))),
        "entrypoint": entrypoint(kind, table.identity),
        "parameters": {"table": table.identity},
        "schedules": [
            {
                "slug": describe_schedule(table.schedule),
                "cron": table.schedule,
                "timezone": "UTC",
                "active": True,
            }
        ],
        # A run waits for the one before it and then finds little left to do. CANCEL_NEW would drop the run of a person
        # who asked for certain windows, and the one that was to see what arrived after the running one had planned.
        "concurrency_limit": {"limit": 1, "collision_strategy": "ENQUEUE"},
        "work_pool": {"name": WORK_POOL},
    }
    if variables := _job_variables(table.resources):
        found["work_pool"]["job_variables"] = variables
    if reads := sorted(one.table for one in project.upstreams(table.identity)):
        found["triggers"] = [_trigger(table.identity, reads)]
    return found


def _trigger(identity: str, reads: list[str]) -> dict[str, Any]:
    """Return what starts a run once tables that it reads have new rows, be it by their deployments or by hand."""
    return {
        "name": trigger_name(identity),
        "enabled": True,
        "type": "event",
        "posture": "Reactive",
        "expect": list(EVENTS),
        # A run is named by its table and what it does: so runs that have no deployment count too.
        "match": {"prefect.resource.id": "prefect.flow-run.*", "prefect.resource.name": [f"{one} *" for one in reads]},
        # One run for all events of that time, which starts when it is over.
        "threshold": 1,
        "within": THROTTLE,
        "schedule_after": THROTTLE,
    }


def _job_variables(resources: Resources | None) -> dict[str, Any]:
    """Return what a table asks of its pod, as the variables of work-pools/kubernetes.json."""
    found: dict[str, Any] = {}
    if resources is None:
        return found
    if resources.cpu is not None:
        found["cpu"] = f"{round(resources.cpu * 1000)}m"
    if resources.memory is not None:
        found["memory"] = f"{resources.memory // 10**6}M"
    if resources.timeout is not None:
        found["timeout"] = int(resources.timeout.total_seconds())
    return found


def _versioned(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the deployment with a digest of all that it says."""
    text = json.dumps(deployment, sort_keys=True)
    return deployment | {"version": hashlib.sha256(text.encode()).hexdigest()[:16]}


def _literal(text: str) -> str:
    """Return text without placeholders: Prefect would fill them from its variables, blocks and the environment."""
    return re.sub(r"\{(?=\{)", "{ ", text)
