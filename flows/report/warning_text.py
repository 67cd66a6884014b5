"""Warnings of commits as lines for people."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from flows.model.asked import called, run_with
from flows.model.entry import Notice
from flows.model.safe_text import one_line
from flows.model.sizes import plural
from flows.sources.words import left_out, outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flows.model.entry import Entry


def describe_warning(kind: str, notices: Sequence[Notice]) -> str:
    """Return warnings of one kind that belong together, which one commit or one run gave."""
    subjects = [one_line(notice.subject) for notice in notices]
    match kind:
        case "check":
            return f"{subjects[0]}: {notices[0].detail}"
        case "unread":
            return (
                "the source has columns that the file does not name and that are not copied; name those that you need: "
                + json.dumps([notice.subject for notice in notices], ensure_ascii=False)
            )
        case "nulled":
            counts = ", ".join(f"{notice.subject} {notice.detail}" for notice in notices)
            return f"values that cannot be read and are NULL (on_error): {counts}"
        case "undated":
            count = int(notices[0].detail.replace(",", ""))
            give = f"give {'it' if count == 1 else 'them'} a value"
            return f"{plural(count, 'row')} whose {subjects[0]} is NULL: {left_out(count)}; {give}"
        case "outside":
            count = int(notices[0].detail.replace(",", ""))
            return f"{plural(count, 'row')} whose {subjects[0]} {outside(count)}"
        case "tied":
            count = int(notices[0].detail.replace(",", ""))
            return (
                f"{plural(count, 'row')} left out of which another has the key and the {subjects[0]}, with other "
                "values: the one that is the greatest by its columns, in the file's order, stays. Take a cursor that "
                "tells which is later, or a key that tells them apart"
            )
        case "gone":
            return _gone(int(notices[0].detail.replace(",", "")), subjects[0])
        case "quarantine":
            return f"rows in quarantine: {notices[0].detail}; see python -m flows.ingest {subjects[0]} --quarantine"
        case _:
            return one_line(notices[0].detail)


def _gone(count: int, strategy: str) -> str:
    """Say that a window's files lack rows that were copied of it."""
    them = "it" if count == 1 else "them"
    became = f"the table has lost {them} too"
    if strategy == "merge":
        became = f"the table keeps {them} until {called('rebuild')}"
    return (
        f"the files lack {plural(count, 'row')} of it that {'was' if count == 1 else 'were'} copied: is one gone, cut "
        f"short or replaced? If so {became}"
    )


def warnings_of(entry: Entry) -> list[str]:
    """Return the warnings of one commit."""
    return [describe_warning(kind, notices) for (kind, _), notices in _together(entry).items()]


def warning_lines(entries: Iterable[Entry]) -> list[str]:
    """Return the warnings of a run: those of one check, which windows may share, once, with the first window."""
    found: dict[tuple[str, str], list[tuple[Entry, list[Notice]]]] = {}
    for entry in entries:
        for about, notices in _together(entry).items():
            found.setdefault(about, []).append((entry, notices))
    lines = []
    for (kind, _), ((entry, notices), *more) in found.items():
        if kind in {
            "nulled",
            "tied",
            "undated",
            "outside",
        }:  # of the last three each commit tells of other rows than the others
            lines.append(f"warning: {entry.table}: {describe_warning(kind, _summed([notices, *(n for _, n in more)]))}")
            continue
        where = f"{entry.table} {entry.window}" if entry.window else entry.table
        also = f"\n    and so in {plural(len(more), 'window')} more" if more else ""
        lines.append(f"warning: {where}: {describe_warning(kind, notices)}{also}")
    return lines


def _summed(found: Iterable[Sequence[Notice]]) -> list[Notice]:
    """Return the counts of several commits as those of one."""
    counts = Counter[Notice]()
    for notice in chain.from_iterable(found):
        counts[replace(notice, detail="")] += int(notice.detail.replace(",", ""))
    return [replace(notice, detail=f"{count:,}") for notice, count in counts.items()]


def _together(entry: Entry) -> dict[tuple[str, str], list[Notice]]:
    """Return the warnings of a commit that are one to a person: a check, a remark of the source, or all of one kind."""
    found: dict[tuple[str, str], list[Notice]] = {}
    for notice in entry.warnings:
        about = {"check": notice.subject, "source": notice.detail.partition(": ")[0]}.get(notice.kind, "")
        found.setdefault((notice.kind, about), []).append(notice)
    return found


def column_lines(table: str, notices: Iterable[Notice]) -> list[str]:
    """Return what becomes of the columns of a core table that its file adds or retypes, in rows that are there."""
    found: dict[str, list[str]] = {}
    for notice in notices:
        found.setdefault(notice.kind, []).append(notice.subject)
    again = f"{run_with('ingest', table, 'force')} copies them again"
    lines = []
    for kind, what, became in (("new_column", "new", "NULL in"), ("retyped_column", "retyped", "converted in")):
        if columns := found.get(kind):
            named = f"{what} column{'s' if len(columns) > 1 else ''} {', '.join(columns)}"
            lines.append(f"{table}: {named}: {became} rows copied before; {again}")
    return lines
