"""A window is staged, checked and published with its ledger entry in one transaction, or leaves no trace."""

import pyarrow as pa
import pytest

from flows.model.bad_row import BadRow
from flows.model.errors import CheckFailedError, ConflictError, QuarantineError, WarehouseError
from flows.model.window import EVER
from flows.sources.interface import Batch, arrow_schema
from tests.engine.builders import CORE_SCHEMA, EVENTS, TOTALS, Rows, csv, do, event, rows, table, window


def test_a_window_that_fails_its_check_leaves_an_empty_table_empty(warehouse):
    """Rows that went straight into the table go with the transaction, and the next run finds it empty."""
    columns = [{"name": name, "type": type_} for name, type_ in CORE_SCHEMA.items()]
    columns[-1]["checks"] = [{"range": {"min": 0}}]
    strict = table("core.events", columns, strategy="merge", key=["id"], **csv(cursor="updated"))
    with pytest.raises(CheckFailedError, match="id=1"):
        do(warehouse, strict, window(0), Rows([event(1, 0, amount=-1), event(2, 0)]))
    assert rows(warehouse, strict) == []
    assert do(warehouse, strict, window(0), Rows([event(1, 0), event(2, 0)])).rows == 2


def test_two_runs_of_one_window(warehouse):
    """The second run that planned before the first committed changes nothing and says so; another window is free."""
    do(warehouse, EVENTS, EVER, Rows([event(1, 0), event(2, 1)]))
    do(warehouse, TOTALS, window(0), known=0)
    with pytest.raises(ConflictError, match="This run changed nothing"):
        do(warehouse, TOTALS, window(0), known=0)
    assert do(warehouse, TOTALS, window(1), known=0).version == 2
    assert len(rows(warehouse, TOTALS)) == 2


def test_bad_rows_go_to_quarantine_up_to_the_limit(warehouse):
    """One bad row is allowed here; two fail the window, and both can be looked at. A row is listed once."""
    bad = [BadRow(f"x.csv:{line}", "amount 'x' is not a NUMERIC", "1,x") for line in (2, 3)]
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)], bad[:1]))
    assert len(warehouse.query("SELECT * FROM platform.quarantine", {})) == 1
    with pytest.raises(QuarantineError, match="max_bad_rows allows 1") as caught:
        do(warehouse, EVENTS, window(1), Rows([event(2, 1)], bad))
    assert "x.csv:2" in str(caught.value)
    kept = warehouse.query("SELECT place FROM platform.quarantine ORDER BY place", {})
    assert [row["place"] for row in kept] == ["x.csv:2", "x.csv:3"]
    assert len(rows(warehouse, EVENTS)) == 1
    do(warehouse, EVENTS, window(1), Rows([event(2, 1)]))
    assert len(warehouse.query("SELECT * FROM platform.quarantine", {})) == 1


def test_a_source_is_let_go_where_the_warehouse_refuses_its_rows(warehouse):
    """The warehouse's own reason is told, and nothing of the reading is held while somebody holds the error."""
    events = table("core.events", "doc JSON", strategy="replace", **csv())
    held = ["a connection"]

    class Source:
        def read(self, *_):
            try:
                for _ in range(1000):
                    yield Batch(pa.RecordBatch.from_pydict({"doc": ["no JSON"]}, arrow_schema(events)))
            finally:
                held.clear()

    with pytest.raises(WarehouseError, match="Malformed JSON"):
        do(warehouse, events, None, Source())
    assert not held
