"""What a run is told whose commit another one has made pointless."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.errors import ConflictError

if TYPE_CHECKING:
    from flows.model.window import Window


def overtaken(identity: str, window: Window | None, run_id: str, run_by: str) -> ConflictError:
    """Return the error of a run that finds a newer entry: a commit, or a reset, which is no run's."""
    what = f"run {run_id} of {run_by} has committed {window or 'the table'}" if run_id else "the table was emptied"
    return ConflictError(
        f"{identity}: {what} in the meantime. This run changed nothing; start it again to do what is left."
    )
