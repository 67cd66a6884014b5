"""Frames of windows: between which rows, or which numbers of the order, a function looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.sql import types as t
from flows.sql.compile.convert import converted
from flows.sql.compile.dispatch import expression
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.model.types import Type
    from flows.sql.compile.scope import Scope


def frame(spec: exp.Expr, order: Sequence[Type], scope: Scope) -> str:
    """Compile a frame; `order` are the types of what its window is ordered by."""
    if spec.args.get("exclude"):
        scope.unsupported(spec, "EXCLUDE in a window frame")
    kind = str(spec.args.get("kind") or "ROWS").upper()
    numbers = any(isinstance(spec.args.get(key), exp.Expr) for key in ("start", "end"))
    of = _distance(spec, order, scope) if kind == "RANGE" and numbers else t.INT64

    def side(which: str) -> str:
        limit, way = spec.args.get(which), spec.args.get(f"{which}_side")
        if limit is None:
            return "CURRENT ROW"
        word = limit if isinstance(limit, str) else _number(limit, of, scope)
        return f"{word} {way}" if way else word

    return f"{kind} BETWEEN {side('start')} AND {side('end')}"


def _distance(spec: exp.Expr, order: Sequence[Type], scope: Scope) -> Type:
    """Return the type of the numbers by which a RANGE reaches: that of its order."""
    if any(one == t.UNKNOWN or one.name in {"ARRAY", "STRUCT", "JSON"} for one in order):
        return t.UNKNOWN
    if len(order) != 1 or order[0] not in t.NUMBERS:
        by = f", which is by {', '.join(map(str, order))}" if order else ""
        instead = "Write UNIX_DATE(day) or UNIX_SECONDS(ts) for times."
        scope.fault(spec, f"RANGE between numbers needs one number in ORDER BY{by}. {instead}")
        return t.UNKNOWN
    if order[0] == t.FLOAT64:
        scope.unsupported(spec, "RANGE between numbers of FLOAT64")
        return t.UNKNOWN
    return order[0]


def _number(limit: exp.Expr, of: Type, scope: Scope) -> str:
    value = expression(limit, scope)
    if t.UNKNOWN in (of, value.type):
        return "0"
    known = value.literal and value.type != t.NULL and t.coerces(value.type, of, literal=True)
    if not known or str(value.constant).startswith("-"):
        scope.fault(limit, f"'{shown(limit)}' in a frame must be a number of {of} from 0 on, written down.")
        return "0"
    return converted(limit, value, of, scope)


def by_peers(name: str, spec: exp.Expr | None, *, ignores_nulls: bool) -> bool:
    """Say whether what a function sees depends on which rows are equal in the order, as a frame by RANGE holds them all."""
    kind, first, last = ("RANGE", "UNBOUNDED", "CURRENT ROW") if spec is None else _ends(spec)
    if kind == "ROWS" or first == last == "UNBOUNDED":
        return False
    if ignores_nulls or first != "UNBOUNDED":
        return True
    return name != "FIRST_VALUE" or last not in {"CURRENT ROW", "UNBOUNDED"}


def up_to_peers(spec: exp.Expr | None) -> bool:
    """Say whether a frame holds all rows up to those that are equal in the order, as one has that is not written."""
    return spec is None or _ends(spec) == ("RANGE", "UNBOUNDED", "CURRENT ROW")


def _ends(spec: exp.Expr) -> tuple[str, str, str]:
    """Return the kind of a frame, its start and its end, in capitals."""
    ends = (spec.args.get("start"), spec.args.get("end") or "CURRENT ROW")
    kind = str(spec.args.get("kind") or "ROWS").upper()
    start, end = ("" if isinstance(one, exp.Expr) else str(one).upper() for one in ends)
    return kind, start, end


def counts_rows(spec: exp.Expr | None) -> bool:
    """Say whether a frame holds a number of rows, and not all of a partition."""
    if spec is None or str(spec.args.get("kind")).upper() != "ROWS":
        return False
    return any(str(spec.args.get(end)).upper() != "UNBOUNDED" for end in ("start", "end"))
