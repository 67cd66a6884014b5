"""Where the elements of many documents of BSON stand, found for all of them at once.

A document is a length (4 bytes, its own end included), elements, and a byte 00. An element is a byte for its type, its
name with a 00 behind it, and its value. Where the next element begins shows only when the size of this value is known:

| type                                    | size of its value                                 |
| --------------------------------------- | ------------------------------------------------- |
| a number, a date, an ObjectId, a bool   | always the same                                   |
| a string, a binary                      | its first 4 bytes say it, without themselves      |
| a document, an array                    | its first 4 bytes say it, themselves included     |
| a regular expression                    | up to its second 00: only who reads each byte knows |

An array is a document whose names are "0", "1", "2", ...

Documents of a collection mostly have the same names in the same order. So a level of them (the documents themselves,
or what stands at one path in each) is walked name by name, with a few operations of numpy for all documents that have
that name next. A document that cannot be walked so is strange: it is left to who reads it by itself.

No length is believed. A step goes forward only, and a walk that arrives exactly at its document's end, where a 00 is,
has seen elements that all lie in that document. A walk that arrives elsewhere makes its document strange, and none of
what it found is given. What stands in a document that an element holds is walked only when that element is known to
lie where it says; so each level lies in the one above it, and the first in what the server sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from bson.errors import InvalidBSON

if TYPE_CHECKING:
    from collections.abc import Iterable

Numbers: TypeAlias = "np.ndarray[Any, np.dtype[np.int64]]"
Bytes: TypeAlias = "np.ndarray[Any, np.dtype[np.uint8]]"
Words: TypeAlias = "np.ndarray[Any, np.dtype[np.uint64]]"
Flags: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"

DOUBLE, STRING, DOCUMENT, ARRAY, BINARY, UNDEFINED, OBJECT_ID, BOOL = 1, 2, 3, 4, 5, 6, 7, 8
DATE, NULL, INT32, INT64, DECIMAL128 = 9, 10, 16, 18, 19
MISSING = 0
"""The types of BSON's elements, and that of one that is not there."""
_FIXED = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 0x7F: 0, 0xFF: 0}
_MEASURED = {2: 4, 3: 0, 4: 0, 5: 5, 12: 16, 13: 4, 14: 4, 15: 0}
"""What those take beside the bytes that they say they take. A regular expression does not say it."""
_WORD = 8
"""Bytes that numpy compares at once: a name of up to 6 letters with its 00, and the type before it."""
_PASSES = 8
"""How often a level is walked for documents whose names are in another order."""
_NAMES = 500
"""Most names of a level that are known; documents whose names are values would have more and more of them."""
_ELEMENTS = 10_000
"""Elements of an array, from which on its document is left to who reads it by itself."""
_LENGTH = Struct("<i")
_LEAST = 5
"""Bytes of an empty document."""


def document_edges(batch: bytes) -> list[int]:
    """Return where the documents that follow each other in a batch begin, and where the last ends.

    Raises InvalidBSON.
    """
    start, found = 0, [0]
    while start < len(batch):
        length = _LENGTH.unpack_from(batch, start)[0] if start + _LEAST <= len(batch) else 0
        start += length
        if length < _LEAST or start > len(batch):
            raise InvalidBSON("the server sent a document whose length is wrong")
        found.append(start)
    return found


def split(batch: bytes) -> list[bytes]:
    """Return the documents that follow each other in a batch. Raises InvalidBSON."""
    return [batch[start:end] for start, end in pairwise(document_edges(batch))]


