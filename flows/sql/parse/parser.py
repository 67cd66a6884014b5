"""Text to a tree: one SELECT in GoogleSQL, its faults by line, its normal form.

sqlglot knows hundreds of functions and rewrites their arguments while it parses, differently for each engine. Here
every call keeps the name and the arguments that were written, so that the table of functions alone says what each means.
"""

from __future__ import annotations

from itertools import compress, count
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.parsers.bigquery import BigQueryParser
from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError, did_you_mean
from flows.sql.parse import frames
from flows.sql.parse.chained import opened, written_first
from flows.sql.parse.chains import refuse_chains
from flows.sql.parse.dialects import no_select, refuse_foreign
from flows.sql.parse.forms import foreign_forms, misplaced_nulls
from flows.sql.parse.googlesql import DIALECT, tokenize
from flows.sql.parse.identifiers import refuse_names
from flows.sql.parse.limits import refuse_deep, refuse_long, too_deep
from flows.sql.parse.literals import bytes_of, text_of
from flows.sql.parse.piped_columns import of_pipes
from flows.sql.parse.places import decimal_places
from flows.sql.parse.precedence import bind
from flows.sql.parse.prefixes import join_prefixes, lift_nulls
from flows.sql.parse.repeat import VARYING, unrepeatable
from flows.sql.parse.reserved import reserved_names
from flows.sql.parse.rewrite import for_parser, in_call
from flows.sql.parse.syntax import SEVERAL, syntax_fault, token_fault
from flows.sql.parse.templates import PARAMETERS, meant, refuse_templates
from flows.sql.parse.tree import Nodes, base_tables, line_of, table_identity
from flows.sql.parse.words import NO_CALLS, PREFIX
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_QUOTED = {TokenType.STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING}
_NO_CALLS = {TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER}
_L_PAREN = TokenType.L_PAREN
_FROM = {TokenType.FROM}
_MARKED = {_L_PAREN, TokenType.OFFSET, *_QUOTED}
_BEHIND_OFFSET = {TokenType.NUMBER, TokenType.HEX_STRING, TokenType.PARAMETER, _L_PAREN}
_kind = attrgetter("token_type")
_BOUND = {TokenType.AMP, TokenType.CARET, TokenType.PIPE, TokenType.DPIPE}
"""Operators that GoogleSQL binds otherwise than the parser."""


class Parsed(NamedTuple):
    """A query's tree, which nobody may change."""

    tree: exp.Query
    nodes: Nodes
    faults: tuple[Fault, ...]
    """The faults that a tree can have."""
    unrepeatable: tuple[Fault, ...]
    """Those of a table's SQL alone: what can give other rows on every retry."""


def parse(sql: str) -> exp.Query:
    """Parse exactly one SELECT that gives the same rows on every retry.

    Raises SqlError with the line on which the word at fault stands.
    """
    found = read(sql)
    if found.faults:
        raise SqlError(found.faults)
    return found.tree.copy()


def parse_any(sql: str) -> exp.Query:
    """Parse exactly one SELECT; the tree is shared, so nobody may change it. Raises SqlError."""
    found = _parsed(sql)
    if found.faults:
        raise SqlError(found.faults)
    return found.tree


def read(sql: str) -> Parsed:
    """Return a table's SQL as a tree, with the faults that a tree can have.

    Raises SqlError where there is no tree.
    """
    found = _parsed(sql)
    return found._replace(faults=(*found.faults, *found.unrepeatable))


_MOST_KEPT = 256
_KEPT: dict[str, Parsed | tuple[Fault, ...]] = {}
"""Trees by their queries, or the faults for which there is none."""


def forget() -> None:
    """Let go of every tree: what has one must not use it any more.

    Trees are full of circles, in which nothing is freed before somebody looks for it: they are opened here.
    """
    for found in _KEPT.values():
        if isinstance(found, Parsed):
            found.nodes.part()
    _KEPT.clear()


def _parsed(sql: str) -> Parsed:
    found = _KEPT.get(sql)
    if found is None:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        found = _KEPT[sql] = _parse(sql)
    if not isinstance(found, Parsed):
        raise SqlError(found)
    return found


def _parse(sql: str) -> Parsed | tuple[Fault, ...]:
    """Return a query's tree, or the faults for which there is none."""
    try:
        tree = _one_select(sql)
    except SqlError as error:
        return error.faults
    nodes = Nodes(tree)
    if any([_unnest_paths(nodes), join_prefixes(nodes), lift_nulls(nodes), decimal_places(nodes)]):
        nodes = Nodes(tree)
    frames.in_capitals(nodes)
    if faults := (*_missing_values(nodes), *foreign_forms(nodes), *reserved_names(nodes)):
        return faults
    for call in nodes.of(exp.Anonymous):
        call.set("this", call.name.removeprefix(PREFIX).upper())
    if "!=" in sql and "<>" not in sql:
        for unequal in nodes.of(exp.NEQ):
            unequal.meta["sign"] = "!="
    return Parsed(tree, nodes, tuple(_parameter_faults(nodes)), tuple(unrepeatable(nodes)))


