"""A query compiled against a schema: every rule is known once this module is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flows.model.errors import SqlError
from flows.sql.compile import (  # noqa: F401 - each registers what it compiles
    arithmetic,
    buckets,
    calls,
    casts,
    date_calls,
    format_calls,
    format_text,
    hashes,
    json_calls,
    json_changes,
    json_literals,
    json_walks,
    lets,
    literals,
    logic,
    membership,
    names,
    pattern_calls,
    powers,
    structures,
    subqueries,
    text_calls,
)
from flows.sql.compile import query as _queries  # noqa: F401 - the same
from flows.sql.compile.dispatch import query
from flows.sql.compile.scope import Context, Scope
from flows.sql.parse.limits import too_deep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot import exp

    from flows.model.types import Type
    from flows.sql.compile.scope import Kept, Relation


class Compiled(NamedTuple):
    """What a query gives, and what was found on the way."""

    relation: Relation
    context: Context


def compiled(  # noqa: PLR0913 - what is known of the tables, and how exactly it is asked for
    tree: exp.Query,
    schema: Mapping[str, Mapping[str, Type | str]],
    partitions: Mapping[str, str],
    *,
    keys: Mapping[str, Sequence[str]] | None = None,
    exact: bool = False,
    windowed: frozenset[int] | None = None,
) -> Compiled:
    """Compile a query; its faults stand in the context. Raises SqlError where it nests too deeply.

    `keys` are the columns that tell the rows of a table apart, `windowed` the identities of the nodes that hold a parameter
    of the window, where conditions are to be noted.
    """
    noted: list[Kept] | None = None if windowed is None else []
    context = Context(schema, partitions, keys or {}, exact=exact, windowed=windowed or frozenset(), conditions=noted)
    try:
        return Compiled(query(tree, Scope(context)), context)
    except RecursionError:
        raise SqlError([too_deep()]) from None
