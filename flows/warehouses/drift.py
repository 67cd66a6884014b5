"""Values that differ only because FLOAT64 was added up in another order are no change: the old ones stay.

A warehouse adds up in the order in which its threads come, so that the same rows give sums that differ in their last
digits from run to run. Were that a change, every run would touch all its table, and all tables downstream would follow.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from flows.warehouses.interface import Query

if TYPE_CHECKING:
    from flows.model.table import Table

TOLERANCE = 1e-12
"""Of the larger of two values, by how much they may differ: thousands of times what the order of a sum that does not
cancel makes, and far below what a person could mean."""


def drifting_columns(table: Table, rows: object) -> tuple[str, ...]:
    """Return the columns in which rows are compared up to their last digits: none that decides where a row belongs."""
    exact = {*table.key, table.latest_by}
    floats = [name for name, type_ in table.types.items() if type_.name == "FLOAT64" and name not in exact]
    if not floats or not isinstance(rows, Query):
        return ()
    drifting = {name.lower() for name in _of_query(rows)}
    return tuple(name for name in floats if name.lower() in drifting or table.merge.get(name) == "sum")


@lru_cache(maxsize=64)
def _of_query(query: Query) -> frozenset[str]:
    from flows.sql import drifting  # noqa: PLC0415 - slow to import, and few tables need it

    return drifting(query.sql, query.schema, query.keys)
