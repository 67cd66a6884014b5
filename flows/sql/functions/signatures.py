"""What each GoogleSQL function takes, gives and is called in DuckDB: one line for each signature.

A line reads `NAME(types) -> type = DuckDB -- marks`, the last of which `marks` tells of. `T` and `U` stand for any type (the same wherever they stand), `E` for one whose
values can be compared, `O` for one whose values have an order; `T...` takes one or more arguments. What is written down, and not
NULL, ends in `!`, with the least and the greatest that it may be: `INT64!1`, `FLOAT64!0..1`. `template` says what the right
side may hold. A function without a line is refused by name: nobody has
checked it yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flows.model.types import Type, parse_type
from flows.sql import types as t
from flows.sql.functions import intervals
from flows.sql.functions.aggregates import AGGREGATES, WINDOWS
from flows.sql.functions.blobs import BLOBS
from flows.sql.functions.marks import NO_MARKS, Marks, marked, read
from flows.sql.functions.numbers import NUMBERS
from flows.sql.functions.operators import OPERATORS
from flows.sql.functions.scalars import SCALARS
from flows.sql.functions.texts import TEXTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.sql.functions.marks import Constant, Guard

T, U = Type("T"), Type("U")
"""What stands for any type."""
E, O = Type("E"), Type("O")  # noqa: E741 - as the table has it
"""What stands for any type with comparisons, and with an order."""
VARIABLES = (T, U, E, O)
_SCALARS = SCALARS + NUMBERS + TEXTS + BLOBS + intervals.SCALARS
_AGGREGATES = AGGREGATES + intervals.AGGREGATES
_OPERATORS = OPERATORS + intervals.OPERATORS
_WRITTEN = re.compile(r"(?:([0-9]+)(?:\.\.([0-9]+))?)?")
_LINE = re.compile(r"(.+?)\(([^()]*)\) -> (\S+|ARRAY<STRUCT<.+?>>) = (.+?)(?: -- (.+))?")


class Written(NamedTuple):
    """What an argument may be that has to be written down."""

    low: int | None
    high: int | None

    def takes(self, constant: float | str | None) -> bool:
        """Say whether a constant is one, and within the limits."""
        if constant is None or self.low is None:
            return constant is not None
        number = float(constant)
        return number >= self.low and (self.high is None or number <= self.high)

    def __str__(self) -> str:
        if self.low is None:
            return "a text"
        return f"a number from {self.low:,} {'on' if self.high is None else f'to {self.high:,}'}"


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """One way to call a function; each stands in the table once, and is equal to itself alone."""

    name: str
    parameters: tuple[Type, ...]
    repeated: bool
    """Whether the last parameter takes one or more arguments."""
    result: Type
    template: str
    """What DuckDB computes, with what its marks say."""
    distinct: bool
    """Whether an aggregate's template has a place for DISTINCT."""
    of_signs: bool
    """Whether its template takes BYTES as texts of one sign a byte."""
    written: tuple[Written | None, ...] = ()
    """What has to be written down, by its place; empty where nothing has."""
    marks: Marks = NO_MARKS
    unmarked: str = ""
    """What DuckDB computes, without them."""
    of_arguments: bool = False
    """Whether what is written down decides on a part of what they say."""

    @property
    def may_fail(self) -> bool:
        """Whether a call may end in an error of GoogleSQL's, which SAFE. turns into NULL."""
        marks = self.marks
        if marks.own or marks.finite or marks.in_years or "!(" in self.unmarked:
            return True
        return not all(guard.lacks for guard in marks.guards)

    def knowing(self, constants: Mapping[int, Constant], literals: frozenset[int], *, safe: bool = False) -> str:
        """Return the template for arguments of which some are written down, by their places from 1.

        With `safe` it gives NULL where one of its own conditions is an error of GoogleSQL's.
        """
        guards = tuple(guard for guard in self.marks.guards if not guard.never(constants))
        return _knowing(self, guards, literals, safe=safe)

    def takes(self, count: int) -> bool:
        """Say whether it takes that many arguments."""
        return count >= len(self.parameters) if self.repeated else count == len(self.parameters)

    def parameter(self, place: int) -> Type:
        """Return the parameter for the argument at a place, from 0."""
        return self.parameters[min(place, len(self.parameters) - 1)]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parameters))}{'...' if self.repeated else ''})"


