"""Values as messages show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = 60
SHOWN_COLUMNS = 12
LONGEST = 2_000


def clip(value: object) -> str:
    """Return a value as text for a message: on one line and not too long."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def shortened(message: str) -> str:
    """Return a message that is no longer than anybody reads, whatever it quotes."""
    return message if len(message) <= LONGEST else f"{message[: LONGEST - 3]}..."


def listed(columns: Iterable[str]) -> str:
    """Return the names of columns for a message, as many as fit a line."""
    names = list(columns)
    return ", ".join(names[:SHOWN_COLUMNS]) + (", ..." if len(names) > SHOWN_COLUMNS else "")


def either(words: tuple[str, ...]) -> str:
    """Return words of which one fits: `DATE, TIMESTAMP or DATETIME`."""
    return f"{', '.join(words[:-1])} or {words[-1]}"
