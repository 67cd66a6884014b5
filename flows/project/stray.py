"""What is wrong with a window that gives rows of others, in an analyst's words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.window import short

if TYPE_CHECKING:
    from flows.sql.strays import RowTime, Stray


def of_stray(column: str, time: RowTime, stray: Stray) -> str:
    """Say that a window would give a row of another one, and what keeps it out."""
    lower, upper = time.is_bounded
    earlier = stray.given < stray.window.start
    if stray.read is not None and not (lower if earlier else upper):
        side, others = ("below", "earlier") if earlier else ("above", "later")
        return (
            f"nothing bounds {column} from {side}, so that a window gives the rows of {others} ones too, and fails. "
            f"Add AND {time.bounds(lower=not lower, upper=not upper)}, so that each row belongs to one window."
        )
    given, window = short(stray.given), f"{short(stray.window.start)}..{short(stray.window.end)}"
    if time.same:
        return (
            f"{time.written} is the same in every window, and a row of another window may not be given. "
            "Write DATE(@window_start), or the time of a column that is bounded by the window."
        )
    if time.every is not None:
        return (
            f"{time.written} lies outside its window, where no row may be: in {window} one is {given}. "
            f"Add WHERE {time.bounds()}, so that each row belongs to one window."
        )
    if stray.read is None:
        return (
            f"{time.written} lies outside its window, where no row may be: in {window} it is {given}. "
            "Write DATE(@window_start), or the time of a column that is bounded by the window."
        )
    if time.is_cut and stray.window.start <= stray.read < stray.window.end:
        return (
            f"a window is shorter than what {column} is cut to, so that its rows lie before it, and fail: with "
            f"{time.column} {short(stray.read)}, which the window {window} reads, it is {given}. Cut it to less, or "
            "make windows longer."
        )
    return (
        f"a window gives rows whose {column} lies outside of it, and fails: with {time.column} {short(stray.read)}, "
        f"which the window {window} reads, it is {given}. Write {time.bounds()} in place of what bounds {time.column}, "
        "so that each row belongs to one window."
    )
