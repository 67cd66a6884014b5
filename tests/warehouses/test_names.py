"""No name that a table file may give is taken for one of the engine's, the ledger's or DuckDB's own."""

from datetime import timedelta

import pytest

from flows.model.entry import Entry
from flows.model.errors import CheckFailedError, WarehouseError
from flows.model.types import parse_type
from flows.warehouses.interface import Query
from tests.engine.builders import Rows, by_day, csv, day, do, prepare, rows, table, touched, window

NAMES = (
    # What the engine's SQL calls rows, or called them, and the parameters that it binds.
    *("staged", "incoming", "delta", "found", "latest", "old", "new", "result", "unit", "one", "difference", "present"),
    *("is_change", "is_known", "latest_by", "changed", "staged_rows", "new_row", "old_row", "row_id", "unit_start"),
    *("__row", "__old_row", "__old_unit", "__new_unit", "__unit", "__difference", "__one", "__latest_state"),
    *("s", "t", "v", "q", "c0_0", "n0", "bad", "low", "high", "window_start", "window_end", "identity", "known"),
    # The ledger's columns and tables.
    *("table_name", "kind", "version", "rows", "bytes", "error", "touched", "upstreams", "ledger", "quarantine"),
    # What DuckDB calls things of its own, and words of SQL.
    *("rowid", "tableoid", "rownum", "oid", "filename", "ctid", "excluded", "main", "temp", "system", "memory"),
    *("warehouse", "information_schema", "pg_catalog", "sqlite_master", "duckdb_tables", "generate_series", "range"),
    *("select", "from", "where", "group", "order", "all", "any", "at", "end", "columns", "struct_pack", "max", "count"),
    *("value", "place", "replace", "exclude", "user", "current_date", "default", "null", "true", "unnest", "row"),
)
OF_TABLES = (*NAMES[:4], *NAMES[NAMES.index("s") : NAMES.index("v")], *NAMES[NAMES.index("ledger") :])
"""Those that may be taken for a table."""
FOR_TABLES = (*OF_TABLES, "json", "jsonl", "csv", "parquet", "duckdb", "db")
SPELLINGS = ("RowId", "OLD", "Excluded")


def _values(names, number):
    """Return a value for each name, no two alike."""
    return {name: 1000 * number + place for place, name in enumerate(names)}


def _given(names, rowwise):
    """Return rows for two windows and then for the second again, with one row changed, one moved and one new."""
    first = [{**_values(names, number), **rowwise(number, 0)} for number in (1, 2, 3)]
    second = [{**_values(names, number), **rowwise(number, 1)} for number in (4, 5)]
    again = [{**second[0], "payload": 99}, {**_values(names, 6), **rowwise(6, 1)}]
    return first, second, again


def _in_day(number, at):
    return {"id": number, "moment": day(at) + timedelta(hours=number), "payload": number}


def _sorted(found):
    return sorted(found, key=lambda row: row["id"])


def _columns(names):
    return ", ".join(["id INT64", "moment TIMESTAMP", "payload INT64", *(f"{name} INT64" for name in names)])


def _chosen(names):
    """Return GoogleSQL for all columns."""
    return ", ".join(f"`{name}`" for name in ("id", "moment", "payload", *names))


