"""First versions of table files from a MySQL database, as a person has them written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.servers import free_port

if TYPE_CHECKING:
    from tests.sources.project import Mirror

PAYMENTS = """
CREATE TABLE payments (
  payment_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY COMMENT 'The attempt: it''s "one", #1 {of} many',
  amount DECIMAL(18,4) NOT NULL COMMENT 'In euros',
  `rate %` DECIMAL(65,30),
  is_open TINYINT(1), `do.t` INT, `select` ENUM('a', 'b'), `größe` FLOAT, `1st` BIT(1), payload JSON, digest BINARY(16),
  created_at DATETIME(6), changed TIMESTAMP(6) NOT NULL, spot POINT, day DATE, took TIME,
  updated_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), KEY (changed), KEY (updated_at)
) COMMENT 'One attempt to pay'
"""


def test_a_table_becomes_a_file_that_runs_at_once(mirror: Mirror) -> None:
    """Types, comments, key, cursor, partition and start are those of the database; check and ingest accept the file."""
    mirror.execute(
        PAYMENTS,
        "INSERT INTO payments (amount, `rate %`, is_open, `do.t`, `select`, `größe`, `1st`, payload, created_at, changed, day, took, updated_at)"
        " VALUES (12.5, 1.000000000000000000000000000001, 1, 7, 'b', 0.1, 1, '{}', '2024-03-01', '2024-03-01', '2024-03-01', '10:00', '2024-03-05 10:00'),"
        " (1, NULL, 0, 8, 'a', 2, 0, NULL, NULL, '2024-03-01', NULL, NULL, '2024-03-09')",
    )
    done = mirror.ingest("--new", "shop", "payments")
    assert "tables/core/payments.yaml: 16 columns, merged by payment_id as updated_at moves on" in done.stdout
    text = (mirror.root / "tables/core/payments.yaml").read_text()
    found = yaml.safe_load(text)
    assert found["description"] == "One attempt to pay"
    assert found["source"] == {"kind": "mysql", "connection": "shop", "table": "payments", "cursor": "updated_at"}
    assert (found["key"], found["strategy"]) == (["payment_id"], "merge")
    assert found["partition"] == {"column": "created_at", "by": "day"}
    assert found["window"]["start"].isoformat() == "2024-03-05"
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["payment_id"]["description"] == 'The attempt: it\'s "one", #1 {of} many'
    assert {name: column["type"] for name, column in columns.items()} == {
        "payment_id": "INT64",
        "amount": "NUMERIC(18, 4)",
        "rate": "STRING",
        "is_open": "BOOL",
        "do_t": "INT64",
        "select": "STRING",
        "gro_e": "FLOAT64",
        "_1st": "BOOL",
        "payload": "JSON",
        "digest": "BYTES",
        "created_at": "DATETIME",
        "changed": "TIMESTAMP",
        "spot": "BYTES",
        "day": "DATE",
        "took": "TIME",
        "updated_at": "TIMESTAMP",
    }
    assert {columns[name]["from"] for name in ("rate", "do_t", "gro_e", "_1st")} == {"rate %", "do.t", "größe", "1st"}
    assert "# cursor: the database sets updated_at at every change\n" in text
    assert "# edit: the team to ask" in text
    checked = mirror.command("check", "core.payments")
    assert checked.returncode == 0, checked.stdout
    mirror.ingest("core.payments")
    assert mirror.rows(
        'SELECT payment_id, rate, do_t, "select", _1st, took::VARCHAR FROM core.payments ORDER BY 1'
    ) == [
        (1, "1.000000000000000000000000000001", 7, "b", True, "10:00:00"),
        (2, None, 8, "a", False, None),
    ]


def test_a_file_is_never_overwritten_nor_left_half(mirror: Mirror) -> None:
    """What a person has edited stays; where nothing can be proposed nothing is written."""
    mirror.execute("CREATE TABLE things (id INT PRIMARY KEY)", "CREATE TABLE thongs (`...` INT)")
    path = mirror.write("Things", "mine\n")
    done = mirror.ingest("--new", "shop", "things", code=2)
    assert "tables/core/Things.yaml is there already" in done.stderr
    assert "Did you mean 'things'?" in mirror.ingest("--new", "shop", "thing", code=1).stderr
    assert "No valid file can be proposed" in mirror.ingest("--new", "shop", "thongs", code=2).stderr
    assert "DERIVED_CONNECTION_SHIP" in mirror.ingest("--new", "ship", "things", code=2).stderr
    assert [(file.name, file.read_text()) for file in path.parent.iterdir()] == [("Things.yaml", "mine\n")]


def test_without_key_or_cursor_the_whole_table_is_copied(mirror: Mirror) -> None:
    """The comments say why, and what would be needed; odd names of tables become names of files."""
    mirror.execute(
        "CREATE TABLE `odd.log table` (message TEXT, created_at TIMESTAMP, updated_at TIMESTAMP)",
        "CREATE TABLE countries (code CHAR(2) PRIMARY KEY, created_on DATE)",
        "CREATE TABLE visits (id INT PRIMARY KEY, created_at DATETIME)",
        "CREATE VIEW seen AS SELECT code, NOW() AS modified FROM countries",
        "CREATE TABLE slow (id INT PRIMARY KEY, modified DATETIME)",
        "CREATE TABLE large (id INT PRIMARY KEY, modified DATETIME)",
        "INSERT INTO large SELECT seq, '2024-05-05' FROM seq_1_to_30000",
        "CREATE TABLE found (id INT PRIMARY KEY, modified DATETIME, KEY (modified))",
        "INSERT INTO found SELECT * FROM large",
        "ANALYZE TABLE large, found",
    )
    for name in ("countries", "visits", "seen", "slow", "large", "found"):
        mirror.ingest("--new", "shop", name)
    done = json.loads(mirror.ingest("--new", "shop", "`odd.log table`", "--json").stdout)
    assert (done["table"], done["file"]) == ("core.odd_log_table", "tables/core/odd_log_table.yaml")
    files = {path.stem: path.read_text() for path in (mirror.root / "tables/core").iterdir()}
    assert "the table has no primary key to merge by" in files["odd_log_table"]
    assert "a view has no primary key to merge by" in files["seen"]
    assert "If rows are only ever added: `cursor: created_at`" in files["visits"]
    # A day does not say what is new: it is no cursor.
    assert "If rows are only ever added" not in files["countries"]
    assert "No index starts with it" in files["slow"]
    assert "today, for there are no rows yet" in files["slow"]
    # Only an index is asked for the least value of a table that is not small.
    assert "the oldest modified was not looked for in so large a table" in files["large"]
    assert "start: 2024-05-05}  # the oldest modified" in files["found"]
    checked = mirror.command("check")
    assert checked.returncode == 0, checked.stdout
    assert mirror.command("run").returncode == 0


TIMES = {
    "clicks": ("clicked_at DATETIME NOT NULL", "clicked_at", "a guess: queries that ask for a range of clicked_at"),
    "paid": ("expires DATE NOT NULL, paid_at DATETIME", "paid_at", "a guess: expires is a time too"),
    "logs": ("born DATE, ts TIMESTAMP NULL, expiry DATE", "ts", "a guess: born, expiry are times too"),
    "made": ("ts DATETIME NOT NULL, created_at DATETIME", "created_at", "a guess: ts is a time too. Take the one"),
    "births": ("born DATE NOT NULL", "born", "a guess: queries that ask for a range of born"),
}
"""Columns beside the key and a cursor, by the table's name; the partition, and what is said of it."""


