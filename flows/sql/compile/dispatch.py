"""Which function compiles what: by the type of a node, or by the name of what it calls.

Every rule is a plain function that registers itself here, and reaches what is inside its node through here; so that no
rule needs another's module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from flows.model.errors import SqlError
from flows.sql.compile.scope import Relation, Scope, Value
from flows.sql.shown import shown

if TYPE_CHECKING:
    from sqlglot import exp


Rule = Callable[[Any, Scope], Value]
QueryRule = Callable[[Any, Scope], Relation]
CallRule = Callable[[str, Any, Scope], Value | None]
_R = TypeVar("_R", bound=Rule)
_Q = TypeVar("_Q", bound=QueryRule)
_C = TypeVar("_C", bound=CallRule)

_EXPRESSIONS: dict[type[exp.Expr], tuple[Rule, frozenset[str]]] = {}
_QUERIES: dict[type[exp.Expr], QueryRule] = {}
_CALLS: dict[str, CallRule] = {}
_PARTS = ("this", "expression", "expressions")


def compiles(*kinds: type[exp.Expr], reads: tuple[str, ...] = ()) -> Callable[[_R], _R]:
    """Register what compiles expressions of some kinds.

    `reads` are the parts of a node, beside the usual ones, that it reads or that say nothing about what the expression
    means. A node with another part is refused: the parser has understood something that nobody here has.
    """

    def register(rule: _R) -> _R:
        _EXPRESSIONS.update(dict.fromkeys(kinds, (rule, frozenset((*_PARTS, *reads)))))
        return rule

    return register


def compiles_query(*kinds: type[exp.Expr]) -> Callable[[_Q], _Q]:
    """Register what compiles queries of some kinds."""

    def register(rule: _Q) -> _Q:
        _QUERIES.update(dict.fromkeys(kinds, rule))
        return rule

    return register


def compiles_call(*names: str) -> Callable[[_C], _C]:
    """Register what compiles calls of some functions; it may give None where the table of functions knows better."""

    def register(rule: _C) -> _C:
        _CALLS.update(dict.fromkeys(names, rule))
        return rule

    return register


MOST_SQL = 2**20
"""How many characters the SQL of one expression may have; some operators write their operands several times."""


def expression(node: exp.Expr, scope: Scope) -> Value:
    """Compile one expression."""
    rule, parts = _EXPRESSIONS.get(type(node), (None, frozenset(_PARTS)))
    mark, context = len(scope.loose), scope.context
    around, context.drifts = context.drifts, False
    for key, part in node.args.items():
        if part and key not in parts:
            return scope.unsupported(node, f"{key.strip('_').replace('_', ' ').upper()} in '{shown(node)}'")
    value = rule(node, scope) if rule is not None else scope.unsupported(node)
    if len(value.sql) > MOST_SQL:
        scope.fault(
            node, "the expression grows too long for the embedded warehouse. Compute parts of it in a WITH first."
        )
        raise SqlError(context.faults)
    if context.drifts and not value.drifts:
        value = replace(value, drifts=True)
    context.drifts = around or value.drifts
    if scope.groups is not None and not scope.depth and value.sql in scope.groups:
        del scope.loose[mark:]
    return value


def query(node: exp.Expr, scope: Scope) -> Relation:
    """Compile a query; `scope` is new and holds what is around."""
    rule = _QUERIES.get(type(node))
    if rule is not None:
        return rule(node, scope)
    scope.unsupported(node)
    return Relation([], "")


def call_rule(name: str) -> CallRule | None:
    """Return the rule for calls of a function that has one of its own."""
    return _CALLS.get(name)
