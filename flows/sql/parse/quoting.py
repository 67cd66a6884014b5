"""`at`, by which many call a time, is a word of GoogleSQL itself: BigQuery takes it for a name in backticks, or behind a dot."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType

from flows.sql.parse.parser import spelt


def with_backticks(sql: str) -> str:
    """Return a query in which each `at` that is a name, behind no dot and no part of AT TIME ZONE, stands in backticks."""
    tokens = spelt(sql)
    words = [token.text.upper() if token.token_type != TokenType.IDENTIFIER else "" for token in tokens]
    for place in range(len(tokens) - 1, -1, -1):
        token = tokens[place]
        if (
            token.token_type == TokenType.VAR
            and words[place] == "AT"
            and words[place + 1 : place + 3] != ["TIME", "ZONE"]
        ):
            sql = f"{sql[: token.start]}`{token.text}`{sql[token.end + 1 :]}"
    return sql
