"""A stage in a bucket of Google Cloud Storage, from which BigQuery loads by itself."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from google.api_core import exceptions
from google.auth import exceptions as auth
from google.cloud.storage import Blob, Client
from google.cloud.storage.retry import DEFAULT_RETRY
from requests import exceptions as transport

from flows.model.errors import WarehouseError, WarehouseUnavailableError
from flows.model.safe_text import unended
from flows.warehouses.patience import patient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from flows.extracts.manifest import ExtractFile

RETRY = patient(DEFAULT_RETRY)
"""No name is ever written twice with another content, so that all may be sent again."""


class Bucket:
    """Holds files as objects of a bucket.

    Args:
        bucket: its name.
        prefix: what the names of all objects begin with, without a `/` at its end; may be empty.
        client: who asks; by default whom Google Cloud's environment names.

    Raises:
        WarehouseError: it names nobody.
    """

    def __init__(self, bucket: str, prefix: str = "", client: Client | None = None) -> None:
        self._address = f"gs://{bucket}/{prefix}".rstrip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        with self._told():
            self._client = client or Client()
        # For traces the client would ask for the bucket itself, in a thread, by a right that is not needed.
        self._client._bucket_metadata_cache = None  # noqa: SLF001 - there is no other way but the whole environment
        self._bucket = self._client.bucket(bucket)

    @contextmanager
    def desk(self, folder: str) -> Iterator[Path]:  # noqa: ARG002 - a folder knows it
        """Give a folder that goes at the end."""
        with tempfile.TemporaryDirectory(prefix="derived-") as name:
            yield Path(name)

    def put(self, path: Path, name: str) -> None:
        """Upload a file, and take it away here."""
        with self._told():
            self._blob(name).upload_from_filename(str(path), retry=RETRY)
        path.unlink()

    def write(self, name: str, content: bytes) -> None:
        """Keep a few bytes."""
        with self._told():
            self._blob(name).upload_from_string(content, content_type="application/json", retry=RETRY)

    def read(self, name: str) -> bytes | None:
        """Return what an object holds."""
        with self._told():
            try:
                return cast("bytes", self._blob(name).download_as_bytes(retry=RETRY))
            except exceptions.NotFound:
                return None

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Download an object, and open the copy."""
        with tempfile.TemporaryFile(prefix="derived-") as file:
            with self._told():
                try:
                    self._blob(name).download_to_file(file, retry=RETRY)
                except exceptions.NotFound:
                    raise FileNotFoundError(name) from None
            file.seek(0)
            yield cast("BinaryIO", file)

    def holds(self, file: ExtractFile) -> bool:
        """Say whether an object is there as it was written, by what the bucket knows of it."""
        with self._told():
            blob = self._bucket.get_blob(self._prefix + file.name, retry=RETRY)
        return blob is not None and blob.size == file.bytes and blob.md5_hash == file.md5

    def place(self, name: str) -> str:
        """Return an object's URI."""
        return f"gs://{self._bucket.name}/{self._prefix}{name}"

    def files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the names of all objects of a folder, and when each was written."""
        with self._told():
            for blob in self._client.list_blobs(self._bucket, prefix=f"{self._prefix}{folder}/", retry=RETRY):
                yield blob.name.removeprefix(self._prefix), blob.updated

    def remove(self, folder: str) -> None:
        """Let go of a folder with all that it holds."""
        with self._told():
            for blob in self._client.list_blobs(self._bucket, prefix=f"{self._prefix}{folder}/", retry=RETRY):
                try:
                    blob.delete(retry=RETRY)
                except exceptions.NotFound:
                    continue

    def _blob(self, name: str) -> Blob:
        return self._bucket.blob(self._prefix + name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Let no error of the client through as it is."""
        try:
            yield
        except (exceptions.RetryError, exceptions.ServerError, exceptions.TooManyRequests) as error:
            raise self._unavailable(error) from error
        except (auth.TransportError, transport.RequestException) as error:
            raise self._unavailable(error) from error
        except (exceptions.GoogleAPICallError, auth.GoogleAuthError) as error:
            raise WarehouseError(
                f"The stage {self._address} cannot be used: {_first_line(error)}. "
                "docs/bigquery.md lists the roles that a run needs."
            ) from error

    def _unavailable(self, error: Exception) -> WarehouseUnavailableError:
        return WarehouseUnavailableError(f"The stage {self._address} does not answer just now: {_first_line(error)}.")


def _first_line(error: Exception) -> str:
    return unended(str(error).split("\n", 1)[0]) or type(error).__name__
