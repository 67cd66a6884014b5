"""Whether two expressions are the same call of the same functions, as GoogleSQL compares what stands in GROUP BY with others."""

from __future__ import annotations

from itertools import zip_longest

from sqlglot import exp

from flows.sql.parse.tree import call_name

_SYNONYMS = {
    "POWER": "POW",
    "CEILING": "CEIL",
    "SUBSTRING": "SUBSTR",
    "CHARACTER_LENGTH": "CHAR_LENGTH",
    "OCTET_LENGTH": "BYTE_LENGTH",
}


def alike(one: exp.Expr, other: exp.Expr) -> bool:
    """Say whether two expressions that compute the same are written alike: columns may be spelt in several ways, a query is like no other."""
    one, other = one.unnest(), other.unnest()
    if isinstance(one, exp.Not) is not isinstance(other, exp.Not):
        # `x NOT LIKE y` and `NOT x LIKE y` are the same.
        return alike(one.this if isinstance(one, exp.Not) else one, other.this if isinstance(other, exp.Not) else other)
    if isinstance(one, exp.Column | exp.Dot | exp.Literal):
        return True
    if isinstance(one, exp.Query) or _named(one) != _named(other):
        return False
    pairs = zip_longest(one.iter_expressions(), other.iter_expressions())
    return all(left is not None and right is not None and alike(left, right) for left, right in pairs)


def _named(node: exp.Expr) -> str | type[exp.Expr]:
    name = "CONCAT" if isinstance(node, exp.DPipe) else call_name(node)
    return _SYNONYMS.get(name, name) if name else type(node)
