"""The first version of a core table's file: what a source says of a table, and the YAML that a person goes on with."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import yaml

from flows.model.window import midnight, short
from flows.project.column_rules import FORBIDDEN_PREFIXES, MOST_NAME, NAME

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

OWNER = "data-team@example.com"
_DAILY_PARTITIONS = timedelta(days=3650)
"""A table that reaches further back is divided by month: BigQuery takes 10,000 partitions."""
_EARLY = date(1970, 1, 1)
_UPDATED = re.compile(r"updat|modif|chang|mtime", re.IGNORECASE)
_CREATED = re.compile(r"creat|insert|placed|ordered|regist|signed|sign_?up|occur|captur", re.IGNORECASE)
_SELDOM = re.compile(
    r"birth|born|dob|expir|valid|until|due|delet|remov|archiv|cancel|clos|finish|ended|end_", re.IGNORECASE
)
"""What other rows than the newest are asked for by."""
_PLAIN = re.compile(r"[A-Za-z_][\w ./()+*=;!?'\"-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A column as it is proposed."""

    name: str
    """A name that a warehouse takes."""
    type: str
    """A GoogleSQL type."""
    path: str
    """Where the value stands in the source."""
    description: str = ""
    """What the source itself says of it."""
    remark: str = ""
    """What the type was guessed from, as a comment behind the column."""


@dataclass(frozen=True, slots=True)
class NewTable:
    """A core table as it is proposed, whatever its source."""

    name: str
    """Name of the file, without its ending."""
    origin: str
    """What it was made from, for people: `the table shop.payments`."""
    source: Mapping[str, str]
    """The fields of `source` without the cursor."""
    columns: tuple[NewColumn, ...]
    description: str = ""
    key: tuple[str, ...] = ()
    cursor: str | None = None
    oldest: datetime | None = None
    """The least value of the cursor; None where there are no rows yet."""
    is_oldest_known: bool = True
    """Whether it could be found without reading a large table."""
    partition: str | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)
    """Why a field is as it is, by the field's name: a comment above it."""
    left_out: tuple[str, ...] = ()
    """What of the source no column can hold, each with the reason."""


def can_be_written(name: str) -> bool:
    """Say whether a table's file can name a column of the source: it takes no control characters."""
    return bool(name.strip()) and not any(unicodedata.category(letter) == "Cc" for letter in name)


FEW = 10_000
"""So many rows may be read for the least value of a cursor, where no index has it."""


class TakesLongError(Exception):
    """The least value of a cursor cannot be found without reading a large table."""


def sentences(first: str, *others: str) -> str:
    """Return sentences one after the other; a question keeps its mark, and the last gets none."""
    text = first
    for sentence in others:
        text += f"{' ' if text.endswith('?') else '. '}{sentence[0].upper()}{sentence[1:]}"
    return text


def likely_partition(times: Sequence[str]) -> tuple[str | None, str]:
    """Return the time by which queries most likely ask, and a remark on that choice.

    Args:
        times: names of columns of times but for the cursor, those that every row has first.
    """
    if not times:
        return None, ""
    chosen, *others = sorted(times, key=_seldom_asked_for)
    if not others:
        return chosen, f"a guess: queries that ask for a range of {chosen} read only those days"
    are = "is a time too" if len(others) == 1 else "are times too"
    return chosen, (
        f"a guess: {', '.join(others)} {are}. Take the one by which queries ask: those that bound another one by their "
        "window read the whole table"
    )


def _seldom_asked_for(name: str) -> int:
    if looks_created(name):
        return 0
    return 1 if not looks_updated(name) and not _SELDOM.search(name) else 2


def looks_updated(name: str) -> bool:
    """Say whether a column of that name may tell when its row last changed."""
    return _UPDATED.search(name) is not None


def looks_created(name: str) -> bool:
    """Say whether a column of that name may tell when its row came into being."""
    return _CREATED.search(name) is not None and not looks_updated(name)


