"""Where the elements of documents of BSON stand."""

from __future__ import annotations

from struct import Struct

_LENGTH = Struct("<i")


def split(batch: bytes) -> list[bytes]:
    """Return the documents that follow each other in a batch."""
    documents = []
    start = 0
    while start < len(batch):
        end = start + _LENGTH.unpack_from(batch, start)[0]
        documents.append(batch[start:end])
        start = end
    return documents
