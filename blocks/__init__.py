"""Prefect blocks: `python -m prefect block register -m blocks` tells of them, `python -m blocks` saves some."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from blocks.connection import connection, kind_of
from blocks.mongodb import MongodbDatabase
from blocks.mysql import MysqlDatabase

__all__ = ["MongodbDatabase", "MysqlDatabase", "connection", "kind_of"]

_OF_GOOGLE = {
    "DerivedWarehouse": "blocks.warehouse",
    "GcpCredentials": "prefect_gcp.credentials",
    "GcsBucket": "prefect_gcp.cloud_storage",
}
"""What takes seconds to import, and a run of a core table does not need."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - one of several classes
    """Import a block of Google Cloud for who asks for it, as the registration of all does."""
    if name not in _OF_GOOGLE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_OF_GOOGLE[name]), name)


def __dir__() -> list[str]:
    """List those blocks too."""
    return [*globals(), *_OF_GOOGLE]
