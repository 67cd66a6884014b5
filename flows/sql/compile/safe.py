"""NULL in place of an error of one call, and of no other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql.types import quote, quote_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def safely(build: Callable[[Sequence[str]], str], arguments: Sequence[str], *, may_fail: bool) -> str:
    """Return the SQL that `build` makes of arguments, with NULL where it ends in an error.

    `may_fail` says whether computing the arguments can end in an error: that one stays an error, so that they are
    computed outside of DuckDB's TRY, which would catch it as well.
    """
    if not may_fail:
        return f"TRY({build(arguments)})"
    names = [f"_{place}" for place in range(len(arguments))]
    given = ", ".join(f"{quote_text(name)}: {argument}" for name, argument in zip(names, arguments, strict=True))
    inside = build([f"struct_extract({quote('_given')}, {quote_text(name)})" for name in names])
    return f"list_extract(list_transform([{{{given}}}], lambda {quote('_given')}: TRY({inside})), 1)"


_ERROR = re.compile(r"(?<![\w.])error\(")
_PART = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]|[^'\"()]+")


def without_errors(sql: str) -> str:
    """Return SQL with NULL where it would raise an error of its own, which DuckDB's TRY does not take."""
    found: list[str] = []
    skipped = 0
    for part in _PART.findall(sql):
        if skipped:
            skipped += (part == "(") - (part == ")")
            continue
        if part == "(" and found and _ERROR.search(f"{found[-1][-7:]}("):
            found[-1] = found[-1][:-5] + "NULL"
            skipped = 1
        else:
            found.append(part)
    return "".join(found)


def lifted(sql: str, arguments: Sequence[tuple[str, str]]) -> str:
    """Return NULL where SQL ends in an error; `arguments` are computed outside of it, by the names that it has for them."""
    tried = f"TRY({without_errors(sql)})"
    for name, argument in reversed(arguments):
        tried = f"list_extract(list_transform([{argument}], lambda {name}: {tried}), 1)"
    return tried
