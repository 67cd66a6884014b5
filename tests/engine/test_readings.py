"""The ledger is asked for many tables at once, however many there are."""

import shutil
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from flows.engine import ledger, readings
from flows.engine.readings import Readings
from flows.model.entry import Entry
from flows.warehouses.duckdb import queries
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.builders import csv, day, table, window

CORES, READERS, ENTRIES = 10, 40, 3
FAILED = Entry("", "failure", window(0), "run-1", "tester", "v", "", day(0), {}, error="so it goes")


@pytest.fixture(scope="module")
def project():
    """Tables by name, and in the order of a run what each comes after."""
    cores = {f"core.c{i}": table(f"core.c{i}", "id INT64", strategy="replace", **csv()) for i in range(CORES)}
    after = dict.fromkeys(cores, ())
    made = {}
    for i in range(READERS):
        name, core = f"derived.d{i}", f"core.c{i % CORES}"
        made[name] = table(name, "id INT64", strategy="replace", sql=f"SELECT id FROM {core}")
        after[name] = (core,)
    return {**cores, **made}, after


@pytest.fixture(scope="module")
def failed(project, tmp_path_factory):
    """The file of a warehouse whose ledger has a few entries of each table."""
    path = tmp_path_factory.mktemp("failed") / "warehouse.duckdb"
    with closing(DuckDB(path)) as opened:
        for name in project[0]:
            for _ in range(ENTRIES):
                opened.record(replace(FAILED, table=name))
    return path


@pytest.fixture
def warehouse(failed, tmp_path):
    """Such a warehouse."""
    with closing(DuckDB(Path(shutil.copy(failed, tmp_path)))) as opened:
        yield opened


def asked(warehouse, monkeypatch):
    """Return the questions that are put to the ledger from now on."""
    questions = []

    def counted(ask):
        def asking(sql, parameters):
            questions.append(sql)
            return ask(sql, parameters)

        return asking

    for name in ("query", "pages"):
        monkeypatch.setattr(warehouse, name, counted(getattr(warehouse, name)))
    return questions


def test_more_entries_than_are_held_at_once_are_read_in_few_parts(warehouse, project, monkeypatch):
    """Each with what its tables read, and nothing twice, also where tables side by side ask again for theirs."""
    tables, after = project
    every = ENTRIES * (CORES + READERS)
    monkeypatch.setattr(readings, "MOST_ENTRIES", every // 2)
    monkeypatch.setattr(readings, "MOST_MADE_OUT", every // 10)
    monkeypatch.setattr(readings, "LATELY", 4)
    known, questions, running = Readings(warehouse, tables, after), asked(warehouse, monkeypatch), []
    for name, reads in after.items():
        running = [*running[-1:], (name, reads)]
        for other, others in running:
            assert set(known.of(other, others)) == {other, *others}
    assert 3 <= len(questions) <= 6, "once for the sizes, and for each part"


def test_what_has_grown_old_is_read_again_with_others(warehouse, project, monkeypatch):
    """Not each table by itself."""
    tables, after = project
    known, questions, now = Readings(warehouse, tables, after), asked(warehouse, monkeypatch), time.monotonic
    for place, (name, reads) in enumerate(after.items()):
        if place == CORES + READERS // 2:
            monkeypatch.setattr(time, "monotonic", lambda: now() + readings.FRESH_SECONDS + 1)
        known.of(name, reads)
    assert len(questions) == 3
    known.forget(name)
    known.of(name, reads)
    assert len(questions) == 4


def test_what_comes_on_many_pages_says_the_same(warehouse, project, monkeypatch):
    """It is held packed until its table is asked for."""
    tables, _ = project
    on_one = ledger.read(warehouse, tables.values())
    monkeypatch.setattr(queries, "PAGE", 7)
    on_many = ledger.read(warehouse, tables.values())
    for name in tables:
        assert len(on_one[name].failing) == 1
        assert vars(on_many[name]) == vars(on_one[name])