@lru_cache(maxsize=4)
def _table(text: str) -> dict[str, tuple[Signature, ...]]:
    table: dict[str, list[Signature]] = {}
    for line in filter(None, text.splitlines()):
        name, parameters, result, template, marks = _LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        repeated = parameters.endswith("...")
        words = [word.partition("!") for word in parameters.removesuffix("...").split(", ") if word]
        types = tuple(_type(word) for word, _, _ in words)
        written = tuple(_written(limits) if mark else None for _, mark, limits in words)
        known = table.setdefault(name, [])
        of_signs, template, found = template.startswith("~"), template.removeprefix("~"), read(marks or "", name)
        if of_signs and not template:
            of_texts = tuple(_type(str(type_).replace("BYTES", "STRING")) for type_ in types)
            template, found = next((one.unmarked, one.marks) for one in known if one.parameters == of_texts)
        signature = Signature(
            name,
            types,
            repeated,
            _type(result),
            "",
            "$d" in template,
            of_signs,
            written if any(written) else (),
            found,
            template,
        )
        known.append(
            replace(
                signature,
                template=_with_marks(signature, found.guards, frozenset()),
                of_arguments=found.finite or found.of_nan is not None or bool(found.guards),
            )
        )
    return {name: tuple(known) for name, known in table.items()}


def _with_marks(
    signature: Signature, guards: tuple[Guard, ...], literals: frozenset[int], *, safe: bool = False
) -> str:
    count, name = len(signature.parameters), signature.name
    varying = [place for place in range(1, count + 1) if place not in literals]
    marks = signature.marks._replace(guards=guards)
    template = marked(signature.unmarked, marks, signature.result, count, varying, safe=safe)
    # What fails says in which function.
    shown = name if name[0].isalpha() else f"'{name}'"
    return re.sub(rf"!\((?!{re.escape(name)}[ :])", f"!({shown}: ", template)


_knowing = lru_cache(maxsize=1024)(_with_marks)


def _written(limits: str) -> Written:
    low, high = _WRITTEN.fullmatch(limits).groups()  # type: ignore[union-attr]
    return Written(int(low) if low else None, int(high) if high else None)


@lru_cache(maxsize=64)
def _type(word: str) -> Type:
    if word in {"T", "U", "E", "O", "NULL"}:
        return Type(word)
    if word.startswith("STRUCT<"):
        fields = (field.split(" ") for field in word[7:-1].split(", "))
        return Type("STRUCT", fields=tuple((name, _type(of)) for name, of in fields))
    return t.array(_type(word[6:-1])) if word.startswith("ARRAY<") else parse_type(word, in_query=True)


@lru_cache(maxsize=1024)
def scalar(name: str) -> tuple[Signature, ...]:
    """Return how a scalar function is called; nothing where it is none."""
    return _table(_SCALARS).get(name, ())


@lru_cache(maxsize=1024)
def aggregate(name: str) -> tuple[Signature, ...]:
    """Return how an aggregate is called; nothing where it is none."""
    return _table(_AGGREGATES).get(name, ())


@lru_cache(maxsize=1024)
def window(name: str) -> tuple[Signature, ...]:
    """Return how a function that needs OVER is called; nothing where it is none."""
    return _table(WINDOWS).get(name, ())


@lru_cache(maxsize=64)
def operator(sign: str) -> tuple[Signature, ...]:
    """Return what an operator takes."""
    return _table(_OPERATORS)[sign]


def operators() -> dict[str, tuple[Signature, ...]]:
    """Return all operators."""
    return _table(_OPERATORS)


def names() -> list[str]:
    """Return the names of all functions in the tables."""
    return sorted({name for text in (_SCALARS, _AGGREGATES, WINDOWS) for name in _table(text)})
