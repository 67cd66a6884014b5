"""A window is staged, checked and published with its ledger entry in one transaction, or leaves no trace."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.engine import ledger
from flows.engine.commit import TableRun, commit_step
from flows.engine.plan import Moment, Step, plan
from flows.model.bad_row import BadRow
from flows.model.errors import CheckFailedError, ConflictError, QuarantineError, WarehouseError, WindowError
from flows.model.table import Table
from flows.model.window import BEGINNING, EVER, Window, utc
from flows.project.definition import code_version
from flows.sources.interface import Batch, arrow_schema
from flows.warehouses.duckdb.warehouse import DuckDB

START = utc("2026-01-01")
CORE_SCHEMA = {"id": "INT64", "at": "TIMESTAMP", "updated": "TIMESTAMP", "amount": "NUMERIC"}


def day(number):
    """Return the start of a day, counted from 2026-01-01."""
    return START + timedelta(days=number)


def window(number):
    """Return a day as a window."""
    return Window(day(number), day(number + 1))


def table(name="visits", **changes):
    """Return a table with daily windows."""
    fields = {
        "dataset": "derived",
        "name": name,
        "description": "A table.",
        "owner": "team@example.com",
        "schedule": "0 * * * *",
        "window": {"size": "1 day", "start": "2026-01-01"},
    }
    return Table.model_validate({**fields, **changes}, strict=False)


CORE = table(
    "events",
    dataset="core",
    strategy="merge",
    key=["id"],
    partition={"column": "at", "by": "day"},
    columns=[{"name": name, "type": type_} for name, type_ in CORE_SCHEMA.items()],
    source={"kind": "files", "path": "x.csv", "cursor": "updated", "max_bad_rows": 1},
)
TOTALS = table(
    "totals",
    strategy="append",
    partition={"column": "day", "by": "day"},
    columns=[{"name": "day", "type": "DATE"}, {"name": "amount", "type": "NUMERIC"}],
    sql="SELECT DATE(at) AS day, SUM(amount) AS amount FROM core.events"
    " WHERE at >= @window_start AND at < @window_end GROUP BY 1",
)


class Rows:
    """A source that holds its rows in a list."""

    def __init__(self, rows, bad=()):
        self.rows = rows
        self.bad = tuple(bad)

    def read(self, subject, span):
        """Give the rows whose cursor lies in the window."""
        cursor = subject.source.cursor
        rows = [row for row in self.rows if span is None or span.start <= row[cursor] < span.end]
        yield Batch(pa.RecordBatch.from_pylist(rows, arrow_schema(subject)), self.bad)


def event(number, at, updated=None, amount=1):
    """Return a row of core.events."""
    updated = at if updated is None else updated
    return {"id": number, "at": day(at), "updated": day(updated) + timedelta(hours=1), "amount": Decimal(amount)}


@pytest.fixture
def warehouse(tmp_path):
    """An empty warehouse."""
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as opened:
        yield opened


def do(warehouse, subject, span, source=None, *, upstreams=None, known=None):  # noqa: PLR0913 - the facts of a run
    """Do one window, as a run that had planned at version `known`."""
    version = ledger.state(warehouse, subject).version if known is None else known
    schema = {"core.events": CORE.types} if subject.sql else {}
    warehouse.prepare(subject)
    job = TableRun(subject, "run-1", "tester", "abc", version, upstreams or {}, schema, source)
    return commit_step(job, Step(span, "missing", ""), warehouse)


def todo(warehouse, subject):
    """Return what a run on 2026-01-03 plans of a table whose upstreams have not changed since."""
    known = ledger.state(warehouse, subject)
    return plan(subject, (), known, {}, Moment(day(2), BEGINNING)).windows


def rows(warehouse, subject):
    """Return all rows of a table, sorted."""
    return sorted((tuple(row.values()) for row in warehouse.query(f"SELECT * FROM {subject.identity}", {})), key=repr)


def touched(entry):
    """Return the touched days with whether rows were changed there."""
    return [((item.range.start - START).days, (item.range.end - START).days, item.changed) for item in entry.touched]


def test_append_replaces_exactly_its_window(warehouse):
    """Doing a window again gives the same table; rows of other windows stay; nothing changed touches nothing."""
    do(warehouse, CORE, EVER, Rows([event(1, 0), event(2, 1), event(3, 1, amount=5)]))
    assert touched(do(warehouse, TOTALS, window(0))) == [(0, 1, False)]
    assert touched(do(warehouse, TOTALS, window(1))) == [(1, 2, False)]
    before = rows(warehouse, TOTALS)
    assert touched(do(warehouse, TOTALS, window(1))) == []
    assert rows(warehouse, TOTALS) == before
    do(warehouse, CORE, EVER, Rows([event(3, 1, updated=2, amount=7)]))
    assert touched(do(warehouse, TOTALS, window(1))) == [(1, 2, True)]
    assert [amount for _, amount in rows(warehouse, TOTALS)] == [1, 8]


def test_a_core_merge_touches_where_rows_are_and_were(warehouse):
    """An update moves a row between days: both are touched. The newer cursor wins, whatever comes first."""
    do(warehouse, CORE, window(0), Rows([event(1, 0), event(2, 0)]))
    entry = do(warehouse, CORE, window(3), Rows([event(2, 2, updated=3, amount=9), event(4, 3)]))
    assert touched(entry) == [(0, 1, True), (2, 3, True), (3, 4, False)]
    assert touched(do(warehouse, CORE, window(0), Rows([event(1, 0), event(2, 0)]))) == []
    assert [row[3] for row in rows(warehouse, CORE)] == [1, 9, 1]


def test_of_several_rows_of_one_key_the_latest_by_cursor_is_kept(warehouse):
    """An export may hold a key twice."""
    early = event(1, 0, amount=1)
    late = {**early, "updated": early["updated"] + timedelta(hours=1), "amount": Decimal(2)}
    assert do(warehouse, CORE, window(0), Rows([late, early])).rows == 1
    assert [row[3] for row in rows(warehouse, CORE)] == [2]
    later = [event(2, 1, amount=3), event(1, 1, amount=4), {**event(1, 1, amount=5), "at": day(0)}]
    assert do(warehouse, CORE, window(1), Rows(later)).rows == 2
    assert [row[3] for row in rows(warehouse, CORE)] == [4, 3]


def test_a_window_that_fails_its_check_leaves_an_empty_table_empty(warehouse):
    """Rows that went straight into the table go with the transaction, and the next run finds it empty."""
    columns = [{"name": name, "type": type_} for name, type_ in CORE_SCHEMA.items()]
    columns[-1]["checks"] = [{"range": {"min": 0}}]
    source = {"kind": "files", "path": "x.csv", "cursor": "updated"}
    strict = table("events", dataset="core", strategy="merge", key=["id"], columns=columns, source=source)
    with pytest.raises(CheckFailedError, match="id=1"):
        do(warehouse, strict, window(0), Rows([event(1, 0, amount=-1), event(2, 0)]))
    assert rows(warehouse, CORE) == []
    assert do(warehouse, strict, window(0), Rows([event(1, 0), event(2, 0)])).rows == 2


def test_a_row_outside_its_window_is_refused(warehouse):
    """Nothing is written but the failure's ledger entry, into an empty range and into a full one."""
    do(warehouse, CORE, EVER, Rows([event(1, 0)]))
    shifted = table(
        "totals",
        strategy="append",
        partition=TOTALS.partition.model_dump(),
        columns=[column.model_dump(exclude={"checks", "source_path"}) for column in TOTALS.columns],
        sql=TOTALS.sql.replace("DATE(at) AS", "DATE_ADD(DATE(at), INTERVAL 1 DAY) AS"),
    )
    with pytest.raises(WindowError, match="day outside it"):
        do(warehouse, shifted, window(0))
    assert rows(warehouse, TOTALS) == []
    do(warehouse, TOTALS, window(0))
    before = rows(warehouse, TOTALS)
    with pytest.raises(WindowError, match=r"date\(2026, 1, 2\)"):
        do(warehouse, shifted, window(0))
    assert rows(warehouse, TOTALS) == before
    assert len(warehouse.query("SELECT * FROM platform.failures", {})) == 2


