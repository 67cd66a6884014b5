"""What was seen in documents of a MongoDB collection: at each place how often which type, and how large its numbers."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from bson import Binary, Code, Decimal128, ObjectId
from bson.datetime_ms import DatetimeMS

_UUID = 4
"""The subtype of a UUID. Drivers wrote the older one, 3, in orders of their own, so that it is no text."""
_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "bool",  # which Python takes for an int
    Code: "javascript",  # which Python takes for a text
    int: "int",
    float: "double",
    str: "string",
    datetime: "date",
    DatetimeMS: "date",
    ObjectId: "objectId",
    Decimal128: "decimal",
    uuid.UUID: "uuid",
    bytes: "binary",
    dict: "document",
    list: "array",
}


@dataclass
class Seen:
    """What was seen at one place of the documents."""

    count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    """How often each type was seen; `null` too."""
    fields: dict[str, Seen] = field(default_factory=dict)
    """Of documents."""
    elements: Seen | None = None
    """Of arrays."""
    largest: int = 0
    """The greatest absolute value of an int."""
    whole: int = 0
    """Most digits before the point of a decimal."""
    scale: int = 0
    """Most digits after it."""

    def add(self, value: object) -> None:
        """Take in one more value that stands there."""
        self.count += 1
        kind = _kind(value)
        self.kinds[kind] += 1
        if isinstance(value, dict):
            for name, inner in value.items():
                self.fields.setdefault(name, Seen()).add(inner)
        elif isinstance(value, list):
            self.elements = self.elements or Seen()
            for inner in value:
                self.elements.add(inner)
        elif kind == "int" and isinstance(value, int):
            self.largest = max(self.largest, abs(value))
        elif isinstance(value, Decimal128):
            digits = value.to_decimal().as_tuple()
            if isinstance(digits.exponent, int):
                self.scale = max(self.scale, -digits.exponent)
                self.whole = max(self.whole, len(digits.digits) + digits.exponent)

    @property
    def known(self) -> set[str]:
        """The types that were seen, without null."""
        return set(self.kinds) - {"null"}

    def told(self, total: int) -> str:
        """Return in how many documents it was seen and as what."""
        kinds = [f"{kind} {count:,}" if len(self.kinds) > 1 else kind for kind, count in self.kinds.most_common()]
        return f"in {self.count:,} of {total:,}: {', '.join(kinds)}"


def _kind(value: object) -> str:
    """Return a value's type as MongoDB calls it."""
    if isinstance(value, Binary) and value.subtype == _UUID:
        return "uuid"
    for type_, kind in _KINDS.items():
        if isinstance(value, type_):
            return kind
    name = type(value).__name__
    return name[:1].lower() + name[1:]
