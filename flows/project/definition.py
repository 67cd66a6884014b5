"""What of a table's file decides its rows."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from flows.sql import canonical

if TYPE_CHECKING:
    from flows.model.table import Table


def code_version(table: Table) -> str:
    """Return a hash of what decides the rows; not the description, owner, schedule or checks."""
    meaning: dict[str, Any] = table.model_dump(
        mode="json",
        include={"dataset", "name", "strategy", "partition", "key", "merge", "latest_by", "source"},
        exclude={"source": {"max_bad_rows", "overlap"}},
    )
    meaning["columns"] = [
        (column.name, str(column.type), column.source_path, *filter(None, [column.on_error]))
        for column in table.columns
    ]
    meaning["window"] = str(table.window.size) if table.window else None
    meaning["sql"] = canonical(table.sql) if table.sql else None
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]