def _unnest_paths(nodes: Nodes) -> bool:
    """Make UNNEST(t.items) of t.items in FROM t, t.items; say whether there is any."""
    found = False
    for select in nodes.of(exp.Select):
        joins, from_ = select.args.get("joins"), select.args.get("from_")
        if joins and from_:
            known = {item.alias_or_name.lower() for item in (from_, *joins)}
            tables = [join.this for join in joins if isinstance(join.this, exp.Table) and join.this.db]
            paths = [path for path in tables if path.parts[0].name.lower() in known]
            for path in paths:
                if not path.alias:
                    path.set("alias", exp.TableAlias(this=exp.to_identifier(path.parts[-1].name)))
            if paths:
                DIALECT.parser()._implicit_unnests_to_explicit(select)
                found = True
    return found


def _statements(tokens: list[Token], sql: str) -> list[exp.Expr | None]:
    """Parse a text. Raises ParseError."""
    parser = DIALECT.parser(error_level=ErrorLevel.IMMEDIATE)
    try:
        return parser.parse(tokens, sql)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # In the middle of a form the parser expects what it does not look for.
        parser.raise_error("there is no place for it")
        raise


def _one_select(sql: str) -> exp.Query:
    try:
        refuse_long(sql)
        refuse_templates(sql)
        spelt = tokenize(sql)
        if not spelt:
            raise SqlError([Fault(1, "there is no query here. Write a SELECT.")])
        refuse_deep(spelt)
        if _has_pipes(sql, spelt):
            sql, spelt = _of_selects(sql, spelt)
            refuse_deep(spelt)
        refuse_foreign(sql, spelt)
        refuse_names(spelt)
        tokens = for_parser(_named_calls(sql, spelt))
        statements = [one for one in _statements(tokens, sql) if one and not isinstance(one, exp.Semicolon)]
        refuse_chains(sql, spelt)
    except ParseError as error:
        raise SqlError([syntax_fault(sql, spelt, error)]) from None
    except TokenError:
        raise SqlError([token_fault(sql)]) from None
    except RecursionError:
        raise SqlError([too_deep()]) from None
    if len(statements) > 1:
        line = next((token.line for token in tokens if token.token_type == TokenType.SEMICOLON), 1)
        raise SqlError([Fault(line, SEVERAL)])
    tree = statements[0]
    if not isinstance(tree, exp.Query) or isinstance(tree, exp.Table):
        raise SqlError([Fault(tokens[0].line, no_select(tokens))])
    of_pipes(tree, spelt)
    if any(sign in sql for sign in "&^|") and any(token.token_type in _BOUND for token in tokens):
        bind(tree)
    return tree


def _has_pipes(sql: str, tokens: list[Token]) -> bool:
    if "|>" in sql and any(token.token_type == TokenType.PIPE_GT for token in tokens):
        return True
    return any(_begins(tokens, at) for at in compress(count(), map(_FROM.__contains__, map(_kind, tokens))))


def _begins(tokens: list[Token], at: int) -> bool:
    """Say whether a FROM begins a query: at its start, in brackets, or behind the last of WITH."""
    if not at or tokens[at - 1].token_type == _L_PAREN:
        return True
    before = opened(tokens, at - 1) - 1 if tokens[at - 1].token_type == TokenType.R_PAREN else 0
    return before > 0 and tokens[before].token_type == TokenType.ALIAS


def _of_selects(sql: str, tokens: list[Token]) -> tuple[str, list[Token]]:
    from flows.sql.parse.pipes import without_pipes  # noqa: PLC0415 - few queries have pipes

    return without_pipes(sql, tokens, tokenize)


def plain(sql: str) -> str:
    """Return a query that has been parsed with SELECTs in place of pipes, and calls before their first arguments."""
    tokens = spelt(sql)
    if _has_pipes(sql, tokens):
        sql, tokens = _of_selects(sql, tokens)
    return written_first(sql, tokens)


def _named_calls(sql: str, tokens: list[Token]) -> list[Token]:
    """Mark what is called, so that the parser keeps it as it stands; and read literals exactly."""
    named = list(tokens)
    for place in compress(count(), map(_MARKED.__contains__, map(_kind, tokens))):
        token = tokens[place]
        if token.token_type == _L_PAREN:
            called, before = tokens[max(place - 1, 0)], tokens[place - 2].token_type if place > 1 else None
            if called.token_type == TokenType.IDENTIFIER and before == TokenType.STAR:
                # Pipes write it so, as it is no word of GoogleSQL behind a star.
                named[place - 1] = _instead(called, TokenType.VAR, called.text)
            elif before == TokenType.HAVING and in_call(tokens, place - 2):
                pass  # MAX and MIN of HAVING in an aggregate are no functions
            elif called.token_type not in _NO_CALLS and _is_call(word := called.text.upper(), before):
                named[place - 1] = _instead(called, TokenType.VAR, PREFIX + word)
        elif token.token_type == TokenType.OFFSET:
            if _is_name(tokens, place):
                named[place] = _instead(token, TokenType.VAR, token.text)
        elif not sql[token.start - 1].isalnum():
            kind, text = _literal(sql[token.start : token.end + 1], token)
            if (kind, text) != (token.token_type, token.text):
                named[place] = _instead(token, kind, text)
    return named


