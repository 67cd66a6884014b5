"""Every error that Derived raises on purpose.

DerivedError
├── UsageError            a command was called with words it does not know (exit code 2)
├── TableFileError        one or more table files have faults
├── SqlError              a query has faults (lines count from the query's first line)
├── DefinitionError       a core table's definition changed, and nobody said what becomes of its rows
├── CheckFailedError      staged rows broke a check; nothing was published
├── WindowError           a row lies outside the window that it was computed for
├── ConflictError         another run committed the window first; this one changed nothing
├── ApiError              Prefect's API is configured and does not answer: try again
├── QuarantineError       more bad rows than the table allows; nothing was published
├── SourceError           a source database or file could not be read
│   ├── SourceUnavailableError   ... for a reason that may pass: try again
│   └── SourceChangedError       ... on from where a first copy was cut off: it begins anew
└── WarehouseError        the warehouse refused
    ├── WarehouseBusyError       ... because another process holds it: try again
    └── WarehouseUnavailableError    ... or does not answer: try again
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.model.safe_text import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime


class DerivedError(Exception):
    """Something went wrong that a person can mend; the message says how."""

    transient: bool = False
    """Whether the same call may succeed later without anybody changing anything."""
    of_lines: bool = False
    """Whether a line of the message ends only where one of ours does, whatever a server or a value put into it."""
    of_rows: bool = False
    """Whether some rows may be at fault, so that windows without them can be done."""
    spans: Sequence[tuple[datetime, datetime]] = ()
    """From when to when the windows go that are known to have such rows."""

    def __init__(
        self,
        message: str,
        lines: Iterable[str] = (),
        advice: str = "",
        cause: str = "",
        *,
        of_rows: bool | None = None,
    ) -> None:
        """Take a message, further lines that stand below it, and what to do, which is the same for all of a kind.

        Errors of one class and `cause` are of one kind; without a cause, those whose messages differ in values only.
        """
        safe = one_line if self.of_lines else str
        self.kind = (type(self), cause or shape(message.partition("\n")[0]))
        if of_rows is not None:
            self.of_rows = of_rows
        self.found, self.advice = "\n  ".join(map(safe, (message, *lines))), advice
        space = "\n" if "\n" in self.found else " "
        super().__init__(f"{self.found}{space}{advice}" if advice else self.found)


def shape(message: str) -> str:
    """Return a message without the numbers and the quoted values in it."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|\d+", "", message)


def told(error: Exception, subject: str) -> DerivedError:
    """Return an error as one of ours; one that nobody here foresaw is told by its name, and by what was being done."""
    if isinstance(error, DerivedError):
        return error
    # What nobody foresaw is most often a value, but where it is of the machine.
    return DerivedError(f"{subject}: {type(error).__name__}: {error}", of_rows=not isinstance(error, OSError))


class UsageError(DerivedError):
    """A command was called with an argument that it cannot take."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a table file, or with a query; of two the lesser comes first by file and line."""

    line: int
    """Line in the file, from 1; of a query alone, the line in the query on which the word at fault stands."""
    message: str
    """What is wrong, with the value that was given, and what to write instead."""
    field: str = ""
    """Dotted path of the field, such as `window.size` or `columns.day.type`; empty for the file or the query itself."""
    file: str = ""
    """Path of the file, relative to the project; empty where a query stands in none."""
    path: tuple[str | int, ...] = dataclasses.field(default=(), compare=False)
    """Where in the file's values it stands."""

    def __lt__(self, other: Fault) -> bool:
        return (self.file, self.line, self.field, self.message) < (other.file, other.line, other.field, other.message)

    def __str__(self) -> str:
        if not self.file:
            return one_line(f"line {self.line}: {self.message}")
        where = f"{self.field}: " if self.field else ""
        return one_line(f"{self.file}:{self.line}: {where}{self.message}")


class TableFileError(DerivedError):
    """One or more table files have faults; all of them are listed."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class SqlError(DerivedError):
    """A query has faults; all that were found are listed."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class DefinitionError(DerivedError):
    """A core table's file changes what its rows were copied by; a person says what becomes of them."""


class CheckFailedError(DerivedError):
    """Staged rows broke a check with severity `fail`; nothing was published."""

    of_rows = True


class WindowError(DerivedError):
    """A staged row of an append table lies outside its window; nothing was published."""

    of_rows = True


class ConflictError(DerivedError):
    """Another run committed the same window first; this run changed nothing."""

    of_lines = True


class ApiError(DerivedError):
    """Prefect's API is configured and does not answer, so that a run cannot be tracked."""

    transient = True


class QuarantineError(DerivedError):
    """A window holds more bad rows than `max_bad_rows` allows; nothing was published."""

    of_lines = True
    of_rows = True


class SourceError(DerivedError):
    """A source could not be read, and trying again will not help."""

    of_lines = True


class SourceUnavailableError(SourceError):
    """A source could not be read just now: a lost connection, a lock, a time limit."""

    transient = True


class SourceChangedError(SourceError):
    """What a first copy has read is not there any more as it was, so that it cannot go on there and begins anew."""


class WarehouseError(DerivedError):
    """The warehouse refused a statement."""

    of_lines = True


class BudgetError(WarehouseError):
    """A window would read more than it may, and was not begun."""


class WarehouseBusyError(WarehouseError):
    """The warehouse is held by another process."""

    transient = True


class WarehouseUnavailableError(WarehouseError):
    """The warehouse could not be reached just now, or had an error of its own."""

    transient = True


_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


@contextmanager
def few_suggestions(most: int = 20_000) -> Iterator[None]:
    """Let suggestions compare with no more names than that in all, so that a file of many slips is read at once."""
    token = _left.set([most])
    try:
        yield
    finally:
        _left.reset(token)


def did_you_mean(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return ` Did you mean 'x'?` for the nearest known word, or an empty string."""
    near = nearest(word, known, cutoff)
    return "" if near is None else f" Did you mean '{near}'?"


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that is nearest to one, if any is near; `cutoff` is how near, up to 1.

    Of names with dots the last parts must be near as well: all tables of a dataset have the first in common.
    """
    names, left = list(known), _left.get()
    if left is not None:
        left[0] -= len(names)
        if left[0] < 0:
            return None
    by_lower = {name.lower(): name for name in names}
    last = word.lower().rpartition(".")[2]
    for near in difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=cutoff):
        if difflib.get_close_matches(last, [near.rpartition(".")[2]], cutoff=cutoff):
            return by_lower[near]
    return None
