"""The ledger's answer to a question about many tables, most of which are not looked at for a while."""

from __future__ import annotations

import pickle
import zlib
from collections import defaultdict
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Row = dict[str, Any]
MAKING = {"commit", "part", "begin", "accept"}
"""Kinds of entries that say by which definition rows are made."""
_TURNS = {"begin", "swap", "abandon", "reset"}
"""Kinds of entries that begin or end a generation."""
_BEFORE: Row = {"version": -1}


class Answer:
    """What the ledger says of tables, by table.

    Where it comes on several pages each table's rows are packed: they take a twentieth of the room. Those of one page
    are given away once.

    Args:
        pages: its rows.
    """

    def __init__(self, pages: Iterable[list[Row]]) -> None:
        self.code_versions: Mapping[str, set[str]] = defaultdict(set)
        """Those of definitions by which rows were ever made, by table."""
        self._turns: dict[str, Row] = {}
        """The newest of each table."""
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._packed: dict[str, list[bytes]] = defaultdict(list)
        following = iter(pages)
        first = list(islice(following, 2))
        self.is_packed = len(first) > 1
        for page in chain(first, following):
            self._add(page)

    @property
    def begun(self) -> dict[str, int]:
        """The generation that is being made, of each table that has one."""
        return {name: row["generation"] for name, row in self._turns.items() if row["kind"] == "begin"}

    def of(self, name: str) -> Mapping[str, list[Row]]:
        """Return the rows about a table, by the part of the answer."""
        found: dict[str, list[Row]] = defaultdict(list)
        for row in chain(self._rows.pop(name, ()), *map(_unpacked, self._packed.get(name, ()))):
            found[row["part"]].append(row)
        return found

    def _add(self, page: list[Row]) -> None:
        rows = defaultdict(list) if self.is_packed else self._rows
        for row in page:
            name = row["table_name"]
            rows[name].append(row)
            if row["part"] != "entry":
                continue
            if row["kind"] in MAKING:
                self.code_versions[name].add(row["code_version"])
            if row["kind"] in _TURNS and row["version"] > self._turns.get(name, _BEFORE)["version"]:
                self._turns[name] = row
        if self.is_packed:
            for name, of_table in rows.items():
                self._packed[name].append(_packed(of_table))


def _packed(rows: list[Row]) -> bytes:
    return zlib.compress(pickle.dumps([list(rows[0]), *map(tuple, map(dict.values, rows))]), 1)


def _unpacked(packed: bytes) -> list[Row]:
    names, *rows = pickle.loads(zlib.decompress(packed))  # noqa: S301 - what was packed here
    return [dict(zip(names, row, strict=True)) for row in rows]
