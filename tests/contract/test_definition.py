"""A definition's text is kept with who brought it, and decides whether rows are made again."""

from flows.engine.definitions import keep_definition
from flows.model.definition import Change
from flows.project.definition import code_version, definition_text
from tests.engine.builders import EVENTS, TOTALS, Rows, do, event, reading, rows, window

ROUNDED = "SELECT DATE(`at`) AS day, CAST(SUM(amount) AS NUMERIC({})) AS amount FROM core.events"
ROUNDED += " WHERE `at` >= @window_start AND `at` < @window_end GROUP BY 1"


def _kept(warehouse, subject, amount):
    do(warehouse, EVENTS, window(0), Rows([event(1, 0, amount=amount)]))
    do(warehouse, subject, window(0))
    keep_definition(warehouse, subject, "tester", "abc")


def test_two_definitions_are_compared_by_their_kept_text(warehouse):
    """Whatever they are named: an upgrade that names them otherwise makes nothing again; a type's parameters count."""
    cents, whole = (TOTALS.model_copy(update={"sql": ROUNDED.format(scale)}) for scale in ("10,2", "10,0"))
    _kept(warehouse, cents, 1)
    keep_definition(warehouse, cents, "somebody else", "def")
    (kept,) = warehouse.query("SELECT * FROM platform.definitions", {})
    assert kept.pop("brought_at") is not None
    assert kept == {
        "table_name": "derived.totals",
        "code_version": code_version(cents),
        "text": definition_text(cents),
        "run_by": "tester",
        "git_commit": "abc",
    }
    again = cents.model_copy(update={"sql": f"-- the same\n{cents.sql.lower().replace('numeric', 'NUMERIC')}"})
    again = again.model_copy(update={"sql": again.sql.replace("date(`at`)", "DATE(`at`)")})
    assert reading(warehouse, again).state.changed == {}
    assert reading(warehouse, whole).state.changed == {code_version(cents): (Change("sql"),)}
    assert len(rows(warehouse, TOTALS)) == 1


def test_a_ledger_without_texts_makes_nothing_again(warehouse):
    """One that an earlier version wrote names definitions only: the same name is the same definition."""
    do(warehouse, EVENTS, window(0), Rows([event(1, 0)]))
    assert reading(warehouse, EVENTS).state.changed == {}
    other = EVENTS.model_copy(update={"key": ("at",)})
    assert reading(warehouse, other).state.changed == {code_version(EVENTS): (Change("unknown"),)}
