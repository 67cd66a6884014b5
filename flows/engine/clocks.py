"""Commits that a run made whose clock was ahead: what was not over then is made again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.window import SKEW, Window, subtract

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from flows.engine.state import Committed
    from flows.model.table import Table


def early(entries: Sequence[Mapping[str, Any]], now: datetime) -> set[int]:
    """Return the versions of commits that claim to have begun when later ones, or the present, were not yet.

    They were made by a clock that was ahead: what begins after another was committed is committed after it.
    """
    latest = now + SKEW
    found: set[int] = set()
    for row in reversed(entries):
        if row["began"].astimezone(UTC) > latest:
            found.add(row["version"])
        else:
            latest = min(latest, row["committed_at"].astimezone(UTC) + SKEW)
    return found


def in_their_time(
    table: Table, committed: Sequence[Committed], early: Container[int]
) -> tuple[tuple[Committed, ...], datetime | None]:
    """Return the commits without windows that a clock which was ahead took for over, and how far ahead it was.

    The windows of a commit that such a clock made hold as far as they were over when a commit before it began.
    """
    if not any(commit.version in early for commit in committed):
        return tuple(committed), None
    kept: list[Committed] = []
    lost: list[Window] = []
    sure: datetime | None = None
    for commit in committed:
        if commit.version not in early:
            sure = commit.began
            kept.append(commit)
            continue
        over = table.window.closed(sure - commit.behind) if table.window and sure else None
        holds = commit.window.intersect(over) if over else None
        kept += [replace(commit, window=holds)] if holds else []
        lost += subtract([commit.window], [holds] if holds else [])
    ahead = max(commit.began for commit in committed if commit.version in early)
    made_since = [commit.window for commit in kept]
    return tuple(kept), ahead if subtract(lost, made_since) else None
