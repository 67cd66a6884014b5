"""Writes random typed queries: joins, groups, windows, subqueries, set operations, arrays, CTEs, QUALIFY, PIVOT, UNPIVOT.

Each relation knows the names and types of its columns, so that any of them stands wherever another one can.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tests.sql.typed_queries import (
    AGGREGATES,
    ARRAYS,
    FORMS,
    ORDERED,
    RISKY,
    SCALARS,
    TABLES,
    WINDOWS,
    Column,
    Expressions,
    columns_of,
    ordered,
)

if TYPE_CHECKING:
    from random import Random

_SETS = ("UNION ALL", "UNION ALL", "UNION DISTINCT", "EXCEPT DISTINCT", "INTERSECT DISTINCT")


class Query(NamedTuple):
    """A query with the names and types of its columns."""

    sql: str
    columns: list[Column]


class Source(NamedTuple):
    """A FROM clause with what it names."""

    sql: str
    columns: list[Column]


class Writer:
    """Writes one query; everything that it chooses comes from `random`."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.of = Expressions(random)
        self.ctes: list[tuple[str, Query]] = []
        self.names = 0

    def query(self) -> str:
        """Return a whole query."""
        recursive = self.chance(0.05)
        if recursive:
            step = self.random.choice(("n + 1", "n * 2"))
            body = f"SELECT 1 AS n, 'a' AS k UNION ALL SELECT {step}, k || 'b' FROM w0 WHERE n < 4"
            self.ctes.append(("w0", Query(body, [Column("n", "INT64"), Column("k", "STRING")])))
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2))):
            found = self.select(1)
            self.ctes.append((f"w{len(self.ctes)}", found))
        body = self.select(2, risky=self.chance(0.15))
        with_ = ", ".join(f"{name} AS ({query.sql})" for name, query in self.ctes)
        return f"WITH {'RECURSIVE ' * recursive}{with_} {body.sql}" if with_ else body.sql

    def select(self, depth: int, *, outer: tuple[Column, ...] = (), risky: bool = False) -> Query:
        """Return a query; `outer` are columns around it."""
        if depth > 0 and not outer and not risky and self.chance(0.15):
            return self._set_operation(depth)
        source = self._from(depth)
        where = self._where(source, depth, outer)
        if risky:
            return self._risky(source, where)
        shape = self.random.randrange(10)
        if shape < 3:
            return self._grouped(source, where, depth)
        if shape < 5:
            return self._windowed(source, where)
        if shape == 5 and depth > 0:
            return self._turned(depth)
        if shape == 6:
            return self._starred(source, where)
        return self._plain(source, where, depth, outer)

    # Shapes

    def _plain(self, source: Source, where: str, depth: int, outer: tuple[Column, ...]) -> Query:
        columns = [self._item(source, depth, outer) for _ in range(self.random.randint(1, 4))]
        distinct = "DISTINCT " * (self.chance(0.2) and all(type_ in ORDERED for _, type_ in columns))
        return self._limited(f"SELECT {distinct}{_listed(columns)} FROM {source.sql}{where}", _named(columns))

    def _item(self, source: Source, depth: int, outer: tuple[Column, ...]) -> Column:
        type_ = self._type()
        scope = [*source.columns, *outer]
        if depth > 0 and self.chance(0.15):
            return self._subquery(type_, scope)
        return Column(self.of.value(type_, scope, 2), type_)

    def _starred(self, source: Source, where: str) -> Query:
        """Return all columns of one relation, but for some, or with one replaced."""
        alias = self.random.choice(source.columns).sql.split(".")[0]
        own = [column for column in source.columns if column.sql.split(".")[0] == alias]
        if any("." not in column.sql for column in own):
            return Query(f"SELECT {alias} AS c0 FROM {source.sql}{where}", [Column("c0", own[0].type)])
        names = [Column(column.sql.split(".")[1], column.type) for column in own]
        changed = self.random.choice(names)
        if self.chance(0.4) and len(names) > 1:
            kept = [name for name in names if name != changed]
            return Query(f"SELECT {alias}.* EXCEPT ({changed.sql}) FROM {source.sql}{where}", kept)
        if self.chance(0.5):
            value = self.of.value(changed.type, source.columns, 1)
            sql = f"SELECT {alias}.* REPLACE ({value} AS {changed.sql}) FROM {source.sql}{where}"
            return Query(sql, names)
        return Query(f"SELECT {alias}.* FROM {source.sql}{where}", names)

    def _grouped(self, source: Source, where: str, depth: int) -> Query:
        keys = [
            Column(self.of.value(type_, source.columns, self.random.choice((0, 0, 1))), type_)
            for type_ in self._key_types()
        ]
        named = _named(keys, "g")
        items = [self._aggregate(source) for _ in range(self.random.randint(1, 3))]
        having = f" HAVING {self._aggregate(source, 'BOOL').sql}" if self.chance(0.25) else ""
        if keys and self.chance(0.2):
            counted = self._aggregate(source, "INT64").sql
            items.append(Column(f"RANK() OVER (ORDER BY {counted}{self.random.choice(('', ' DESC'))})", "INT64"))
        listed = ", ".join(
            [
                *(f"{key.sql} AS {name.sql}" for key, name in zip(keys, named, strict=True)),
                *filter(None, [_listed(items)]),
            ]
        )
        by = ", ".join(self.random.choice((name.sql, str(place))) for place, name in enumerate(named, 1))
        if keys and self.chance(0.25):
            names = ", ".join(name.sql for name in named)
            by = self.random.choice((f"ROLLUP ({names})", f"CUBE ({names})", f"GROUPING SETS (({names}), ())"))
        sql = f"SELECT {listed} FROM {source.sql}{where}{f' GROUP BY {by}' if keys else ''}{having}"
        return self._limited(sql, [*named, *_named(items)]) if depth else Query(sql, [*named, *_named(items)])

    def _key_types(self) -> list[str]:
        return [
            self.random.choice(("INT64", "STRING", "STRING", "DATE", "BOOL", "NUMERIC"))
            for _ in range(self.random.choice((0, 1, 1, 2)))
        ]

    def _aggregate(self, source: Source, type_: str = "") -> Column:
        type_ = type_ or self.random.choice([*SCALARS, "ARRAY<INT64>", "INT64", *ARRAYS[1:]])
        return Column(self.of.filled(self.random.choice(AGGREGATES[type_]), source.columns, 1), type_)

    def _windowed(self, source: Source, where: str) -> Query:
        columns = [
            Column(self.of.filled(self.random.choice(WINDOWS[type_]), source.columns, 1), type_)
            for type_ in (self.random.choice(SCALARS) for _ in range(self.random.randint(1, 2)))
        ]
        columns += [Column(self.of.value(type_, source.columns, 0), type_) for type_ in (self._type(), self._type())]
        qualify = ""
        if self.chance(0.35):
            qualify = f" QUALIFY {self.of.filled(self.random.choice(WINDOWS['BOOL']), source.columns, 0)}"
        sql = f"SELECT {_listed(columns)} FROM {source.sql}{where}{qualify}"
        if self.chance(0.2):
            window = re.search(r"OVER \(([^()]*)\)", sql)
            if window and window[1]:
                sql = f"{sql.replace(window[0], 'OVER w')}"
                head, between, tail = sql.partition(" QUALIFY ")
                sql = f"{head}{between}{tail} WINDOW w AS ({window[1]})"
        return Query(sql, _named(columns))

    def _set_operation(self, depth: int) -> Query:
        types = [self.random.choice(SCALARS[:7]) for _ in range(self.random.randint(1, 2))]
        parts = []
        for _ in range(self.random.choice((2, 2, 3))):
            source = self._from(depth - 1)
            given = [self._coerced(type_) for type_ in types]
            columns = [Column(self.of.value(type_, source.columns, 1), type_) for type_ in given]
            parts.append(f"SELECT {_listed(columns)} FROM {source.sql}{self._where(source, 0, ())}")
        sql = f" {self.random.choice(_SETS)} ".join(parts)
        columns = [Column(f"c{place}", type_) for place, type_ in enumerate(types)]
        return self._limited(sql, columns)

    def _coerced(self, type_: str) -> str:
        return "INT64" if type_ in {"NUMERIC", "FLOAT64"} and self.chance(0.25) else type_

    def _turned(self, depth: int) -> Query:
        """Return a query with PIVOT or UNPIVOT."""
        source = self._from(depth - 1)
        if self.chance(0.5):
            inner = [Column(self.of.value(type_, source.columns, 0), type_) for type_ in ("STRING", "STRING", "INT64")]
            of = f"(SELECT {_listed(inner)} FROM {source.sql})"
            call = self.random.choice(("SUM(c2)", "COUNT(*)", "MAX(c2)", "COUNT(c2)"))
            sql = f"SELECT * FROM {of} PIVOT({call} AS v FOR c1 IN ('a', 'b' AS bb, '' AS e))"
            return Query(sql, [Column("c0", "STRING"), *(Column(f"v_{name}", "INT64") for name in ("a", "bb", "e"))])
        # The judge takes one column under two names for one.
        one, two = self.of.value("INT64", source.columns, 0), f"{self.of.value('INT64', source.columns, 0)} + 1"
        inner = [
            Column(self.of.value("STRING", source.columns, 0), "STRING"),
            Column(one, "INT64"),
            Column(two, "INT64"),
        ]
        of = f"(SELECT {_listed(inner)} FROM {source.sql})"
        nulls = self.random.choice(("", "INCLUDE NULLS ", "EXCLUDE NULLS "))
        sql = f"SELECT * FROM {of} UNPIVOT {nulls}(v FOR name IN (c1, c2 AS 'two'))"
        return Query(sql, [Column("c0", "STRING"), Column("v", "INT64"), Column("name", "STRING")])

    def _risky(self, source: Source, where: str) -> Query:
        value = self.of.filled(self.random.choice(RISKY), source.columns, 0)
        return Query(f"SELECT {value} AS c0 FROM {source.sql}{where}", [Column("c0", "INT64")])

    def _limited(self, sql: str, columns: list[Column]) -> Query:
        """Return the query with an order and a limit, where all its columns can be ordered."""
        if self.chance(0.25) and all(type_ in ORDERED for _, type_ in columns):
            order = self.of.order([column.sql for column in columns])
            rows = f" LIMIT {self.random.choice((1, 2, 3, 100))}{' OFFSET 1' * self.chance(0.2)}"
            return Query(f"{sql} ORDER BY {order}{rows}", columns)
        return Query(sql, columns)

    # FROM and WHERE

    def _from(self, depth: int) -> Source:
        one = self._relation(depth)
        if self.chance(0.2):
            return self._unnested(one)
        if depth <= 0 or self.chance(0.5):
            return one
        two = self._relation(depth - 1)
        both = [*one.columns, *two.columns]
        side = self.random.choice(
            ("JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", ",")
        )
        if side in {"CROSS JOIN", ","}:
            return Source(f"{one.sql}{' ' * (side != ',')}{side} {two.sql}", both)
        pairs = [
            (first.sql, second.sql)
            for first in one.columns
            for second in two.columns
            if first.type == second.type and first.type in ORDERED
        ]
        if not pairs:
            return Source(f"{one.sql} CROSS JOIN {two.sql}", both)
        on = " = ".join(self.random.choice(pairs))
        if self.chance(0.3):
            on += f" AND {self.of.value('BOOL', both, 1)}"
        return Source(f"{one.sql} {side} {two.sql} ON {on}", both)

    def _relation(self, depth: int) -> Source:
        self.names += 1
        alias = f"r{self.names}"
        if self.ctes and self.chance(0.5):
            name, query = self.random.choice(self.ctes)
        elif depth > 0 and self.chance(0.3):
            query = self.select(depth - 1)
            name = f"({query.sql})"
        else:
            name = self.random.choice(list(TABLES))
            query = Query("", [Column(*one) for one in columns_of(name)])
        return Source(f"{name} AS {alias}", [Column(f"{alias}.{sql}", type_) for sql, type_ in query.columns])

    def _unnested(self, source: Source) -> Source:
        self.names += 1
        element, place = f"e{self.names}", f"o{self.names}"
        arrays = [column for column in source.columns if column.type in ARRAYS]
        array = self.random.choice(arrays) if arrays else Column("GENERATE_ARRAY(1, 3)", "ARRAY<INT64>")
        side = self.random.choice((",", " CROSS JOIN", " LEFT JOIN", " LEFT JOIN"))
        numbered = self.chance(0.4)
        fields = (
            [Column(element, "INT64")]
            if array.type == ARRAYS[0]
            else [Column(f"{element}.x", "INT64"), Column(f"{element}.y", "STRING")]
        )
        sql = f"{source.sql}{side} UNNEST({array.sql}) AS {element}{f' WITH OFFSET AS {place}' * numbered}"
        if "LEFT" in side and self.chance(0.4):
            scope = [*source.columns, *fields]
            sql += f" ON {self._condition(scope) if self.chance(0.6) else self.of.value('BOOL', scope, 1)}"
        return Source(sql, [*source.columns, *fields, *([Column(place, "INT64")] if numbered else [])])

    def _where(self, source: Source, depth: int, outer: tuple[Column, ...]) -> str:
        scope = [*source.columns, *outer]
        if outer:
            pairs = [
                (first.sql, second.sql)
                for first in source.columns
                for second in outer
                if first.type == second.type and first.type in ORDERED
            ]
            on = (
                " = ".join(self.random.choice(pairs)) if pairs and self.chance(0.8) else self.of.value("BOOL", scope, 1)
            )
            return f" WHERE {on}"
        if self.chance(0.5):
            return ""
        if depth > 0 and self.chance(0.35):
            return f" WHERE {self._condition(scope)}"
        return f" WHERE {self.of.value('BOOL', scope, 2)}"

    def _condition(self, scope: list[Column]) -> str:
        """Return a condition with a subquery."""
        negated = "NOT " * self.chance(0.4)
        source = self._from(0)
        where = self._where(source, 0, tuple(scope))
        if self.chance(0.5):
            return f"{negated}EXISTS (SELECT 1 FROM {source.sql}{where})"
        type_ = self.random.choice(("INT64", "STRING", "DATE"))
        one = self.of.value(type_, scope, 0)
        two = self.of.value(type_, source.columns, 0)
        return f"{one} {negated}IN (SELECT {two} FROM {source.sql}{where if self.chance(0.5) else ''})"

    def _subquery(self, type_: str, scope: list[Column]) -> Column:
        """Return a subquery that gives one value."""
        source = self._from(0)
        where = self._where(source, 0, tuple(scope))
        if self.chance(0.25):
            value, order = f"({self.of.value('INT64', source.columns, 0)} + 0)", self.of.order(ordered(source.columns))
            by = f"{value}, {order}" if order else value
            return Column(
                f"ARRAY(SELECT {value} FROM {source.sql}{where}{' AND ' if where else ' WHERE '}{value} IS NOT NULL ORDER BY {by})",
                ARRAYS[0],
            )
        if type_ not in AGGREGATES:
            type_ = "INT64"
        seen = self.random.choice((source.columns, source.columns, [*source.columns, *scope], scope))
        return Column(f"(SELECT {self._aggregate(Source('', seen), type_).sql} FROM {source.sql}{where})", type_)

    def _type(self) -> str:
        return self.random.choice((*SCALARS, *SCALARS, *SCALARS, *FORMS))

    def chance(self, share: float) -> bool:
        """Say yes so often."""
        return self.random.random() < share


def _listed(columns: list[Column]) -> str:
    return ", ".join(f"{sql} AS c{place}" for place, (sql, _) in enumerate(columns))


def _named(columns: list[Column], letter: str = "c") -> list[Column]:
    return [Column(f"{letter}{place}", type_) for place, (_, type_) in enumerate(columns)]
