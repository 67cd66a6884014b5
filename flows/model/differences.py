"""In which kinds of values the warehouses differ; docs/sql.md and `check` tell of each."""

from __future__ import annotations

from typing import Literal

Kind = Literal["digits", "arrays", "json", "sums", "estimates"]
"""At most five; `flows.report` has the words."""
