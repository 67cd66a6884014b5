"""What a line of the table of functions says behind its template, and what that makes of the template.

Marks are parted by `;`. What is `strict` gives NULL where an argument is NULL, and looks at nothing else then, as does what
`fails where` a condition holds (then comes what the error says), or `lacks where` one holds of which GoogleSQL has a value, so
that SAFE. does not catch it; `fails: words` marks what ends in an error by DuckDB's own word; `at most 1 MB: n` and `at most 16,000 elements: n` are such a condition, of a size. What is `finite` ends in an error where a FLOAT64 overflows and no argument is infinite or NaN, what is
`in years` where it lies beyond the years 1 to 9999. `of NaN TRUE` is what a comparison with NaN gives. What `drifts` adds up
FLOAT64, in any order; it `differs` in sums, as other lines do in what they say, by `flows.model.differences`; what it goes `by` is told. A condition about
what is written down is known beforehand: where none is left that may hold, DuckDB's own NULL has to do, but for what is `strict`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, cast

from flows.sql.times import within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.model.differences import Kind
    from flows.model.types import Type

Constant = float | str | None
_MARKS = re.compile(
    r"(?P<plain>strict|finite|in years|drifts)|fails: (?P<own>.+)|(?P<fails>fails|lacks) where (?P<where>.+?): (?P<said>.+)|of NaN (?P<nan>TRUE|FALSE)"
    r"|at most (?P<most>[\d,]+) (?P<unit>MB|elements): (?P<size>.+)|differs (?P<differs>\w+)|(?P<by>by .+)"
)
_KNOWN = re.compile(r"\$(\d) (<=|>=|<|>|=) (-?\d+|'')")
_COMPARES = {
    "=": lambda one, two: one == two,
    "<": lambda one, two: one < two,
    ">": lambda one, two: one > two,
    "<=": lambda one, two: one <= two,
    ">=": lambda one, two: one >= two,
}


class Guard(NamedTuple):
    """A condition in which a call ends in an error."""

    where: str
    said: str
    lacks: bool = False
    """Whether GoogleSQL has a value then."""

    def never(self, constants: Mapping[int, Constant]) -> bool:
        """Say whether it holds for no row, by what is written down at each place, from 1."""
        return all(
            any(_is_false(one, constants) for one in alternative.split(" AND "))
            for alternative in self.where.split(" OR ")
        )


def _is_false(condition: str, constants: Mapping[int, Constant]) -> bool:
    known = _KNOWN.fullmatch(condition)
    constant = constants.get(int(known[1])) if known else None
    if known is None or constant is None or isinstance(constant, str) != (known[3] == "''"):
        return False
    return not _COMPARES[known[2]](constant, "" if known[3] == "''" else int(known[3]))


class Marks(NamedTuple):
    """The marks of a line."""

    strict: bool = False
    """Whether it gives NULL where an argument is NULL, whatever the others are."""
    guards: tuple[Guard, ...] = ()
    """When it ends in an error."""
    own: str | None = None
    """When DuckDB's own computation ends in an error that GoogleSQL has too, in words."""
    lacks: bool = False
    """Whether it ends in errors here alone, which SAFE. must not turn into NULL."""
    finite: bool = False
    """Whether it ends in an error where a FLOAT64 overflows."""
    in_years: bool = False
    """Whether it ends in an error beyond the years 1 to 9999."""
    of_nan: str | None = None
    """What it gives where an argument is NaN."""
    drifts: bool = False
    """Whether its last digits are those of the order in which it adds up."""
    differs: Kind | None = None
    """What BigQuery gives otherwise."""
    by: str | None = None
    """Of what day or place is what it goes by, in words."""


NO_MARKS = Marks()


def read(text: str, name: str) -> Marks:
    """Read the marks of a line."""
    found = Marks()
    for one in filter(None, text.split("; ")):
        mark = _MARKS.fullmatch(one)
        if mark is None:
            raise ValueError(one)
        found = Marks(
            strict=found.strict or mark["plain"] == "strict",
            guards=(*found.guards, *_guards(mark, name)),
            own=mark["own"] or found.own,
            lacks=found.lacks or mark["fails"] == "lacks",
            finite=found.finite or mark["plain"] == "finite",
            in_years=found.in_years or mark["plain"] == "in years",
            of_nan=mark["nan"] or found.of_nan,
            drifts=found.drifts or mark["plain"] == "drifts",
            by=mark["by"] or found.by,
            differs=cast("Kind | None", mark["differs"]) or ("sums" if mark["plain"] == "drifts" else found.differs),
        )
    return found


def _guards(mark: re.Match[str], name: str) -> Iterator[Guard]:
    if mark["where"]:
        yield Guard(mark["where"], mark["said"], lacks=mark["fails"] == "lacks")
    if mark["most"]:
        most = int(mark["most"].replace(",", "")) * (2**20 if mark["unit"] == "MB" else 1)
        yield Guard(f"{mark['size']} > {most}", f"{name} gives more than {mark['most']} {mark['unit']}")


def marked(  # noqa: PLR0913 - what is known of a line
    template: str, marks: Marks, result: Type, parameters: int, varying: Sequence[int], *, safe: bool
) -> str:
    """Return the template of a line with what its marks say; `varying` are the places that are not written down, from 1.

    With `safe` it gives NULL where it `fails where` a condition holds.
    """
    if marks.finite:
        finite = " AND ".join(f"isfinite(${place})" for place in varying) or "TRUE"
        template = (
            f"CASE WHEN isfinite({template}) THEN {template} WHEN {template} IS NOT NULL AND {finite} "
            f"THEN !(FLOAT64 overflows) ELSE {template} END"
        )
    if marks.of_nan and varying:
        nan = " OR ".join(f"isnan(${place})" for place in varying)
        known = f" AND {' AND '.join(f'${place} IS NOT NULL' for place in varying)}" if len(varying) > 1 else ""
        template = f"CASE WHEN ({nan}){known} THEN {marks.of_nan} ELSE {template} END"
    if marks.in_years:
        template = within(template, result)
    whens = [
        f"WHEN {guard.where} THEN {'NULL' if safe and not guard.lacks else f'!({guard.said})'}"
        for guard in marks.guards
    ]
    if marks.strict or (whens and parameters > 1):
        whens.insert(0, "WHEN $null THEN NULL")
    return f"CASE {' '.join(whens)} ELSE {template} END" if whens else template
