"""IF, CASE, COALESCE and their like: which conditions one of which holds, and which values one of which is meant."""

from __future__ import annotations

from sqlglot import exp

from flows.sql.comparisons import Condition
from flows.sql.parse.tree import call_name

_FIRST = {"COALESCE", "IFNULL"}
_ONE_OF = _FIRST | {"GREATEST", "LEAST"}
_IF_ARGUMENTS = 3


def branches(condition: Condition) -> list[list[Condition]] | None:
    """Return ways in which a condition can hold, each with what holds then; None where it is none of these words.

    Which branch is taken where a condition is NULL is not said: the last one says no more than its own.
    """
    node, holds = condition
    if call_name(node) in _FIRST:
        ways = [[one] for one in node.expressions]
    elif (cases := _cases(node)) is not None:
        ways = cases
    else:
        return None
    found = []
    for *before, last in ways:
        if not _never(last, holds=holds):
            found.append([*(Condition(one).plain() for one in before), Condition(last, holds).plain()])
    return found


def choices(node: exp.Expr) -> list[exp.Expr] | None:
    """Return expressions of which a value is one, where it is not NULL; None where nobody knows any."""
    if isinstance(node, exp.Subquery):
        return _only_value(node)
    if call_name(node) == "NULLIF":
        return node.expressions[:1]
    if call_name(node) in _ONE_OF:
        found: list[exp.Expr] = list(node.expressions)
    elif (cases := _cases(node)) is not None:
        found = [way[-1] for way in cases]
    else:
        return None
    return [one for one in found if not isinstance(one, exp.Null)]


def _cases(node: exp.Expr) -> list[list[exp.Expr]] | None:
    """Return the branches of IF or CASE, each behind the condition under which it is taken; the last has none."""
    if call_name(node) == "IF" and len(node.expressions) == _IF_ARGUMENTS:
        condition, one, other = node.expressions
        return [[condition, one], [other]]
    if not isinstance(node, exp.Case):
        return None
    # With a value to compare, what stands behind WHEN is no condition.
    asked = node.this is None
    ways = [[*([one.this] if asked else []), one.args["true"]] for one in node.args["ifs"]]
    return [*ways, [node.args.get("default") or exp.Null()]]


def _never(node: exp.Expr, *, holds: bool) -> bool:
    """Say whether what is written down never fulfils a condition."""
    return isinstance(node, exp.Null) or (isinstance(node, exp.Boolean) and bool(node.this) != holds)


def _only_value(node: exp.Subquery) -> list[exp.Expr] | None:
    """Return what a query gives that has nothing but one value: (SELECT @window_start)."""
    select = node.this
    if not isinstance(select, exp.Select) or len(select.expressions) != 1:
        return None
    parts = {key for source in (select, node) for key, part in source.args.items() if part}
    return [select.expressions[0].unalias()] if parts == {"expressions", "this"} else None
