"""A tree to text, so that the text says all that the tree does."""

from __future__ import annotations

from functools import lru_cache

from sqlglot import exp

from flows.model.errors import SqlError
from flows.sql.parse.googlesql import written
from flows.sql.parse.limits import too_deep
from flows.sql.parse.parser import parse, parse_any
from flows.sql.parse.tree import Nodes, base_tables, table_identity

_OF_NAME = {"this", "db", "catalog", "alias"}
"""What a table has of its own; PIVOT, and joins in brackets, are of what stands there."""


def text_of(tree: exp.Query) -> str:
    """Return GoogleSQL, in one layout and without comments, that parses to the same tree.

    Raises SqlError where it nests too deeply.
    """
    try:
        return _written(tree.copy())
    except RecursionError:
        raise SqlError([too_deep()]) from None


def expression_text(node: exp.Expr) -> str:
    """Return GoogleSQL that parses to an expression."""
    return _written(exp.Paren(this=node.copy()))


def _without_case(tree: exp.Query) -> exp.Query:
    """Let the names of what a query gives, which are a table's columns, differ in nothing that is not told apart.

    Further inside, a name's case may be a value: TO_JSON_STRING(STRUCT(1 AS A)).
    """
    select: exp.Expr | None = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select) or select.args.get("kind"):
        return tree
    named = [one for one in select.expressions if isinstance(one, exp.Alias)]
    for alias in named:
        alias.set("alias", exp.to_identifier(alias.alias.lower(), quoted=alias.args["alias"].quoted))
    group, order = select.args.get("group"), select.args.get("order")
    sorted_by = [one.this for one in order.expressions] if order else []
    for column in [*select.expressions, *(group.expressions if group else []), *sorted_by]:
        if isinstance(column, exp.Column) and isinstance(column.this, exp.Identifier):
            column.this.set("this", column.name.lower())
    return tree


def _written(tree: exp.Expr) -> str:
    # The parser's own writer loses the parameters of types, doubles the escapes of bytes, calls AT TIME ZONE and the FORMAT
    # of a cast otherwise, and has no names with AS inside WITH(...). From the inside out, since one may hold another.
    kinds = (exp.ByteString, exp.DataType, exp.AtTimeZone, exp.Cast, exp.Star, exp.Kwarg)
    for node in reversed(list(tree.find_all(*kinds))):
        if isinstance(node, exp.Cast):
            if not isinstance(node.this, exp.Array | exp.Struct) and not node.args.get("default"):
                continue
            text = _cast(node)
        elif isinstance(node, exp.Kwarg):
            if not isinstance(node.parent, exp.Anonymous) or node.parent.name != "WITH":
                continue
            text = f"{_plain(node.this)} AS {_plain(node.expression)}"
        elif isinstance(node, exp.Star):
            if not node.args.get("rename"):
                continue
            text = f"* `RENAME` ({', '.join(map(_plain, node.args['rename']))})"
        elif isinstance(node, exp.ByteString):
            text = f"b'{node.this}'"
        elif isinstance(node, exp.AtTimeZone):
            text = f"{_plain(node.this)} AT TIME ZONE {_plain(node.args['zone'])}"
        else:
            node.replace(exp.DataType(this=exp.DType.USERDEFINED, kind=_plain(node)))
            continue
        node.replace(exp.Var(this=text))
    return _plain(tree)


def _cast(node: exp.Cast) -> str:
    """Return a cast by a format, or of what is written down item by item, or `ARRAY<type>[...]`, which the parser makes one."""
    to, by = _plain(node.args["to"]), node.args.get("default")
    if "safe" in node.args or by:
        way = f" FORMAT {_plain(by)}" if by else ""
        return f"{'SAFE_CAST' if isinstance(node, exp.TryCast) else 'CAST'}({_plain(node.this)} AS {to}{way})"
    items = ", ".join(map(_plain, node.this.expressions))
    return f"{to}[{items}]" if isinstance(node.this, exp.Array) else f"{to}({items})"


@lru_cache(maxsize=1024)
def canonical(sql: str) -> str:
    """Return the query in one layout, without comments and the case of columns: equal where nothing else differs.

    Raises SqlError.
    """
    try:
        return _written(_without_case(parse(sql).copy()))
    except RecursionError:
        raise SqlError([too_deep()]) from None


def _plain(node: exp.Expr) -> str:
    return written(node, normalize_functions="upper")


def first_rows(sql: str, limit: int, table: str, relation: str) -> str:
    """Return a SELECT of the first rows of another one, in which a table is another relation.

    `table` is `dataset.name`; `relation` is what may stand in FROM: a name, or a subquery in parentheses.
    """
    tree = parse_any(sql).copy()
    stands_in = parse_any(f"SELECT * FROM {relation}").args["from_"].this
    for node in list(base_tables(Nodes(tree))):
        if table_identity(node) == table:
            other, alias = stands_in.copy(), exp.to_identifier(node.alias or node.name, quoted=True)
            for name, value in node.args.items():
                if name not in _OF_NAME:
                    other.set(name, value)
            other.set("alias", exp.TableAlias(this=alias))
            node.replace(other)
    inner = exp.Subquery(this=tree)
    return text_of(exp.Select(expressions=[exp.Star()], from_=exp.From(this=inner)).limit(limit))
