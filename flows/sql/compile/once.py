"""SQL that is computed once and used several times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN = re.compile(r"""[a-z_0-9"]+(\."[^"]*")?|CAST\(-?[0-9]+ AS BIGINT\)|'[^']*'""")


def once(argument: str, build: Callable[[str], str]) -> str:
    """Return the SQL that `build` makes of an argument, which it may name several times."""
    if _PLAIN.fullmatch(argument):
        return build(argument)
    # Named after what it is: the same name inside another one stands for the same value.
    name = f"x{crc32(argument.encode()):08x}"
    return f"list_extract(list_transform([{argument}], lambda {name}: {build(name)}), 1)"