def test_two_runs_of_one_window(warehouse):
    """The second run that planned before the first committed changes nothing and says so; another window is free."""
    do(warehouse, CORE, EVER, Rows([event(1, 0), event(2, 1)]))
    do(warehouse, TOTALS, window(0), known=0)
    with pytest.raises(ConflictError, match="This run changed nothing"):
        do(warehouse, TOTALS, window(0), known=0)
    assert do(warehouse, TOTALS, window(1), known=0).version == 2
    assert len(rows(warehouse, TOTALS)) == 2


def test_replace_swaps_the_whole_table(warehouse):
    """Rows that are gone are gone, and an equal result touches nothing."""
    whole = table(
        "n",
        window=None,
        strategy="replace",
        columns=[{"name": "id", "type": "INT64"}],
        sql="SELECT id FROM core.events WHERE amount > 1",
    )
    do(warehouse, CORE, window(0), Rows([event(1, 0, amount=2), event(2, 0, amount=3)]))
    assert do(warehouse, whole, None).rows == 2
    assert do(warehouse, whole, None).touched == ()
    do(warehouse, CORE, window(1), Rows([event(1, 0, updated=1, amount=0)]))
    assert do(warehouse, whole, None).touched[0].changed
    assert rows(warehouse, whole) == [(2,)]


