"""The words of frames, which the parser keeps as they are written: ROWS, UNBOUNDED, CURRENT ROW, FOLLOWING."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from flows.sql.parse.tree import Nodes


def in_capitals(nodes: Nodes) -> None:
    """Write the words of every frame in capitals."""
    for frame in nodes.of(exp.WindowSpec):
        for name, word in list(frame.args.items()):
            if isinstance(word, str):
                frame.set(name, word.upper())
