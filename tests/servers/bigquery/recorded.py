"""What BigQuery's emulator is sent, by whichever process, for who judges it later; runs in the emulator's environment."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from bqemulator.api.routes.tables import _field_to_rest

_TABLE = re.compile(r"(?<![\w`.])`?([A-Za-z_]\w*)`?\.(?:`([^`]+)`|([A-Za-z_]\w*))(?![\w`.(])")
_ATTEMPT = re.compile(r"(?<=-)[0-9a-f]{12}(?=`)")


def records(run: Any) -> Any:
    """Let what runs queries write down each distinct one, with the columns of the tables that it names."""
    if "DERIVED_STATEMENTS" not in os.environ:
        return run
    place, known = Path(os.environ["DERIVED_STATEMENTS"]), set()

    async def recorded(**rest: Any) -> Any:
        sql = rest["bq_sql"]
        told = _ATTEMPT.sub("attempt", sql)
        if told in known:
            return await run(**rest)
        known.add(told)
        # What it drops is there before it, and what it makes after it.
        before = _named_tables(rest) if "DROP " in sql else {}
        try:
            return await run(**rest)
        finally:
            named = {item["name"]: item["parameterType"] for item in rest["query_params"] or ()}
            line = {"sql": told, "tables": _named_tables(rest) | before, "parameters": named}
            _append(place, line)

    return recorded


def _append(place: Path, line: dict[str, Any]) -> None:
    with place.open("a") as file:
        file.write(json.dumps(line) + "\n")


def _named_tables(rest: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for dataset, quoted, plain in _TABLE.findall(rest["bq_sql"]):
        known = rest["ctx"].catalog.get_table(rest["project_id"], dataset, quoted or plain)
        if known is not None and known.schema_ is not None:
            name = _ATTEMPT.sub("attempt", f"{dataset}.{quoted or plain}`").removesuffix("`")
            found[name] = [_field_to_rest(field) for field in known.schema_.fields]
    return found
