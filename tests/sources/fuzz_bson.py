"""Documents of BSON that mean harm, in a process of their own, which may not die of them.

python -m tests.sources.fuzz_bson RECORDING SEED ROUNDS
"""

from __future__ import annotations

import pickle
import random
import struct
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bson.errors import InvalidBSON

from flows.sources.mongodb.bson_columns import Converter
from flows.sources.mongodb.bson_rows import exact_batch
from flows.sources.mongodb.bson_walk import document_edges

if TYPE_CHECKING:
    from flows.sources.interface import Batch

SECRET = "hunter2"  # noqa: S105 - the fuzz looks for it
NUMBERS = [*range(-5, 6), 12, 16, 100, 255, 256, 2**15, 2**16, 2**24, 2**31 - 5, 2**31 - 1, -(2**31), 2**31 - 4]
TYPES = [*range(20), 0x7F, 0x80, 0xFF]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return a document with a few things wrong; often its own length is right."""
    wrong = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(wrong))
        match chance.randrange(6):
            case 0:
                wrong[at] = chance.randrange(256)
            case 1:
                wrong[at : at + 4] = struct.pack("<i", chance.choice(NUMBERS))
            case 2:
                wrong[at] = chance.choice(TYPES)
            case 3:
                del wrong[at : at + chance.choice((1, 4, 8, 50))]
            case 4:
                wrong[at:at] = wrong[chance.randrange(len(wrong)) :][: chance.choice((1, 4, 40))]
            case _:
                wrong[at] = 0
        if not wrong:
            return data
    if chance.random() < 0.8:
        wrong[:4] = struct.pack("<i", max(len(wrong), 5))
        wrong[-1:] = b"\0"
    return bytes(wrong)


def shown(batch: Batch) -> list[str]:
    """Return the rows of a batch as text, in any order."""
    batch.rows.validate(full=True)
    return sorted(map(repr, batch.rows.to_pylist()))


def main(recording: str, seed: str, rounds: str) -> None:
    """Convert so many mutations of recorded documents, and stop at the first that is not read as it should be."""
    table, documents = pickle.loads(Path(recording).read_bytes())  # noqa: S301 - the test wrote it
    chance = random.Random(seed)  # noqa: S311 - it keeps no secret
    good, secret = documents[:-1], documents[-1]
    refused = bad = 0
    # Most documents of a round are as they were recorded.
    alone = cache(lambda document: shown(exact_batch(table, [document])))
    for _ in range(int(rounds)):
        victim = mutated(chance.choice(good), chance)
        others = chance.sample(good, 3)
        sent = b"".join([*others, victim, secret, secret])
        try:
            edges = document_edges(sent)
        except InvalidBSON:
            refused += 1
            continue
        converter = Converter(table)
        if chance.random() < 0.5:
            converter.batch(b"".join(good), document_edges(b"".join(good)))
        if chance.random() < 0.5:
            # The secrets are not among the documents then, but stand behind them.
            del edges[-2:]
        found = converter.batch(sent, edges)
        assert len(found.rows) + len(found.bad) == len(edges) - 1
        bad += len(found.bad)
        rows = shown(found)
        own = [sent[start:end] for start, end in pairwise(edges)]
        expected = [row for document in own for row in alone(document)]
        # Of what nobody reads the walk knows less than one who reads it all: such a document may be a row.
        for row in expected:
            assert row in rows, (victim, row, rows)
            rows.remove(row)
        told = " ".join([*rows, *(f"{row.place} {row.reason} {row.raw}" for row in found.bad)])
        # Where the victim ends early or late, what it holds of the secrets is its own.
        assert SECRET not in told or len(sent) - 2 * len(secret) not in edges, victim
    sys.stdout.write(f"{refused} refused, {bad} bad")


if __name__ == "__main__":
    main(*sys.argv[1:])
