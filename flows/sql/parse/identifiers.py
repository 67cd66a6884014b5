"""Names that GoogleSQL's grammar knows none of: empty ones, and those that stand without the backticks they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError

if TYPE_CHECKING:
    from collections.abc import Sequence


def refuse_names(tokens: Sequence[Token]) -> None:
    """Refuse names of no or other signs than BigQuery takes. Raises SqlError with the first."""
    for token in tokens:
        if token.token_type == TokenType.IDENTIFIER:
            if not token.text:
                raise SqlError(
                    [Fault(token.line, "syntax error: `` names nothing. Write a name between the backticks.")]
                )
            if token.text.startswith("$"):
                said = f"'{token.text}' begins with $, as no name does that BigQuery takes. Write another name."
                raise SqlError([Fault(token.line, said)])
        elif token.token_type == TokenType.VAR and not (token.text.isascii() and token.text.isidentifier()):
            said = f"'{token.text}' has other signs than letters from A to Z, digits and _. Write it as `{token.text}`."
            raise SqlError([Fault(token.line, f"syntax error: {said}")])