USERS = table(
    "first_use",
    strategy="merge",
    key=["id"],
    merge={"first": "min", "last": "max", "amount": "latest"},
    latest_by="last",
    columns=[
        {"name": "id", "type": "INT64"},
        {"name": "first", "type": "TIMESTAMP"},
        {"name": "last", "type": "TIMESTAMP"},
        {"name": "amount", "type": "NUMERIC"},
    ],
    sql="SELECT id, at AS first, at AS last, amount FROM core.log WHERE at >= @window_start AND at < @window_end",
)
LOG = table(
    "log",
    dataset="core",
    strategy="append",
    partition={"column": "at", "by": "day"},
    columns=[{"name": name, "type": CORE_SCHEMA[name]} for name in ("id", "at", "amount")],
    source={"kind": "files", "path": "x.csv", "cursor": "at"},
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 3), st.integers(0, 2), st.none() | st.integers(0, 3)), max_size=10
    ),
    st.permutations([0, 1, 2, 3, 1, 3]),
)
def test_merge_windows_may_commit_in_any_order_and_twice(tmp_path_factory, log, order):
    """The table is that of all rows at once: the least, the greatest, and the value of the latest."""
    events = [
        {"id": number, "at": day(at) + timedelta(hours=hour), "amount": None if amount is None else Decimal(amount)}
        for number, at, hour, amount in log
    ]
    with closing(DuckDB(tmp_path_factory.mktemp("merge") / "warehouse.duckdb")) as warehouse:
        do(warehouse, LOG, Window(day(0), day(9)), Rows(events))
        for number in order:
            version = ledger.state(warehouse, USERS).version
            warehouse.prepare(USERS)
            commit_step(
                TableRun(USERS, "r", "t", "", version, {}, {"core.log": LOG.types}),
                Step(window(number), "missing", ""),
                warehouse,
            )
        found = {row["id"]: row for row in warehouse.query("SELECT * FROM derived.first_use", {})}
        assert set(found) == {item["id"] for item in events}
        for number, row in found.items():
            mine = [item for item in events if item["id"] == number]
            last = max(item["at"] for item in mine)
            assert row["first"] == min(item["at"] for item in mine)
            assert row["last"] == last
            assert row["amount"] in {item["amount"] for item in mine if item["at"] == last}


def test_equally_late_values_combine_the_same_in_any_order(warehouse):
    """A tie of latest_by is decided by the value, not by who came last."""
    seen = set()
    for number, order in enumerate(permutations([1, 2, 3])):
        subject = USERS.model_copy(
            update={
                "name": f"order_{number}",
                "sql": "SELECT id, at AS first, at AS last, amount FROM core.log"
                " WHERE amount = EXTRACT(DAY FROM @window_start)",
            }
        )
        if number == 0:
            same = [{"id": 1, "at": day(0), "amount": Decimal(amount)} for amount in (1, 2, 3)]
            do(warehouse, LOG, Window(day(0), day(9)), Rows(same))
        for item in order:
            warehouse.prepare(subject)
            known = ledger.state(warehouse, subject).version
            commit_step(
                TableRun(subject, "r", "t", "", known, {}, {"core.log": LOG.types}),
                Step(window(item - 1), "missing", ""),
                warehouse,
            )
        seen.add(tuple(rows(warehouse, subject)))
    assert len(seen) == 1


def test_several_rows_of_a_key_that_overwrites_are_refused(warehouse):
    """Where a key contains the partition column a window must give each key once."""
    subject = table(
        "daily",
        strategy="merge",
        key=["day"],
        partition={"column": "day", "by": "day"},
        columns=[{"name": "day", "type": "DATE"}, {"name": "id", "type": "INT64"}],
        sql="SELECT DATE(at) AS day, id FROM core.events WHERE at >= @window_start AND at < @window_end",
    )
    do(warehouse, CORE, EVER, Rows([event(1, 0), event(2, 0)]))
    with pytest.raises(CheckFailedError, match="GROUP BY day"):
        do(warehouse, subject, window(0))


