"""Save connections, the warehouse, the stage and credentials as Prefect's blocks, from the environment or a file.

python -m blocks                  from the environment
python -m blocks connections.env  from a file of lines NAME=value
"""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer evaluates it
from typing import Annotated

import typer

from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.terminal import out
from flows.model.errors import UsageError
from flows.wiring import project_folder, require_api


def main(
    file: Annotated[
        Path | None, typer.Argument(help="A file of lines NAME=value; by default the environment is read.")
    ] = None,
) -> None:
    """Save blocks of what DERIVED_CONNECTION_<NAME>, DERIVED_WAREHOUSE and DERIVED_STAGE say; no secret is printed."""
    with ending(commits=False):
        require_api()
        variables = dict(os.environ) if file is None else _read(file)
        from blocks.saving import planned, save  # noqa: PLC0415 - Prefect is slow to import

        # All of them are looked at before the first is saved.
        for one in planned(variables, project_folder()):
            save(one)
            out(f"saved {one.address}, from {one.variable}")


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