class Buffer:
    """Bytes that can be read as numbers wherever they stand.

    A number of 8 bytes may begin at any of them; numpy has such arrays too, whose elements are one byte apart and
    overlap. So `words[places]` takes what stands at many places in one go, without a copy of the bytes.
    """

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        """Where a walk ends that would go further: zeros follow, as at the end of a document."""
        # Behind the last byte there is room for what is looked at before it is known to be there: an element's type
        # and name, the length of its value, a Decimal128.
        padded = data + bytes(2 * _WORD + 8)
        self.bytes: Bytes = np.frombuffer(padded, np.uint8)
        self.data = padded
        self.words: Words = self._at("<u8")
        self.longs: Numbers = self._at("<i8")
        self.ints: np.ndarray[Any, np.dtype[np.int32]] = self._at("<i4")
        self.lengths: np.ndarray[Any, np.dtype[np.uint32]] = self._at("<u4")
        self.doubles: np.ndarray[Any, np.dtype[np.float64]] = self._at("<f8")

    def _at(self, kind: str) -> np.ndarray[Any, Any]:
        width = int(kind[-1])
        return np.ndarray((len(self.data) - width + 1,), kind, self.data, strides=(1,))


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of one name: one for each document, or of all arrays one after the other."""

    types: Bytes
    """Their types; MISSING where there is none."""
    places: Numbers
    """Where their values begin."""


class _Name:
    """A name as it is compared: the words in which it stands, with the element's type before it."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.reserved = name.startswith(b"$")
        text = name + b"\0"
        self.size = 1 + len(text)
        self.words: list[tuple[int, np.uint64, np.uint64]] = []
        """How far from the type each word stands, the word, and which of its bits count."""
        # The first word begins with the type, whatever that is, and goes on with the name; of a short name's word the
        # rest does not count, since it is the value.
        head = text[: _WORD - 1]
        mask = int.from_bytes(b"\0" + b"\xff" * len(head) + bytes(_WORD - 1 - len(head)), "little")
        value = int.from_bytes(b"\0" + head + bytes(_WORD - 1 - len(head)), "little")
        self.words.append((0, np.uint64(value), np.uint64(mask)))
        for end in [*range(len(head) + _WORD, len(text), _WORD), len(text)] if len(text) > len(head) else []:
            # The last word may hold again what was compared before.
            word = int.from_bytes(text[end - _WORD : end], "little")
            self.words.append((1 + end - _WORD, np.uint64(word), np.uint64(2**64 - 1)))

    def stands(self, buffer: Buffer, places: Numbers, first: Words) -> Flags:
        """Say at which places an element of this name stands."""
        _, value, mask = self.words[0]
        found: Flags = (first & mask) == value
        for shift, value, _ in self.words[1:]:
            found &= buffer.words[np.minimum(places + shift, buffer.size)] == value
        return found


def _table(sizes: dict[int, int]) -> Numbers:
    table = np.full(256, -1, np.int64)
    for type_, size in sizes.items():
        table[type_] = size
    return table


_SIZES = _table(_FIXED | _MEASURED)
_SAYS = _table(_MEASURED) >= 0


@dataclass
class Walker:
    """Walks levels of documents; remembers from batch to batch which names follow each other in each."""

    names: dict[str, list[_Name]] = field(default_factory=dict)
    """By level."""

    def elements(
        self, buffer: Buffer, level: str, places: Numbers, wanted: Iterable[str]
    ) -> tuple[dict[str, Elements], Flags]:
        """Return the elements of these names in the documents that begin at these places, and which are strange."""
        return _Walk(buffer, places).elements(self.names.setdefault(level, []), wanted)


def items(buffer: Buffer, places: Numbers) -> tuple[Elements, Numbers, Flags]:
    """Return the elements of the arrays that begin at these places, how many each has, and which are strange."""
    walk = _Walk(buffer, places)
    counts = np.zeros(len(places), np.int64)
    found: list[tuple[Numbers, Bytes, Numbers]] = []
    for index in range(_ELEMENTS):
        if not walk.continued():
            break
        rows, elements = walk.take(_numbered(index))
        walk.refuse_others(rows)
        counts[rows] += 1
        found.append((rows, elements.types, elements.places))
    strange = walk.ended()
    counts[strange] = 0
    first = np.cumsum(counts) - counts
    types = np.zeros(int(counts.sum()), np.uint8)
    values = np.zeros(len(types), np.int64)
    any_strange = strange.any()
    for index, (rows, kinds, starts) in enumerate(found):
        if any_strange:
            good = ~strange[rows]
            rows, kinds, starts = rows[good], kinds[good], starts[good]  # noqa: PLW2901 - the same without some
        types[first[rows] + index] = kinds
        values[first[rows] + index] = starts
    return Elements(types, values), counts, strange


_NUMBERED: list[_Name] = []


def _numbered(index: int) -> _Name:
    while len(_NUMBERED) <= index:
        _NUMBERED.append(_Name(str(len(_NUMBERED)).encode()))
    return _NUMBERED[index]


