"""The warehouse as a block of Prefect; `python -m prefect block register -m blocks.warehouse` tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from prefect.blocks.core import Block
from prefect_gcp.credentials import GcpCredentials  # noqa: TC002 - pydantic evaluates it
from pydantic import Field, HttpUrl, ValidationError

from blocks.api import asking_api
from flows.model.errors import UsageError
from flows.warehouses.bigquery.settings import BigQuerySettings, parse_address

if TYPE_CHECKING:
    from google.auth.credentials import Credentials


class DerivedWarehouse(Block):
    """A project of Google Cloud in whose BigQuery tables live."""

    _block_type_name: ClassVar[str] = "Derived warehouse"
    _block_type_slug: ClassVar[str] = "derived-warehouse"
    _description: ClassVar[str] = (
        "A project of Google Cloud in whose BigQuery tables live. Its name is what DERIVED_WAREHOUSE gives."
    )
    _logo_url: ClassVar[HttpUrl] = HttpUrl(
        "https://cdn.sanity.io/images/3ugk85nk/production/10424e311932e31c477ac2b9ef3d53cefbaad708-250x250.png"
    )

    gcp_credentials: GcpCredentials | None = Field(
        default=None,
        description="Who asks; by default whom Google Cloud's environment names, as in a pod with Workload Identity.",
    )
    address: str = Field(
        description="Which project, and where, as in bigquery://my-project?location=EU.",
        examples=["bigquery://my-project?location=EU&maximum_bytes_billed=100000000000"],
    )

    def settings(self) -> BigQuerySettings:
        """Return which project, and where. Raises UsageError."""
        return parse_address(self.address)

    def credentials(self) -> Credentials | None:
        """Return who asks; None for whom the environment names."""
        named = self.gcp_credentials
        return cast("Credentials", named.get_credentials_from_service_account()) if named else None


@asking_api()
def warehouse_block(name: str) -> DerivedWarehouse:
    """Return a saved block.

    Raises:
        UsageError: there is none, or its values are wrong.
        ApiError: the API does not answer.
    """
    try:
        # `_sync`: also where an event loop runs
        return cast("DerivedWarehouse", DerivedWarehouse.load(name, _sync=True))  # type: ignore[call-arg]
    except ValidationError as error:
        fields = ", ".join(sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}))
        fault = (
            f"the block derived-warehouse/{name} has wrong values ({fields}). Mend it under Blocks in the Prefect UI."
        )
    except ValueError:
        fault = (
            f"there is no block derived-warehouse/{name}. Write duckdb or bigquery://my-project?location=EU, or save "
            "one: python -m prefect block register -m blocks.warehouse, then under Blocks in the Prefect UI."
        )
    # Outside the handlers, so that no traceback can lead back to a secret.
    raise UsageError(f"DERIVED_WAREHOUSE: {fault}")
