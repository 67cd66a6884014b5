"""Run a table of a house in a process of its own, which may be killed with -9 before any of its statements.

python -m tests.simulator.process FOLDER FILE TABLE STATEMENTS REQUEST
"""

import json
import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from flows.model.errors import DerivedError
from flows.warehouses.duckdb.warehouse import DuckDB
from tests.engine.test_repair import Deadly
from tests.simulator.house import House


class Mortal(Deadly):
    """A connection whose process is killed before one of its statements."""

    def cursor(self):
        """Return another one that dies with this."""
        return Mortal(self.connection.cursor(), self.left)

    def execute(self, *given):
        """Run a statement, or die."""
        if not self.left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left[0] -= 1
        return self.connection.execute(*given)


def main(folder, file, table, statements, request):
    """Run it; an error of ours is one of the ways in which a run may end."""
    with closing(DuckDB(Path(file), report=lambda _: None)) as warehouse:
        warehouse.opened = Mortal(warehouse.session, [int(statements)])
        house = House.opened(Path(folder), warehouse)
        try:
            failures = house.run(table, **json.loads(request)).failures
        except DerivedError:
            sys.exit(1)
        sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
