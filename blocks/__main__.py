"""Save connections, the warehouse, the stage and credentials as Prefect's blocks, from the environment or a file.

python -m blocks                  from the environment
python -m blocks connections.env  from a file of lines NAME=value
python -m blocks --test shop      connect to a database that tables name as `connection: shop`, and say what was reached
"""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.terminal import out
from flows.model.errors import UsageError, did_you_mean
from flows.wiring import project_folder, reached, require_api

if TYPE_CHECKING:
    from collections.abc import Iterable

BEGINNING = "DERIVED_"
CONNECTION = "DERIVED_CONNECTION_"
KNOWN = (
    "DERIVED_WAREHOUSE",
    "DERIVED_STAGE",
    "DERIVED_HOME",
    "DERIVED_RUN_BY",
    "DERIVED_GIT_COMMIT",
    "GOOGLE_APPLICATION_CREDENTIALS",
)
"""Variables that mean something to Derived, though not all become blocks."""
OF_OTHERS = "GOOGLE_APPLICATION_CREDENTIALS_"
"""How variables of other programs begin, such as that of a key's text, which mean nothing here."""


def main(
    file: Annotated[
        Path | None, typer.Argument(help="A file of lines NAME=value; by default the environment is read.")
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="NAME", help="Connect to a database and say what was reached.")
    ] = None,
) -> None:
    """Save blocks of what DERIVED_CONNECTION_<NAME>, DERIVED_WAREHOUSE and DERIVED_STAGE say; no secret is printed."""
    with ending(commits=False):
        if test is not None:
            if file is not None:
                raise UsageError("--test saves nothing: leave the file out.")
            out(reached(test))
            return
        require_api()
        variables = dict(os.environ) if file is None else _read(file)
        _refuse_misspelt(variables, of_a_file=file is not None)
        from blocks.saving import planned, save  # noqa: PLC0415 - Prefect is slow to import

        # All of them are looked at before the first is saved.
        for one in planned(variables, project_folder()):
            save(one)
            out(f"saved {one.address}, from {one.variable}")


def _refuse_misspelt(variables: Iterable[str], *, of_a_file: bool) -> None:
    """Raise UsageError for a name that is almost one of ours: it would be left out without a word.

    In a file, which has been written for this, so is any other that begins as ours do.
    """
    for name in variables:
        if name in KNOWN or name.startswith((CONNECTION, OF_OTHERS)):
            continue
        _, _, last = name.removeprefix(BEGINNING).partition("_")
        near = did_you_mean(name, (*KNOWN, f"{CONNECTION}{last}") if last else KNOWN, cutoff=0.85)
        if near or (of_a_file and name.startswith(BEGINNING)):
            known = f"{CONNECTION}<NAME>, DERIVED_WAREHOUSE, DERIVED_STAGE and GOOGLE_APPLICATION_CREDENTIALS"
            raise UsageError(f"{name} is no variable of Derived.{near} Blocks are made of {known}.")


def _read(file: Path) -> dict[str, str]:
    """Return the variables of a file. A fault is told by its line, never by what stands there: it may be a secret."""
    from dotenv.parser import parse_stream  # noqa: PLC0415 - the environment needs none

    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    found: dict[str, str] = {}
    try:
        with file.open(encoding="utf-8") as stream:
            for one in parse_stream(stream):
                text = one.original.string
                blank = text[: len(text) - len(text.lstrip())].count("\n")
                place = f"{file}:{one.original.line + blank}"
                if one.error or (one.key is not None and one.value is None):
                    raise UsageError(f"{place}: this is no variable. Write it as NAME=value.")
                if one.key in found:
                    raise UsageError(f"{place}: {one.key} stands here a second time. Leave one of them out.")
                if one.key is not None:
                    found[one.key] = one.value or ""
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text. Save it as UTF-8.") from None
    return found


if __name__ == "__main__":
    launch(main)
