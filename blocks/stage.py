"""A stage as a block of Prefect: one that a person saved, or one that is saved for the place that a stage has."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from prefect.filesystems import LocalFileSystem
from prefect_gcp.cloud_storage import GcsBucket
from pydantic import ValidationError

from blocks.api import asking_api
from flows.extracts.folder import Folder
from flows.model.errors import UsageError
from flows.warehouses.bucket import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.extracts.store import Store

StageBlock: TypeAlias = LocalFileSystem | GcsBucket


@asking_api()
def block_of(address: str) -> StageBlock:
    """Return a saved block.

    Args:
        address: its type and name, as in `gcs-bucket/stage`.

    Raises:
        UsageError: there is none, or its values are wrong.
        ApiError: the API does not answer.
    """
    kind, _, name = address.partition("/")
    try:
        return _load(GcsBucket if kind == "gcs-bucket" else LocalFileSystem, name)
    except ValidationError as error:
        fields = ", ".join(sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}))
        fault = f"the block {address} has wrong values ({fields}). Mend it under Blocks in the Prefect UI."
    except ValueError:
        fault = f"there is no block {address}. Save one under Blocks in the Prefect UI."
    # Outside the handlers, so that no traceback can lead back to a secret.
    raise UsageError(f"DERIVED_STAGE: {fault}")


def store_of(block: StageBlock) -> Store:
    """Return where the files of a block's stage are."""
    if isinstance(block, LocalFileSystem):
        return Folder(Path(block.basepath or "").expanduser())
    client = block.gcp_credentials.get_cloud_storage_client()
    return Bucket(block.bucket, block.bucket_folder.rstrip("/"), client)


def folder_block(folder: Path) -> StageBlock:
    """Return the saved block of a folder. Raises ApiError."""
    return _saved(str(folder), lambda: LocalFileSystem(basepath=str(folder)))


def bucket_block(bucket: str, prefix: str) -> StageBlock:
    """Return the saved block of a bucket, which Google Cloud's environment has the right to. Raises ApiError."""
    return _saved(f"gs://{bucket}/{prefix}", lambda: GcsBucket(bucket=bucket, bucket_folder=prefix))


@asking_api()
def _saved(place: str, make: Callable[[], StageBlock]) -> StageBlock:
    """Return the block of a place, saved under a name that is the place's alone."""
    name = f"derived-stage-{hashlib.sha256(place.encode()).hexdigest()[:12]}"
    kind = GcsBucket if place.startswith("gs://") else LocalFileSystem
    try:
        return _load(kind, name)
    except ValueError:
        block = make()
        block.save(name, overwrite=True, _sync=True)  # type: ignore[call-arg]
        return block


def _load(kind: type[StageBlock], name: str) -> StageBlock:
    # `_sync`: also where an event loop runs, as in an asynchronous flow
    return cast("StageBlock", kind.load(name, _sync=True))  # type: ignore[call-arg]
