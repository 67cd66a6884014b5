"""What git knows of a project's folder: its commit, which of two comes first, which files it has ever had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.safe_text import unended

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


def files_ever(folder: Path, below: str) -> tuple[set[str], str]:
    """Return the files that commits have had, up to the one that is checked out, and why git does not know all.

    So it is outside of a repository, and in one whose older commits were not fetched, as it is in most of CI. Where it
    does know them there is no reason, and otherwise there are no files.

    Args:
        folder: a project's.
        below: the folder in it whose files are meant; they are given by their paths from `folder`.
    """
    import subprocess  # noqa: PLC0415 - slow to import, and few runs need it

    def asked(*command: str) -> str:
        done = subprocess.run(  # noqa: S603 - git alone
            ["git", "-C", str(folder), *command],  # noqa: S607 - the one that a person uses
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            timeout=PATIENCE,
        )
        return done.stdout

    # What a merge alone has brought in differs from both its sides; what one of them has had is found there.
    added = ("log", "-c", "--full-history", "--diff-filter=A", "--no-renames", "--format=", "--name-only", "-z")
    try:
        if asked("rev-parse", "--is-shallow-repository") != "false\n":
            return set(), "its older commits were not fetched: git fetch --unshallow"
        found = asked(*added, "--relative", "--", below)
    except subprocess.CalledProcessError as error:
        return set(), unended(next(iter(error.stderr.splitlines()), "").removeprefix("fatal: "))
    except subprocess.TimeoutExpired:
        return set(), f"it takes longer than {PATIENCE} s"
    except OSError as error:
        return set(), f"{error.filename}: {error.strerror}"
    return set(found.split("\0")) - {""}, ""
