"""The folder of table files: which there are, and what each holds. Nothing in it is trusted to be a file of text."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.model.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FOLDER = "tables"
SUFFIX = ".yaml"
MOST_BYTES = 1_000_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table's file stands."""

    path: str
    file: str
    """The path relative to the project, as messages show it."""
    dataset: str
    name: str

    @property
    def identity(self) -> str:
        """`dataset.name`."""
        return f"{self.dataset}.{self.name}"


@dataclass(frozen=True, slots=True)
class Folder:
    """The table files of a project by identity, and what is wrong with where files stand."""

    root: Path
    places: dict[str, Place] = field(default_factory=dict)
    faults: dict[str, tuple[Fault, ...]] = field(default_factory=dict)
    """By identity; under `""` those that belong to no table."""

    def hint(self, name: str) -> str:
        """Return ` Did you mean 'x'?` for a name that no table has, or where its file would stand."""
        if name.endswith(SUFFIX) and name.removesuffix(SUFFIX).count("/"):
            return f" Write {'.'.join(name.removesuffix(SUFFIX).split('/')[-2:])}, without the folder and the ending."
        place = f"{FOLDER}/{name.replace('.', '/', 1)}{SUFFIX}"
        for fault in self.faults.get("", ()):
            if fault.file.lower() in {place.lower(), f"{place.removesuffix(SUFFIX)}.yml".lower()}:
                last = place.rpartition("/")[2]
                return f" Its file is {fault.file.rpartition('/')[2]}: rename it to {last}."
        if "." not in name:
            same = sorted(identity for identity in self.places if identity.endswith(f".{name}"))
            return f" Did you mean '{same[0]}'?" if same else " Write it as dataset.name."
        near = did_you_mean(name, self.places)
        if not near and not _NAME.fullmatch(name):
            return " Write it as dataset.name, each of letters, digits and _."
        return near or f" It would stand in {place}."


def scan(root: Path) -> Folder:
    """Find the table files of a project.

    Raises:
        UsageError: there is no folder `tables/`.
    """
    tables = root / FOLDER
    if not tables.is_dir():
        raise UsageError(f"There is no folder {FOLDER}/ here ({root}). Run this in the project's folder.")
    places: dict[str, Place] = {}
    faults: defaultdict[str, list[Fault]] = defaultdict(list)
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for folder in _datasets(tables):
        dataset = _shown(folder.name)
        if message := _outside(folder):
            faults[""].append(Fault(1, message, file=f"{FOLDER}/{dataset}"))
        for entry in _entries_of(folder, dataset, faults[""]):
            name = _shown(entry.name)
            file = f"{FOLDER}/{dataset}/{name}"
            if message := _misplaced(entry, dataset):
                faults[""].append(Fault(1, message, file=file))
            elif name.endswith(SUFFIX):
                place = Place(entry.path, file, dataset, name.removesuffix(SUFFIX))
                places[place.identity] = place
                spellings[place.identity.casefold()].append(place.identity)
    for names in spellings.values():
        for name in names if len(names) > 1 else ():
            other = next(one for one in names if one != name)
            message = f"is the same table as {other}: warehouses do not tell upper from lower case. Rename one of them."
            faults[name].append(Fault(1, message, file=places[name].file))
    for name, message in _in_respelled_folders(places.values()):
        faults[name].append(Fault(1, message, file=places[name].file))
    return Folder(root, dict(sorted(places.items())), {name: tuple(found) for name, found in faults.items() if found})


def _in_respelled_folders(places: Iterable[Place]) -> Iterator[tuple[str, str]]:
    """Give the tables whose folder's name differs from another's in case alone, with what is wrong.

    Where most tables stand in one of them, those of that one are good.
    """
    folders: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
    for place in places:
        folders[place.dataset.casefold()].setdefault(place.dataset, []).append(place.identity)
    for spelt in folders.values():
        usual, *others = sorted(spelt, key=lambda name: -len(spelt[name]))
        for dataset in spelt if others and len(spelt[usual]) == len(spelt[others[0]]) else others:
            other = usual if dataset != usual else others[0]
            message = (
                f"stands in {FOLDER}/{dataset}, the same dataset as {FOLDER}/{other}: warehouses do not tell upper "
                "from lower case. Put all tables into one of these folders."
            )
            for name in spelt[dataset]:
                yield name, message


