"""What steps make of one moment, exactly: for questions about windows whose bounds are known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from flows.model.window import MONDAY, Size, add_months
from flows.sql.bounds import MONTHS, UNITS, counted_in, span_of
from flows.sql.steps import Back, Cut, Into, Last, Local, Move, Plus

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.sql.steps import Step

_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_CLOCK = {
    "MILLISECOND": timedelta(milliseconds=1),
    "SECOND": timedelta(seconds=1),
    "MINUTE": timedelta(minutes=1),
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def exactly(moment: datetime, steps: Iterable[Step]) -> tuple[datetime, str] | None:
    """Return what steps make of a moment and as what it is written; None where nobody can say."""
    kind = ""
    try:
        for step in steps:
            match step:
                case Into(written):
                    kind = written
                case Back():
                    kind = ""
                case Plus(count):
                    unit = counted_in(kind)
                    if unit is None:
                        return None
                    moment = _moved(moment, unit, count)
                case Move(unit, count):
                    moment = _moved(moment, unit, count)
                case Cut(part):
                    moment = _cut(moment, part)
                case Last(part):
                    moment = _last(moment, part)
                case Local(zone, back):
                    moment = _turned(moment, zone, back=back)
    except (OverflowError, ValueError):
        return None
    return moment, kind


def _moved(moment: datetime, unit: str, count: int) -> datetime:
    if unit in MONTHS:
        return add_months(moment, count * MONTHS[unit])
    span = span_of(Move(unit, count))
    if span is None:
        raise ValueError(unit)
    return moment + span[0]


def _cut(moment: datetime, part: str) -> datetime:
    if part == "MICROSECOND":
        return moment
    if part in UNITS:
        return Size(1, UNITS[part]).floor(moment)
    if part in _CLOCK:
        return moment - (moment - _EPOCH) % _CLOCK[part]
    midnight = Size(1, "day").floor(moment)
    kind, _, day = part.partition("(")
    match kind:
        case "WEEK":
            first = _DAYS.index(day.removesuffix(")") or "SUNDAY")
            return midnight - timedelta(days=((midnight - MONDAY).days - first) % 7)
        case "QUARTER":
            return midnight.replace(month=(midnight.month - 1) // 3 * 3 + 1, day=1)
        case "ISOYEAR":
            return datetime.combine(date.fromisocalendar(midnight.isocalendar().year, 1, 1), midnight.timetz())
    raise ValueError(part)


def _last(moment: datetime, part: str) -> datetime:
    """Return the last day of a part: the one before the next part begins."""
    begun = _cut(moment, part)
    following = {"MONTH": 31, "QUARTER": 92, "YEAR": 366, "ISOYEAR": 371}.get(part, 7)
    return _cut(begun + timedelta(days=following), part) - timedelta(days=1)


def _turned(moment: datetime, zone: str, *, back: bool) -> datetime:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - few queries name a zone

    if back:
        return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
