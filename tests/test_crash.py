"""A process killed with -9 at any moment loses nothing and doubles nothing."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

from flows.demo import EXPORTS
from tests.shop import new_project

KILLS = 4


def test_the_demo_killed_at_random_moments_ends_as_if_undisturbed(finished_shop, tmp_path):
    """Four kills, then a last run: the tables equal those of an undisturbed run, byte for byte, sorted."""
    shop = new_project(tmp_path)
    # How these are written is a test of their own.
    shutil.copytree(finished_shop.root / EXPORTS, shop.root / EXPORTS)
    draw = random.Random(20260101)  # noqa: S311 - the same moments each time
    killed = 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.demo"],
            cwd=shop.root,
            env=shop.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(draw.uniform(0.6, 3.0))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
    assert killed >= KILLS // 2
    last = shop.run("flows.demo")
    assert last.returncode == 0, last.stdout + last.stderr
    assert shop.tables() == finished_shop.tables()
    twice = shop.rows(
        "SELECT table_name, version FROM platform.ledger WHERE kind = 'commit' GROUP BY ALL HAVING count(*) > 1"
    )
    assert twice == []