def test_any_time_but_the_cursor_is_proposed_as_the_partition(mirror: Mirror) -> None:
    """The most likely one, and the others in a comment; every file that is written is valid."""
    for name, (columns, column, said) in TIMES.items():
        mirror.execute(f"CREATE TABLE {name} (id INT PRIMARY KEY, {columns}, updated_at DATETIME NOT NULL)")
        mirror.ingest("--new", "shop", name)
        text = (mirror.root / f"tables/core/{name}.yaml").read_text()
        assert yaml.safe_load(text)["partition"] == {"column": column, "by": "month" if column == "born" else "day"}
        assert f"# {said}" in text
        assert "updated_at" not in next(line for line in text.splitlines() if line.startswith("# a guess"))
    mirror.execute("CREATE TABLE still (id INT PRIMARY KEY, updated_at DATETIME NOT NULL)")
    mirror.ingest("--new", "shop", "still")
    assert "partition" not in yaml.safe_load((mirror.root / "tables/core/still.yaml").read_text())
    checked = mirror.command("check")
    assert checked.returncode == 0, checked.stdout


ODD = {
    "select": "`from` INT PRIMARY KEY, `rowid` INT, `window` INT",
    "Größe": "id CHAR(3) PRIMARY KEY, `ID_` INT, `id?` INT, `id!` INT, _table_x INT, `__root__` INT",
    "1st": "a INT, b VARCHAR(3), c DOUBLE, PRIMARY KEY (c, a)",
    "no keys": "at TIMESTAMP NOT NULL ON UPDATE CURRENT_TIMESTAMP, made DATE",
    "shapes": "id BINARY(3) PRIMARY KEY, p POINT, g GEOMETRY, b BIT(64), y YEAR, s SET('a'), t TIME(6), u UUID, i INET6",
    "numbers": "id BIGINT UNSIGNED PRIMARY KEY, a DECIMAL(65,30), b DECIMAL(38,38), c DECIMAL(1,0), d FLOAT, z INT ZEROFILL",
    "comments": "id INT PRIMARY KEY COMMENT ': {a}, [b] # \\'c\\' \\n\\t %s', `a: b` INT COMMENT '- x', `# c` INT, `%s` INT",
    "quoted": "id INT PRIMARY KEY, ```x``` INT, `a``b` INT, `a.b` INT, `'` INT, `\"` INT, `a b.c d` INT, `e\x1b` INT",
    "dates": "d DATE PRIMARY KEY, updated_on DATE, changed_at DATETIME(3) NOT NULL",
    "platform": "id INT PRIMARY KEY, modified TIMESTAMP NULL",
    "wide": "id INT PRIMARY KEY, " + ", ".join(f"c{number} INT" for number in range(900)),
    "x" * 64: f"`{'y' * 64}` INT PRIMARY KEY",
}
"""Columns by the table's name."""


