"""Rows of a source into a table that helps: Parquet files bounded by size, each loaded by a job of its own."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from google.cloud import bigquery

from flows.model.errors import WarehouseError
from flows.model.types import Type
from flows.warehouses.bigquery.jobs import RETRY, translated
from flows.warehouses.bigquery.types import quote, schema_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flows.warehouses.bigquery.target import Attempt

FILE_BYTES = 128 << 20
"""How large a file grows before it is loaded: an upload that breaks costs no more than that."""
_EXPIRES = timedelta(days=1)


def load(attempt: Attempt, what: str, types: Mapping[str, Type], batches: Iterable[pa.RecordBatch]) -> int:
    """Make a table that helps, and load rows into it; return how many bytes they had in memory."""
    schema = [schema_field(name, _loaded(type_)) for name, type_ in types.items()]
    made = bigquery.Table(attempt.path(what), schema=schema)
    made.expires = datetime.now(UTC) + _EXPIRES
    with translated(attempt.cause.subject):
        attempt.jobs.client.create_table(made, exists_ok=True, retry=RETRY)
    size = 0
    with tempfile.TemporaryDirectory(prefix="derived-") as folder:
        for place, (path, read) in enumerate(_files(Path(folder), _checked(attempt, batches))):
            _load_file(attempt, what, schema, path, place)
            path.unlink()
            size += read
    return size


def parsed(type_: Type, value: str, depth: int = 0) -> str:
    """SQL for a loaded value as one of its type: JSON, which is loaded as text, is parsed wherever it stands."""
    if not _holds_json(type_):
        return value
    if type_.name == "JSON":
        return f"PARSE_JSON({value})"
    if type_.element is not None:
        item = quote(f"item-{depth}")
        element = parsed(type_.element, item, depth + 1)
        place = quote(f"place-{depth}")
        return f"ARRAY(SELECT {element} FROM UNNEST({value}) AS {item} WITH OFFSET AS {place} ORDER BY {place})"
    fields = ", ".join(
        f"{parsed(field_type, f'{value}.{quote(name)}', depth + 1)} AS {quote(name)}"
        for name, field_type in type_.fields
    )
    return f"IF({value} IS NULL, NULL, STRUCT({fields}))"


def _loaded(type_: Type) -> Type:
    """Return the type in which a value is loaded."""
    if type_.element is not None:
        return Type("ARRAY", element=_loaded(type_.element))
    if type_.name == "STRUCT":
        return Type("STRUCT", fields=tuple((name, _loaded(field)) for name, field in type_.fields))
    return Type("STRING") if type_.name == "JSON" else type_


def _holds_json(type_: Type) -> bool:
    return type_.name == "JSON" or any(
        _holds_json(part) for part in ([type_.element] if type_.element else [field for _, field in type_.fields])
    )


def _files(folder: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[Path, int]]:
    """Write batches to files and give each, with the bytes of its rows in memory, when it is large enough."""
    batch = next(batches, None)
    place = 0
    while batch is not None:
        path, size = folder / f"{place}.parquet", 0
        with path.open("wb") as file, pq.ParquetWriter(file, batch.schema) as writer:
            while batch is not None and file.tell() < FILE_BYTES:
                writer.write_batch(batch)
                size += batch.nbytes
                batch = next(batches, None)
        yield path, size
        place += 1


def _load_file(attempt: Attempt, what: str, schema: list[bigquery.SchemaField], path: Path, place: int) -> None:
    options = bigquery.ParquetOptions()
    options.enable_list_inference = True
    config = bigquery.LoadJobConfig(
        source_format=bigquery.SourceFormat.PARQUET,
        schema=schema,
        write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        labels=dict(attempt.cause.labels),
    )
    config.parquet_options = options

    def begin(job_id: str) -> bigquery.LoadJob:
        with path.open("rb") as file:
            return attempt.jobs.client.load_table_from_file(
                file,
                attempt.path(what),
                size=path.stat().st_size,
                job_id=job_id,
                location=attempt.jobs.settings.location,
                job_config=config,
            )

    attempt.jobs.load(begin, attempt.cause.to(f"load-{place}"))


def _checked(attempt: Attempt, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give batches none of whose arrays holds NULL: BigQuery would refuse the file, and not say where."""
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if _has_null_element(column):
                raise WarehouseError(
                    f"{attempt.cause.subject}: a value of {name} is an array with NULL in it, which BigQuery cannot "
                    f"hold. Mend it at the source, or write type: JSON for {name}."
                )
        yield batch


def _has_null_element(values: pa.Array) -> bool:
    if pa.types.is_list(values.type):
        elements = values.flatten()
        return elements.null_count > 0 or _has_null_element(elements)
    if pa.types.is_struct(values.type):
        return any(_has_null_element(field) for field in values.flatten())
    return False