def _entries(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Give what lies in a folder, by name, without what begins with a dot."""
    with os.scandir(folder) as entries:
        yield from sorted((one for one in entries if not one.name.startswith(".")), key=lambda one: one.name)


def _datasets(tables: Path) -> list[os.DirEntry[str]]:
    """Return what lies in the folder of all tables. Raises UsageError where it cannot be read."""
    try:
        return list(_entries(tables))
    except OSError as error:
        raise UsageError(f"The folder {FOLDER}/ ({tables}) cannot be read: {error.strerror}.") from None


def _entries_of(folder: os.DirEntry[str], dataset: str, faults: list[Fault]) -> Iterator[os.DirEntry[str]]:
    """Give what lies in a dataset's folder; nothing of what is none, nor of one that cannot be read."""
    if folder.is_dir(follow_symlinks=False):
        try:
            yield from _entries(folder.path)
        except OSError as error:
            faults.append(Fault(1, f"cannot be read: {error.strerror}.", file=f"{FOLDER}/{dataset}"))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is a folder or a link to one; a link to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _shown(name: str) -> str:
    """Return the name of a file as text, whatever bytes it has."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _outside(entry: os.DirEntry[str]) -> str | None:
    """Say why what lies beside the datasets is not read, where somebody may expect it to be."""
    if entry.is_symlink() and _is_folder(entry):
        return "is a symbolic link, which is not followed. Put the folder itself here."
    if not _is_folder(entry) and entry.name.lower().endswith((".yaml", ".yml")):
        return "stands in no dataset. Move it into a folder: tables/<dataset>/<name>.yaml."
    return None


def _misplaced(entry: os.DirEntry[str], dataset: str) -> str | None:
    """Say why what lies in a dataset is not read, where somebody may expect it to be."""
    name = _shown(entry.name)
    if _is_folder(entry):
        return f"'{name}' is a folder below the dataset '{dataset}'. Move its files up: tables/{dataset}/<name>.yaml."
    if entry.name.endswith(SUFFIX) or not entry.name.lower().endswith((".yaml", ".yml")):
        return None
    stem, _, suffix = name.rpartition(".")
    twin = os.path.lexists(entry.path.rpartition(".")[0] + SUFFIX)
    instead = f"{stem}{SUFFIX} stands beside it: remove one of them" if twin else f"rename it to {stem}{SUFFIX}"
    return f"ends in .{suffix} and is not read: {instead}."


def content(path: str) -> bytes | str:
    """Return what a file holds, or why it cannot be read; never waits for what is no file, nor reads a huge one."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "is a symbolic link, which is not followed. Put the file itself here."
        return f"cannot be read: {error.strerror}."
    try:
        known = os.fstat(handle)
        if not stat.S_ISREG(known.st_mode):
            return f"cannot be read: it is {_KINDS.get(stat.S_IFMT(known.st_mode), 'no file')}, not a file of text."
        if known.st_size > MOST_BYTES:
            return f"is {known.st_size:,} bytes long. A table file may have {MOST_BYTES:,}."
        return os.read(handle, known.st_size + 1)
    except OSError as error:
        return f"cannot be read: {error.strerror}."
    finally:
        os.close(handle)


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe (FIFO)",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_ESCAPE = re.compile(rb"\\[xXuU0-7\r\n]")
"""What YAML or SQL may read as a letter, or as nothing between two."""


def words_of(given: bytes | str) -> set[bytes] | None:
    """Return every word of a file, among which are the tables that it names; None where an escape may hide one."""
    if isinstance(given, str):
        return set()
    return None if _ESCAPE.search(given) else set(_WORD.findall(given))
