"""A merge is what one query over all windows' parts gives, whatever came, went or moved, and in whatever order."""

from collections import defaultdict
from contextlib import closing
from decimal import Decimal
from itertools import zip_longest

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.engine.definitions import keep_definition
from flows.model.errors import CheckFailedError
from flows.model.window import EVER
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import LOG, Rows, by_day, csv, day, do, logged, rows, span, table, touched, values, window

DAYS = 3
BY_WINDOW = "FROM core.log WHERE `at` >= @window_start AND `at` < @window_end"
COLUMNS = "id INT64, least NUMERIC, most NUMERIC, total NUMERIC, early NUMERIC, late NUMERIC, by INT64"
RULES = {"least": "min", "most": "max", "total": "sum", "early": "earliest", "late": "latest", "by": "max"}
VALUES = "amount AS least, amount AS most, amount AS total, amount AS early, amount AS late"
FOLDED = table(
    "derived.folded",
    COLUMNS,
    strategy="merge",
    key=["id"],
    merge=RULES,
    latest_by="by",
    sql=f"SELECT NULLIF(id, 0) AS id, {VALUES}, NULLIF(MOD(CAST(amount AS INT64), 3), 2) AS `by` {BY_WINDOW}",
)
NEWEST = table(
    "derived.newest",
    "id INT64, amount NUMERIC",
    strategy="merge",
    key=["id"],
    sql=f"SELECT id, MAX(amount) AS amount {BY_WINDOW} GROUP BY id",
)
HISTORY = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, DAYS - 1), st.integers(0, 4)), max_size=6),
    min_size=1,
    max_size=3,
)
"""What a log of three keys holds at one time after the other."""


def _beside(histories):
    """Return the history of a log with keys of their own for each of some histories: a commit costs more than keys."""
    return [
        [(3 * place + number, *rest) for place, entries in enumerate(at_once) for number, *rest in entries]
        for at_once in zip_longest(*histories, fillvalue=())
    ]


def _write(warehouse, entries):
    do(warehouse, LOG, EVER, Rows([logged(number, at, amount) for number, at, amount in entries]))


def _folded(entries):
    """Fold all parts at once, in Python."""
    parts = defaultdict(list)
    for number, at, amount in entries:
        parts[number or None].append((at, amount, amount % 3 if amount % 3 < 2 else None))
    return {
        number: {
            "least": min(amount for _, amount, _ in mine),
            "most": max(amount for _, amount, _ in mine),
            "total": sum(amount for _, amount, _ in mine),
            "early": min(mine, key=lambda part: (part[2] is None, part[2] or 0, part[0], -part[1]))[1],
            "late": max(mine, key=lambda part: (part[2] is not None, part[2] or 0, part[0], part[1]))[1],
            "by": max((by for _, _, by in mine if by is not None), default=None),
        }
        for number, mine in parts.items()
    }


def _newest(entries):
    in_order = sorted(entries, key=lambda entry: entry[1:])
    return {number: {"amount": amount} for number, _, amount in in_order}


def _found(warehouse, subject):
    return {row.pop("id"): row for row in rows(warehouse, subject)}


def _follow(warehouse, histories, orders):
    for entries, order in zip(histories, orders, strict=False):
        _write(warehouse, entries)
        for number in order:
            do(warehouse, FOLDED, window(number))
            do(warehouse, NEWEST, window(number))
        assert _found(warehouse, FOLDED) == _folded(entries)
        assert _found(warehouse, NEWEST) == _newest(entries)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(*[HISTORY] * 5).map(_beside), st.lists(st.permutations([0, 1, 2, 1]), min_size=3, max_size=3))
def test_a_merge_is_one_query_over_all_parts(tmp_path_factory, histories, orders):
    """Rows are inserted, changed, moved and deleted, and windows come in any order, also twice."""
    with closing(DuckDB(tmp_path_factory.mktemp("fold") / "warehouse.duckdb")) as warehouse:
        _follow(warehouse, histories, orders)


def test_what_goes_or_moves_is_taken_back(warehouse):
    """The same law over a history that has each rule lose what it had; ties go to the newer or the older window."""
    first = [(0, 0, 3), (1, 0, 4), (1, 1, 1), (1, 2, 1), (2, 1, 2), (2, 1, 0)]
    second = [(0, 1, 3), (1, 0, 1), (1, 1, 0), (2, 2, 2)]
    _follow(warehouse, [first, second, []], [(2, 0, 1), (1, 2, 0), (0, 1, 2)])


