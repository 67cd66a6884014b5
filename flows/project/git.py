"""What git knows of a project's folder: its commit, which of two comes first, which files it has ever had."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 10
"""For so many seconds git is waited for."""


def commit_of(folder: Path) -> str:
    """Return the commit that is checked out in a folder or above it; empty where it is not in git."""
    git = next((place / ".git" for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if git is None:
        return ""
    try:
        if git.is_file():  # a worktree or a submodule
            git = git.parent / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
        if (common / name).exists():
            return (common / name).read_text().strip()
        packed = (common / "packed-refs").read_text().splitlines()
        return next((line.split(" ")[0] for line in packed if line.endswith(f" {name}")), "")
    except (OSError, ValueError):  # no repository, or no text
        return ""


def precedes(folder: Path, one: str, two: str) -> bool | None:
    """Say whether one commit is among those that another builds on; None where nobody knows, as without a repository.

    Where neither builds on the other nobody knows either.
    """
    import subprocess  # noqa: PLC0415 - slow to import, and few runs need it

    def builds_on(first: str, second: str) -> bool:
        command = ["git", "-C", str(folder), "merge-base", "--is-ancestor", "--end-of-options", first, second]
        done = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)  # noqa: S603 - git alone
        return done.returncode == 0

    try:
        found = builds_on(one, two), builds_on(two, one)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found[0] if found[0] != found[1] else None


def files_ever(folder: Path, below: str) -> set[str] | None:
    """Return the files that commits have had, up to the one that is checked out; None where git does not know all.

    So it is outside of a repository, and in one whose older commits were not fetched, as it is in most of CI.

    Args:
        folder: a project's.
        below: the folder in it whose files are meant; they are given by their paths from `folder`.
    """
    import subprocess  # noqa: PLC0415 - slow to import, and few runs need it

    def asked(*command: str) -> str | None:
        done = subprocess.run(  # noqa: S603 - git alone
            ["git", "-C", str(folder), *command],  # noqa: S607 - the one that a person uses
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=PATIENCE,
        )
        return None if done.returncode else done.stdout

    added = ("log", "--full-history", "--diff-filter=A", "--no-renames", "--format=", "--name-only", "--relative", "-z")
    try:
        if asked("rev-parse", "--is-shallow-repository") != "false\n":
            return None
        found = asked(*added, "--", below)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if found is None else set(found.split("\0")) - {""}
