"""Which function compiles what: by the type of a node, or by the name of what it calls.

Every rule is a plain function that registers itself here, and reaches what is inside its node through here; so that no
rule needs another's module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from zlib import crc32

from sqlglot import exp

from flows.model.errors import SqlError
from flows.sql.compile.scope import Relation, Scope
from flows.sql.compile.value import FAULTY, NOTHING, NOTHING_READ, Value
from flows.sql.once import plain
from flows.sql.parse.tree import call_name, operands
from flows.sql.shown import shown
from flows.sql.types import BIGNUMERIC, NULL, duckdb_type, given

Rule = Callable[[Any, Scope], Value]
QueryRule = Callable[[Any, Scope], Relation]
CallRule = Callable[[str, Any, Scope], Value | None]
_R = TypeVar("_R", bound=Rule)
_Q = TypeVar("_Q", bound=QueryRule)
_C = TypeVar("_C", bound=CallRule)

_EXPRESSIONS: dict[type[exp.Expr], tuple[Rule, frozenset[str]]] = {}
_QUERIES: dict[type[exp.Expr], QueryRule] = {}
_CALLS: dict[str, CallRule] = {}
_WITHOUT_ERRORS: set[str] = set()
_UNKNOWN = NOTHING.type
_PARTS = ("this", "expression", "expressions")
_NO_RULE: tuple[None, frozenset[str]] = None, frozenset(_PARTS)


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


def compiles_call(*names: str, fails: bool = True) -> Callable[[_C], _C]:
    """Register what compiles calls of some functions; it may give None where the table of functions knows better.

    `fails` says whether they may end in an error of GoogleSQL's; what ends in one of DuckDB's alone SAFE. must not turn into NULL.
    """

    def register(rule: _C) -> _C:
        _CALLS.update(dict.fromkeys(names, rule))
        _WITHOUT_ERRORS.update(() if fails else names)
        return rule

    return register


_OPERATORS = {exp.Add, exp.Sub, exp.Mul, exp.Div, exp.BitwiseAnd, exp.BitwiseOr, exp.BitwiseXor}
_COMPARISONS = {exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE}
_WITHOUT_NULL = {*_OPERATORS, *_COMPARISONS, exp.DPipe, exp.Like, exp.BitwiseLeftShift, exp.BitwiseRightShift, exp.Not, exp.Neg, exp.BitwiseNot}  # fmt: skip
"""What takes no NULL that is written down as an operand."""
_MAY_BE_NULL = {exp.Null, exp.Paren}
_CASTS = {exp.Cast, exp.TryCast}
_LONGEST = 499
"""How many operators may stand in a row; DuckDB goes down 1,000 levels."""
_LONG = 20
"""From how many operators on a chain of them is compiled from its inner end, not from its outer one downwards."""
MOST_SQL = 2**20
"""How many characters the SQL of one expression may have; some operators write their operands several times."""


def expression(node: exp.Expr, scope: Scope) -> Value:
    """Compile one expression."""
    context = scope.context
    if context.compiled and id(node) in context.compiled:
        value = context.compiled.pop(id(node))
        context.drifts, context.reads = context.drifts or value.drifts, context.reads | (value.reads or set())
        return value
    kind = type(node)
    if kind in _OPERATORS and type(node.this) in _OPERATORS:
        chain = _long_chain(node)
        if len(chain) > _LONGEST:
            message = f"more than {_LONGEST} operators stand in a row. Write the values into an ARRAY, or use a WITH."
            scope.fault(node, message)
            raise SqlError(context.faults)
        for one in chain:
            context.compiled[id(one)] = _compiled(one, scope)
    return _compiled(node, scope)


def _long_chain(node: exp.Expr) -> list[exp.Expr]:
    """Return the left sides of operators whose left side is an operator again, the innermost first, where they are many."""
    chain: list[exp.Expr] = []
    while type(node) in _OPERATORS and type(node.this) in _OPERATORS:
        node = node.this
        chain.append(node)
    return chain[::-1] if len(chain) > _LONG else []


def _compiled(node: exp.Expr, scope: Scope) -> Value:
    kind, context = type(node), scope.context
    rule, parts = _EXPRESSIONS.get(kind, _NO_RULE)
    if not parts.issuperset(node.args) and any(part and key not in parts for key, part in node.args.items()):
        return scope.unsupported(node)
    if kind in _WITHOUT_NULL and (said := _null_operand(node)):
        return scope.fault(node, said)
    mark, drifts, reads, faults = len(scope.loose), context.drifts, context.reads, len(context.faults)
    context.drifts, context.reads = False, set()
    if context.lifted is not None:
        value = _lifted(node, rule, scope)
    else:
        value = rule(node, scope) if rule is not None else scope.unsupported(node)
    value = value if value.literal or not (value.type is NULL or value.type.element is NULL) else _typed(node, value)
    if value.type is _UNKNOWN:
        # What is in it needs no group: it has a fault already.
        del scope.loose[mark:]
    elif value.type is BIGNUMERIC and not (kind in _CASTS and node.args["to"].expressions):
        context.differs.setdefault("digits", node)
    if len(value.sql) > MOST_SQL:
        scope.fault(
            node, "the expression grows too long for the embedded warehouse. Compute parts of it in a WITH first."
        )
        raise SqlError(context.faults)
    own = value.reads
    if len(context.faults) > faults:
        own = FAULTY
    elif context.alike and value.sql in context.alike and value.sql != NOTHING.sql:
        own = NOTHING_READ
    elif own is None:
        own = frozenset([one for one in context.reads if one[0] <= scope.level]) if context.reads else NOTHING_READ
    if own is not value.reads or (context.drifts and not value.drifts):
        value = value.depending(own, drifts=value.drifts or context.drifts)
    context.drifts, context.reads = drifts or value.drifts, reads
    if own:
        reads.update(own)
    return value


def _typed(node: exp.Expr, value: Value) -> Value:
    """Return what gives NULL or [] with a type of its own: these, and ERROR, turn into any other only where they are written down."""
    if call_name(node) == "ERROR":
        return value
    type_ = given(value.type)
    return value._replace(type=type_, sql=f"CAST({value.sql} AS {duckdb_type(type_)})")


def _null_operand(node: exp.Expr) -> str:
    """Say what is wrong with an operator that has NULL written down on one side; an empty text where nothing is."""
    given = operands(node, exp.DPipe) if isinstance(node, exp.DPipe) else [node.this, node.expression]
    if not any(type(side) in _MAY_BE_NULL for side in given):
        return ""
    sides = [side.unnest() for side in given if isinstance(side, exp.Expr)]
    known = [side for side in sides if type(side) is not exp.Null]
    if len(known) == len(sides):
        return ""
    if type(node) not in _COMPARISONS:
        return f"'{shown(node)}' is always NULL. Write CAST(NULL AS ...) with a type in its place."
    value = shown(known[0]) if known else "value"
    return f"'{shown(node)}' is neither true nor false. Write {value} IS {'NOT ' * isinstance(node, exp.NEQ)}NULL."


def _lifted(node: exp.Expr, rule: Rule | None, scope: Scope) -> Value:
    """Compile an argument of what stands below SAFE.: where it may fail, it is computed outside."""
    arguments, scope.context.lifted = scope.context.lifted, None
    value = rule(node, scope) if rule is not None else scope.unsupported(node)
    scope.context.lifted = arguments
    if arguments is None or plain(value.sql) or value.literal:
        return value
    name = f"a{crc32(value.sql.encode()):08x}"
    if (name, value.sql) not in arguments:
        arguments.append((name, value.sql))
    return value._replace(sql=name, fields=())


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


def may_fail(name: str) -> bool:
    """Say whether a function that has a rule of its own may end in an error of GoogleSQL's."""
    return name not in _WITHOUT_ERRORS


def calls() -> list[str]:
    """Return the names of all functions that have rules of their own."""
    return sorted(_CALLS)
