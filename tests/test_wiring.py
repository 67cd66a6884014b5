"""The parts of a run are found: the project's commit, its warehouse, its connections."""

import subprocess

import pytest

from flows.wiring import author, tables_ever
from tests.shop import Shop, new_project

TABLE = """
description: A thing.
owner: data@example.com
schedule: "0 * * * *"
strategy: replace
source: {kind: mysql, connection: nowhere, table: things}
columns: [{name: id, type: INT64}]
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git(folder, *arguments):
    """Run git; return what it prints."""
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with one commit, in which nobody stands."""
    monkeypatch.delenv("DERIVED_GIT_COMMIT", raising=False)
    monkeypatch.chdir("/")
    root = tmp_path / "repository"
    (root / "data").mkdir(parents=True)
    (root / "data" / "file").write_text("text")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    return root


def test_the_commit_is_that_of_the_project(repository, tmp_path):
    """Wherever a person stands; a project may be a folder of a repository, or stand in none."""
    commit = git(repository, "rev-parse", "HEAD")
    assert author(repository).git_commit == commit
    assert author(repository / "data").git_commit == commit
    assert author(tmp_path).git_commit == ""


def test_the_commit_is_found_however_git_keeps_it(repository, tmp_path, monkeypatch):
    """Packed references, a detached head, a worktree, and what whoever builds an image gives."""
    commit = git(repository, "rev-parse", "HEAD")
    git(repository, "pack-refs", "--all")
    assert author(repository).git_commit == commit
    git(repository, "worktree", "add", "-q", "-b", "other", str(tmp_path / "worktree"))
    assert author(tmp_path / "worktree").git_commit == commit
    git(repository, "checkout", "-q", "--detach")
    assert author(repository).git_commit == commit
    monkeypatch.setenv("DERIVED_GIT_COMMIT", COMMIT)
    assert author(repository).git_commit == COMMIT


def test_the_history_says_which_commit_comes_first(repository, tmp_path):
    """Of two of which neither builds on the other it does not, nor of one that it lacks, nor where there is none."""
    first = git(repository, "rev-parse", "HEAD")
    older = author(repository)
    commits = []
    for branch in ("main", "other"):
        git(repository, "checkout", "-q", "-B", branch, first)
        git(repository, "commit", "-q", "--allow-empty", "-m", branch)
        commits.append(git(repository, "rev-parse", "HEAD"))
    newer = author(repository)
    assert [older.precedes(one) for one in commits] == [True, True]
    assert [newer.precedes(one) for one in (first, commits[0], COMMIT, "--all")] == [False, None, None, None]
    assert author(tmp_path).precedes(first) is None


def test_the_history_says_which_tables_had_a_file(repository, tmp_path, monkeypatch):
    """Also before they were renamed, in a branch that was merged, by a merge alone, and where the project is a folder; no other folder's.

    Where git does not know, it says why.
    """
    root = repository / "project"
    for place, name in ((root, "kept"), (root, "old"), (repository, "another")):
        (place / "tables/core").mkdir(parents=True, exist_ok=True)
        (place / f"tables/core/{name}.yaml").write_text("description: A thing.")
    (root / "tables/core/notes.txt").write_text("text")
    monkeypatch.chdir(root)
    assert tables_ever() == (set(), "no commit has a table")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "two")
    git(root, "checkout", "-q", "-b", "other")
    git(root, "mv", "tables/core/old.yaml", "tables/core/new.yaml")
    git(root, "commit", "-q", "-m", "three")
    git(root, "rm", "-q", "tables/core/new.yaml")
    git(root, "commit", "-q", "-m", "four")
    assert tables_ever() == ({"core.kept", "core.old", "core.new"}, "")
    git(root, "checkout", "-q", "main")
    assert tables_ever() == ({"core.kept", "core.old"}, "")
    git(root, "merge", "-q", "--no-commit", "--no-ff", "other")
    (root / "tables/core/merged.yaml").write_text("description: A thing.")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "five")
    git(root, "rm", "-q", "tables/core/merged.yaml")
    git(root, "commit", "-q", "-m", "six")
    assert tables_ever() == ({"core.kept", "core.old", "core.new", "core.merged"}, "")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    monkeypatch.chdir(tmp_path / "shallow/project")
    assert tables_ever() == (set(), "its older commits were not fetched: git fetch --unshallow")
    monkeypatch.chdir(tmp_path)
    assert tables_ever() == (set(), "not a git repository (or any of the parent directories): .git")
    monkeypatch.setenv("PATH", "")
    assert tables_ever() == (set(), "git: No such file or directory")


def test_a_dry_run_needs_no_connection(tmp_path):
    """A plan is made of the ledger: neither the connection nor who runs is asked for."""
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "tables/core/things.yaml").write_text(TABLE)
    done = Shop(tmp_path).run("flows.ingest", "core.things", "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "never made before" in done.stdout
    done = Shop(tmp_path).run("flows.ingest", "core.things")
    assert done.returncode == 1
    assert "DERIVED_CONNECTION_NOWHERE" in done.stderr


def rights(folder):
    """Return the rights of a folder and of all that stands in it, by what they are."""
    found = [folder, *folder.rglob("*")]
    return {("folder" if path.is_dir() else "file", oct(path.stat().st_mode & 0o777)) for path in found}


def test_what_is_kept_of_a_project_is_for_its_owner_alone(finished_shop, tmp_path):
    """Whichever command makes the folder first, and where an earlier one had made it for all."""
    private = {("folder", "0o700"), ("file", "0o600")}
    assert rights(finished_shop.root / ".derived") == private
    for command in (("flows.check",), ("flows.run",), ("flows.derive", "derived.top_items")):
        shop = new_project(tmp_path / command[0])
        shop.run(*command)
        assert rights(shop.root / ".derived") == private, command
    (shop.root / ".derived").chmod(0o755)
    shop.run("flows.derive", "derived.top_items")
    assert rights(shop.root / ".derived") == private
