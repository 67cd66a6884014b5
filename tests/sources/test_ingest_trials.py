"""What `python -m flows.ingest` leaves behind when everything goes wrong: it must be what the source holds."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from pymongo import UpdateOne

from flows.model.window import utc
from tests.servers import mongodb
from tests.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from tests.servers.mongodb import MongodbServer
    from tests.servers.mysql import MysqlServer

START = utc("2026-03-01")
HOUR = timedelta(hours=1)
TABLE = """\
description: Things that change all the time.
owner: shop@example.com
schedule: "5 * * * *"
window: {{size: 1 hour, start: 2026-03-01, end: 2026-03-05}}
source: {{{source}, connection: shop, cursor: at, overlap: 1 hour}}
strategy: merge
key: [id]
partition: {{column: made_at, by: day}}
columns:
  - {{name: id, type: INT64, from: {id}, checks: [not_null]}}
  - {{name: v, type: STRING}}
  - {{name: made_at, type: TIMESTAMP}}
  - {{name: at, type: TIMESTAMP, checks: [not_null]}}
"""
RUNS = 2
"""How many runs at least have to end well while others write."""
WRITING = 4
"""For how many seconds they write at least."""
PATIENCE = 90
"""And for how many at most: an hour of the things' time passes in each, and the windows end after 96."""
KILLS = 1
"""How often a run is stopped in each way."""
HOURS = 24


class MysqlThings:
    """A table of things in MySQL."""

    source = "kind: mysql, table: things"
    id = "id"
    an_hour = 1_600
    """Things that change in an hour, of which half have done so in the hour before."""

    def __init__(self, server: MysqlServer, database: str) -> None:
        self.server, self.database = server, database
        server.execute(
            "CREATE TABLE things (id BIGINT PRIMARY KEY, v VARCHAR(40), made_at DATETIME(6), at DATETIME(6), KEY (at))",
            database=database,
        )

    @property
    def url(self) -> str:
        """Where the project finds it."""
        return self.server.url(self.database)

    def write(self, changes: list[tuple[int, str, datetime]], pause: float = 0) -> None:
        """Insert or update things in one transaction, which commits after a pause."""
        with closing(self.server.connect(self.database, autocommit=False)) as session, session.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO things VALUES (%s, %s, %s, %s) ON DUPLICATE KEY UPDATE v = VALUES(v), at = VALUES(at)",
                [(id_, v, at.replace(tzinfo=None), at.replace(tzinfo=None)) for id_, v, at in changes],
            )
            time.sleep(pause)
            session.commit()

    def rows(self) -> list[tuple]:
        """Return what is there."""
        return sorted(self.server.execute("SELECT id, v, made_at, at FROM things", database=self.database))

    def restart(self) -> None:
        """Kill the server and start it again."""
        if self.server.folder is None:
            pytest.skip("a server that is not ours is not stopped")
        self.server.stop(kill=True)
        self.server.start()


class MongodbThings:
    """A collection of things in MongoDB."""

    source = "kind: mongodb, collection: things"
    id = "_id"
    an_hour = 400

    def __init__(self, server: MongodbServer) -> None:
        self.server = server
        server.client.drop_database("shop")
        server.client.shop.things.create_index("at")

    @property
    def url(self) -> str:
        """Where the project finds it."""
        return self.server.uri("shop")

    def write(self, changes: list[tuple[int, str, datetime]], pause: float = 0) -> None:
        """Insert or update things after a pause, as of a moment before it."""
        time.sleep(pause)
        self.server.client.shop.things.bulk_write(
            [
                UpdateOne({"_id": id_}, {"$set": {"v": v, "at": at}, "$setOnInsert": {"made_at": at}}, upsert=True)
                for id_, v, at in changes
            ]
        )

    def rows(self) -> list[tuple]:
        """Return what is there."""
        return sorted(
            (one["_id"], one["v"], one["made_at"], one["at"]) for one in self.server.client.shop.things.find()
        )

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.server.kill()
        self.server.start()


@pytest.fixture(scope="module")
def durable_mongodb() -> Iterator[MongodbServer]:
    """A server of our own, whose data outlives a kill."""
    with mongodb.serving(keep=True) as server:
        yield server


@pytest.fixture(params=["mysql", "mongodb"])
def things(request: pytest.FixtureRequest) -> MysqlThings | MongodbThings:
    """An empty table or collection of things."""
    if request.param == "mongodb":
        return MongodbThings(request.getfixturevalue("durable_mongodb"))
    return MysqlThings(request.getfixturevalue("mysql_server"), request.getfixturevalue("database"))


