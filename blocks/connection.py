"""Look up a connection by the name that a table file gives, where a Prefect API is configured."""

from __future__ import annotations

import os
from typing import Any, cast

from pydantic import ValidationError

from blocks.api import asking_api
from blocks.mongodb import MongodbDatabase
from blocks.mysql import MysqlDatabase
from flows.model.errors import SourceError, UsageError
from flows.sources.connections import (
    MongodbConnection,
    MysqlConnection,
    Settings,
    from_environment,
    kind_in_environment,
    variable,
)

BLOCKS: dict[Any, type[MysqlDatabase | MongodbDatabase]] = {
    MysqlConnection: MysqlDatabase,
    MongodbConnection: MongodbDatabase,
}

REGISTER = " (`python -m prefect block register -m blocks`, then Blocks in the UI)."


@asking_api()
def kind_of(name: str) -> type[MysqlConnection | MongodbConnection]:
    """Return the kind of a connection: that of the block of its name, else of `DERIVED_CONNECTION_<NAME>`.

    Raises:
        UsageError: it is set up nowhere.
        SourceError: there are blocks of both kinds, or the variable says none.
        ApiError: the API does not answer.
    """
    kinds: list[type[MysqlConnection | MongodbConnection]] = [
        kind for kind, block in BLOCKS.items() if _saved(block, name)
    ]
    addresses = " or ".join(f"{block.get_block_type_slug()}/{_slug(name)}" for block in BLOCKS.values())
    if len(kinds) > 1:
        raise SourceError(
            f"there are two connections '{name}', a MySQL and a MongoDB block. Delete the one that is not meant: "
            f"python -m prefect block delete {addresses}"
        )
    if kinds:
        return kinds[0]
    try:
        return kind_in_environment(name, os.environ)
    except UsageError as error:
        raise UsageError(f"{error} Or save a block {addresses}{REGISTER}") from None


@asking_api()
def connection(name: str, kind: type[Settings]) -> Settings:
    """Return the settings of a connection: from the block of that name, else from `DERIVED_CONNECTION_<NAME>`.

    Without a Prefect API call `from_environment` instead, which does not import Prefect.

    Args:
        name: what a table file gives as `source.connection`; `_` stands as `-` in the block's name.
        kind: `MysqlConnection` or `MongodbConnection`.

    Raises:
        SourceError: it is set up nowhere, or wrongly; the message says what to do and never shows a secret.
        ApiError: the API does not answer.
    """
    block = BLOCKS[kind]
    title, slug = block.get_block_type_slug(), _slug(name)
    try:
        # `_sync`: also where an event loop runs, as in an asynchronous flow
        found = cast("MysqlDatabase | MongodbDatabase", block.load(slug, _sync=True))  # type: ignore[call-arg]
        return cast("Settings", found.settings())
    except ValidationError as error:
        fields = ", ".join(sorted({str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}))
        fault = f"the block {title}/{slug} has wrong values ({fields}). Mend it under Blocks in the Prefect UI."
    except ValueError:  # there is no such block
        try:
            return from_environment(name, kind, os.environ)
        except SourceError as error:
            fault = str(error)
            if variable(name) not in os.environ:
                fault += f" Or save a block {title}/{slug}{REGISTER}"
    # Outside the handlers, so that no traceback can lead back to a secret.
    raise SourceError(fault)


def _saved(block: type[MysqlDatabase | MongodbDatabase], name: str) -> bool:
    """Say whether there is a block of that name, be its values right or wrong."""
    try:
        block.load(_slug(name), _sync=True)  # type: ignore[call-arg]
    except ValidationError:
        return True
    except ValueError:
        return False
    return True


def _slug(name: str) -> str:
    return name.replace("_", "-").lower()
