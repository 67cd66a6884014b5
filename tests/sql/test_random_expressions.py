"""Functions in functions, operators and conditions give what GoogleSQL gives, row by row: values and errors."""

from tests.sql.evaluated import ERROR
from tests.sql.random_expressions import Engine, agrees, known


def test_random_expressions_are_those_of_googlesql():
    """What is computed here is what its own implementation computes."""
    engine, others = Engine(), []
    for sql, type_, wanted in known():
        found = engine.answers(sql, [row for row, value in enumerate(wanted) if value == ERROR])
        assert found is not None, f"refused: {sql}"
        if str(found[0]) != type_ or not agrees(found[1], wanted, found[0]):
            others.append((sql, found, type_, wanted))
    assert others == []
