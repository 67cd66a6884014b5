"""The Kubernetes work pool on a Prefect server: made from a base job template, or brought up to date with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound

from blocks.api import asking_api
from flows.model.errors import UsageError

if TYPE_CHECKING:
    from prefect.client.schemas.objects import WorkPool

TYPE = "kubernetes"
CLAIM = "warehouse_claim"


@asking_api(needed=True)
def bring_pool(name: str, template: dict[str, Any], defaults: dict[str, Any], limit: int) -> bool:
    """Make the work pool, or bring its template up to date; returns whether it was made.

    Args:
        name: the pool's name.
        template: its base job template.
        defaults: what this cluster gives for the template's variables, None where it gives nothing any more; what an
            earlier call gave for others stays.
        limit: how many pods may share a claim at once, where one is given; fewer stay as somebody has set them.

    Raises:
        ApiError: the API does not answer.
        UsageError: the pool is there and of another type.
    """
    with get_client(sync_client=True) as client:
        try:
            pool: WorkPool | None = client.read_work_pool(name)
        except ObjectNotFound:
            pool = None
        if pool is not None and pool.type != TYPE:
            raise UsageError(
                f"The work pool '{name}' is of type {pool.type}. Delete it to have one of type {TYPE}: "
                f"prefect work-pool delete {name}"
            )
        had = _defaults(pool.base_job_template) if pool else {}
        filled = _with_defaults(template, had | defaults)
        there = pool.concurrency_limit if pool else None
        limited: dict[str, Any] = {}  # any other limit is a person's own, and stays
        if defaults.get(CLAIM):
            limited = {"concurrency_limit": min(there or limit, limit)}
        elif CLAIM in had and CLAIM in defaults and there == limit:
            limited = {"concurrency_limit": None}
        if pool is None:
            client.create_work_pool(WorkPoolCreate(name=name, type=TYPE, base_job_template=filled, **limited))
        else:
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=filled, **limited))
    return pool is None


KEPT = ("image", CLAIM)
"""The variables whose values are a cluster's own: a new version of the template leaves them as they are."""


def _defaults(template: dict[str, Any]) -> dict[str, Any]:
    properties = template.get("variables", {}).get("properties", {})
    given = {name: properties.get(name, {}).get("default") for name in KEPT}
    # Null is nobody's: so Prefect's own template has the image, by which a worker makes a pool that is not there.
    return {name: value for name, value in given.items() if value is not None}


def _with_defaults(template: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    variables = template["variables"]
    properties = variables["properties"]
    given = {name: properties[name] | {"default": value} for name, value in defaults.items() if value is not None}
    return template | {"variables": variables | {"properties": properties | given}}