SETS = {
    "all": NAMES,
    "all but rowid": [name for name in NAMES if name != "rowid"],
    **{spelling: [spelling] for spelling in SPELLINGS},
}


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
@pytest.mark.parametrize("keyed", [False, True], ids=["values", "keys"])
def test_any_column_name_in_a_merge(warehouse, names, keyed):
    """Rows of the same key are renewed and no others, core and derived, the names being values or keys."""
    key = [*names, "id"] if keyed else ["id"]
    core = table("core.events", _columns(names), strategy="merge", key=key, **by_day("moment"), **csv(cursor="moment"))
    first, second, again = _given(names, _in_day)
    do(warehouse, core, window(0), Rows(first))
    do(warehouse, core, window(1), Rows(second))
    assert touched(do(warehouse, core, window(1), Rows([*again, *again]))) == [(1, 2, True)]
    expected = _sorted([*first, again[0], second[1], again[1]])
    assert _sorted(rows(warehouse, core)) == expected
    where = "FROM core.events WHERE moment >= @window_start AND moment < @window_end"
    values = [name for name in core.types if name not in key]
    rules = {name: ("latest", "min", "max")[place % 3] for place, name in enumerate(values)}
    derived = table(
        "derived.events",
        _columns(names),
        strategy="merge",
        key=key,
        merge=rules,
        **({"latest_by": "moment"} if "latest" in rules.values() else {}),
        sql=f"SELECT {_chosen(names)} {where}",
    )
    for _ in range(2):
        entries = [do(warehouse, derived, window(number), schema={"core.events": core.types}) for number in (0, 1)]
    assert [entry.touched for entry in entries] == [(), ()]
    assert _sorted(rows(warehouse, derived)) == expected


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_any_column_name_in_an_append_and_a_replace(warehouse, names):
    """A window's rows take the place of its own, a replaced table's of all, core and derived."""
    core = table("core.events", _columns(names), strategy="append", **by_day("moment"), **csv(cursor="moment"))
    first, second, again = _given(names, _in_day)
    do(warehouse, core, window(0), Rows(first))
    do(warehouse, core, window(1), Rows(second))
    do(warehouse, core, window(1), Rows(again))
    assert _sorted(rows(warehouse, core)) == _sorted([*first, *again])
    where = "FROM core.events WHERE moment >= @window_start AND moment < @window_end"
    sql = f"SELECT {_chosen(names)} {where}"
    derived = table("derived.events", _columns(names), strategy="append", **by_day("moment"), sql=sql)
    whole = table("derived.whole", _columns(names), strategy="replace", sql=f"SELECT {_chosen(names)} FROM core.events")
    copied = table("core.whole", _columns(names), strategy="replace", **csv())
    for given in (first + second, first + again):
        for number in (0, 1):
            do(warehouse, core, window(number), Rows(given))
            do(warehouse, derived, window(number), schema={"core.events": core.types})
        do(warehouse, whole, None, schema={"core.events": core.types})
        do(warehouse, copied, None, Rows(given))
        for subject in (derived, whole, copied):
            assert _sorted(rows(warehouse, subject)) == _sorted(given)
    assert do(warehouse, whole, None, schema={"core.events": core.types}).touched == ()


@pytest.mark.parametrize("name", [*NAMES[:20], *SPELLINGS])
def test_any_name_for_a_partition_column(warehouse, name):
    """The window bounds the column, whatever it is called."""
    subject = table("core.events", f"id INT64, {name} TIMESTAMP", strategy="append", **by_day(name), **csv(cursor=name))
    for number in (0, 1, 1):
        entry = do(warehouse, subject, window(number), Rows([{"id": number, name: day(number)}]))
    assert entry.touched == ()
    assert _sorted(rows(warehouse, subject)) == [{"id": number, name: day(number)} for number in (0, 1)]


@pytest.mark.parametrize("first", range(0, len(FOR_TABLES), 8))
def test_any_name_for_a_table(warehouse, first):
    """Checks, which read the staged rows and the table itself, find the right one; where there is none, no file is meant."""
    for name in FOR_TABLES[first : first + 8]:
        columns = [
            {"name": "id", "type": "INT64", "checks": ["unique"]},
            {"name": "at", "type": "TIMESTAMP"},
            {"name": "parent", "type": "INT64", "checks": [{"references": f"core.{name}.id"}]},
        ]
        checks = [{"sql": f"SELECT id FROM core.`{name}` WHERE parent > 5"}]
        subject = table(f"core.{name}", columns, strategy="merge", key=["id"], checks=checks, **csv(cursor="at"))
        do(warehouse, subject, window(0), Rows([{"id": 1, "at": day(0), "parent": None}]))
        with pytest.raises(CheckFailedError, match="parent references"):
            do(
                warehouse,
                subject,
                window(1),
                Rows([{"id": 2, "at": day(1), "parent": 1}, {"id": 3, "at": day(1), "parent": 9}]),
            )
        assert [row["id"] for row in rows(warehouse, subject)] == [1]


@pytest.mark.parametrize("name", ["staged", "delta", "memory", "rowid", "ledger", "old", "new", "excluded"])
def test_any_name_for_a_dataset(warehouse, name):
    """But those that are reserved, which check refuses."""
    whole = table(f"{name}.{name}", f"{name} INT64", strategy="replace", **csv())
    do(warehouse, whole, None, Rows([{name: 1}]))
    do(warehouse, whole, None, Rows([{name: 2}]))
    assert rows(warehouse, whole) == [{name: 2}]


