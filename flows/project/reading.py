"""Read files once: what is known of them by their content, and what is not, on all cores."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from flows.project import graph
from flows.project.cache import digest_of, key_beside, key_of
from flows.project.faults import Face, Findings, face_of
from flows.project.files import content, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.project.cache import Cache
    from flows.project.files import Folder
    from flows.project.table_file import TableFile
    from flows.project.workers import Workers


class Reading:
    """What was read of a project's files so far.

    Args:
        folder: where the files stand.
        kept: what is known of them from earlier times.
        workers: who reads those of which nothing is known.
    """

    def __init__(self, folder: Folder, kept: Cache, workers: Workers) -> None:
        self.files: dict[str, TableFile] = {}
        self._folder = folder
        self._kept = kept
        self._workers = workers
        self._new: set[str] = set()
        self._new_findings: dict[str, bytes] = {}
        self._found: dict[str, Findings] = {}

    def keep(self) -> None:
        """Keep what was found for the next time."""
        self._kept.keep(
            [(self.files[name].key, self.files[name]) for name in self._new if self.files[name].named],
            [(key, self.files[name], self._found[name]) for name, key in self._new_findings.items()],
        )

    def findings(self, names: Iterable[str]) -> dict[str, Findings]:
        """Return what shows of tables beside those that they name."""
        wanted = list(names)
        self._read(wanted)
        if len(wanted) < len(self._folder.places):
            self._name(wanted)
            others = {name for one in wanted for name in self.files[one].mentioned if name in self._folder.places}
            self._read(others)
            self._name(others)
        faces = {name: face_of(file) for name, file in self.files.items()}
        digests = {name: digest_of(face) for name, face in faces.items()}
        under: dict[str, bytes] = {}
        known: dict[str, Findings] | None = None
        # A file's own SQL may show a fault of which those who read its table are told: they are looked at once more.
        while True:
            keys = {name: key_beside(self.files[name].key, self.files[name], digests) for name in wanted}
            if known is None:
                whole = {name: key for name, key in keys.items() if self.files[name].named}
                known = self._kept.findings(whole)
                self._found.update(known)
                under.update({name: keys[name] for name in known})
            todo = [name for name in wanted if under.get(name) != keys[name]]
            if not todo:
                break
            self._examine(todo, faces, digests, under)
        complete = {name for name in wanted if all(other in digests for other in self.files[name].mentioned)}
        self._new_findings = {name: under[name] for name in wanted if name not in known and name in complete}
        return {name: self._found[name] for name in wanted}

    def _examine(
        self, names: list[str], faces: dict[str, Face], digests: dict[str, bytes], under: dict[str, bytes]
    ) -> None:
        before = dict(digests)
        found = self._workers.examine([self.files[name] for name in names], faces)
        for name, (file, findings) in zip(names, found, strict=True):
            under[name] = key_beside(self.files[name].key, file, before)
            self._found[name] = findings
            if file is not self.files[name]:
                self.files[name] = file
                faces[name] = face_of(file)
                digests[name] = digest_of(faces[name])

    def beside(self, names: Iterable[str]) -> set[str]:
        """Return tables with those that they name."""
        named = {one for name in names for one in (name, *self.files[name].mentioned)}
        return named & self.files.keys()

    def ways_back(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Return for each of the tables that in the end reads itself the shortest way back."""
        wanted = {name for name in names if self._may_read_itself(name)}
        reached: dict[str, list[str]] = {}
        ahead = wanted
        while ahead:
            self._read(ahead)
            self._name(ahead)
            reached |= {name: [up for up in self.files[name].reads if up in self._folder.places] for name in ahead}
            ahead = {up for name in ahead for up in reached[name]} - reached.keys()
        return {name: way for name, way in graph.circles(reached).items() if name in wanted}

    def _may_read_itself(self, name: str) -> bool:
        """Say whether the words of files lead from a table back to itself; of most tables that is all there is to read.

        Where a file names a table it holds its name as a word, whatever else that word may be there.
        """
        if len(self.files) == len(self._folder.places):
            return True
        reached: set[str] = set()
        ahead = [up for up in self.files[name].reads if up in self._folder.places]
        for one in ahead:
            if one == name:
                return True
            if one not in reached:
                reached.add(one)
                words = words_of(content(self._folder.places[one].path))
                if words is None:
                    return True
                ahead += [up for word in words for up in self._by_word.get(word, ()) if up not in reached]
        return False

    @cached_property
    def _by_word(self) -> dict[bytes, list[str]]:
        """Tables by their names without the dataset."""
        found: defaultdict[bytes, list[str]] = defaultdict(list)
        for identity, place in self._folder.places.items():
            found[place.name.encode()].append(identity)
        return dict(found)

    def _read(self, names: Iterable[str]) -> None:
        """Read files, all but what their SQL names."""
        places = [self._folder.places[name] for name in names if name not in self.files]
        if not places:
            return
        contents = {place.identity: content(place.path) for place in places}
        keys = {place.identity: key_of(place.file, contents[place.identity]) for place in places}
        known = self._kept.files(keys)
        new = [place for place in places if place.identity not in known]
        jobs = [(place.file, place.dataset, place.name, contents[place.identity]) for place in new]
        found = {file.identity: file for file in self._workers.describe(jobs)}
        self._new |= {place.identity for place in new}
        self.files |= known
        self.files |= {name: file._replace(key=keys[name]) for name, file in found.items()}

    def _name(self, names: Iterable[str]) -> None:
        """Find what the SQL of files names, where that is not known."""
        part = [self.files[name] for name in names if not self.files[name].named]
        self.files |= {file.identity: file for file in self._workers.names(part)}
