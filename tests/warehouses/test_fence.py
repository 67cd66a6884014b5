"""No SQL reaches a file, a setting, an extension or a variable of Python: neither a table's, a check's nor any other."""

import duckdb
import pyarrow as pa
import pytest

from flows.model.errors import DerivedError
from tests.engine.builders import csv, do, rows, table

READS = (
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM '{secret}'",
    'SELECT * FROM "{secret}"',
    "SELECT * FROM `{secret}`",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM parquet_metadata('{secret}')",
)
STATEMENTS = (
    "ATTACH '{folder}/other.duckdb' AS other",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "EXPORT DATABASE '{folder}/out'",
    "LOAD httpfs",
    "INSTALL httpfs",
    "SET enable_external_access = true",
    "SET GLOBAL enable_external_access = true",
    "RESET enable_external_access",
    "SET lock_configuration = false",
    "RESET lock_configuration",
    "SET python_enable_replacements = true",
    "SET autoload_known_extensions = true",
    "SET temp_directory = '{folder}'",
    "PRAGMA enable_profiling",
)


@pytest.fixture
def names(tmp_path):
    """A folder and a file in it with a secret."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "secret.csv").write_text("secret\n1\n")
    return {"folder": folder, "secret": folder / "secret.csv"}


@pytest.mark.parametrize("sql", [*READS, *STATEMENTS])
def test_no_connection_of_the_warehouse_goes_through(warehouse, names, sql):
    """Though it be handed to DuckDB as it stands."""
    with warehouse.session.cursor() as cursor, pytest.raises(duckdb.Error):
        cursor.execute(sql.format(**names)).fetchall()
    assert [path.name for path in names["folder"].iterdir()] == ["secret.csv"]


@pytest.mark.parametrize("sql", [*READS, *STATEMENTS, "SELECT 1 AS secret; DROP TABLE platform.ledger_000"])
def test_neither_a_tables_sql_nor_a_checks_does(warehouse, names, sql):
    """The compiler refuses it, or the warehouse does; the table stays as it was."""
    text = sql.format(**names)
    innocent = table("derived.numbers", "secret STRING", strategy="replace", sql="SELECT 'a' AS secret")
    do(warehouse, innocent, None)
    for subject in (
        innocent.model_copy(update={"sql": text}),
        table("derived.numbers", "secret STRING", strategy="replace", sql=innocent.sql, checks=[{"sql": text}]),
    ):
        with pytest.raises(DerivedError):
            do(warehouse, subject, None)
    assert rows(warehouse, innocent) == [{"secret": "a"}]


def test_a_table_that_is_missing_is_not_a_variable(warehouse):
    """DuckDB's client for Python would look for one of that name."""
    ledger = pa.table({"id": [1]})
    assert ledger.num_rows
    with pytest.raises(duckdb.CatalogException), warehouse.session.cursor() as cursor:
        cursor.execute('SELECT * FROM "core"."ledger"').fetchall()
    with pytest.raises(duckdb.CatalogException), warehouse.session.cursor() as cursor:
        cursor.execute("SELECT * FROM ledger").fetchall()


def test_what_the_warehouse_itself_does_goes_on(warehouse, tmp_path):
    """It reads batches of a source, sorts more than fits into memory, and writes its log and its file."""
    cursor = warehouse.session.cursor()
    (limit,) = cursor.execute("SELECT current_setting('temp_directory')").fetchone()
    assert limit == f"{tmp_path / 'warehouse.duckdb'}.tmp"
    numbers = table("core.numbers", "id INT64", strategy="replace", **csv())

    class Source:
        def read(self, *_):
            from flows.sources.interface import Batch  # noqa: PLC0415 - this source's alone

            yield Batch(pa.record_batch({"id": pa.array(range(100_000))}))

    assert do(warehouse, numbers, None, Source()).rows == 100_000
    cursor.execute("CHECKPOINT")
