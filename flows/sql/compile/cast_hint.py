"""Which CASTs a call needs whose arguments have types that no line of the table of functions takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql import types as t
from flows.sql.functions.casts import BETWEEN
from flows.sql.functions.signatures import VARIABLES
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from flows.model.types import Type
    from flows.sql.compile.value import Value
    from flows.sql.functions.signatures import Signature

_TIMES = (t.DATE, t.DATETIME, t.TIMESTAMP)
_LAX = (t.INT64, t.FLOAT64, t.BOOL)
"""What a function LAX_... of its name reads in JSON."""
_RANKED = (t.NUMERIC, t.FLOAT64, t.INT64, t.BIGNUMERIC, t.INTERVAL)
"""Of several types that would do, which one is written, the best first."""


def cast_hint(name: str, candidates: Sequence[Signature], arguments: Sequence[tuple[exp.Expr, Value]]) -> str:
    """Return the call with as few CASTs as make it one that there is; an empty text where none does."""
    found = []
    for signature in candidates:
        if signature.takes(len(arguments)) and (wanted := _wanted(signature, arguments)):
            casts = [want for (_, value), want in zip(arguments, wanted, strict=True) if not _fits(value, want)]
            found.append((len(casts), [_RANKED.index(one) for one in casts if one in _RANKED], wanted))
    if not found:
        return ""
    wanted = min(found, key=lambda one: one[:2])[2]
    fits = [_fits(value, want) for (_, value), want in zip(arguments, wanted, strict=True)]
    if all(fits):
        # A literal fits what no other argument asks for.
        fits = [value.type == want for (_, value), want in zip(arguments, wanted, strict=True)]
    written = (
        shown(item) if as_it_is else _as(shown(item), value.type, want)
        for (item, value), want, as_it_is in zip(arguments, wanted, fits, strict=True)
    )
    return f" Write {name}({', '.join(written)})."


def comparison_hint(types: Sequence[Type], items: Sequence[exp.Expr], *, ordered: bool) -> str:
    """Return what to write where values of some types cannot be compared; `items` give two of them.

    `ordered` says whether one may be less: texts have another order than the numbers that they hold.
    """
    kinds = list(dict.fromkeys(types))
    if all(kind in _TIMES for kind in kinds):
        return " Write DATE(...) or TIMESTAMP(...) around one of them."
    written = dict(zip(types, map(shown, items), strict=True)) if items else {}
    if t.INT64 in kinds and (t.TIMESTAMP in kinds or t.DATETIME in kinds):
        number = written.get(t.INT64, "...")
        return f" Write TIMESTAMP_SECONDS({number}), TIMESTAMP_MILLIS({number}) or TIMESTAMP_MICROS({number})."
    if t.INT64 in kinds and t.DATE in kinds:
        number = written.get(t.INT64, "...")
        return f" Write PARSE_DATE('%Y%m%d', CAST({number} AS STRING)) where it is such a day."
    formatted = next((one for one in items if one.name.startswith("FORMAT_") and one.expressions[1:]), None)
    if formatted is not None and any(kind in _TIMES for kind in kinds):
        return f" Compare with {shown(formatted.expressions[1])}, without {formatted.name}."
    if t.JSON in kinds and (lax := next((kind for kind in kinds if kind in _LAX), None)):
        return f" Write LAX_{lax}({written.get(t.JSON, '...')})."
    # Every value has a text; not every text is another value.
    texts_first = t.STRING in kinds and not (ordered or any(kind in _TIMES for kind in kinds))
    for want in sorted(kinds, key=lambda kind: (kind == t.STRING) != texts_first):
        others = [kind for kind in kinds if kind != want]
        if all(_castable(kind, want) for kind in others):
            return f" Write {_as(written.get(others[0], '...'), others[0], want)}."
    return ""


def _wanted(signature: Signature, arguments: Sequence[tuple[exp.Expr, Value]]) -> list[Type]:
    """Return the types that a signature wants of arguments; nothing where a CAST does not give them."""
    wanted: list[Type] = []
    bound: dict[Type, Type] = {}
    generic = [value.type for place, (_, value) in enumerate(arguments) if signature.parameter(place) in VARIABLES]
    for place, (_, value) in enumerate(arguments):
        want = signature.parameter(place)
        if want in VARIABLES:
            # Every value has a text; not every text is another value.
            want = bound.setdefault(want, t.STRING if t.STRING in generic else t.given(value.type))
        if (want.element is not None and want.element in VARIABLES) or not (
            _fits(value, want) or _castable(value.type, want)
        ):
            return []
        wanted.append(want)
    return wanted


def _fits(value: Value, want: Type) -> bool:
    return t.turns(value.given, want)


def _castable(given: Type, want: Type) -> bool:
    if given.element is not None and want.element is not None:
        return _castable(given.element, want.element)
    return (given, want) in BETWEEN or (given, want) == (t.JSON, t.STRING)


def _as(item: str, given: Type, want: Type) -> str:
    return f"JSON_VALUE({item})" if given == t.JSON else f"CAST({item} AS {want})"
