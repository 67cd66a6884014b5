"""What gives other rows on every retry, as its words alone say: clocks and chance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import Fault
from flows.sql.parse.tree import KEYWORD_CALLS, call_name, line_of
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flows.sql.parse.tree import Nodes

VARYING = {
    "RAND": "it gives other rows on every retry. Derive a value from the row: TO_HEX(MD5(id)).",
    "GENERATE_UUID": "it gives other rows on every retry. Build the identifier from the row's key: TO_HEX(MD5(key)).",
    "CURRENT_TIMESTAMP": "it gives other rows on every retry. Write @window_end.",
    "CURRENT_DATETIME": "it gives other rows on every retry. Write DATETIME(@window_end).",
    "CURRENT_DATE": "it gives other rows on every retry. Write DATE(@window_end).",
    "CURRENT_TIME": "it gives other rows on every retry. Write TIME(@window_end).",
    "SESSION_USER": "it depends on who runs the query. Leave it out; the ledger records who ran what.",
}
"""Functions that differ from one run to the next, with why they are refused and what to write."""


def refused(name: str, zone: str = "") -> str:
    """Say why a function that differs from one run to the next is refused; `zone` is that of a clock which has one."""
    said = VARYING[name].replace("(@window_end)", f"(@window_end, {zone})") if zone else VARYING[name]
    return f"{name} cannot stand in a table's SQL: {said}"


def unrepeatable(nodes: Nodes) -> Iterator[Fault]:
    """Give a fault for each word of a query that can give other rows on every retry."""
    for node in nodes.of(exp.Anonymous, *KEYWORD_CALLS):
        name = call_name(node) or ""
        if name in VARYING:
            zone = node.expressions[0] if node.expressions else None
            yield Fault(line_of(node), refused(name, shown(zone) if zone is not None else ""))
