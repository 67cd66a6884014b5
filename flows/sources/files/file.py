"""A file of a project, as messages name it: relative to the project, and not where this machine keeps it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.model.safe_text import unended

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ProjectFile:
    """A file that is read."""

    path: Path
    root: Path
    """The project's folder."""

    def __str__(self) -> str:
        return str(self.path.relative_to(self.root))


def why(error: Exception) -> str:
    """Return why a file cannot be read, without the place where this machine keeps it."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else unended(error)
