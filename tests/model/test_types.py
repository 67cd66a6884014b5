"""Types as a file spells them, however they are spelt."""

import time

import pytest

from flows.model.types import parse_type


@pytest.mark.parametrize(
    "text",
    [
        "ARRAY<STRUCT<a " * 600 + "INT64" + ">>" * 600,
        "ARRAY<STRUCT<" * 8_000,
        "<" * 50_000,
        "A" * 99_999,
        f"NUMERIC({'9' * 5_000})",
        f"NUMERIC(10, {'9' * 5_000})",
        "STRUCT<" + "a INT64, " * 9_000,
        "STRUCT<a INT64" + ", a INT64" * 900 + ">",
        "NUMERIC(²)",
    ],
)
def test_a_type_too_large_to_read_is_a_fault_at_once(text):
    """However long or deep a type is, the message is short, and there at once."""
    started = time.process_time()
    with pytest.raises(ValueError, match=r"^'") as refused:
        parse_type(text)
    assert len(str(refused.value)) < 600
    assert time.process_time() - started < 1