def test_only_what_differs_is_touched(warehouse):
    """The same parts again touch nothing, nor does a part that decides nothing; a key without parts goes."""
    placed = table(
        "derived.placed",
        "id INT64, first TIMESTAMP, most NUMERIC",
        strategy="merge",
        key=["id"],
        merge={"first": "min", "most": "max"},
        sql=f"SELECT id, `at` AS first, amount AS most {BY_WINDOW}",
        **by_day("first"),
    )
    _write(warehouse, [(1, 0, 5), (1, 1, 3), (2, 1, 1)])
    assert touched(do(warehouse, placed, window(1))) == [(1, 2, False)]
    assert touched(do(warehouse, placed, window(0))) == [(0, 2, True)]
    assert do(warehouse, placed, window(1)).touched == ()
    _write(warehouse, [(1, 0, 5), (1, 1, 4)])
    # A file may name its columns in another order.
    keep_definition(warehouse, placed, "tester", "abc")
    placed = placed.model_copy(update={"columns": placed.columns[::-1]})
    assert touched(do(warehouse, placed, window(1))) == [(1, 2, True)]
    assert [(row["id"], row["most"]) for row in rows(warehouse, placed)] == [(1, 5)]


def test_small_terms_of_a_large_sum_are_not_lost(warehouse):
    """Each differs by less than last digits may from what is there, and all together by more."""
    core = table(
        "core.measured", "id INT64, at TIMESTAMP, v FLOAT64", strategy="append", **by_day("at"), **csv(cursor="at")
    )
    total = table(
        "derived.total",
        "id INT64, v FLOAT64",
        strategy="merge",
        key=["id"],
        merge={"v": "sum"},
        sql="SELECT id, v FROM core.measured WHERE `at` >= @window_start AND `at` < @window_end",
    )
    terms = [1e15, *[500.0] * 5]
    do(warehouse, core, EVER, Rows([{"id": 1, "at": day(number), "v": v} for number, v in enumerate(terms)]))
    for number in range(len(terms)):
        do(warehouse, total, window(number), schema={core.identity: core.types})
    assert values(warehouse, total, "v") == pytest.approx([sum(terms)], rel=1e-12, abs=0)


def test_a_key_that_holds_the_partition_column_belongs_to_one_window(warehouse):
    """Such a merge is an append whose key is unique: a row that moves leaves its old day."""
    daily = table(
        "derived.daily",
        "day DATE, id INT64, amount NUMERIC",
        strategy="merge",
        key=["day", "id"],
        sql=f"SELECT DATE(`at`) AS day, id, amount {BY_WINDOW}",
        **by_day("day"),
    )
    _write(warehouse, [(1, 0, 5), (2, 0, 6)])
    do(warehouse, daily, window(0))
    _write(warehouse, [(1, 1, 5), (2, 0, 6)])
    assert touched(do(warehouse, daily, window(0))) == [(0, 1, True)]
    assert touched(do(warehouse, daily, window(1))) == [(1, 2, False)]
    assert [(row["day"], row["id"]) for row in rows(warehouse, daily)] == [(day(0).date(), 2), (day(1).date(), 1)]
    _write(warehouse, [(1, 1, 5), (1, 1, 6)])
    with pytest.raises(CheckFailedError, match="several rows of one key"):
        do(warehouse, daily, window(1))


def test_a_table_without_parts_is_made_again(warehouse):
    """One that an earlier version merged has none: from what its rows were folded nobody knows."""
    _write(warehouse, [(1, 0, 5), (1, 1, 3)])
    for number in range(2):
        do(warehouse, NEWEST, window(number))
    parts = "`derived`.`newest-parts`"
    if isinstance(warehouse, DuckDB):
        warehouse.session.execute(parts.replace("`", '"').join(["DROP TABLE ", ""]))
    else:
        warehouse.jobs.client.delete_table(f"{warehouse.jobs.settings.project}.derived.newest-parts")
    do(warehouse, NEWEST, window(0))
    assert values(warehouse, NEWEST, "amount") == [Decimal(5)]
    do(warehouse, NEWEST, span(1, 2))
    assert values(warehouse, NEWEST, "amount") == [Decimal(3)]
