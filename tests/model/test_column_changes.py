"""What to change about a table's columns follows from those that are there and those that are wanted."""

from hypothesis import given
from hypothesis import strategies as st

from flows.model.column_changes import ColumnChanges, column_changes

NAMES = st.sampled_from(["id", "Id", "ID", "at", "At", "city"])
COLUMNS = st.dictionaries(NAMES, st.sampled_from(["BIGINT", "DATE"])).map(
    lambda columns: {name: type_ for name, type_ in columns.items() if name.lower() not in _earlier(columns, name)}
)


def _earlier(columns, name):
    names = list(columns)
    return {other.lower() for other in names[: names.index(name)]}


def test_each_kind_of_change():
    """Case alone is a spelling; a column may be spelled anew and be of another type."""
    changes = column_changes(
        {"id": "BIGINT", "old": "DATE", "same": "DATE"}, {"ID": "VARCHAR", "new": "X", "same": "DATE"}
    )
    assert changes == ColumnChanges(respelled=(("id", "ID"),), added=("new",), retyped=("ID",), removed=("old",))


@given(COLUMNS, COLUMNS)
def test_changed_columns_are_the_wanted_ones(present, wanted):
    """Respelling, adding, retyping and removing give what is wanted, and nothing is changed where nothing differs."""
    changes = column_changes(present, wanted)
    respelled = dict(changes.respelled)
    columns = {respelled.get(name, name): type_ for name, type_ in present.items() if name not in changes.removed}
    columns |= {name: wanted[name] for name in (*changes.added, *changes.retyped)}
    assert columns == wanted
    assert not set(changes.added) & set(changes.retyped)
    assert (changes == ColumnChanges()) == (present == wanted)