def _is_name(tokens: list[Token], place: int) -> bool:
    """Say whether OFFSET is a name here: neither WITH OFFSET, nor LIMIT 10 OFFSET 5, nor array[OFFSET(0)]."""
    after = tokens[place + 1].token_type if place + 1 < len(tokens) else None
    return tokens[place - 1].token_type != TokenType.WITH and after not in _BEHIND_OFFSET


def _instead(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, token.line, token.col, token.start, token.end)


def _literal(written: str, token: Token) -> tuple[TokenType, str]:
    """Return what a quoted text stands for; bytes as the parser takes them, in hexadecimal."""
    try:
        if token.token_type == TokenType.BYTE_STRING:
            return token.token_type, "".join(f"\\x{byte:02x}" for byte in bytes_of(written))
        escaped = token.token_type == TokenType.RAW_STRING or "\\" in written
        return TokenType.STRING, text_of(written) if escaped else token.text
    except ValueError as error:
        raise SqlError([Fault(token.line, str(error))]) from None


def _is_call(word: str, before: TokenType | None) -> bool:
    if word in NO_CALLS:
        return False
    if word == "REPLACE" and before in {TokenType.STAR, TokenType.R_PAREN}:
        return False
    if word == "STRING" and before in {TokenType.ALIAS, TokenType.LT}:
        return False
    return (
        word in BigQueryParser.FUNCTIONS
        or word in BigQueryParser.FUNCTION_PARSERS
        or word in BigQueryParser.NO_PAREN_FUNCTION_PARSERS
        or word in VARYING
    )


def spelt(sql: str) -> list[Token]:
    """Return the words and signs of a query that has been parsed."""
    return tokenize(sql)


def marked(sql: str, first_keys: Mapping[int, str]) -> exp.Expr:
    """Parse a query once more, with a number as one more first key after each ORDER BY, by its place among the words."""
    tokens: list[Token] = []
    named = _named_calls(sql, spelt(sql))
    for place, token in enumerate(named):
        tokens.append(token)
        if place in first_keys:
            tokens += [_instead(token, TokenType.NUMBER, first_keys[place]), _instead(token, TokenType.COMMA, ",")]
    (tree,) = filter(None, DIALECT.parser(error_level=ErrorLevel.IMMEDIATE).parse(for_parser(tokens), sql))
    if any(token.token_type in _BOUND for token in tokens):
        bind(tree)
    return tree


def _missing_values(nodes: Nodes) -> Iterator[Fault]:
    """Give a fault for each ORDER BY and the like inside a call that follows no value."""
    for node in nodes.of(exp.Order, exp.Limit, exp.IgnoreNulls, exp.RespectNulls, exp.HavingMax):
        if node.this is None and node.arg_key not in {"order", "limit"}:
            yield Fault(line_of(node), f"'{shown(node).strip()}' stands inside a call and follows no value.")
        elif isinstance(node, exp.IgnoreNulls | exp.RespectNulls) and (said := misplaced_nulls(node)):
            yield Fault(line_of(node), said)


def _parameter_faults(nodes: Nodes) -> Iterator[Fault]:
    for node in nodes.of(exp.Parameter, exp.Placeholder, exp.SessionParameter):
        if isinstance(node, exp.Parameter) and node.name.lower() in PARAMETERS:
            continue
        if isinstance(node.this, exp.Parameter):
            yield Fault(line_of(node), f"'@{shown(node.this)}' is a variable of a server, which no query here has.")
        name = node.name if isinstance(node.name, str) else ""
        if isinstance(node.this, exp.Parameter) or isinstance(node.parent, exp.Parameter):
            continue
        near = meant(name)
        hint = f" Did you mean '@{near}'?" if near else did_you_mean(name, PARAMETERS).replace("'window", "'@window")
        message = f"'@{name}' is not a parameter.{hint or ' Write @window_start or @window_end.'}"
        yield Fault(line_of(node), message)


def tables(sql: str) -> tuple[str, ...]:
    """Return the tables that the query names, `dataset.name` in alphabetical order. Raises SqlError."""
    parse_any(sql)
    named = map(table_identity, base_tables(_parsed(sql).nodes))
    return tuple(sorted({identity for identity in named if identity}))
