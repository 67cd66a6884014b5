"""How far files have been read that are read one after the other, and whether they are still what was read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from flows.model.errors import SourceError
from flows.sources.files.file import why

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.sources.files.file import ProjectFile


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a run of files."""

    files: int = 0
    """How many were begun."""
    line: int = 0
    """Up to which line, or row of Parquet, the last of them was read."""
    digest: str = ""
    """Tells these files from others, and from themselves when they have changed."""

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return what `str` wrote."""
        return cls(**json.loads(text))

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def is_of(self, files: list[ProjectFile]) -> bool:
        """Say whether these files, in their order, begin with those that were read, as they were."""
        begun = files[: self.files]
        return not begun or (len(begun) == self.files and digest_of(begun) == self.digest)


def digest_of(files: Iterable[ProjectFile]) -> str:
    """Return what tells files from others: their names, how long they are and when they were written.

    Raises SourceError where one is gone.
    """
    found = hashlib.sha256()
    for file in files:
        try:
            stat = file.path.stat()
        except OSError as error:
            raise SourceError(f"{file}: it cannot be read: {why(error)}.") from error
        found.update(json.dumps([str(file), stat.st_size, stat.st_mtime_ns]).encode())
    return found.hexdigest()
