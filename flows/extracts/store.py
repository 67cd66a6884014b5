"""What a stage asks of the place where its files are: a folder, or a bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from flows.extracts.manifest import ExtractFile


class Store(Protocol):
    """Holds files by their names, in which `/` divides folders.

    Each method raises WarehouseError, or WarehouseUnavailableError where trying again may help.
    """

    def desk(self, folder: str) -> AbstractContextManager[Path]:
        """Give a folder of this machine in which files for a folder of the store are written."""

    def put(self, path: Path, name: str) -> None:
        """Keep a file that was written there."""

    def write(self, name: str, content: bytes) -> None:
        """Keep a few bytes: all of them, or none where the process ends in the middle."""

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None where there is none."""

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file to be read from any place in it. Raises FileNotFoundError where there is none."""

    def holds(self, file: ExtractFile) -> bool:
        """Say whether a file is there as it was written."""

    def place(self, name: str) -> Path | str:
        """Return where a warehouse finds a file: a path, or the URI of an object."""

    def files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the names of all files of a folder, and when each was written."""

    def remove(self, folder: str) -> None:
        """Let go of a folder with all that it holds."""
