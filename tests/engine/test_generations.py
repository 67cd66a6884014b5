"""Whatever changes in a derived table's file, it ends as if it were made anew, and what reads it follows."""

import pytest

from tests.simulator.house import CHANGES, change_and_return, change_upstream, living


@pytest.fixture
def house(warehouse, tmp_path):
    """A core table of four days, and a derived one that is up to date."""
    return living(tmp_path, warehouse)


@pytest.mark.parametrize("change", CHANGES)
def test_the_table_ends_as_if_it_were_made_anew(house, change):
    """Rows, their columns and those columns' order are the file's; and so again when the file changes back."""
    change_and_return(house, change)


@pytest.mark.parametrize("change", ["end", "retyped", "replace"])
def test_what_reads_it_follows_where_rows_differ(house, change):
    """Rows that went, and values that became others, are gone from the table downstream too."""
    change_upstream(house, change)
