"""Which signature of a function fits the types of its arguments."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from flows.model.types import Type
from flows.sql import types as t
from flows.sql.functions.signatures import VARIABLES, Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.sql.types import Given


class Match(NamedTuple):
    """A signature that fits."""

    signature: Signature
    wanted: list[Type]
    """The type that each argument must take."""
    result: Type


def match(candidates: Sequence[Signature], given: Sequence[Given]) -> Match | None:
    """Choose the signature that changes the arguments least; None where none fits.

    A FLOAT64 literal turns into a decimal beside another decimal only.
    """
    return _match(tuple(candidates), tuple(given))


@lru_cache(maxsize=4096)
def _match(candidates: tuple[Signature, ...], given: tuple[Given, ...]) -> Match | None:
    best: tuple[tuple[int, int], Match] | None = None
    inexact = t.FLOAT64 in (one.type for one in given) and not any(one.type in t.DECIMALS for one in given)
    for signature in candidates:
        found = _fit(signature, given)
        if found is None or (inexact and _made_exact(given, found.wanted)):
            continue
        firm = soft = 0
        for have, want in zip(given, found.wanted, strict=True):
            if have.literal:
                soft += _distance(have.type, want)
            else:
                firm += _distance(have.type, want)
        if best is None or (firm, soft) < best[0]:
            best = (firm, soft), found
            if best[0] == (0, 0):
                break
    return best and best[1]


def _distance(given: Type, wanted: Type) -> int:
    if given == wanted or t.UNKNOWN in (given, wanted):
        return 0
    return t.NUMBERS.index(wanted) if wanted in t.NUMBERS else 1


def _fit(signature: Signature, given: Sequence[Given]) -> Match | None:
    if not signature.takes(len(given)):
        return None
    variables: dict[Type, list[Given]] = {}
    for place, have in enumerate(given):
        parameter = signature.parameter(place)
        if parameter in VARIABLES:
            variables.setdefault(parameter, []).append(have)
        elif parameter.element in VARIABLES:
            if have.type.element is None and have.type not in (t.NULL, t.UNKNOWN):
                return None
            variables.setdefault(parameter.element, []).append(t.element(have))
    bound: dict[Type, Type] = {}
    for variable, values in variables.items():
        common = t.supertype(values)
        if common is None:
            return None
        bound[variable] = common
    wanted = [_bind(signature.parameter(place), bound) for place in range(len(given))]
    free = (signature.parameter(place) not in VARIABLES for place in range(len(given)))
    if not all(t.turns(have, want) for have, want, asked in zip(given, wanted, free, strict=True) if asked):
        return None
    return Match(signature, wanted, _bind(signature.result, bound))


def _made_exact(given: Sequence[Given], wanted: Sequence[Type]) -> bool:
    """Say whether a FLOAT64 is to be a decimal."""
    return any(have.type == t.FLOAT64 and want in t.DECIMALS for have, want in zip(given, wanted, strict=True))


def _bind(type_: Type, bound: dict[Type, Type]) -> Type:
    if type_.element is not None:
        return t.array(_bind(type_.element, bound))
    if type_.fields:
        return Type("STRUCT", fields=tuple((name, _bind(field, bound)) for name, field in type_.fields))
    return bound.get(type_, type_)
