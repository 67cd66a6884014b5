"""GoogleSQL's own analyzer and reference implementation as a process: README.md says what it answers."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

START = Path(__file__).with_name("start")


@dataclass(frozen=True)
class Statement:
    """A statement with what it names."""

    sql: str
    tables: dict[str, str]
    """Queries by name."""
    parameters: dict[str, str]
    """Expressions by name."""


class Judge:
    """Answers what queries mean; Java 17 and Maven build it the first time."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # the first use builds it
            [str(START)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def types(self, queries: list[str], tables: dict[str, str]) -> list[list[str] | str]:
        """Return the types of each query's columns, or its error as text; `tables` are queries by name."""
        return list(self._ask({"queries": queries, "tables": tables})["types"])

    def answer(self, query: str, tables: dict[str, str], parameters: dict[str, str]) -> dict[str, Any]:
        """Return the columns and rows of a query, or its error, as README.md says."""
        return self._ask({"sql": query, "tables": tables, "parameters": parameters})

    def rows(self, query: str, tables: dict[str, str]) -> list[list[Any]] | str:
        """Return the rows of a query, or its error as text."""
        answer = self._ask({"sql": query, "tables": tables})
        return answer["rows"] if "rows" in answer else str(answer["error"])

    def kinds(self, statements: list[Statement]) -> list[str]:
        """Return which kind each statement is, or its error as text."""
        return list(self._ask({"statements": [asdict(statement) for statement in statements]})["kinds"])
