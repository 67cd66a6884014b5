"""Run tables of houses in processes of their own, which may be killed with -9 in the place of any of their COMMITs.

python -m tests.simulator.process

Each line that it is given is a request. It has imported all that a run needs, and does each in a child, so that a run
costs no start of Python. It answers with the child's exit code; that of one killed by a signal is negative.
"""

import json
import os
import signal
import subprocess
import sys
import traceback
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.model.errors import DerivedError
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.prefect_api import clean_environment
from tests.simulator.connection import Watched
from tests.simulator.house import House

ENDLESS = 10**9


class Processes:
    """Starts them, one at a time."""

    def __init__(self):
        command = [sys.executable, "-m", "tests.simulator.process"]
        self._given = subprocess.Popen(
            command, env=clean_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, house, file, table, *, commits=ENDLESS, jumped=timedelta(0), **request):
        """Let a process run a table of a house over a file, which dies after so many COMMITs."""
        given = {
            "root": str(house.root),
            "history": house.history,
            "git_commit": house.git_commit,
            "file": str(file),
            "table": table,
            "commits": commits,
            "jumped": jumped.total_seconds(),
            "request": request,
        }
        self._given.stdin.write(f"{json.dumps(given)}\n")
        self._given.stdin.flush()

    def wait(self):
        """Return the exit code of the one that was started last: 0, 1 for an error of ours, or -9."""
        code = int(self._given.stdout.readline())
        assert code in {0, 1, -signal.SIGKILL}, code
        return code

    def close(self):
        """End what starts them."""
        self._given.stdin.close()
        self._given.wait()
        self._given.stdout.close()


def _run(given):
    """Do what is asked; an error of ours is one of the ways in which a run may end."""
    with closing(DuckDB(Path(given["file"]), report=lambda _: None)) as warehouse:
        warehouse.opened = Watched(warehouse.session, [given["commits"]], lambda: os.kill(os.getpid(), signal.SIGKILL))
        house = House.opened(Path(given["root"]), warehouse)
        house.git_commit, house.history = given["git_commit"], given["history"]
        jumped = timedelta(seconds=given["jumped"])
        warehouse.now = lambda: datetime.now(UTC) + jumped
        try:
            return bool(house.run(given["table"], **given["request"]).failures)
        except DerivedError:
            return 1


def main():
    """Answer requests until there are no more."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            code = 2
            sys.stdout = sys.stderr
            try:
                code = _run(json.loads(line))
            except BaseException:  # noqa: BLE001 - the child ends here
                traceback.print_exc()
            os._exit(code)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