def test_odd_tables_become_files_that_are_valid_and_run(mirror: Mirror) -> None:
    """Whatever names, types, keys and comments the tables have."""
    for name, columns in ODD.items():
        mirror.execute(f"CREATE TABLE `{name}` ({columns}) COMMENT 'It''s: \"odd\" #1'")
        mirror.ingest("--new", "shop", f"`{name}`")
    assert len(list((mirror.root / "tables/core").iterdir())) == len(ODD)
    checked = mirror.command("check")
    assert checked.returncode == 0, checked.stdout
    done = mirror.command("run")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_missing_table_is_told_without_a_file(mirror: Mirror) -> None:
    """There is none yet; what the server keeps for itself is no table to copy."""
    mirror.execute("CREATE TABLE things (id INT PRIMARY KEY)")
    for name in ("nosuch", "thing", "a.b.c", "mysql.user", "information_schema.tables"):
        said = mirror.ingest("--new", "shop", name, code=1).stderr
        assert "file" not in said
        assert "source." not in said
        assert "exist" in said or "is not a table's name" in said or "is the server's own" in said
    assert not (mirror.root / "tables").exists()


@pytest.mark.parametrize("arguments", [("--new", "shop", "things"), ("core.things",)])
def test_an_api_that_does_not_answer_is_named(mirror: Mirror, arguments: tuple[str, ...]) -> None:
    """Where connections are looked up in Prefect, and Prefect is not there, the message says so."""
    mirror.write(
        "things",
        "description: A thing.\nowner: a@example.com\nschedule: '0 * * * *'\nstrategy: replace\n"
        "source: {kind: mysql, connection: shop, table: things}\ncolumns: [{name: id, type: INT64}]\n",
    )
    done = mirror.run("flows.ingest", *arguments, env={"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Start it, or unset PREFECT_API_URL" in done.stderr