@pytest.mark.parametrize("keyed", [False, True], ids=["rowid", "no rowid"])
def test_a_column_that_is_a_struct_is_not_taken_for_a_table(warehouse, keyed):
    """`old.id` is a field of the column `old`, or a column of rows called so; checks and merges mean the right one."""
    names = [name for name in NAMES if not (keyed and name == "rowid")]
    fields = parse_type("STRUCT<id INT64, moment TIMESTAMP>")
    columns = [
        {"name": "id", "type": "INT64", "checks": ["unique", "not_null"]},
        {"name": "moment", "type": "TIMESTAMP"},
        *({"name": name, "type": fields} for name in names),
    ]
    subject = table("core.events", columns, strategy="merge", key=["id"], **by_day("moment"), **csv(cursor="moment"))

    def row(number, at):
        return {"id": number, "moment": day(at), **{name: {"id": 7, "moment": day(7 + at)} for name in names}}

    do(warehouse, subject, window(0), Rows([row(1, 0), row(2, 0)]))
    do(warehouse, subject, window(1), Rows([row(2, 1), row(3, 1)]))
    assert rows(warehouse, subject) == [row(1, 0), row(2, 1), row(3, 1)]


def test_a_text_that_looks_like_a_parameter_is_a_text(warehouse):
    """In a table's SQL and in a check's."""
    core = table("core.events", "id INT64, at TIMESTAMP", strategy="append", **by_day("at"), **csv(cursor="at"))
    do(warehouse, core, window(0), Rows([{"id": 1, "at": day(0)}]))
    texts = "'$low' AS a, '$window_start' AS b, '@window_end' AS c, \"it's $1 ? :x\" AS d"
    for strategy, extra in (("append", by_day("at")), ("replace", {})):
        where = "WHERE at >= @window_start AND at < @window_end" if strategy == "append" else ""
        subject = table(
            f"derived.{strategy}",
            "at TIMESTAMP, a STRING, b STRING, c STRING, d STRING",
            strategy=strategy,
            checks=[{"sql": f"SELECT a FROM derived.{strategy} WHERE a <> '$low' OR b = '$high'"}],
            sql=f"SELECT at, {texts} FROM core.events {where}",
            **extra,
        )
        for _ in range(2):
            do(warehouse, subject, window(0) if strategy == "append" else None, schema={"core.events": core.types})
        found = {"at": day(0), "a": "$low", "b": "$window_start", "c": "@window_end", "d": "it's $1 ? :x"}
        assert rows(warehouse, subject) == [found]


@pytest.mark.parametrize("other", ["Core.events", "core.Events", "CORE.EVENTS"])
def test_two_names_that_differ_in_case_only_never_share_a_table(warehouse, other):
    """DuckDB holds them for one: the table stays that of the identity which its ledger names."""
    mine, its = (table(name, "id INT64", strategy="replace", **csv()) for name in ("core.events", other))
    do(warehouse, mine, None, Rows([{"id": 1}]))
    for _ in range(2):
        with pytest.raises(
            WarehouseError, match=rf"{other}: the warehouse has a table core\.events, from which it differs"
        ):
            do(warehouse, its, None, Rows([{"id": 2}]))
    assert rows(warehouse, mine) == [{"id": 1}]
    do(warehouse, mine, None, Rows([{"id": 3}]))
    assert rows(warehouse, mine) == [{"id": 3}]


def test_of_two_such_names_without_rows_the_first_commit_decides(warehouse):
    """Though both were prepared before."""
    mine, its = (table(name, "id INT64", strategy="replace", **csv()) for name in ("core.events", "core.Events"))
    prepare(warehouse, its)
    prepare(warehouse, mine)
    do(warehouse, mine, None, Rows([{"id": 1}]))
    with (
        pytest.raises(WarehouseError, match="differs"),
        warehouse.stage(its, None, Query("SELECT 2 AS id", {})) as staged,
    ):
        staged.publish(Entry("core.Events", "commit", None, "r", "t", "c", "", day(0), {}), 0)
    assert rows(warehouse, mine) == [{"id": 1}]
