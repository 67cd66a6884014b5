"""Bad rows go to quarantine with the commit or the failure of their window, and leave it when they are read well."""

import pytest

from flows.model.bad_row import BadRow
from flows.model.errors import QuarantineError
from tests.engine.builders import EVENTS, Rows, do, event, window

BAD = [BadRow(f"x.csv:{line}", "amount 'a' is no number", f"{line},a") for line in (2, 3)]


def kept(warehouse):
    """Return the places of the rows in quarantine."""
    return [row["place"] for row in warehouse.query("SELECT place FROM platform.quarantine ORDER BY place", {})]


def test_a_window_within_its_limit_is_committed_and_read_again_without_bad_rows_leaves_none(warehouse):
    """The limit of this table is one."""
    assert do(warehouse, EVENTS, window(0), Rows([event(1, 0)], BAD[:1])).rows == 1
    assert kept(warehouse) == ["x.csv:2"]
    do(warehouse, EVENTS, window(1), Rows([event(2, 1)]))
    assert kept(warehouse) == ["x.csv:2"]
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    assert kept(warehouse) == []


def test_a_window_beyond_its_limit_leaves_its_bad_rows_and_nothing_else(warehouse):
    """They can be looked at, and a second failure does not add them twice."""
    for _ in range(2):
        with pytest.raises(QuarantineError, match="2 bad rows"):
            do(warehouse, EVENTS, window(0), Rows([event(1, 0)], BAD))
        assert kept(warehouse) == ["x.csv:2", "x.csv:3"]
    assert warehouse.query("SELECT * FROM core.events", {}) == []