@pytest.fixture
def shop(things: MysqlThings | MongodbThings, tmp_path: Path) -> Shop:
    """A project with one core table of things."""
    (tmp_path / "tables/core").mkdir(parents=True)
    (tmp_path / "tables/core/things.yaml").write_text(TABLE.format(source=things.source, id=things.id))
    return Shop(tmp_path)


def copied(shop: Shop) -> list[tuple]:
    """Return what the core table holds."""
    return shop.rows(
        "SELECT id, v, made_at AT TIME ZONE 'UTC', \"at\" AT TIME ZONE 'UTC' FROM core.things ORDER BY ALL"
    )


def test_a_writer_that_commits_late_loses_nothing(things: MysqlThings | MongodbThings, shop: Shop) -> None:
    """Rows are inserted and updated, and become visible late, while one run follows another: none is lost or doubled."""
    began, stop = time.monotonic(), threading.Event()

    def clock() -> datetime:
        """An hour of the things' time passes in a second."""
        return START + int((time.monotonic() - began) * 1000) * HOUR / 1000

    def write(number: int) -> None:
        draw = random.Random(number)  # noqa: S311 - a trial
        while not stop.is_set():
            ids = [4 * draw.randrange(3000) + number for _ in range(draw.randrange(1, 20))]
            things.write([(id_, f"{draw.random()}", clock()) for id_ in set(ids)], pause=draw.choice([0, 0, 0.3, 0.9]))

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        runs = 0
        while (runs < RUNS or time.monotonic() - began < WRITING) and time.monotonic() - began < PATIENCE:
            # The run knows that an hour has passed when it has, which its own clock does not say.
            until = (START + int((clock() - START) / HOUR) * HOUR).strftime("%Y-%m-%dT%H:%M")
            done = shop.run("flows.ingest", "core.things", "--to", until, env={"DERIVED_CONNECTION_SHOP": things.url})
            assert done.returncode in {0, 2}, done.stderr
            runs += done.returncode == 0
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert runs >= RUNS
    done = shop.run("flows.ingest", "core.things", env={"DERIVED_CONNECTION_SHOP": things.url})
    assert done.returncode == 0, done.stderr
    assert copied(shop) == things.rows()


def test_a_run_or_its_server_killed_at_random_moments(things: MysqlThings | MongodbThings, shop: Shop) -> None:
    """And stopped by Ctrl-C; then a last run: the core table equals the source."""
    draw = random.Random(20260301)  # noqa: S311 - the same moments each time
    for hour in range(HOURS):
        first, at, count = hour * things.an_hour // 2, START + hour * HOUR, things.an_hour
        things.write([(first + i, f"{hour}.{i}", at + i * HOUR / count) for i in range(count)])
    environment = shop.environment | {"DERIVED_CONNECTION_SHOP": things.url}
    assert shop.run("flows.ingest", "core.things", env=environment).returncode == 0
    began = time.monotonic()  # the first run takes longer than those that are stopped
    assert shop.run("flows.ingest", "core.things", "--force", env=environment).returncode == 0
    seconds = time.monotonic() - began
    ended = {"killed": 0, "failed": 0, "done": 0}
    for _ in range(KILLS):
        for victim in ("run", "server", "patience"):
            run = subprocess.Popen(
                [sys.executable, "-m", "flows.ingest", "core.things", "--force"],
                cwd=shop.root,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(draw.uniform(0.3, 0.9) * seconds)
            if victim == "run":
                os.kill(run.pid, signal.SIGKILL)
            elif victim == "patience":
                os.kill(run.pid, signal.SIGINT)
            else:
                things.restart()
            said = run.communicate()[1]
            ended["killed" if run.returncode < 0 else "failed" if run.returncode else "done"] += 1
            # Python tells of a Ctrl-C that meets a callback, as one of the driver's that garbage collection makes.
            assert "Traceback" not in said or "Exception ignored in" in said, said
            assert victim != "patience" or run.returncode in {0, 130, -signal.SIGINT}
    assert ended["killed"] + ended["failed"] >= KILLS
    done = shop.run("flows.ingest", "core.things", env={"DERIVED_CONNECTION_SHOP": things.url})
    assert done.returncode == 0, done.stderr
    assert copied(shop) == things.rows()
