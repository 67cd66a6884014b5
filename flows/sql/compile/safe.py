"""NULL in place of an error of one call, and of no other."""

from __future__ import annotations

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