def column_name(text: str, taken: Collection[str]) -> str:
    """Return a name that a warehouse takes, like the source's and unlike those that are taken (in lower case)."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    name = text if NAME.fullmatch(text) else re.sub(r"\W+", "_", letters, flags=re.ASCII).strip("_") or "value"
    if name[0].isdigit():
        name = f"_{name}"
    while any(name.upper().startswith(prefix) for prefix in FORBIDDEN_PREFIXES):
        name = name.lstrip("_") if name.lstrip("_") != name else f"a_{name}"
    name = name[: MOST_NAME - 10]
    number, unique = 2, name
    while unique.lower() in taken:
        unique, number = f"{name}_{number}", number + 1
    return unique


def render(new: NewTable, *, command: str, today: date) -> str:
    """Return the YAML of a proposed table.

    Args:
        new: the table.
        command: the command that a person ran, for the first comment.
        today: where its windows begin if the source is still empty.
    """
    windowed = new.cursor is not None and bool(new.key)
    source = dict(new.source) | ({"cursor": new.cursor} if windowed and new.cursor else {})
    description = _line(new.description)
    lines = [
        f"# A first version, written by `{_line(command)}` from {_line(new.origin)}.",
        "# It can run as it is. The comments say what was guessed and from what: look at each, edit, take them out.",
        f"description: {scalar(description or f'Rows of {new.name} as the source holds them.')}"
        + ("" if description else "  # edit: say what a row is; the source does not"),
        f"owner: {OWNER}  # edit: the team to ask",
        f"schedule: {scalar('5 * * * *' if windowed else '0 3 * * *')}",
    ]
    if windowed:
        start = short(midnight(new.oldest.date() if new.oldest else today if new.is_oldest_known else _EARLY))
        since = f"the oldest {new.cursor}" if new.oldest else "today, for there are no rows yet"
        if not new.is_oldest_known:
            since = f"edit: the oldest {new.cursor} was not looked for in so large a table; so early no row is left out"
        lines += [*_remark(new, "window"), f"window: {{size: 1 day, start: {start}}}  # {since}"]
    lines += [*_remark(new, "cursor"), f"source: {_group(source)}"]
    lines += [*_remark(new, "strategy"), f"strategy: {'merge' if windowed else 'replace'}"]
    if new.key:
        lines += [*_remark(new, "key"), f"key: [{', '.join(map(scalar, new.key))}]"]
    if new.partition:
        long = not windowed or not new.is_oldest_known or _SELDOM.search(new.partition) is not None
        long = long or (new.oldest is not None and midnight(today) - new.oldest > _DAILY_PARTITIONS)
        lines += [
            *_remark(new, "partition"),
            f"partition: {_group({'column': new.partition, 'by': 'month' if long else 'day'})}",
        ]
    lines += [f"# left out: {_line(text)}" for text in new.left_out]
    lines += [*_remark(new, "columns"), "columns:", *map(_column, new.columns)]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """Return a text as YAML reads it back, inside `{ }` and `[ ]` too: plain where that is safe, else in quotes."""
    if _PLAIN.fullmatch(text) and not text.endswith(" ") and yaml.safe_load(text) == text:
        return text
    quoted: str = yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf"))
    return quoted.removesuffix("\n")


def _group(fields: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{key}: {scalar(value)}' for key, value in fields.items())}}}"


def _column(column: NewColumn) -> str:
    fields = {"name": column.name, "type": column.type}
    if description := _line(column.description):
        fields["description"] = description
    if column.path != column.name:
        fields["from"] = column.path
    return f"  - {_group(fields)}" + (f"  # {_line(column.remark)}" if column.remark else "")


def _remark(new: NewTable, name: str) -> list[str]:
    return [f"# {_line(new.remarks[name])}"] if name in new.remarks else []


def _line(text: str) -> str:
    """Return a text on one line, without what a file cannot hold."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
