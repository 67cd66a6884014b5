"""Which files `source.path` means: regular ones inside of the project, and no links."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from flows.model.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAGIC = re.compile(r"[*?\[]")
_ANY = "**"
"""Stands for any number of folders."""


@dataclass
class Files:
    """The files of a table."""

    root: Path
    """The project's folder."""
    found: list[Path] = field(default_factory=list)
    """In the order of their names."""
    left_out: list[tuple[Path, str]] = field(default_factory=list)
    """What the path means and is not read, and why."""


def find(root: Path, pattern: str) -> Files:
    """Return the files that a file, folder or glob means, relative to the project's folder.

    Of a folder what begins with `.` or `_` is left out, which are notes of the program that wrote it; a glob finds
    what begins with `.` only where it says the dot.

    Raises SourceError where there is none, or the path leaves the project.
    """
    inside = pattern.removeprefix(f"{root}/")
    names = [name for name in inside.split("/") if name not in {"", "."}]
    if inside.startswith(("/", "~")) or ".." in names:
        raise SourceError(
            f"source.path '{pattern}' leaves the project's folder. Write a path inside it, such as exports/*.jsonl.gz."
        )
    files = Files(root)
    whole = root.joinpath(*names)
    if os.path.lexists(whole):
        _walk_to(root, names, files)
    else:
        first = next((index for index, name in enumerate(names) if _MAGIC.search(name)), len(names))
        _walk_to(root, names[:first], files, [names[first:]])
    files.found.sort()
    if not files.found:
        also = f" {_told(root, files)}" if files.left_out else ""
        what = (
            f"No file is in the folder of source.path '{pattern}'"
            if whole.is_dir()
            else f"No file matches source.path '{pattern}'"
        )
        raise SourceError(f"{what} in {root.resolve()}.{also}")
    return files


def left_out(root: Path, files: Files) -> list[str]:
    """Return what there is to say of what is not read."""
    return [_told(root, files)] if files.left_out else []


def _told(root: Path, files: Files) -> str:
    path, why = files.left_out[0]
    count = len(files.left_out)
    more = f", and {count - 1:,} more that source.path means," if count > 1 else ""
    return f"{path.relative_to(root)}{more} {'are' if more else 'is'} not read: {why}."


def _walk_to(root: Path, names: Sequence[str], files: Files, wanted: list[Sequence[str]] | None = None) -> None:
    """Take what stands at a path without a glob, or below it."""
    path = root
    for name in names:
        path /= name
        if path.is_symlink():
            files.left_out.append((path, "links are not followed"))
            return
    if path.is_dir():
        _walk(path, wanted, files)
    elif wanted is None:
        _take(path, files)


def _walk(folder: Path, wanted: list[Sequence[str]] | None, files: Files) -> None:
    """Take the files below a folder.

    Args:
        folder: where to look.
        wanted: what may follow, as the names of globs one below the other; None for all but notes.
        files: takes what is found.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        told = folder.relative_to(files.root)
        raise SourceError(f"{told}: it cannot be read: {error.strerror}. Let whoever runs this read it.") from error
    for name in names:
        if wanted is None and name.startswith((".", "_")):
            continue
        path = folder / name
        rest = None if wanted is None else [after for patterns in wanted for after in _after(name, patterns)]
        if path.is_dir() and (rest is None or rest):
            if path.is_symlink():
                files.left_out.append((path, "links are not followed"))
            else:
                _walk(path, rest, files)
        elif rest is None or any(set(patterns) <= {_ANY} for patterns in rest):
            _take(path, files)


def _after(name: str, patterns: Sequence[str]) -> list[Sequence[str]]:
    """Return what may follow a name; nothing where it does not match."""
    if not patterns:
        return []
    first, rest = patterns[0], patterns[1:]
    is_hidden = name.startswith(".") and not first.startswith(".")
    if first == _ANY:
        return [*([] if is_hidden else [patterns]), *_after(name, rest)]
    return [rest] if fnmatchcase(name, first) and not is_hidden else []


def _take(path: Path, files: Files) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode):
        files.found.append(path)
    elif stat.S_ISLNK(mode):
        files.left_out.append((path, "links are not followed"))
    else:
        files.left_out.append((path, "it is no regular file"))
