"""What a deployment and its triggers are on the server: what is sent to make them, and whether they are so already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.tracking.deployment import kind_of, trigger_name
from flows.tracking.fields import form

if TYPE_CHECKING:
    from flows.model.table import Table
    from flows.wiring import Kind

_WRITTEN = (
    "version",
    "description",
    "tags",
    "entrypoint",
    "parameters",
    "parameter_openapi_schema",
    "job_variables",
    "pull_steps",
    "path",
    "paused",
)
_TRIGGER = ("type", "posture", "expect", "match", "match_related", "after", "for_each", "threshold", "within")
_ACTIONS = ("actions", "actions_on_trigger", "actions_on_resolve")


@dataclass(frozen=True, slots=True)
class Desired:
    """A table's deployment as it is to be."""

    name: str
    kind: Kind
    payload: dict[str, Any]
    """The request that makes it, without its flow."""
    triggers: list[dict[str, Any]]
    """As prefect.yaml has them."""
    starts: list[Any]
    """What they do, as `is_same` compares it."""


def desired(table: Table, deployment: dict[str, Any]) -> Desired:
    """Return what a server is to have for a table's deployment, which is as `prefect deploy` leaves it."""
    triggers = deployment.get("triggers", [])
    starts = _starts(automations_of(triggers, ""))
    return Desired(table.identity, kind_of(table), _payload(table, deployment), triggers, starts)


def _payload(table: Table, deployment: dict[str, Any]) -> dict[str, Any]:
    [schedule] = deployment["schedules"]
    limit = deployment["concurrency_limit"]
    return {
        "name": deployment["name"],
        "version": deployment["version"],
        "version_info": {"type": deployment["version_type"], "version": deployment["version"]},
        "description": deployment["description"],
        "tags": deployment["tags"],
        "entrypoint": deployment["entrypoint"],
        "parameters": deployment["parameters"],
        "parameter_openapi_schema": form(table),
        "schedules": [
            {
                "schedule": {"cron": schedule["cron"], "timezone": schedule["timezone"], "day_or": True},
                "active": schedule["active"],
                "slug": schedule["slug"],
            }
        ],
        "concurrency_limit": limit["limit"],
        "concurrency_options": {"collision_strategy": limit["collision_strategy"]},
        "work_pool_name": deployment["work_pool"]["name"],
        "job_variables": deployment["work_pool"].get("job_variables", {}),
        "pull_steps": [],
        "path": None,
        "paused": False,
    }


def request_of(wanted: Desired, flow: str, *, is_new: bool) -> dict[str, Any]:
    """Return the request that makes a deployment.

    That parameters are held against their schema is what a server does by itself with a new one. Where it is told, it
    looks whether the schema is one first, which takes it ten milliseconds.
    """
    return wanted.payload | {"flow_id": flow} | ({} if is_new else {"enforce_parameter_schema": True})


def is_same(wanted: Desired, there: dict[str, Any], automations: list[dict[str, Any]]) -> bool:
    """Say whether a deployment and its triggers are as they would be made, whoever changed them last.

    Args:
        wanted: what is to be there.
        there: the deployment that is.
        automations: those that run it.
    """
    limit = there.get("global_concurrency_limit") or {}
    payload, own = wanted.payload, [one for one in automations if one["name"] == trigger_name(there["name"])]
    return (
        all(payload[name] == there[name] for name in _WRITTEN)
        and payload["work_pool_name"] == there["work_pool_name"]
        and there["enforce_parameter_schema"]
        and _schedules(payload["schedules"]) == _schedules(there["schedules"])
        and payload["concurrency_limit"] == limit.get("limit")
        and payload["concurrency_options"] == _plain(there["concurrency_options"] or {})
        and wanted.starts == _starts(own)
    )


def _schedules(schedules: list[dict[str, Any]]) -> list[Any]:
    return sorted(
        (
            [
                one["slug"],
                one["active"],
                _plain(one["schedule"]),
                one.get("parameters") or {},
                one.get("max_scheduled_runs"),
            ]
            for one in schedules
        ),
        key=str,
    )


def automations_of(triggers: list[dict[str, Any]], deployment: str) -> list[dict[str, Any]]:
    """Return the automations that `prefect deploy` makes of event triggers."""
    return [
        {
            "name": one["name"],
            "description": "",
            "enabled": one["enabled"],
            "tags": [],
            "trigger": {
                "type": one["type"],
                "match": one["match"],
                "match_related": {},
                "after": [],
                "expect": one["expect"],
                "for_each": [],
                "posture": one["posture"],
                "threshold": one["threshold"],
                "within": one["within"],
            },
            "actions": [
                {
                    "type": "run-deployment",
                    "source": "selected",
                    "deployment_id": deployment,
                    "schedule_after": one["schedule_after"],
                }
            ],
            "owner_resource": f"prefect.deployment.{deployment}",
        }
        for one in triggers
    ]


def _starts(automations: list[dict[str, Any]]) -> list[Any]:
    """Return what automations do to the deployment that they run, in an order of its own."""
    return sorted(
        (
            [one["name"], one["enabled"], one["description"] or "", _plain(one.get("tags") or [])]
            + [_plain(one["trigger"].get(name)) for name in _TRIGGER]
            + [[_plain(action | {"deployment_id": None}) for action in one.get(name) or []] for name in _ACTIONS]
            for one in automations
        ),
        key=str,
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON in which the order of lists, which stand for sets, says nothing."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return sorted(map(_plain, value), key=str)
    return value