class _Walk:
    """A walk through documents side by side."""

    def __init__(self, buffer: Buffer, places: Numbers) -> None:
        self.buffer, self.places = buffer, places
        self.all: Numbers = np.arange(len(places))
        self.last: Numbers = np.minimum(places + buffer.lengths[places].astype(np.int64) - 1, buffer.size)
        """Where each document's own end stands."""
        self.next: Numbers = np.minimum(places + _LENGTH.size, buffer.size)
        """Where each one's next element begins; at the buffer's end where a walk was given up."""
        self.rows = self.all
        """Which documents are not at their end."""
        self.strange: Flags = np.zeros(len(places), np.bool_)

    def elements(self, names: list[_Name], wanted: Iterable[str]) -> tuple[dict[str, Elements], Flags]:
        """Walk to the end of all documents, and return the elements of these names."""
        count = len(self.places)
        found = {name.encode(): Elements(np.zeros(count, np.uint8), np.zeros(count, np.int64)) for name in wanted}
        # Names in the order in which documents have them take one pass. Where a document has one too early, it waits
        # there, while the pass goes on with the others, and is taken up by the next pass.
        for number in range(_PASSES):
            if not self.continued():
                break
            if number or not names:
                self._learn(names)
            for name in names:
                rows, elements = self.take(name)
                if name.reserved:
                    self.strange[rows] = True
                kept = found.get(name.name)
                if kept is not None and len(rows):
                    # What stands twice is bad, as who reads the document by itself says.
                    self.strange[rows] |= kept.types[rows] != MISSING
                    kept.types[rows] = elements.types
                    kept.places[rows] = elements.places
        strange = self.ended()
        if strange.any():
            # Only of a document that was walked to its very end is it known that all its elements lie in it.
            for elements in found.values():
                elements.types[strange] = MISSING
        return {name.decode(): elements for name, elements in found.items()}, strange

    def take(self, name: _Name) -> tuple[Numbers, Elements]:
        """Go beyond the elements of this name where it is the next, and return them with their documents."""
        rows = self.rows
        places = self.next[rows]
        first = self.buffer.words[places]
        types = first.astype(np.uint8)
        there = name.stands(self.buffer, places, first)
        # At a document's end what follows is no name.
        there &= types != MISSING
        if not there.all():
            rows, places, types = rows[there], places[there], types[there]
        values = places + name.size
        if len(rows):
            self.next[rows] = np.minimum(values + self._sizes(rows, types, values), self.buffer.size)
        return rows, Elements(types, values)

    def continued(self) -> bool:
        """Look which documents are not at their end, and say whether there are any."""
        going = self.next[self.rows] < self.last[self.rows]
        if not going.all():
            self.rows = self.rows[going]
        return len(self.rows) > 0

    def refuse_others(self, rows: Numbers) -> None:
        """Give up all documents that are not at their end but these."""
        if len(rows) < len(self.rows):
            others = np.setdiff1d(self.rows, rows)
            self.next[others] = self.buffer.size
            self.strange[others] = True

    def ended(self) -> Flags:
        """Return which documents are strange; among them all that did not end where they say."""
        strange: Flags = self.strange | (self.next != self.last) | (self.buffer.bytes[self.last] != 0)
        return strange

    def _sizes(self, rows: Numbers, types: Bytes, values: Numbers) -> Numbers | int:
        kind = types[0]
        if (types == kind).all() and _SIZES[kind] >= 0:
            return self.buffer.lengths[values] + _SIZES[kind] if _SAYS[kind] else int(_SIZES[kind])
        sizes = _SIZES[types] + np.where(_SAYS[types], self.buffer.lengths[values], 0)
        unknown = _SIZES[types] < 0
        if unknown.any():
            self.strange[rows[unknown]] = True
            sizes[unknown] = self.buffer.size
        return sizes

    def _learn(self, names: list[_Name]) -> None:
        """Put the names of the first document that is not at its end among the others."""
        data, row = self.buffer.data, int(self.rows[0])
        place, last = int(self.places[row]) + _LENGTH.size, int(self.last[row])
        index = 0
        known = {name.name: position for position, name in enumerate(names)}
        while place < last and len(names) < _NAMES:
            end = data.index(0, place + 1)
            name, type_ = data[place + 1 : end], data[place]
            if name in known:
                index = max(index, known[name] + 1)
            else:
                names.insert(index, _Name(name))
                known = {name.name: position for position, name in enumerate(names)}
                index += 1
            if _SIZES[type_] < 0:
                return
            place = end + 1 + int(_SIZES[type_]) + (int(self.buffer.lengths[end + 1]) if _SAYS[type_] else 0)
