"""Column and table checks, as SQL over the staged rows.

All column checks together are one scan; only a check that failed is asked for the rows at fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flows.model.checks import AcceptedValues, Matches, NotNull, OffendingRows, Range, References, RowCount, Unique
from flows.model.safe_text import one_line, row_text
from flows.model.sizes import plural
from flows.warehouses.interface import Query, every_row, no_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flows.model.checks import Check, Severity
    from flows.model.table import Column, Table
    from flows.model.types import Type
    from flows.warehouses.interface import Staged, Written

SHOWN_ROWS = 5
MOST_DECIMAL_DIGITS = 38


@dataclass(frozen=True, slots=True)
class Broken:
    """A check that the staged rows broke."""

    name: str
    """The column and the check, such as `item_id not_null`."""
    severity: Severity
    found: str
    """What was found, for people."""
    rows: tuple[Mapping[str, object], ...] = ()
    """Some of the rows at fault."""

    @property
    def shown(self) -> str:
        """What was found, with the rows."""
        return self.found + "".join(f"\n    {row_text(row)}" for row in self.rows)

    def __str__(self) -> str:
        return f"{one_line(self.name)}: {self.shown}"


@dataclass(frozen=True, slots=True)
class _ColumnTest:
    name: str
    severity: Severity
    count: str
    """SQL that counts the rows at fault."""
    where: str
    """SQL that is true for a row at fault."""
    join: str = ""
    parameters: tuple[tuple[str, object], ...] = ()


def broken(
    table: Table,
    staged: Staged,
    schema: Mapping[str, Mapping[str, Type]],
    into: Table,
    written: Callable[[str], Written | None],
) -> list[Broken]:
    """Return the checks that the staged rows break: those of columns, then those of the table.

    Args:
        table: the table.
        staged: the rows.
        schema: the types of the table and of all that its checks name.
        into: the table that is to hold the rows, and holds those beside which they come.
        written: where a query of the table's stands.
    """
    tests = [
        _column_test((table, into), staged, column, check, f"c{i}_{j}")
        for i, column in enumerate(table.columns)
        for j, check in enumerate(column.checks)
    ]
    return [*_break_columns(tests, staged), *_break_table(table, staged, schema, written)]


def _break_columns(tests: list[_ColumnTest], staged: Staged) -> list[Broken]:
    if not tests:
        return []
    counts = ", ".join(f"{test.count} AS n{i}" for i, test in enumerate(tests))
    joins = " ".join(test.join for test in tests if test.join)
    parameters = dict(item for test in tests for item in test.parameters)
    from_staged = f"FROM {staged.relation} AS `staged-row`"
    found: dict[str, Any] = staged.query(f"SELECT {counts} {from_staged} {joins}", parameters)[0]
    return [
        Broken(
            test.name,
            test.severity,
            f"{found[f'n{i}']:,} of {plural(staged.rows, 'row')}",
            tuple(
                staged.query(
                    f"SELECT `staged-row`.* {from_staged} {test.join} WHERE {test.where} LIMIT {SHOWN_ROWS}",
                    dict(test.parameters),
                )
            ),
        )
        for i, test in enumerate(tests)
        if found[f"n{i}"]
    ]


def _column_test(own: tuple[Table, Table], staged: Staged, column: Column, check: Check, name: str) -> _ColumnTest:
    """Return a check of staged rows as SQL; `name` makes its parameters and joins unlike those of others.

    Names of the engine's own hold a `-`, as no column's name may.
    """
    value = f"`staged-row`.`{column.name}`"

    def test(what: str, where: str, *parameters: tuple[str, object], join: str = "") -> _ColumnTest:
        return _ColumnTest(f"{column.name} {what}", check.severity, f"COUNTIF({where})", where, join, parameters)

    def typed(parameter: str) -> str:
        return f"CAST(@{parameter} AS {column.type})"

    match check:
        case NotNull():
            return test("not_null", f"{value} IS NULL")
        case Unique():
            same = f"`same-row`.`{column.name}`"
            twice = (
                f"{value} IN (SELECT {same} FROM {staged.relation} AS `same-row` GROUP BY {same} HAVING COUNT(*) > 1)"
            )
            return _ColumnTest(
                f"{column.name} unique", check.severity, f"COUNT({value}) - COUNT(DISTINCT {value})", twice
            )
        case AcceptedValues():
            named = [(f"{name}_{i}", _plain(accepted)) for i, accepted in enumerate(check.accepted_values)]
            listed = ", ".join(typed(parameter) for parameter, _ in named)
            shown = ", ".join(map(_plain, check.accepted_values))
            return test(f"accepted_values [{shown}]", f"{value} IS NOT NULL AND {value} NOT IN ({listed})", *named)
        case Range():
            least, most = check.range.min, check.range.max
            low = [f"{value} < {typed(f'{name}_min')}"] if least is not None else []
            high = [f"{value} > {typed(f'{name}_max')}"] if most is not None else []
            given = [(f"{name}_min", _plain(least))] * bool(low) + [(f"{name}_max", _plain(most))] * bool(high)
            shown = f"{'' if least is None else _plain(least)}..{'' if most is None else _plain(most)}"
            return test(f"range {shown}", f"{value} IS NOT NULL AND ({' OR '.join(low + high)})", *given)
        case Matches():
            pattern = f"NOT REGEXP_CONTAINS({value}, @{name})"
            return test(f"matches {check.matches}", f"{value} IS NOT NULL AND {pattern}", (name, check.matches))
        case References():
            dataset, table, other = check.references.split(".")
            places = [f"`{dataset}`.`{table}`"]
            if f"{dataset}.{table}" == own[0].identity:
                places = [staged.relation, _kept(own[1], staged)]
            there = " UNION ALL ".join(f"SELECT `{other}` AS `there-value` FROM {place}" for place in places)
            other_value = f"`{name}-row`.`there-value`"
            join = (
                f"LEFT JOIN (SELECT DISTINCT `there-value` FROM ({there})) AS `{name}-row` ON {other_value} = {value}"
            )
            missing = f"{value} IS NOT NULL AND {other_value} IS NULL"
            return test(f"references {check.references}", missing, join=join)
    raise AssertionError(check)


def _plain(value: object) -> str:
    """Return a value as it is written, without an exponent unless it is one that only FLOAT64 has."""
    if isinstance(value, Decimal) and abs(value.adjusted()) < MOST_DECIMAL_DIGITS:
        return f"{value:f}"
    return str(value)


def _kept(table: Table, staged: Staged) -> str:
    """GoogleSQL for the rows of a table whose place the staged ones do not take."""
    name = f"`{table.dataset}`.`{table.name}`"
    if table.strategy == "merge" and not table.is_bounded:
        same = " AND ".join(f"`old-row`.`{column}` = `new-row`.`{column}`" for column in table.key)
        every = f"{every_row(table, '`old-row`.')} AND " if table.partition and table.partition.require_filter else ""
        renewed = f"EXISTS (SELECT 1 FROM {staged.relation} AS `new-row` WHERE {same})"
        return f"(SELECT * FROM {name} AS `old-row` WHERE {every}NOT {renewed})"
    if table.partition is None or table.partition_type is None or table.strategy == "replace":
        return f"(SELECT * FROM {name} WHERE {no_row(table)})"
    column, kind = table.partition.column, table.partition_type.name
    start, end = (f"@window_{edge}" if kind == "TIMESTAMP" else f"{kind}(@window_{edge})" for edge in ("start", "end"))
    return f"(SELECT * FROM {name} WHERE `{column}` < {start} OR `{column}` >= {end})"


def _break_table(
    table: Table,
    staged: Staged,
    schema: Mapping[str, Mapping[str, Type]],
    written: Callable[[str], Written | None],
) -> list[Broken]:
    found = []
    for number, check in enumerate(table.checks, start=1):
        match check:
            case RowCount():
                least, most = check.row_count.min, check.row_count.max
                if (least is not None and staged.rows < least) or (most is not None and staged.rows > most):
                    wanted = (
                        f"at least {least}"
                        if most is None
                        else f"at most {most}"
                        if least is None
                        else f"{least} to {most}"
                    )
                    found.append(
                        Broken(
                            "row_count", check.severity, f"{plural(staged.rows, 'row')}, where {wanted} are expected"
                        )
                    )
            case OffendingRows():
                from flows.sql import first_rows  # noqa: PLC0415 - slow to import, and few tables need it

                sql = first_rows(check.sql, SHOWN_ROWS, table.identity, staged.relation)
                rows = staged.select(Query(sql, schema, written=written(check.sql)))
                if rows:
                    more = "or more " if len(rows) == SHOWN_ROWS else ""
                    count = f"{len(rows)} {more}{'row' if len(rows) == 1 else 'rows'}"
                    name = check.name or f"checks[{number}]"
                    found.append(Broken(name, check.severity, f"{count} at fault", tuple(rows)))
    return found
