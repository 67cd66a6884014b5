"""Random times of a windowed query, and what bounds them: cut, moved and compared with the window in many forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from random import Random

_CUTS = ("HOUR", "DAY", "ISOWEEK", "WEEK(MONDAY)", "MONTH", "YEAR")
_DAYS = _CUTS[1:]
_CLOCKS = {"MINUTE": 90, "HOUR": 40, "DAY": 40}
_CALENDAR = {"DAY": 40, "WEEK": 5, "MONTH": 3, "QUARTER": 2, "YEAR": 1}
ZONES = ("Europe/Vienna", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Kiritimati", "+05:30", "-03:00", "UTC")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


class Column(NamedTuple):
    """A time that an expression can name, with its type."""

    sql: str
    type: str


class Times:
    """Writes expressions of times and conditions on them; everything that it chooses comes from `random`."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def bound(self, column: Column, signs: tuple[str, ...] = ("<", "<=", ">", ">=", "=")) -> str:
        """Return a condition that bounds a column."""
        if self.chance(0.35):
            return self._other_bound(column, signs)
        sql, type_ = self.cut(column) if self.chance(0.6) else column
        if self.chance(0.1):
            return f"{sql} BETWEEN {self.limit(type_, '>=')} AND {self.limit(type_, '<=')}"
        sign = self.random.choice(signs)
        limit = self.limit(type_, sign)
        return f"{sql} {sign} {limit}" if self.chance(0.8) else f"{limit} {_TURNED[sign]} {sql}"

    def _other_bound(self, column: Column, signs: tuple[str, ...]) -> str:
        """Return a bound in one of the many forms that people write beside `column >= @window_start`."""
        sign = self.random.choice(signs)
        shape = self.random.randrange(13)
        if shape == 0:
            return self._difference(column, sign)
        if shape in {1, 2, 3}:
            return self._counted(column, sign)
        sql, type_ = self.moved(column)
        if shape == 4:
            listed = ", ".join(self.limit(type_, "=") for _ in range(self.random.randint(1, 3)))
            return f"{sql} IN ({listed})" if self.chance(0.7) else f"{sql} IN UNNEST([{listed}])"
        if shape == 5:
            both = [self.limit("DATE", one) for one in (">=", "<=")]
            series = f"UNNEST(GENERATE_DATE_ARRAY({', '.join(both)}))"
            return f"{sql} IN {series}" if type_ == "DATE" else f"DATE({sql}) IN {series}"
        if shape == 6:
            return (
                f"({self.bound(column, signs)} {self.random.choice(['OR', 'OR', 'AND'])} {self.bound(column, signs)})"
            )
        if shape == 7:
            denied = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!="}[sign]
            other = f" {self.random.choice(['OR', 'AND'])} {self.bound(column)}" if self.chance(0.5) else ""
            return f"NOT ({sql} {denied} {self.limit(type_, sign)}{other})"
        if shape == 8:
            text = f"({sql} {sign} {self.limit(type_, sign)})"
            return f"{text} IS {self.random.choice(['TRUE', 'NOT FALSE', 'NOT NULL', 'FALSE'])}"
        if shape > 9:
            return self._chosen(column, signs)
        return f"{sql} {sign} {self.limit(type_, sign)}"

    def _chosen(self, column: Column, signs: tuple[str, ...]) -> str:
        """Return bounds of which IF, CASE or COALESCE takes one."""
        one, two = self.bound(column, signs), self.bound(column, signs)
        alias, dot, _ = column.sql.partition(".")
        asked = f"{alias}.n > 1" if dot and self.chance(0.6) else self.bound(column)
        first = f"IF({asked}, {column.sql}, NULL)" if self.chance(0.5) else f"NULLIF({column.sql}, {column.sql})"
        sign = self.random.choice(signs)
        return self.random.choice(
            [
                f"IF({asked}, {one}, {two})",
                f"IF({asked}, {one}, {self.random.choice(['FALSE', 'NULL', 'TRUE'])})",
                f"NOT IF({asked}, NOT ({one}), {self.random.choice(['TRUE', 'FALSE'])})",
                f"CASE WHEN {asked} THEN {one} WHEN {two} THEN {self.random.choice(['FALSE', 'NULL'])} ELSE {two} END",
                f"CASE WHEN {asked} THEN {one} END",
                f"COALESCE({one}, {two}, FALSE)",
                f"IFNULL({one}, {self.random.choice(['FALSE', 'TRUE'])})",
                f"{first} {sign} {self.limit(column.type, sign)}",
            ]
        )

    def _difference(self, column: Column, sign: str) -> str:
        sql, type_ = self.moved(column)
        kind = self.random.choice(["DATE", "DATETIME", "TIMESTAMP"])
        value = sql if type_ == kind else f"{kind}({sql})"
        part = self.random.choice(
            ["DAY", "ISOWEEK", "WEEK", "MONTH", "QUARTER", "YEAR"]
            if kind == "DATE"
            else ["SECOND", "MINUTE", "HOUR", "DAY"] + (["WEEK", "MONTH"] if kind == "DATETIME" else [])
        )
        first, second = value, self.limit(kind, sign)
        if self.chance(0.4):
            first, second = second, first
        number = self.random.choice([-3, -1, 0, 0, 0, 1, 2, 7])
        text = f"{kind}_DIFF({first}, {second}, {part})"
        if self.chance(0.2):
            return f"{text} BETWEEN {number - self.random.randint(0, 3)} AND {number}"
        if self.chance(0.2):
            return f"ABS({text}) {self.random.choice(['<', '<=', '='])} {abs(number)}"
        return f"{text} {sign} {number}"

    def _counted(self, column: Column, sign: str) -> str:
        """Return a bound of a time that is written as a number or a text."""
        sql, type_ = self.moved(column)
        early = sign in {">", ">="}
        if type_ == "DATE" and self.chance(0.3):
            wrap, more = "UNIX_DATE({})", 40
            limit = wrap.format(self.limit("DATE", sign))
        elif self.chance(0.4):
            name, more = self.random.choice(
                [("UNIX_SECONDS", 90_000), ("UNIX_MILLIS", 90_000_000), ("UNIX_MICROS", 10**10)]
            )
            wrap = f"{name}({{}})" if type_ == "TIMESTAMP" else f"{name}(TIMESTAMP({{}}))"
            limit = f"{name}({self.limit('TIMESTAMP', sign)})"
        elif self.chance(0.5):
            part = self.random.choice(["YEAR", "ISOYEAR"])
            wrap, more = f"EXTRACT({part} FROM {{}})", 1
            limit = wrap.format(self.limit(type_, sign))
        else:
            form = self.random.choice(["%F", "%Y-%m-%d", "%Y%m", "%Y", "%G-W%V", "%F %H", "%F %T", "%Y-Q%Q", "%Y-%j"])
            form = form if type_ != "DATE" else form.split(" ")[0]
            wrap, more = f"FORMAT_{type_}('{form}', {{}})", 0
            limit = wrap.format(self.limit(type_, sign))
        if more and self.chance(0.4):
            limit += f" {'-' if early else '+'} {self.random.randint(0, more)}"
        return f"{wrap.format(sql)} {sign} {limit}"

    def moved(self, column: Column) -> Column:
        """Return a column cut, turned and moved, with a zone here and there."""
        sql, type_ = column
        for _ in range(self.random.choice([0, 1, 1, 2, 3])):
            others = [other for other in ("TIMESTAMP", "DATE", "DATETIME") if other != type_]
            want, zone = self.random.choice(others), self.random.choice(ZONES)
            units = {"TIMESTAMP": _CLOCKS, "DATE": _CALENDAR, "DATETIME": _CLOCKS | _CALENDAR}[type_]
            unit = self.random.choice(list(units))
            amount = self.random.randint(-units[unit], units[unit])
            choices = [
                (f"CAST({sql} AS {want})", want),
                (f"SAFE_CAST({sql} AS {want})", want),
                (f"{type_}_{self.random.choice(['ADD', 'SUB'])}({sql}, INTERVAL {amount} {unit})", type_),
                (
                    f"{type_}_TRUNC({sql}, {self.random.choice(['QUARTER', 'WEEK', 'WEEK(THURSDAY)', 'MONTH'])})",
                    type_,
                ),
            ]
            if type_ == "TIMESTAMP":
                choices += [
                    (f"{want}({sql}, '{zone}')", want),
                    (f"EXTRACT({want} FROM {sql} AT TIME ZONE '{zone}')", want),
                    (f"TIMESTAMP_TRUNC({sql}, {self.random.choice(_CUTS)}, '{zone}')", type_),
                    (f"TIMESTAMP_TRUNC({sql}, {self.random.choice(['SECOND', 'MINUTE', 'MILLISECOND'])})", type_),
                    (f"TIMESTAMP_SECONDS(UNIX_SECONDS({sql}))", type_),
                ]
            else:
                choices += [(f"TIMESTAMP({sql}, '{zone}')", "TIMESTAMP")]
                choices += [(f"EXTRACT({want} FROM {sql})", want)] if type_ == "DATETIME" and want == "DATE" else []
            if type_ == "DATE":
                choices += [(f"({sql} {self.random.choice('+-')} {self.random.randint(0, 40)})", type_)]
                choices += [(f"LAST_DAY({sql}{self.random.choice(['', ', WEEK', ', QUARTER', ', YEAR'])})", type_)]
            sql, type_ = self.random.choice(choices)
        return Column(sql, type_)

    def cut(self, column: Column) -> Column:
        """Return a column cut to a part, or turned into another type, up to three times."""
        sql, type_ = column
        for _ in range(self.random.choice([1, 1, 2, 2, 3])):
            others = [other for other in ("TIMESTAMP", "DATE", "DATETIME") if other != type_]
            if self.chance(0.5):
                type_ = self.random.choice(others)
                sql = f"{type_}({sql})"
            else:
                sql = f"{type_}_TRUNC({sql}, {self.random.choice(_DAYS if type_ == 'DATE' else _CUTS)})"
        return Column(sql, type_)

    def limit(self, type_: str, sign: str) -> str:
        """Return an expression of the window's parameters, mostly one that lets some rows through."""
        early = sign in {">", ">="}
        usual = "@window_start" if early or sign == "=" else "@window_end"
        sql, have = usual if self.chance(0.8) else self.random.choice(["@window_start", "@window_end"]), "TIMESTAMP"
        for _ in range(self.random.choice([0, 0, 0, 1, 1, 2, 3])):
            if self.chance(0.3):
                have, sql = self.cut(Column(sql, have))[::-1]
            elif have == "DATE" and self.chance(0.2):
                sql = f"({sql} {self.random.choice('+-')} {self.random.randint(0, 40)})"
            else:
                units = {"TIMESTAMP": _CLOCKS, "DATE": _CALENDAR, "DATETIME": _CLOCKS | _CALENDAR}[have]
                unit = self.random.choice(list(units))
                verb = ("SUB" if early else "ADD") if self.chance(0.8) else self.random.choice(["ADD", "SUB"])
                amount = self.random.randint(0, units[unit])
                sql = f"{have}_{verb}({sql}, INTERVAL {amount} {unit})"
        sql = sql if have == type_ else f"{type_}({sql})"
        if self.chance(0.06):
            other = self.limit(type_, sign)
            sql = self.random.choice(
                [
                    f"(SELECT {sql})",
                    f"GREATEST({sql}, {other})",
                    f"LEAST({sql}, {other})",
                    f"COALESCE({sql}, {other})",
                    f"IF(@window_start < TIMESTAMP '2026-02-01', {sql}, {other})",
                ]
            )
        return sql

    def chance(self, share: float) -> bool:
        """Say yes so often."""
        return self.random.random() < share
