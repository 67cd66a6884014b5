"""A signal in the middle of a statement raises what its handler raises, whoever has set that, and soon."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from flows.warehouses.duckdb import connection
from flows.warehouses.duckdb.connection import transaction, translated
from flows.warehouses.duckdb.signals import stoppable
from flows.warehouses.duckdb.warehouse import DuckDB

HOURS = "SELECT max(sin(t.a) * cos(u.a)) FROM many AS t, many AS u"
"""Of whose threads each has hours to do: DuckDB alone would wait for all but the first."""


class _StopError(BaseException):
    """What a handler raises."""


def _stop(number, _frame):
    raise _StopError(number)


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def stopping(request):
    """A signal, which this process handles."""
    before = signal.signal(request.param, _stop)
    yield request.param
    signal.signal(request.param, before)


@pytest.fixture(scope="module")
def warehouse():
    """A warehouse with many rows."""
    opened = DuckDB(Path(":memory:"))
    opened.session.execute("CREATE TABLE many AS SELECT range AS a FROM range(2000000)")
    opened.session.execute("CREATE TABLE t (a BIGINT)")
    yield opened
    opened.close()


def _without_end():
    while True:
        time.sleep(0.001)
        yield pa.record_batch({"a": [1]})


def _run(cursor, statement, sender):
    with translated(), stoppable(cursor), transaction(cursor):
        cursor.execute("INSERT INTO t VALUES (2)")
        sender.start()
        cursor.execute(statement).fetchall()


@pytest.mark.parametrize("seconds", [0.0, 0.3])
@pytest.mark.parametrize("statement", [HOURS, "INSERT INTO t SELECT a FROM given"])
def test_a_signal_in_a_statement_is_not_lost(warehouse, stopping, statement, seconds):
    """In a query of several threads, and where rows come from Python; what was done is rolled back, the rest works on."""
    with warehouse.session.cursor() as cursor:
        cursor.register("given", pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), _without_end()))
        sender = threading.Timer(seconds, os.kill, (os.getpid(), stopping))
        with pytest.raises(_StopError) as raised:
            _run(cursor, statement, sender)
        sender.join()
        assert raised.value.args == (stopping,)
    assert warehouse.session.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_while_the_file_is_opened_is_not_lost(tmp_path, stopping, monkeypatch):
    """Where the statements that are run at each opening take their time."""
    slow = "SELECT max(sin(t.range) * cos(u.range)) FROM range(2000000) AS t, range(2000000) AS u"
    monkeypatch.setattr(connection, "_SETTINGS", [slow])
    sender = threading.Timer(0.3, os.kill, (os.getpid(), stopping))
    sender.start()
    with pytest.raises(_StopError):
        DuckDB(tmp_path / "warehouse.duckdb")
    sender.join()


def _fail(session):
    with stoppable(session):
        os.kill(os.getpid(), signal.SIGUSR1)
        assert session.execute("SELECT count(*) FROM t").fetchone() == (0,)
        raise RuntimeError("its own")


def test_another_error_stays_what_it_is(warehouse):
    """Also where a signal, which nobody takes for the wish to stop, was handled."""
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: heard.append(number))
    try:
        with pytest.raises(RuntimeError, match="its own"):
            _fail(warehouse.session)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


INTERRUPTED = """
import enum, os, signal, sys
made = enum.EnumType.__call__
def interrupted(cls, *args, **options):
    if "duckdb" in str(options.get("module") or sys._getframe(1).f_globals["__name__"]):
        print("loading", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
    return made(cls, *args, **options)
enum.EnumType.__call__ = interrupted
try:
    import flows.warehouses.duckdb.warehouse
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_while_duckdb_is_loaded_is_heard_afterwards():
    """Its module makes its types in C, where an exception of Python's ends the process with a traceback."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(done.stdout.split()) == {"loading", "stopped"}
