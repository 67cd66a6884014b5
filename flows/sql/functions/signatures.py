"""What each GoogleSQL function takes, gives and is called in DuckDB: one line for each signature.

A line reads `NAME(types) -> type = DuckDB`. `T` and `U` stand for any type (the same wherever they stand), `T...` for one
or more arguments; `template` says what the right side may hold. A function without a line is refused by name: nobody has
checked it yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from flows.model.types import Type, parse_type
from flows.sql import types as t
from flows.sql.functions.aggregates import AGGREGATES, WINDOWS
from flows.sql.functions.blobs import BLOBS
from flows.sql.functions.numbers import NUMBERS
from flows.sql.functions.scalars import SCALARS
from flows.sql.functions.texts import TEXTS

T, U = Type("T"), Type("U")
"""What stands for any type."""
_SCALARS = SCALARS + NUMBERS + TEXTS + BLOBS
_LINE = re.compile(r"([\w.]+)\(([^=]*)\) -> (\S+) = (.+)")


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """One way to call a function; each stands in the table once, and is equal to itself alone."""

    parameters: tuple[Type, ...]
    repeated: bool
    """Whether the last parameter takes one or more arguments."""
    result: Type
    template: str
    distinct: bool
    """Whether an aggregate's template has a place for DISTINCT."""
    of_signs: bool
    """Whether its template takes BYTES as texts of one sign a byte."""

    def takes(self, count: int) -> bool:
        """Say whether it takes that many arguments."""
        return count >= len(self.parameters) if self.repeated else count == len(self.parameters)

    def parameter(self, place: int) -> Type:
        """Return the parameter for the argument at a place, from 0."""
        return self.parameters[min(place, len(self.parameters) - 1)]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parameters))}{'...' if self.repeated else ''})"


@lru_cache(maxsize=3)
def _table(text: str) -> dict[str, tuple[Signature, ...]]:
    table: dict[str, list[Signature]] = {}
    for line in filter(None, text.splitlines()):
        name, parameters, result, template = _LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        repeated = parameters.endswith("...")
        types = tuple(_type(word) for word in parameters.removesuffix("...").split(", ") if word)
        known = table.setdefault(name, [])
        of_signs, template = template.startswith("~"), template.removeprefix("~")
        if of_signs and not template:
            of_texts = tuple(_type(str(type_).replace("BYTES", "STRING")) for type_ in types)
            template = next(one.template for one in known if one.parameters == of_texts)
        known.append(Signature(types, repeated, _type(result), template, "$d" in template, of_signs))
    return {name: tuple(known) for name, known in table.items()}


@lru_cache(maxsize=64)
def _type(word: str) -> Type:
    if word in {"T", "U", "NULL"}:
        return Type(word)
    return t.array(_type(word[6:-1])) if word.startswith("ARRAY<") else parse_type(word)


@lru_cache(maxsize=1024)
def scalar(name: str) -> tuple[Signature, ...]:
    """Return how a scalar function is called; nothing where it is none."""
    return _table(_SCALARS).get(name, ())


@lru_cache(maxsize=1024)
def aggregate(name: str) -> tuple[Signature, ...]:
    """Return how an aggregate is called; nothing where it is none."""
    return _table(AGGREGATES).get(name, ())


@lru_cache(maxsize=1024)
def window(name: str) -> tuple[Signature, ...]:
    """Return how a function that needs OVER is called; nothing where it is none."""
    return _table(WINDOWS).get(name, ())


def names() -> list[str]:
    """Return the names of all functions in the tables."""
    return sorted({name for text in (_SCALARS, AGGREGATES, WINDOWS) for name in _table(text)})
