"""A table as an asset of Prefect: what it is, whose it is, and of which others it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.assets import Asset, AssetProperties, materialize
from prefect.assets.core import MAX_ASSET_DESCRIPTION_LENGTH
from prefect.cache_policies import NO_CACHE

from flows.model.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.tasks import MaterializingTask

    from flows.engine.outcome import Outcome
    from flows.model.table import Table


def asset_key(identity: str) -> str:
    """Return the key of a table: `core.users` has `derived://core/users`."""
    dataset, _, name = identity.partition(".")
    return f"derived://{dataset}/{name}"


def materializing(table: Table, outcome: Outcome) -> MaterializingTask[..., Any]:
    """Return the task at the end of a run that tells what has become of a table; it does what it is given."""
    description = printable(table.description.strip())[:MAX_ASSET_DESCRIPTION_LENGTH]
    properties = AssetProperties(name=table.identity, description=description, owners=[table.owner])
    asset = Asset(key=asset_key(table.identity), properties=properties)

    @materialize(
        asset,
        by="derived",
        asset_deps=[asset_key(upstream) for upstream in outcome.plan.upstreams],
        name="asset",
        task_run_name="asset",
        tags=[table.identity, table.dataset],
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def tell(work: Callable[[], None]) -> None:
        """Tell of the table as it is now."""
        asset.add_metadata({"commits": len(outcome.entries), "rows": outcome.rows})
        work()

    return tell
