"""Paths into documents: `address.city` is the city inside of address, and `` `price.eur` `` a name with a dot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUOTED = r"`(?P<quoted>(?:[^`]|``)+)`(?=\.|$)"
_STEP = re.compile(rf"(?:{_QUOTED}|(?P<plain>[^.]*))(?:\.|$)", re.DOTALL)


def steps(path: str) -> list[str]:
    """Return the names of a path, one below the other.

    >>> steps("address.city"), steps("`price.eur`.net")
    (['address', 'city'], ['price.eur', 'net'])
    """
    found, position = [], 0
    while position <= len(path):
        match = _STEP.match(path, position)
        assert match is not None  # noqa: S101 - a plain step matches everything up to the next dot
        found.append(match["plain"] if match["quoted"] is None else match["quoted"].replace("``", "`"))
        # After a last dot stands one more name, which is empty.
        position = match.end() if match[0].endswith(".") else len(path) + 1
    return found


def path_to(names: Iterable[str]) -> str:
    """Return the path of names one below the other, which `steps` reads back."""
    return ".".join(f"`{name.replace('`', '``')}`" if "." in name or name.startswith("`") else name for name in names)


def plain_name(path: str) -> str:
    """Return a name that may stand in backticks, where names are not divided at dots, as those of columns are not."""
    match = re.fullmatch(_QUOTED, path, re.DOTALL)
    return path if match is None else match["quoted"].replace("``", "`")