def test_bad_rows_go_to_quarantine_up_to_the_limit(warehouse):
    """One bad row is allowed here; two fail the window, and both can be looked at. A row is listed once."""
    bad = [BadRow(f"x.csv:{line}", "amount 'x' is not a NUMERIC", "1,x") for line in (2, 3)]
    do(warehouse, CORE, window(0), Rows([event(1, 0)], bad[:1]))
    assert len(warehouse.query("SELECT * FROM platform.quarantine", {})) == 1
    with pytest.raises(QuarantineError, match="max_bad_rows allows 1") as caught:
        do(warehouse, CORE, window(1), Rows([event(2, 1)], bad))
    assert "x.csv:2" in str(caught.value)
    kept = warehouse.query("SELECT place FROM platform.quarantine ORDER BY place", {})
    assert [row["place"] for row in kept] == ["x.csv:2", "x.csv:3"]
    assert len(rows(warehouse, CORE)) == 1
    do(warehouse, CORE, window(1), Rows([event(2, 1)]))
    assert len(warehouse.query("SELECT * FROM platform.quarantine", {})) == 1


def test_the_ledger_answers_by_plain_sql(warehouse):
    """Last update, freshness, windows, failures, dependencies, and who ran what from which code version."""
    do(warehouse, CORE, window(0), Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0), upstreams={"core.events": 1})
    broken = TOTALS.model_copy(
        update={"sql": "SELECT DATE(at) AS day, CAST(1 / (id - 1) AS NUMERIC) AS amount FROM core.events"}
    )
    with pytest.raises(WarehouseError):
        do(warehouse, broken, window(1))
    found = {row["table_name"]: row for row in warehouse.query("SELECT * FROM platform.tables", {})}
    assert found["derived.totals"]["fresh_until"] == day(1)
    assert found["derived.totals"]["last_updated"] > datetime.now(UTC) - timedelta(minutes=5)
    states = warehouse.query("SELECT window_start, state FROM platform.windows WHERE table_name = 'derived.totals'", {})
    assert {(row["window_start"], row["state"]) for row in states} == {(day(0), "committed"), (day(1), "failed")}
    failure = warehouse.query("SELECT * FROM platform.failures", {})[0]
    assert failure["table_name"] == "derived.totals"
    assert "zero" in failure["error"]
    assert warehouse.query("SELECT * FROM platform.dependencies", {}) == [
        {"table_name": "derived.totals", "upstream": "core.events"}
    ]
    ran = warehouse.query("SELECT * FROM platform.runs WHERE table_name = 'core.events'", {})[0]
    assert (ran["run_by"], ran["git_commit"], ran["code_version"]) == ("tester", "abc", code_version(CORE))


def test_a_dropped_table_is_made_again(warehouse, tmp_path):
    """Commits before hold no longer, be the run cut off that makes it again; what read it is stale."""
    do(warehouse, CORE, window(0), Rows([event(1, 0)]))
    do(warehouse, CORE, window(1), Rows([event(2, 1)]))
    assert ledger.state(warehouse, CORE).committed
    warehouse.close()
    import duckdb  # noqa: PLC0415 - a person's own session

    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as session:
        session.execute("DROP TABLE core.events")
    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as again:
        state = ledger.state(again, CORE)
        assert (state.committed, state.version) == ((), 2)
        assert (
            again.query("SELECT COUNT(*) AS n FROM platform.windows WHERE table_name = 'core.events'", {})[0]["n"] == 2
        )
        assert do(again, CORE, window(0), Rows([event(1, 0)])).version == 4
        state = ledger.state(again, CORE)
        assert [commit.window for commit in state.committed] == [window(0)]
        assert ledger.upstream(again, CORE).touches.within(window(1)) == 3
        assert again.query("SELECT window_start FROM platform.windows WHERE table_name = 'core.events'", {}) == [
            {"window_start": day(0)}
        ]


def test_a_new_column_is_null_for_old_rows(warehouse):
    """A column that the file gains is added; what is there stays."""
    do(warehouse, CORE, window(0), Rows([event(1, 0)]))
    wider = CORE.model_copy(update={"columns": (*CORE.columns, CORE.columns[0].model_copy(update={"name": "extra"}))})
    do(warehouse, wider, window(1), Rows([{**event(2, 1), "extra": 7}]))
    assert [row[4] for row in rows(warehouse, wider)] == [None, 7]


