"""Save as blocks what variables say, those that runs without a Prefect API read from their environment."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from google.auth.exceptions import GoogleAuthError
from prefect.filesystems import LocalFileSystem

from blocks import MongodbDatabase, MysqlDatabase
from blocks.api import asking_api
from flows.model.errors import SourceError, UsageError
from flows.model.safe_text import without_password
from flows.sources.connections import MysqlConnection, from_environment, kind_in_environment
from flows.warehouses.bigquery.settings import parse_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefect.blocks.core import Block

CONNECTION = "DERIVED_CONNECTION_"
WAREHOUSE, STAGE, KEY = "DERIVED_WAREHOUSE", "DERIVED_STAGE", "GOOGLE_APPLICATION_CREDENTIALS"
NAME = "derived"
"""Name of the blocks of which there is one."""
_A_NAME = re.compile(r"[a-z0-9-]+")
_BUCKET = re.compile(r"gs://(?P<bucket>[a-z0-9._-]+)(?:/(?P<prefix>.*?))?/?")


class Planned(NamedTuple):
    """A block that a variable describes."""

    variable: str
    block: Block
    name: str

    @property
    def address(self) -> str:
        """Its type and name."""
        return f"{self.block.get_block_type_slug()}/{self.name}"


def planned(variables: Mapping[str, str], root: Path) -> list[Planned]:
    """Return the blocks that variables describe, in the order in which they are saved.

    Args:
        variables: the environment, or what a file has in its place.
        root: the folder to which a stage's folder is relative.

    Raises:
        UsageError: there are none, or one is wrong; the message never shows a connection.
    """
    found = list(_connections(variables))
    credentials = _credentials(variables)
    if credentials is not None:
        found.append(Planned(KEY, credentials, NAME))
    address = variables.get(WAREHOUSE, "")
    if address and not _A_NAME.fullmatch(address):  # that of a block, or the embedded one's, has nothing to save
        from blocks.warehouse import DerivedWarehouse  # noqa: PLC0415 - Google's libraries are slow to import

        parse_address(address)
        found.append(Planned(WAREHOUSE, DerivedWarehouse(address=address, gcp_credentials=credentials), NAME))
    if stage := variables.get(STAGE, ""):
        found += _stage(stage, credentials, root)
    if not found:
        raise UsageError(
            f"Nothing to save: set {CONNECTION}<NAME>, {WAREHOUSE}=bigquery://..., {STAGE} or {KEY}, or name a file "
            "that does."
        )
    return found


@asking_api(needed=True)
def save(one: Planned) -> None:
    """Save a block, in place of one of its name. Raises ApiError."""
    one.block.save(one.name, overwrite=True, _sync=True)  # type: ignore[call-arg]


def _connections(variables: Mapping[str, str]) -> Iterator[Planned]:
    found: dict[str, str] = {}
    for variable in sorted(name for name in variables if name.startswith(CONNECTION)):
        name = variable.removeprefix(CONNECTION).lower().replace("_", "-")
        if (other := found.setdefault(name, variable)) != variable:
            raise UsageError(f"{other} and {variable} are both connection '{name}'. Leave one of them out.")
        try:
            kind = kind_in_environment(name, variables)
            settings = from_environment(name, kind, variables)
        except SourceError as error:  # of what was given, not of a source
            raise UsageError(str(error)) from None
        block = MysqlDatabase if kind is MysqlConnection else MongodbDatabase
        fields: dict[str, Any] = {field: getattr(settings, field) for field in type(settings).model_fields}
        yield Planned(variable, block(**fields), name)


def _credentials(variables: Mapping[str, str]) -> Any:  # noqa: ANN401 - its class is slow to import
    """Return the credentials in a key's file; None where there is none, as in a pod with Workload Identity."""
    if not (file := variables.get(KEY)):
        return None
    try:
        info = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{KEY}: {file} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{KEY}: {file} is no JSON. Name the key's file as Google Cloud gives it.") from None
    if not isinstance(info, dict) or info.get("type") != "service_account":
        raise UsageError(f"{KEY}: {file} is not the key of a service account. Name the file as Google Cloud gives it.")
    from blocks import GcpCredentials  # noqa: PLC0415 - as above

    try:
        return GcpCredentials(service_account_info=info)
    except ValueError:
        fault = f"{KEY}: Google's library does not take the key in {file}. Name the file as Google Cloud gives it."
    # Outside the handler, so that no traceback can lead back to the key.
    raise UsageError(fault)


def _stage(address: str, credentials: Any, root: Path) -> list[Planned]:  # noqa: ANN401 - as above
    if re.fullmatch(r"(?:gcs-bucket|local-file-system)/[a-z0-9-]+", address):
        return []  # it is a block
    if bucket := _BUCKET.fullmatch(address):
        from blocks import GcsBucket  # noqa: PLC0415 - as above

        more = {} if credentials is None else {"gcp_credentials": credentials}
        try:
            block = GcsBucket(bucket=bucket["bucket"], bucket_folder=bucket["prefix"] or "", **more)
        except GoogleAuthError:
            raise UsageError(f"{STAGE}: nobody is named who may use the bucket. Set {KEY} to a key's file.") from None
        return [Planned(STAGE, block, NAME)]
    if "://" in address or address.startswith(("gcs-bucket/", "local-file-system/")):
        raise UsageError(
            f"{STAGE}: '{without_password(address)}' is no stage. Write a folder, gs://bucket/prefix, or a block as "
            "gcs-bucket/name."
        )
    return [Planned(STAGE, LocalFileSystem(basepath=str((root / address).resolve())), NAME)]
