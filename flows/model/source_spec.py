"""The sources of core tables, as a table file describes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from flows.model.fields import MOST, Model, Span


class MysqlSource(Model):
    """A table of a MySQL database."""

    kind: Annotated[Literal["mysql"], Field(examples=["mysql"])]
    """Which kind of source it is."""
    connection: Annotated[str, Field(examples=["shop"])]
    """Name of the connection, which holds the address and the password."""
    table: Annotated[str, Field(examples=["payments"])]
    """Name of the table in that database, or database.table; a name with a dot stands in backticks."""
    cursor: Annotated[str | None, Field(examples=["updated_at"])] = None
    """The column whose time says to which window a row belongs; without one the table is a full copy.

    A TIMESTAMP, a DATETIME in UTC, or an integer of seconds since 1970."""
    overlap: Annotated[Span, Field(examples=["5 minutes"])] = timedelta(minutes=5)
    """How far before its window a run reads again, for rows that were committed late; with strategy merge only.

    Never before the table's `start`."""
    max_bad_rows: Annotated[int, Field(ge=0, le=MOST, examples=["10"])] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


class MongodbSource(Model):
    """A collection of a MongoDB database."""

    kind: Annotated[Literal["mongodb"], Field(examples=["mongodb"])]
    """Which kind of source it is."""
    connection: Annotated[str, Field(examples=["shop"])]
    """Name of the connection, which holds the address and the password."""
    collection: Annotated[str, Field(examples=["orders"])]
    """Name of the collection in that database."""
    cursor: Annotated[str | None, Field(examples=["updated_at"])] = None
    """The column whose time says to which window a row belongs; without one the table is a full copy."""
    overlap: Annotated[Span, Field(examples=["5 minutes"])] = timedelta(minutes=5)
    """How far before its window a run reads again, for documents that were committed late; with strategy merge only.

    Never before the table's `start`."""
    max_bad_rows: Annotated[int, Field(ge=0, le=MOST, examples=["10"])] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


class FilesSource(Model):
    """Exports in a folder: JSON Lines, CSV or Parquet, plain or compressed with gzip or zstd."""

    kind: Annotated[Literal["files"], Field(examples=["files"])]
    """Which kind of source it is."""
    path: Annotated[str, Field(examples=["exports/orders-*.jsonl.gz"])]
    """A file, folder or glob, relative to the project; the names' endings give the format.

    Links are not followed; of a folder what begins with `.` or `_` is left out."""
    cursor: Annotated[str | None, Field(examples=["updated_at"])] = None
    """The column whose time says to which window a row belongs; without one the table is a full copy."""
    max_bad_rows: Annotated[int, Field(ge=0, le=MOST, examples=["10"])] = 0
    """How many rows that cannot be read may go to quarantine before the run fails."""


SOURCES: dict[str, type[Model]] = {"mysql": MysqlSource, "mongodb": MongodbSource, "files": FilesSource}
SourceSpec = Annotated[MysqlSource | MongodbSource | FilesSource, Field(discriminator="kind")]
