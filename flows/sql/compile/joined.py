"""Texts that are written down in parts: `'%Y' || '-%m'`, `CONCAT('^a', 'b$')`."""

from __future__ import annotations

from sqlglot import exp

from flows.sql.parse.tree import call_name, operands


def joined(node: exp.Expr) -> exp.Expr:
    """Return the one text that texts make which are joined where they are written down; anything else as it is.

    It is a pattern, a format or a zone: as a value such a text turns into no other type, as a literal would.
    """
    text = _text(node)
    if text is None or isinstance(node, exp.Literal):
        return node
    literal = exp.Literal.string(text)
    # Its line is that of what it is made of.
    literal.parent = node
    return literal


def _text(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Literal):
        return node.name if node.is_string else None
    if isinstance(node, exp.Paren):
        return _text(node.this)
    if isinstance(node, exp.DPipe):
        parts = operands(node, exp.DPipe)
    elif call_name(node) == "CONCAT":
        parts = node.expressions
    else:
        return None
    texts = [_text(part) for part in parts]
    return None if None in texts or not texts else "".join(filter(None, texts))
