"""What an artifact says."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.engine.outcome import Failure, Outcome
from flows.engine.steps import Plan, Reason, Step
from flows.model.entry import Entry, Notice, Touched
from flows.model.errors import DerivedError
from flows.model.window import EVER, Window
from flows.report.escape import fenced, for_markdown
from flows.report.markdown import SHOWN, artifact_key, outcome_markdown, plan_markdown


def test_an_artifact_key_is_one_that_prefect_takes():
    """It has lowercase letters, digits and dashes, and tells dataset and name apart."""
    assert artifact_key("core.User_Plans") == "core--user-plans"
    assert artifact_key("<b>é") == "-b--"
    assert artifact_key("a.b_c") != artifact_key("a_b.c")


@given(st.text())
def test_a_value_closes_no_block(text):
    """Whatever stands in it, the block ends with its own last line."""
    first, *inside, last = fenced(text).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert not any(line.strip().startswith(first) for line in inside)


@given(st.text())
def test_a_value_is_no_markup(text):
    """It is one line, without a tag, a link, a cell or an emphasis of its own."""
    line = for_markdown(text)
    assert "\n" not in line
    assert "<" not in line
    for char in "`*_[]()|~":
        assert line.count(char) == line.count(f"\\{char}")


def test_an_artifact_shows_what_failed_as_it_is():
    """Values of rows stand in a block, names of tables and columns in lines, and nothing is above it."""
    error = DerivedError("core.x: failed\n```\n<script>alert(1)</script>\n# All is well")
    text = outcome_markdown(Outcome("core.x", Plan(), failures=[Failure(None, error)]))
    assert text.strip().splitlines()[0] == "## core.x: failed"
    assert text.splitlines()[-1] == "````"
    assert "\n````\ncore.x: failed\n```\n" in text


def test_a_warning_in_an_artifact_is_one_line():
    """A check that warns shows rows whose values may be anything."""
    evil = Notice("check", "v accepted_values [<b>]", "1 of 1 rows\n    v=</td>|[x](http://evil)")
    entry = Entry("core.x", "commit", None, "r", "me", "v", "", datetime.now(UTC), {}, warnings=(evil,))
    text = outcome_markdown(Outcome("core.x", Plan(), [entry]))
    [line] = [line for line in text.splitlines() if "accepted" in line]
    assert "<" not in line
    assert "](" not in line


def test_a_table_that_was_touched_as_a_whole_has_no_dates():
    """Nobody knows a range from the year 1 to 9999."""
    touched = (Touched(EVER, changed=True),)
    entry = Entry("core.x", "commit", None, "r", "me", "v", "", datetime.now(UTC), {}, touched=touched, rows=3)
    text = outcome_markdown(Outcome("core.x", Plan(), [entry]))
    assert "| whole table | 3 | 0.00 | everything |\n" in text


def test_a_plan_in_an_artifact_shows_its_sql_as_it_is():
    """No text in it closes the block; of many ranges of windows the first are shown, and the others counted."""
    days = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=2 * n) for n in range(SHOWN + 2)]
    windows = [Window(day, day + timedelta(days=1)) for day in days]
    steps = tuple(Step(window, "missing", Reason("changed", "core.x")) for window in windows)
    text = plan_markdown("derived.x", Plan(steps), "SELECT '```\n<b>'")
    assert "\n````\nSELECT '```\n<b>'\n````\n" in text
    assert text.count(" | core.x changed |\n") == SHOWN
    assert "\nand 2 more\n" in text
