"""What the formats have in common: runs of rows of a file, from which columns are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flows.model.errors import SourceError, did_you_mean
from flows.sources.fields import elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.model.types import Type
    from flows.sources.files.file import ProjectFile
    from flows.sources.values.column_values import ColumnValues

Broken = tuple[int, str, str]
"""What is no row: its line, how it stands there, and what is wrong with it."""


class Chunk(Protocol):
    """Some rows of a file."""

    lines: Sequence[int]
    """Where each stands in the file, from 1."""
    broken: Sequence[Broken]
    last: int
    """Where the last of what was taken of the file for it begins, be it a row or not; 0 where that is nothing."""

    def column(self, path: str, type_: Type) -> ColumnValues:
        """Return the values that stand at a path, of every row."""

    def has(self, path: str) -> bool:
        """Say whether any of its rows has something at a path, be it NULL."""

    def take(self, rows: Sequence[int]) -> Chunk:
        """Return only these rows, and nothing of what is broken."""

    def raw(self, row: int) -> str:
        """Return a row as it stands in the file."""


def shown(line: int, text: bytes, reason: str) -> Broken:
    """Return what is no row as text."""
    return line, text.decode(errors="replace"), reason


def require_column(
    file: ProjectFile,
    name: str,
    names: Sequence[str],
    paths: Iterable[tuple[str, ...]] = (),
    wanted: tuple[str, ...] = (),
) -> None:
    """Raise SourceError where a file has no such column.

    `paths` are those of what its columns hold, `wanted` is the path that begins with the column.
    """
    if name not in names:
        near = elsewhere(wanted or (name,), paths) or did_you_mean(name, names)
        raise SourceError(
            f"{file}: it has no column '{name}'.{near} It has {', '.join(names)}. "
            "Where the file has another name for it, say so: from: <name>."
        )