def test_windows_that_another_definition_altered_stay_stale_until_each_is_made_again(warehouse):
    """A column that came back is NULL in their rows, though the newest commit of every window is of this definition."""
    do(warehouse, CORE, EVER, Rows([event(1, 0), event(2, 1)]))
    both = [*TOTALS.model_dump(exclude_unset=True)["columns"], {"name": "n", "type": "INT64"}]
    wide = table(
        "totals",
        strategy="append",
        partition={"column": "day", "by": "day"},
        columns=both,
        sql=TOTALS.sql.replace(" FROM", ", COUNT(*) AS n FROM"),
    )
    for subject, number in ((wide, 0), (wide, 1), (TOTALS, 0), (wide, 0)):
        do(warehouse, subject, window(number))
    assert [row[2] for row in rows(warehouse, wide)] == [1, None]
    assert [planned.window for planned in todo(warehouse, wide)] == [window(1)]


def test_a_table_that_has_windows_again_makes_all_of_them(warehouse):
    """What it held as a whole took their place; and the other way round."""
    do(warehouse, CORE, EVER, Rows([event(1, 0), event(2, 1)]))
    whole = table(
        "totals",
        window=None,
        strategy="replace",
        columns=TOTALS.model_dump(exclude_unset=True)["columns"],
        sql="SELECT DATE(at) AS day, amount * 2 AS amount FROM core.events",
    )
    do(warehouse, TOTALS, window(0))
    do(warehouse, TOTALS, window(1))
    assert not todo(warehouse, TOTALS)
    do(warehouse, whole, None)
    assert not todo(warehouse, whole)
    assert [planned.window for planned in todo(warehouse, TOTALS)] == [window(0), window(1)]
    do(warehouse, TOTALS, window(0))
    assert [planned.window for planned in todo(warehouse, whole)] == [None]


def test_a_failed_check_of_a_new_definition_leaves_the_old_rows(warehouse):
    """A column that changes its type is altered in the window's own transaction."""
    do(warehouse, CORE, EVER, Rows([event(1, 0)]))
    do(warehouse, TOTALS, window(0))
    before = rows(warehouse, TOTALS)
    definition = TOTALS.model_dump(exclude={"columns"})
    columns = [{"name": "day", "type": "DATE"}, {"name": "amount", "type": "STRING", "checks": [{"matches": "x"}]}]
    changed = Table.model_validate(
        {**definition, "columns": columns, "sql": TOTALS.sql.replace("SUM(amount)", "'a'")}, strict=False
    )
    with pytest.raises(CheckFailedError, match="amount matches x"):
        do(warehouse, changed, window(0))
    assert rows(warehouse, TOTALS) == before


def test_a_merge_under_a_new_definition_starts_over(warehouse):
    """Rows of the old SQL do not combine with those of the new."""
    log = [{"id": number, "at": day(number), "amount": Decimal(number)} for number in (0, 1)]
    do(warehouse, LOG, Window(day(0), day(9)), Rows(log))
    narrow = USERS.model_copy(update={"sql": USERS.sql + " AND amount > 0"})
    for subject in (USERS, narrow):
        for number in (0, 1):
            warehouse.prepare(subject)
            known = ledger.state(warehouse, subject).version
            commit_step(
                TableRun(subject, "r", "t", "", known, {}, {"core.log": LOG.types}),
                Step(window(number), "missing", ""),
                warehouse,
            )
            # Rows that are gone until their window is made again are not taken for complete.
            assert [commit.window for commit in ledger.state(warehouse, subject).committed][number:] == [window(number)]
    assert [row[0] for row in rows(warehouse, USERS)] == [1]


def test_a_core_table_does_not_gain_a_key_that_its_rows_lack(warehouse):
    """The new key would be NULL in old rows, which would then stand there twice."""
    do(warehouse, CORE, window(0), Rows([event(1, 0)]))
    extra = CORE.columns[0].model_copy(update={"name": "extra"})
    wider = CORE.model_copy(update={"columns": (*CORE.columns, extra), "key": ("id", "extra")})
    with pytest.raises(WarehouseError, match=r"extra of its key or partition is a new column.* Drop the table"):
        do(warehouse, wider, window(1), Rows([{**event(1, 1), "extra": 7}]))


