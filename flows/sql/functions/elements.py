r"""The elements of formats of dates and times, one line each: `%element of part reads = DuckDB`.

`of` says what a value must have: `days`, a `clock`, both (a `moment`) or a `zone`. `part` is what PARSE_* reads of it (`-` for none), by a
regular expression; a number has a second one for where a digit follows, of which it takes as many as it can. What FORMAT_*
writes is an element of DuckDB's strftime, or SQL of `{v}`, the value, `{year}`, `{micros}` and `{minutes}`, how far its zone is ahead.
An element that stands for several others has them in the place of all of this.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from flows.sql import types as t

if TYPE_CHECKING:
    from flows.model.types import Type

_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"


def _names(words: str) -> str:
    return "(?i:" + "|".join(word[:3] + (f"(?:{word[3:]})?" if word[3:] else "") for word in words.split()) + ")"


_LINES = rf"""
Y days year 0?[0-9]{{1,4}} [0-9]{{4}} = CAST({{year}} AS VARCHAR)
E4Y days year [0-9]{{4}} [0-9]{{4}} = lpad(CAST({{year}} AS VARCHAR), 4, '0')
y days year [0-9]{{1,2}} [0-9]{{2}} = %y
C days - = CAST({{year}} // 100 AS VARCHAR)
G days - = CAST(date_part('isoyear', {{v}}) AS VARCHAR)
g days - = lpad(CAST(date_part('isoyear', {{v}}) % 100 AS VARCHAR), 2, '0')
Q days month [1-4] [1-4] = CAST(date_part('quarter', {{v}}) AS VARCHAR)
m days month 1[0-2]|0?[1-9] 1[0-2]|0[1-9] = %m
B days month {_names(_MONTHS)} = %B
b days month {_names(_MONTHS)} = %b
h days month {_names(_MONTHS)} = strftime({{v}}, '%b')
d days day 3[01]|[12][0-9]|0?[1-9] 3[01]|[12][0-9]|0[1-9] = %d
e days day 3[01]|[12][0-9]|0?[1-9] 3[01]|[12][0-9]|0[1-9] = lpad(CAST(date_part('day', {{v}}) AS VARCHAR), 2, ' ')
j days doy 36[0-6]|3[0-5][0-9]|[12][0-9]{{2}}|0?[1-9][0-9]|0{{0,2}}[1-9] 36[0-6]|3[0-5][0-9]|[12][0-9]{{2}}|0[1-9][0-9]|00[1-9] = %j
A days - {_names(_DAYS)} = %A
a days - {_names(_DAYS)} = %a
U days - = %U
u days - = %u
V days - = %V
W days - = %W
w days - = %w
H clock hour 2[0-3]|[01][0-9]|[0-9] 2[0-3]|[01][0-9] = %H
k clock hour 2[0-3]|[01][0-9]|[0-9] 2[0-3]|[01][0-9] = lpad(CAST(date_part('hour', {{v}}) AS VARCHAR), 2, ' ')
I clock hour 1[0-2]|0?[1-9] 1[0-2]|0[1-9] = %I
l clock hour 1[0-2]|0?[1-9] 1[0-2]|0[1-9] = lpad(CAST((date_part('hour', {{v}}) + 11) % 12 + 1 AS VARCHAR), 2, ' ')
p clock half (?i:am|pm) = %p
P clock half (?i:am|pm) = lower(strftime({{v}}, '%p'))
M clock minute [0-5]?[0-9] [0-5][0-9] = %M
S clock second 60|[0-5]?[0-9] 60|[0-5][0-9] = %S
E*S clock second = (strftime({{v}}, '%S') || rtrim(rtrim(printf('.%06d', {{micros}}), '0'), '.'))
s moment unix -?[0-9]{{1,12}} -?[0-9]{{1,12}} = CAST((epoch_us({{v}}) - {{minutes}} * 60000000 - (epoch_us({{v}}) % 1000000 + 1000000) % 1000000) // 1000000 AS VARCHAR)
z zone zone [+-](?:0[0-9]|1[0-3])(?:[0-5][0-9])?|[+-]14(?:00)? = the zone
Ez zone zone Z|[+-](?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|[+-]14(?::?00)? = the zone
Z zone - = the zone
c = %a %b %e %H:%M:%S %Y
D = %m/%d/%y
F = %Y-%m-%d
R = %H:%M
r = %I:%M:%S %p
T = %H:%M:%S
X = %H:%M:%S
x = %m/%d/%y
"""
_HAS = {t.DATE: {"days"}, t.TIME: {"clock"}, t.DATETIME: {"days", "clock", "moment"}}
_ALL = {"days", "clock", "moment", "zone"}


class Element(NamedTuple):
    """An element of a format."""

    of: str
    """What a value must have: `days`, a `clock`, a `moment`, a `zone`."""
    part: str | None
    """Which part of a value it says; None where it says none."""
    reads: tuple[str, ...]
    """What it reads: nothing, words, or numbers, those also where a digit follows."""
    writes: str

    @property
    def is_number(self) -> bool:
        """Whether it reads a number."""
        return len(self.reads) > 1


def _table() -> dict[str, Element]:
    found = {}
    for line in _LINES.strip().splitlines():
        what, _, writes = line.partition(" = ")
        name, *facts = what.split(" ")
        if facts:
            found[name] = Element(facts[0], facts[1] if facts[1] != "-" else None, tuple(facts[2:]), writes)
    return found


ELEMENTS = _table()
"""By what stands behind their `%`."""
WHOLE = {line[0]: line[4:] for line in _LINES.strip().splitlines() if line[1:4] == " = "}
"""Elements that stand for several others."""


def element(name: str) -> Element | None:
    """Return an element; None where there is no such one. Seconds have any number of places: `%E3S`."""
    return ELEMENTS.get(name) or (ELEMENTS["E*S"] if re.fullmatch("E[0-9]S", name) else None)


def has(type_: Type, found: Element) -> bool:
    """Say whether a type has what an element says."""
    return found.of in _HAS.get(type_, _ALL)
