"""A stage in a folder."""

from __future__ import annotations

import base64
import errno
import hashlib
import shutil
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from flows.model.errors import WarehouseError
from flows.project.private import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flows.extracts.manifest import ExtractFile


FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Of a disk that takes no more."""


class Folder:
    """Holds files in a folder, which several machines may share.

    Args:
        root: the folder; it is made for its owner alone where it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def desk(self, folder: str) -> Iterator[Path]:
        """Give the folder itself: nobody looks at files of which no manifest tells."""
        place = self._root / folder
        with self._told():
            try:
                make_private(place)
            except FileNotFoundError as error:  # of a place in which no folder can be, as /proc
                raise NotADirectoryError(errno.ENOTDIR, "no folder can be made there", error.filename) from error
            yield place

    def put(self, path: Path, name: str) -> None:
        """Leave the file where it is."""

    def write(self, name: str, content: bytes) -> None:
        """Keep a few bytes."""
        path = self._root / name
        part = path.with_name(f"{path.name}.part")
        with self._told():
            part.write_bytes(content)
            part.replace(path)

    def read(self, name: str) -> bytes | None:
        """Return what a file holds."""
        with self._told(), suppress(FileNotFoundError):
            return (self._root / name).read_bytes()
        return None

    def open(self, name: str) -> BinaryIO:
        """Open a file."""
        with self._told():
            return (self._root / name).open("rb")

    def holds(self, file: ExtractFile) -> bool:
        """Say whether a file is there as it was written."""
        path = self._root / file.name
        with self._told(), suppress(FileNotFoundError):
            return path.stat().st_size == file.bytes and md5_of(path) == file.md5
        return False

    def place(self, name: str) -> Path:
        """Return a file's path."""
        return self._root / name

    def files(self, folder: str) -> Iterator[tuple[str, datetime]]:
        """Give the names of all files of a folder, and when each was written."""
        with self._told():
            for path in (self._root / folder).rglob("*"):
                # Another run may take it away in the meantime.
                with suppress(FileNotFoundError):
                    if path.is_file():
                        name = path.relative_to(self._root).as_posix()
                        yield name, datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def remove(self, folder: str) -> None:
        """Let go of a folder with all that it holds."""
        shutil.rmtree(self._root / folder, ignore_errors=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise WarehouseError(
                f"The stage {self._root} cannot be used: {error.filename or self._root}: {error.strerror}. "
                f"{'Make room there, or set' if error.errno in FULL else 'Set'} DERIVED_STAGE to a folder in which you "
                "may write."
            ) from error


def md5_of(path: Path) -> str:
    """Return the digest of a file's content in base64."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()