def test_a_core_table_does_not_gain_a_key_that_its_rows_share(warehouse):
    """Rows that were appended, one for each version of a row, would each be replaced by the next version."""
    appended = CORE.model_copy(update={"strategy": "append", "key": (), "partition": LOG.partition})
    do(warehouse, appended, Window(day(0), day(2)), Rows([event(1, 0), event(1, 0, updated=1, amount=2)]))
    with pytest.raises(WarehouseError, match=r"share the key \(id\), such as 1\. .*drop the table"):
        do(warehouse, CORE, window(2), Rows([event(1, 0, updated=2, amount=3)]))
    assert len(rows(warehouse, CORE)) == 2


def test_a_column_may_change_its_case(warehouse):
    """The rows stay, be the column a key or not."""
    do(warehouse, CORE, window(0), Rows([event(1, 0)]))
    columns = tuple(column.model_copy(update={"name": column.name.upper()}) for column in CORE.columns)
    source = CORE.source.model_copy(update={"cursor": "UPDATED"})
    partition = CORE.partition.model_copy(update={"column": "AT"})
    upper = CORE.model_copy(update={"columns": columns, "key": ("ID",), "source": source, "partition": partition})
    changes = warehouse.column_changes(upper)
    assert not changes.added + changes.retyped
    later = {name.upper(): value for name, value in event(1, 0, updated=1, amount=2).items()}
    assert touched(do(warehouse, upper, window(1), Rows([later]))) == [(0, 1, True)]
    assert warehouse.query("SELECT * FROM core.events", {}) == [later]


def test_a_column_may_have_any_name(warehouse):
    """Names that the engine uses itself are free for columns, and their changes are seen."""
    names = ["unit", "one", "difference", "present", "is_change", "staged"]
    subject = table(
        "odd",
        window=None,
        strategy="replace",
        columns=[{"name": name, "type": "INT64"} for name in names],
        sql="SELECT " + ", ".join(f"id AS `{name}`" for name in names) + " FROM core.events",
    )
    do(warehouse, CORE, window(0), Rows([event(1, 0)]))
    do(warehouse, subject, None)
    do(warehouse, CORE, window(1), Rows([event(2, 1)]))
    assert do(warehouse, subject, None).touched
    assert len(rows(warehouse, subject)) == 2


def test_references_to_the_own_table_count_what_comes_with_the_same_window(warehouse):
    """A parent may stand in the same window or be published; one that is nowhere is shown."""
    columns = [
        {"name": "id", "type": "INT64"},
        {"name": "updated", "type": "TIMESTAMP"},
        {"name": "parent", "type": "INT64", "checks": [{"references": "core.tree.id"}]},
    ]
    source = {"kind": "files", "path": "x.csv", "cursor": "updated"}
    tree = table("tree", dataset="core", strategy="merge", key=["id"], columns=columns, source=source)
    rows = [{"id": 1, "updated": day(0), "parent": None}, {"id": 2, "updated": day(0), "parent": 1}]
    do(warehouse, tree, window(0), Rows(rows))
    do(warehouse, tree, window(1), Rows([{"id": 3, "updated": day(1), "parent": 2}]))
    with pytest.raises(CheckFailedError, match=r"parent references core\.tree\.id: 1 of 1 rows"):
        do(warehouse, tree, window(2), Rows([{"id": 4, "updated": day(2), "parent": 9}]))


def test_a_source_is_let_go_where_the_warehouse_refuses_its_rows(tmp_path):
    """The warehouse's own reason is told, and nothing of the reading is held while somebody holds the error."""
    events = table(
        "events",
        dataset="core",
        strategy="replace",
        window=None,
        columns=[{"name": "doc", "type": "JSON"}],
        source={"kind": "files", "path": "x.csv"},
    )
    held = ["a connection"]

    class Source:
        def read(self, *_):
            try:
                for _ in range(1000):
                    rows = pa.RecordBatch.from_pydict({"doc": ["no JSON"]}, arrow_schema(events))
                    yield Batch(rows)
            finally:
                held.clear()

    with closing(DuckDB(tmp_path / "warehouse.duckdb")) as warehouse:
        warehouse.prepare(events)
        job = TableRun(table=events, run_id="1", run_by="me", git_commit="", known_version=0, source=Source())
        with pytest.raises(WarehouseError, match="Malformed JSON"):
            commit_step(job, Step(None, "missing", ""), warehouse)
        assert not held
