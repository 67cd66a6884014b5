"""Rows of a source into a table that helps: Parquet files bounded by size, each loaded by a job of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from google.cloud import bigquery

from flows.extracts.parquet import has_null_element, written
from flows.extracts.stage import Extract
from flows.model.errors import SourceError
from flows.model.types import Type
from flows.warehouses.bigquery.jobs import RETRY, translated
from flows.warehouses.bigquery.types import quote, schema_field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from flows.warehouses.bigquery.target import Attempt

_EXPIRES = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was sent to a table that helps."""

    rows: int
    bytes: int
    """Bytes that the rows had in memory."""


def load(attempt: Attempt, what: str, types: Mapping[str, Type], rows: Extract | Iterator[pa.RecordBatch]) -> Loaded:
    """Make a table that helps, and load rows into it.

    An extract's objects in a bucket are loaded by one job, which reads them by itself; files are uploaded.
    """
    schema = [schema_field(name, _loaded(type_)) for name, type_ in types.items()]
    made = bigquery.Table(attempt.path(what), schema=schema)
    made.expires = datetime.now(UTC) + _EXPIRES
    with translated(attempt.cause.subject):
        attempt.jobs.client.create_table(made, exists_ok=True, retry=RETRY)
    if not isinstance(rows, Extract):
        return _load_batches(attempt, what, schema, rows)
    for name in rows.manifest.null_elements:
        raise _null_element(attempt, name)
    uris = [place for place in rows.places if isinstance(place, str)]
    if uris:
        _load_objects(attempt, what, schema, uris)
    for place, path in enumerate(place for place in rows.places if isinstance(place, Path)):
        _load_file(attempt, what, schema, path, place)
    return Loaded(rows.manifest.rows, rows.manifest.bytes)


def _load_batches(
    attempt: Attempt, what: str, schema: list[bigquery.SchemaField], batches: Iterator[pa.RecordBatch]
) -> Loaded:
    rows = size = 0
    with tempfile.TemporaryDirectory(prefix="derived-") as folder:
        for place, file in enumerate(written(Path(folder), _checked(attempt, batches))):
            _load_file(attempt, what, schema, file.path, place)
            file.path.unlink()
            rows += file.rows
            size += file.memory
    return Loaded(rows, size)


def parsed(type_: Type, value: str, depth: int = 0) -> str:
    """SQL for a loaded value as one of its type: JSON, which is loaded as text, is parsed wherever it stands."""
    if not _holds_json(type_):
        return value
    if type_.name == "JSON":
        # By itself it refuses a number with more digits than a double has, and with it all rows.
        return f"PARSE_JSON({value}, wide_number_mode => 'round')"
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


def _load_file(attempt: Attempt, what: str, schema: list[bigquery.SchemaField], path: Path, place: int) -> None:
    def begin(job_id: str) -> bigquery.LoadJob:
        with path.open("rb") as file:
            return attempt.jobs.client.load_table_from_file(
                file,
                attempt.path(what),
                size=path.stat().st_size,
                job_id=job_id,
                location=attempt.jobs.settings.location,
                job_config=_config(attempt, schema),
            )

    attempt.jobs.load(begin, attempt.cause.to(f"load-{place}"))


def _load_objects(attempt: Attempt, what: str, schema: list[bigquery.SchemaField], uris: list[str]) -> None:
    def begin(job_id: str) -> bigquery.LoadJob:
        return attempt.jobs.client.load_table_from_uri(
            uris,
            attempt.path(what),
            job_id=job_id,
            location=attempt.jobs.settings.location,
            job_config=_config(attempt, schema),
            retry=RETRY,
        )

    attempt.jobs.load(begin, attempt.cause.to("load"))


def _config(attempt: Attempt, schema: list[bigquery.SchemaField]) -> bigquery.LoadJobConfig:
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
    config.decimal_target_types = [bigquery.DecimalTargetType.NUMERIC, bigquery.DecimalTargetType.BIGNUMERIC]
    return config


def _checked(attempt: Attempt, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give batches none of whose arrays holds NULL: BigQuery would refuse the file, and not say where."""
    for batch in batches:
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if has_null_element(column):
                raise _null_element(attempt, name)
        yield batch


def _null_element(attempt: Attempt, column: str) -> SourceError:
    return SourceError(
        f"{attempt.cause.subject}: a value of {column} is an array with NULL in it, which BigQuery cannot "
        f"hold. Mend it at the source, or write type: JSON for {column}.",
        of_rows=True,
    )
