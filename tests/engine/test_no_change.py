"""Where nothing differs, nothing downstream is made again."""

import pytest

from flows.engine.plan import plan
from flows.engine.steps import Moment
from flows.sql import analyze
from tests.engine.builders import EVENTS, LOG, Rows, by_day, day, do, event, logged, reading, span, table, window

IN_WINDOW = "WHERE at >= @window_start AND at < @window_end"
CORES = {
    "merge": (EVENTS, [event(number, number % 5) for number in range(20)]),
    "append": (LOG, [logged(number, number % 5, number) for number in range(20)]),
    "replace": (
        LOG.model_copy(update={"strategy": "replace", "window": None}),
        [logged(number, number % 5, number) for number in range(20)],
    ),
}


def _stale(warehouse, core, reader):
    """Return the windows of a reader that a run would make again."""
    known = {core.identity: reading(warehouse, core).upstream}
    schema = {core.identity: core.types}
    reads = analyze(reader.sql, schema, {core.identity: "at"}).dependencies
    found = plan(reader, reads, reading(warehouse, reader).state, known, Moment(day(5), day(5)))
    return [step.window for step in found.windows]


@pytest.mark.parametrize("strategy", CORES)
def test_copying_all_again_makes_only_those_windows_stale_whose_rows_differ(warehouse, strategy):
    """Not one where all is the same, and one where one row is another."""
    core, copied = CORES[strategy]
    whole = None if strategy == "replace" else span(0, 5)
    sql = f"SELECT DATE(at) AS day, COUNT(*) AS n, SUM(amount) AS amount FROM {core.identity} {IN_WINDOW} GROUP BY day"
    reader = table("derived.daily", "day DATE, n INT64, amount NUMERIC", strategy="append", sql=sql, **by_day("day"))
    do(warehouse, core, whole, _Whole(copied))
    version = reading(warehouse, core).state.version
    for number in range(5):
        do(warehouse, reader, window(number), upstreams={core.identity: version}, schema={core.identity: core.types})
    do(warehouse, core, whole, _Whole(list(reversed(copied))))
    assert _stale(warehouse, core, reader) == []
    other = [{**copied[0], "amount": 99}, *copied[1:18]]  # days 3 and 4 lose a row each
    do(warehouse, core, whole, _Whole(other))
    assert _stale(warehouse, core, reader) == [window(0)] + ([] if strategy == "merge" else [window(3), window(4)])


class _Whole(Rows):
    """A source that is read as a whole."""

    def read(self, subject, _):
        """Give all rows."""
        return super().read(subject, None)
