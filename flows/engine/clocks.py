"""Commits that a run made whose clock was ahead: what was not over then is made again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.model.window import BEGINNING, EVER, SKEW, Window, merge, subtract

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
) -> tuple[tuple[Committed, ...], tuple[Committed, ...], datetime | None]:
    """Return the commits of windows that were over, those of others, and how far ahead a clock was that made such.

    The windows of a commit that a clock which was ahead has made hold as far as they were over when a commit before it
    began; those of any other as far as they were when it began itself. Of the others rows are there, until they are
    made again.
    """
    if not any(commit.version in early or _is_open(commit) for commit in committed):
        return tuple(committed), (), None
    kept: list[Committed] = []
    lost: list[Committed] = []
    sure: datetime | None = None
    for commit in committed:
        if commit.version not in early:
            sure = commit.began
            if not _is_open(commit) or table.window is None:
                kept.append(commit)
                continue
        holds = _over(table, commit, sure)
        kept += [replace(commit, window=holds)] if holds else []
        lost += [replace(commit, window=left) for left in subtract([commit.window], [holds] if holds else [])]
    made_since = merge(commit.window for commit in kept)  # once: of a table there may be thousands of each
    still = [replace(one, window=left) for one in lost for left in subtract([one.window], made_since)]
    is_ahead = any(one.version in early for one in still)
    ahead = max((commit.began for commit in committed if commit.version in early), default=None)
    return tuple(kept), tuple(still), ahead if is_ahead else None


def _is_open(commit: Committed) -> bool:
    """Say whether a commit holds a window that was not over when it began."""
    return commit.window.end > commit.began - commit.behind + SKEW and commit.window != EVER


def _over(table: Table, commit: Committed, sure: datetime | None) -> Window | None:
    """Return what of a commit's windows was over at a moment that is sure."""
    if table.window is None or sure is None or commit.window == EVER:
        return None
    over = table.window.size.floor(sure - commit.behind - table.window.delay)
    return commit.window.intersect(Window(BEGINNING, over))
