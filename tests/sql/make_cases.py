"""Ask GoogleSQL's own analyzer for the types and values of all cases, and write them down: `make cases`."""

from __future__ import annotations

import json
from typing import Any

from tests.servers.googlesql import Judge
from tests.sql import edges, judged_fuzz, random_expressions
from tests.sql.judged import COLUMNS, NUMBERS, OF_NUMBERS, TEMPLATES, TYPES, VALUES, batches, query
from tests.sql.judged_queries import renew

_TABLE = {"c": f"SELECT {', '.join(f'{value} AS {name}' for name, (_, value) in COLUMNS.items())}"}


def types(judge: Judge) -> str:
    """Return the file of types."""
    asked = [(template, one, two) for template in TEMPLATES for one, twos in batches(template) for two in twos]
    answers = judge.types([query(template, one, [two]) for template, one, two in asked], _TABLE)
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for (template, one, two), answer in zip(asked, answers, strict=True):
        by_first = found.setdefault(template, {}).setdefault(one, {})
        if not isinstance(answer, str):
            # FLOAT, of 32 bits, is no type of BigQuery's.
            by_first.setdefault("FLOAT64" if answer[0] == "FLOAT" else answer[0], []).append(two)
    return "".join(
        f"\n{template}\n" + "".join(f"  {one} | {_line(by_type)}\n" for one, by_type in by_first.items() if by_type)
        for template, by_first in found.items()
    )


def _line(by_type: dict[str, list[str]]) -> str:
    return " | ".join(f"{type_}: {', '.join(twos)}" if twos != [""] else type_ for type_, twos in by_type.items())


def values(judge: Judge) -> str:
    """Return the file of values."""
    lines: list[str] = []
    for template in OF_NUMBERS:
        lines += ["", template]
        for one, twos in batches(template, NUMBERS):
            answers = judge.types([query(template, one, [two]) for two in twos], _TABLE)
            known = [two for two, answer in zip(twos, answers, strict=True) if not isinstance(answer, str)]
            found = _values(judge, template, one, known) if known else []
            if found:
                pairs = (f"{two}: {value}" if two else value for two, value in zip(known, found, strict=True))
                lines.append(f"  {one} | {' | '.join(pairs)}")
    return "\n".join(lines) + "\n"


def _values(judge: Judge, template: str, one: str, twos: list[str]) -> list[str]:
    rows = judge.rows(query(template, one, twos), _TABLE)
    if not isinstance(rows, str):
        return [_shown(value) for value in rows[0]]
    return ["error"] if len(twos) == 1 else [value for two in twos for value in _values(judge, template, one, [two])]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


if __name__ == "__main__":
    with Judge() as judge:
        TYPES.write_text(types(judge))
        VALUES.write_text(values(judge))
        renew(judge)
        edges.FILE.write_text(edges.ask(judge))
        random_expressions.FILE.write_text(random_expressions.ask(judge))
        judged_fuzz.FILE.write_text(judged_fuzz.ask(judge))
