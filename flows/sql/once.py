"""SQL that is computed once and used several times, so that a query's SQL grows no faster than the query."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NAME = r"""(?:"[^"]*"(?:\."[^"]*")?|[ax][0-9a-z]+)"""
_WRITTEN = r"(?:(?:DATE |TIME |TIMESTAMP |TIMESTAMPTZ )?'[^']*'|-?[0-9]+|NULL|TRUE|FALSE|CAST\((?:-?[0-9]+|'[^']*'|NULL|\$\w+) AS [^)]*\)?\))"
_PLAIN = re.compile(
    rf"{_WRITTEN}|{_NAME}|struct_extract\({_NAME}, '[^']*'\)|CAST\({_NAME} AS (?:DOUBLE|DECIMAL\(38, 9\)|BIGINT)\)"
)
_SHORT = 60
"""How long SQL may be that is written twice all the same: DuckDB computes it once, and sees through it."""


def plain(sql: str) -> bool:
    """Say whether it is a name or a literal, which costs nothing and cannot end in an error."""
    return _PLAIN.fullmatch(sql) is not None


def once(argument: str, build: Callable[[str], str]) -> str:
    """Return the SQL that `build` makes of an argument, which it may name several times; other arguments must be plain."""
    return once_each([argument], lambda names: build(names[0]))


def once_each(arguments: Sequence[str], build: Callable[[Sequence[str]], str]) -> str:
    """Return the SQL that `build` makes of arguments, each of which it may name several times."""
    if all(plain(one) or _short(one) for one in arguments):
        return build(arguments)
    return bound(arguments, build)


def _short(sql: str) -> bool:
    # A query is computed as often as it is written, and DuckDB takes none inside a lambda.
    return len(sql) <= _SHORT and "lambda" not in sql and "SELECT" not in sql


def bound(arguments: Sequence[str], build: Callable[[Sequence[str]], str]) -> str:
    """Return the SQL that `build` makes of arguments, each of which it may name several times.

    They are computed outside of what is built, where queries and aggregates may stand, and where TRY catches no error.
    """
    computed = list(dict.fromkeys(one for one in arguments if not plain(one)))
    if not computed:
        return build(arguments)
    # Named after what it is: the same name inside another one stands for the same value.
    name = f"x{crc32(chr(0).join(computed).encode()):08x}"
    if len(computed) == 1:
        names, given = {computed[0]: name}, computed[0]
    else:
        names = {one: f"struct_extract({name}, '_{place}')" for place, one in enumerate(computed)}
        given = "{" + ", ".join(f"'_{place}': {one}" for place, one in enumerate(computed)) + "}"
    body = build([names.get(one, one) for one in arguments])
    return f"list_extract(list_transform([{given}], lambda {name}: {body}), 1)"


def all_computed(arguments: Sequence[str], same: Sequence[bool], build: Callable[[Sequence[str]], str]) -> str:
    """Return the SQL that `build` makes of arguments, each of which it names once; `same` are those that no row decides.

    DuckDB computes no other argument beside one that it knows to be NULL, which must hide no error.
    """
    for place, constant in enumerate(arguments):
        written = plain(constant)
        if not same[place] or (written and "NULL" not in constant):
            continue
        others = [one for at, one in enumerate(arguments) if at != place and not plain(one)]
        if any(written or "error(" in one for one in others):
            return bound(arguments, build)
    return build(arguments)


def as_field(parameter: str) -> str:
    """Return a lambda's parameter as a field of a STRUCT, for which DuckDB takes a column of the same name where it stands alone.

    So it does where a point follows: the field of a parameter is a `struct_extract`.
    """
    return f"coalesce({parameter})"


def failure(text: str, *values: str) -> str:
    """Return the SQL for an error with a text, and with those values that are plain, in quotes.

    The text begins with what fails: the name of a function, `Could not cast`, or an operator in quotes.
    """
    quoted = (f"'''' || substr(CAST({one} AS VARCHAR), 1, 80) || ''''" for one in values if plain(one))
    shown = [f"coalesce({one}, 'NULL')" for one in quoted]
    listed = f" || ': ' || {_BETWEEN.join(shown)}" if shown else ""
    return f"error({quote_text(text)}{listed})"


_BETWEEN = " || ', ' || "
_ERROR = re.compile(r"(?<![\w.])error\(")
_PART = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[()]|[^'\"()]+")


def steady(sql: str) -> str:
    """Return SQL with NULL in place of each error that it raises, which DuckDB's TRY and windows do not take."""
    if "error(" not in sql:
        return sql
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


def safely(arguments: Sequence[str], build: Callable[[Sequence[str]], str]) -> str:
    """Return the SQL that `build` makes of arguments, with NULL where it, and no argument, ends in an error."""

    def caught(names: Sequence[str]) -> str:
        # DuckDB's TRY takes nothing that may differ from call to call, for which it holds its error().
        return f"TRY({steady(build(names))})"

    return bound(arguments, caught)


def lifted(sql: str, arguments: Sequence[tuple[str, str]]) -> str:
    """Return NULL where SQL ends in an error; `arguments` are computed outside of it, by the names that it has for them."""
    return apart(f"TRY({steady(sql)})", arguments)


def apart(sql: str, arguments: Sequence[tuple[str, str]]) -> str:
    """Return SQL with arguments that are computed outside of it, by the names that it has for them."""
    if len(arguments) == 1:
        [(name, argument)] = arguments
        return f"list_extract(list_transform([{argument}], lambda {name}: {sql}), 1)"
    # DuckDB takes no query inside a lambda, which an argument may be.
    for name, _ in reversed(arguments):
        sql = f"list_extract(list_transform([struct_extract(xall, '{name}')], lambda {name}: {sql}), 1)"
    given = ", ".join(f"'{name}': {argument}" for name, argument in arguments)
    return f"list_extract(list_transform([{{{given}}}], lambda xall: {sql}), 1)" if given else sql
