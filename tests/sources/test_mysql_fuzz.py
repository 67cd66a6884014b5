"""What a MySQL server sends is decoded within its packets, whatever it says of lengths."""

from __future__ import annotations

import pickle
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from flows.sources.mysql.types import SourceColumn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.mysql import MysqlServer

ROWS = 80
ROUNDS = 250
# MySQL's type, GoogleSQL's type, a value of each row
COLUMNS = [
    ("BIGINT", "INT64", "n - 100"),
    ("INT UNSIGNED", "INT64", "IF(n % 5 = 0, NULL, n * 14000000)"),
    ("VARCHAR(200)", "STRING", "IF(n % 10 = 0, NULL, CONCAT('Grüße 🚀 ', n))"),
    ("DECIMAL(18,4)", "NUMERIC", "n / 7"),
    ("DECIMAL(40,0)", "NUMERIC", "POW(10, n % 40)"),
    ("TINYINT(1)", "BOOL", "n % 2"),
    ("DATETIME(6)", "DATETIME", "IF(n % 9 = 0, 0, '2024-01-01' + INTERVAL n * 1000003 MICROSECOND)"),
    ("TIMESTAMP(6)", "TIMESTAMP", "'2024-01-01' + INTERVAL n * 1000003 MICROSECOND"),
    ("DATE", "DATE", "'2024-01-01' + INTERVAL n DAY"),
    ("TIME(6)", "TIME", "SEC_TO_TIME(n)"),
    ("DOUBLE", "FLOAT64", "n / 3"),
    ("JSON", "JSON", "JSON_OBJECT('n', n)"),
    ("TEXT", "JSON", "IF(n % 3 = 0, '{', JSON_ARRAY(n))"),
    ("BLOB", "BYTES", "REPEAT(CHAR(n), IF(n = 7, 70000, n))"),
    ("TEXT", "STRING", "REPEAT('x', 240 + n % 40)"),
]


@pytest.fixture(scope="module")
def recording(mysql_server: MysqlServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of a table of all types as a server sends them, beside its columns."""
    path = tmp_path_factory.mktemp("fuzz") / "rows"
    definitions = ", ".join(f"c{place} {kind} NULL" for place, (kind, _, _) in enumerate(COLUMNS))
    values = ", ".join(value for _, _, value in COLUMNS)
    mysql_server.execute(
        "CREATE DATABASE IF NOT EXISTS shop_fuzz CHARACTER SET utf8mb4",
        f"CREATE OR REPLACE TABLE shop_fuzz.things ({definitions})",
        f"INSERT INTO shop_fuzz.things WITH RECURSIVE s AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM s"
        f" WHERE n < {ROWS}) SELECT {values} FROM s",
    )
    columns = [(source(kind), type_) for kind, type_, _ in COLUMNS]
    path.write_bytes(pickle.dumps((columns, recorded(mysql_server, "SELECT * FROM shop_fuzz.things"))))
    return path


def source(kind: str) -> SourceColumn:
    """Return a column of a type as the database describes it."""
    name, _, size = kind.lower().partition("(")
    digits = size.split(" ")[0].rstrip(")").split(",")
    precision, scale = map(int, digits) if name == "decimal" else (None, None)
    return SourceColumn("c", name.split()[0], kind, True, precision, scale, "", is_json=name == "json")


def recorded(server: MysqlServer, sql: str) -> bytes:
    """Return the packets of a result's rows, and of its end."""
    with closing(server.connect()) as session:
        session.query(sql, unbuffered=True)
        session._result.unbuffered_active = False  # noqa: SLF001 - else the driver reads it to its end
        file: Any = session._rfile  # noqa: SLF001
        packets = b""
        while True:
            header = file.read(4)
            payload = file.read(int.from_bytes(header[:3], "little"))
            packets += header + payload
            if payload[:1] == b"\xfe" and len(payload) < 9:
                return packets


@pytest.mark.parametrize("seed", range(2))
def test_no_row_reaches_beyond_its_packet(recording: Path, seed: int) -> None:
    """Of results with bytes and lengths that are wrong come the rows that are there, or an error; never a crash."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.sources.fuzz_mysql", recording]
    done = subprocess.run([*command, str(seed), str(ROUNDS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    refused = int(done.stdout.split()[0])
    assert ROUNDS / 10 < refused < ROUNDS
