"""The numbers of a check are those that the file has, with all their digits."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from flows.model.errors import CheckFailedError
from flows.project.table_file import load_file
from flows.sources.interface import Batch, Inspection, arrow_schema
from tests.engine.builders import do, values, window

FILE = """\
description: Sums of money.
owner: data@example.com
schedule: "0 * * * *"
window: {{size: 1 day, start: 2026-01-01}}
strategy: append
partition: {{column: at, by: day}}
source: {{kind: files, path: x.csv, cursor: at}}
columns:
  - {{name: at, type: DATE}}
  - {{name: n, type: "{type}", checks: [{check}]}}
"""
NUMERIC, WIDE = "123456789012345.12", "1234567890.123456789012345678901234567"
"""A number to which a last digit is missing."""


class Sums:
    """A source of one row a window, which holds that number."""

    def __init__(self, number: str) -> None:
        self.number = Decimal(number)

    def inspect(self, _):
        """Say nothing."""
        return Inspection()

    def read(self, subject, span):
        """Give it."""
        row = {"at": span.start.date(), "n": self.number}
        yield Batch(pa.RecordBatch.from_pylist([row], arrow_schema(subject)))


@pytest.mark.parametrize(
    ("type_", "stem"),
    [
        ("NUMERIC", NUMERIC),
        pytest.param(
            "BIGNUMERIC(38, 28)",
            WIDE,
            marks=pytest.mark.bigquery_gap("a BIGNUMERIC has 18 places after the point there", AssertionError),
        ),
    ],
)
def test_the_last_digit_of_a_number_counts(warehouse, tmp_path, type_, stem):
    """What differs from it in the last digit alone breaks its check, which is told as it is written; itself it does not."""
    checks = [
        f"{{range: {{min: {stem}5}}}}",
        f"{{range: {{max: {stem}3}}}}",
        f"{{accepted_values: [{stem}3, {stem}5]}}",
    ]
    path = tmp_path / "tables/core/sums.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(FILE.format(type=type_, check=", ".join(checks)))
    with pytest.raises(CheckFailedError) as failed:
        do(warehouse, load_file(tmp_path, path), window(0), Sums(f"{stem}4"))
    for told in (f"range {stem}5..", f"range ..{stem}3", f"accepted_values [{stem}3, {stem}5]"):
        assert f"n {told}: 1 of 1 row" in str(failed.value)
    path.write_text(FILE.format(type=type_, check=", ".join([f"{{range: {{min: {stem}3, max: {stem}3}}}}", checks[2]])))
    sums = load_file(tmp_path, path)
    do(warehouse, sums, window(0), Sums(f"{stem}3"))
    assert values(warehouse, sums, "n") == [Decimal(f"{stem}3")]
