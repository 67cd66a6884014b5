"""Rows of MySQL's protocol that mean harm, in a process of their own, which may not die of them.

python -m tests.sources.fuzz_mysql RECORDING SEED ROUNDS
"""

from __future__ import annotations

import io
import pickle
import random
import sys
from pathlib import Path
from typing import Any

import pymysql

from flows.model.types import parse_type
from flows.sources.mysql import wire
from flows.sources.mysql.types import SourceColumn, convert, reason

SECRET = b"hunter2-planted-behind-the-buffer "
EXTREMES = [
    *(bytes([byte]) for byte in (0, 1, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF)),
    *(mark + bytes(size) for mark, size in ((b"\xfc", 2), (b"\xfd", 3), (b"\xfe", 8))),
    *(mark + b"\xff" * size for mark, size in ((b"\xfc", 2), (b"\xfd", 3), (b"\xfe", 8))),
    *(b"\xfe" + number.to_bytes(8, "little") for number in (1, 2**15, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63)),
    *(number.to_bytes(3, "little") for number in (0, 1, 2**16, 2**23, 2**24 - 1)),
]


class Broken(Exception):  # noqa: N818 - it is said of a stream
    """What is no result."""


class Socket(io.RawIOBase):
    """Gives a stream in pieces, and leaves a secret behind each."""

    def __init__(self, stream: bytes, chance: random.Random) -> None:
        self.stream, self.chance, self.at = stream, chance, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, room: Any) -> int:
        """Fill a part of the room, and spoil what lies behind."""
        some = self.stream[self.at : self.at + self.chance.choice((1, 100, 4000, 1 << 20))][: len(room)]
        self.at += len(some)
        behind = (SECRET * 100)[: len(room) - len(some)]
        room[: len(some) + len(behind)] = some + behind
        return len(some)


def reference(stream: bytes, count: int) -> tuple[list[list[bytes | None]], bool]:
    """Return the rows of a result, read one by one, and whether nothing follows it. Raises Broken."""
    rows, at = [], 0
    while True:
        payload = b""
        while True:
            length = int.from_bytes(stream[at : at + 3], "little")
            if at + 4 + length > len(stream):
                raise Broken
            payload += stream[at + 4 : at + 4 + length]
            at += 4 + length
            if length < 0xFFFFFF:
                break
        if payload[:1] == b"\xfe" and len(payload) < 9:
            return rows, at == len(stream)
        rows.append(fields(payload, count))


def fields(payload: bytes, count: int) -> list[bytes | None]:
    """Return the fields of a row. Raises Broken."""
    row: list[bytes | None] = []
    at = 0
    for _ in range(count):
        if at >= len(payload) or payload[at] == 0xFF:
            raise Broken
        size = {0xFB: 0, 0xFC: 2, 0xFD: 3, 0xFE: 8}.get(payload[at])
        null = payload[at] == 0xFB
        length = payload[at] if size is None else int.from_bytes(payload[at + 1 : at + 1 + size], "little")
        at += 1 + (size or 0)
        if at + length > len(payload):
            raise Broken
        row.append(None if null else payload[at : at + length])
        at += length
    if at != len(payload):
        raise Broken
    return row


def mutated(stream: bytes, chance: random.Random) -> bytes:
    """Return a stream with a few things wrong."""
    data = bytearray(stream)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(data))
        if chance.random() < 0.3:  # where a packet's or a first field's length stands
            at = chance.choice([place for place in starts(stream) if place < len(data)] or [at])
        match chance.randrange(6):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                extreme = chance.choice(EXTREMES)
                data[at : at + len(extreme)] = extreme
            case 2:
                data[at:at] = chance.choice(EXTREMES)
            case 3:
                del data[at : at + chance.choice((1, 3, 4, 20, 1000))]
            case 4:
                data[at:at] = data[chance.randrange(len(data)) :][: chance.choice((1, 4, 100))]
            case _ if chance.random() < 0.2:
                del data[at:]
        if not data:
            return b"\0"
    return bytes(data)


def starts(stream: bytes) -> list[int]:
    """Return where packets and their payloads begin."""
    found, at = [], 0
    while at < len(stream):
        found += [at, at + 4]
        at += 4 + int.from_bytes(stream[at : at + 3], "little")
    return found


def decode(stream: bytes, columns: list[tuple[SourceColumn, str]], chance: random.Random) -> list[list[bytes | None]]:
    """Return the rows as the project reads them, each of which can be converted or is bad with a reason."""
    rows: list[list[bytes | None]] = []
    for batch in wire.decoded(io.BufferedReader(Socket(stream, chance), chance.choice((16, 8192))), len(columns)):
        for (source, name), raw in zip(columns, batch, strict=True):
            raw.validate(full=True)
            values, bad = convert(source, parse_type(name), raw)
            values.validate(full=True)
            assert len(values) == len(raw)
            for row in bad:
                reason(source, parse_type(name), raw[row].as_py())
        rows += map(list, zip(*(raw.to_pylist() for raw in batch), strict=True))
    return rows


def main(recording: str, seed: str, rounds: str) -> None:
    """Decode so many mutations of a recorded result, and stop at the first that is not read as it should be."""
    columns, stream = pickle.loads(Path(recording).read_bytes())  # noqa: S301 - the test wrote it
    chance = random.Random(seed)  # noqa: S311 - it keeps no secret
    errors: list[str] = []
    for number in range(int(rounds)):
        wire.BATCH_BYTES = chance.choice((66_000, 100_000, 4 << 20))
        data = mutated(stream, chance) if number else stream
        expected: list[list[bytes | None]] | None
        found: list[list[bytes | None]] | None
        try:
            expected, whole = reference(data, len(columns))
        except Broken:
            expected, whole = None, False
        try:
            found = decode(data, columns, chance)
        except pymysql.Error as error:
            errors.append(str(error))
            found = None
        assert found == expected or (found is None and not whole), f"round {number}: other rows, or none of good ones"
    assert not any("hunter2" in error for error in errors)
    sys.stdout.write(f"{len(errors)} refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
