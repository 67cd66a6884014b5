"""Random windowed queries in GoogleSQL: joins, set operations, CTEs, correlated subqueries, dates cut and cut again.

Every relation, be it a table, a subquery or a CTE, gives the same three columns: `id` and `n` (INT64) and `t`, a time.
So any of them can stand wherever another one can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.types import Type
from tests.sql.random_relations import further
from tests.sql.random_times import Column, Times

if TYPE_CHECKING:
    from random import Random

TABLES = {"core.events": "TIMESTAMP", "core.days": "DATE", "core.stamps": "DATETIME", "core.users": "TIMESTAMP"}
"""The type of each table's `t`."""
PARTITIONS = {table: "t" for table in TABLES if table != "core.users"}
SCHEMA = {table: {"id": Type("INT64"), "n": Type("INT64"), "t": Type(type_)} for table, type_ in TABLES.items()}


class Writer:
    """Writes one query; everything that it chooses comes from `random`."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.times = Times(random)
        self.ctes: list[tuple[str, str, str]] = []
        self._names = 0

    def query(self) -> str:
        """Return a whole query."""
        one, two = self._name(), self._name()
        if self.times.chance(0.3):
            for _ in range(self.random.randint(1, 2)):
                name = f"w{len(self.ctes)}"
                body, type_ = self._select(2)
                self.ctes.append((name, body, type_))
        from_, columns = self._from(one, two, 2)
        body = self._top(from_, columns)
        with_ = ", ".join(f"{name} AS ({text})" for name, text, _ in self.ctes)
        return f"WITH {with_} {body}" if with_ else body

    def _top(self, from_: str, columns: list[Column]) -> str:
        a = columns[0].sql.split(".")[0]
        where = self._where(columns, 2)
        shape = self.random.randrange(7)
        if shape == 0:
            having = f" HAVING {self._subquery(columns[:1], 1, grouped=a)}" if self.times.chance(0.5) else ""
            return f"SELECT {a}.id AS id, COUNT(*) AS c, SUM({a}.n) AS s FROM {from_}{where} GROUP BY {a}.id{having}"
        if shape == 1:
            return f"SELECT COUNT(*) AS c, MAX({columns[-1].sql}) AS m FROM {from_}{where}"
        if shape == 2:
            return f"SELECT {a}.id AS id, {self._value(columns, 1)} AS v FROM {from_}{where}"
        if shape == 3:
            qualify = f" QUALIFY {self._qualify(columns)}"
            return f"SELECT {a}.id AS id, {a}.n AS n, {a}.t AS t FROM {from_}{where}{qualify}"
        if shape == 4:
            cut, type_ = self.times.moved(columns[0])
            having = (
                f" HAVING {self.times.bound(Column('c', type_))} AND {self.times.bound(Column('c', type_))}"
                if self.times.chance(0.5)
                else ""
            )
            group = self.random.choice(["c", "c", "ROLLUP(c)"])
            return f"SELECT {cut} AS c, SUM({a}.n) AS s FROM {from_}{where} GROUP BY {group}{having}"
        listed = ", ".join(f"{column.sql} AS c{place}" for place, column in enumerate(columns))
        return f"SELECT {a}.id AS id, {a}.n AS n, {listed} FROM {from_}{where}"

    # FROM

    def _from(self, one: str, two: str, depth: int) -> tuple[str, list[Column]]:
        source, type_ = self._relation(depth)
        columns = [Column(f"{one}.t", type_)]
        if self.times.chance(0.2):
            return self._carried(source, one, two, type_), columns
        if self.times.chance(0.4):
            return f"{source} AS {one}", columns
        joined, other = self._relation(depth)
        side = self.random.choice(["", "", "LEFT ", "LEFT ", "RIGHT ", "FULL "])
        both = [*columns, Column(f"{two}.t", other)]
        using = self.random.choice(["id", "id, t"]) if type_ == other and not side and self.times.chance(0.2) else ""
        if using:
            return f"{source} AS {one} JOIN {joined} AS {two} USING ({using})", both
        conditions = [f"{one}.id = {two}.id"]
        if self.times.chance(0.6):
            conditions.append(self._conditions(both, depth - 1, subqueries=side == ""))
        return f"{source} AS {one} {side}JOIN {joined} AS {two} ON {' AND '.join(conditions)}", both

    def _carried(self, source: str, one: str, two: str, type_: str) -> str:
        """Return a FROM that compares a time with columns that are made of the window's parameters alone."""
        first, last = (self.times.limit(type_, sign) for sign in (">=", "<"))
        if self.times.chance(0.5):
            moved = f"{type_}_ADD({two}.a, INTERVAL 1 DAY)" if self.times.chance(0.4) else f"{two}.b"
            ends = f"(SELECT {first} AS a, {last} AS b) AS {two}"
            sign = self.random.choice(["<", "<=", "="])
            return f"{source} AS {one} {self.random.choice(['', 'RIGHT '])}JOIN {ends} ON {one}.t >= {two}.a AND {one}.t {sign} {moved}"
        days = f"GENERATE_DATE_ARRAY({self.times.limit('DATE', '>=')}, {self.times.limit('DATE', '<=')})"
        days = days if self.times.chance(0.7) else f"[{self.times.limit('DATE', '=')}, {self.times.limit('DATE', '=')}]"
        side = self.random.choice(["LEFT ", "", "RIGHT "])
        return f"UNNEST({days}) AS {two} {side}JOIN {source} AS {one} ON DATE({one}.t) {self.random.choice(['=', '=', '<='])} {two}"

    def _relation(self, depth: int) -> tuple[str, str]:
        """Return something to read from, and the type of its `t`."""
        if self.ctes and self.times.chance(0.5):
            name, _, type_ = self.random.choice(self.ctes)
            return name, type_
        if depth > 0 and self.times.chance(0.35):
            text, type_ = self._select(depth - 1)
            return f"({text})", type_
        return self.random.choice([*TABLES.items(), ("core.events", "TIMESTAMP"), ("core.events", "TIMESTAMP")])

    def _select(self, depth: int) -> tuple[str, str]:
        """Return a query of `id`, `n` and `t`, and the type of its `t`."""
        a = self._name()
        source, type_ = self._relation(depth)
        column = Column(f"{a}.t", type_)
        if self.times.chance(0.25):
            return further(
                source, type_, a, self._where([column], 0) if self.times.chance(0.4) else "", self.times
            ), type_
        cut, cut_type = (
            self.times.cut(column)
            if self.times.chance(0.6)
            else self.times.moved(column)
            if self.times.chance(0.5)
            else column
        )
        where = self._where([column], depth) if self.times.chance(0.3) else ""
        plain = f"SELECT {a}.id AS id, {a}.n AS n, {cut} AS t FROM {source} AS {a}{where}"
        shape = self.random.randrange(9)
        if shape in {0, 1}:
            total = self.random.choice(["COUNT(*)", f"SUM({a}.n)", f"MAX({a}.n)"])
            return f"SELECT {a}.id AS id, {total} AS n, {cut} AS t FROM {source} AS {a}{where} GROUP BY id, t", cut_type
        if shape == 2:
            word = self.random.choice(["UNION ALL", "UNION DISTINCT", "EXCEPT DISTINCT", "INTERSECT DISTINCT"])
            same = [table for table, other in TABLES.items() if other == cut_type]
            other = self.random.choice(same)
            unit = "MONTH" if cut_type == "DATE" else "HOUR"
            moved = (
                f"{cut_type}_ADD(t, INTERVAL {self.random.randint(-3, 3)} {unit})" if self.times.chance(0.5) else "t"
            )
            return f"{plain} {word} SELECT id, n, {moved} AS t FROM {other}", cut_type
        if shape == 3:
            sum_ = f"SUM({a}.n) OVER (PARTITION BY {a}.id ORDER BY {a}.t)"
            return f"SELECT {a}.id AS id, {sum_} AS n, {cut} AS t FROM {source} AS {a}{where}", cut_type
        if shape == 4:
            return plain.replace("SELECT", "SELECT DISTINCT", 1), cut_type
        if shape == 5:
            down = self.random.choice(["", " DESC"])
            return f"{plain} ORDER BY t{down}, id{down}, n{down} LIMIT {self.random.randint(1, 30)}", cut_type
        if shape == 6 and depth > 0:
            value = f"(SELECT COALESCE(SUM({a}x.n), 0) FROM {self._relation(0)[0]} AS {a}x WHERE {a}x.id = {a}.id)"
            return f"SELECT {a}.id AS id, {value} AS n, {cut} AS t FROM {source} AS {a}{where}", cut_type
        if shape == 7 and depth > 0:
            from_, both = self._from(a, f"{a}j", depth - 1)
            chosen = self.random.choice(both)
            return f"SELECT {a}.id AS id, {a}.n AS n, {chosen.sql} AS t FROM {from_}", chosen.type
        return plain, cut_type

    # Conditions

    def _where(self, columns: list[Column], depth: int) -> str:
        if self.times.chance(0.1):
            return ""
        return f" WHERE {self._conditions(columns, depth)}"

    def _conditions(self, columns: list[Column], depth: int, *, subqueries: bool = True) -> str:
        found = []
        for column in columns:
            if self.times.chance(0.8):
                found.append(self.times.bound(column, ("<", "<=", "=")))
            if self.times.chance(0.5):
                found.append(self.times.bound(column, (">", ">=")))
        a = columns[0].sql.split(".")[0]
        if subqueries and depth > 0 and self.times.chance(0.45):
            found.append(self._subquery(columns, depth - 1))
        if self.times.chance(0.15):
            found.append(f"({self.times.bound(columns[0])} OR {a}.n > 2)")
        if self.times.chance(0.1):
            found.append(f"NOT ({self.times.bound(columns[0])})")
        self.random.shuffle(found)
        return " AND ".join(found) or f"{a}.n < 3"

    def _subquery(self, columns: list[Column], depth: int, *, grouped: str = "") -> str:
        """Return a condition with a query in it that names the columns around it."""
        a, s = grouped or columns[0].sql.split(".")[0], self._name()
        if grouped:
            columns = []
        source, type_ = self._relation(depth)
        own = Column(f"{s}.t", type_)
        conditions = self._conditions([own], depth, subqueries=depth > 0) if self.times.chance(0.8) else "TRUE"
        for column in columns:
            if self.times.chance(0.7):
                conditions += f" AND {self.times.bound(column)}"
        if self.times.chance(0.8):
            conditions += f" AND {s}.id = {a}.id"
        from_ = f"FROM {source} AS {s} WHERE {conditions}"
        return self.random.choice(
            [
                f"EXISTS (SELECT 1 {from_})",
                f"EXISTS (SELECT {s}.id {from_} GROUP BY {s}.id)",
                f"EXISTS (SELECT COUNT(*) AS c {from_})",
                f"EXISTS (SELECT 1 {from_} UNION ALL SELECT 1 FROM core.users AS u WHERE u.id = {a}.id)",
                f"NOT EXISTS (SELECT 1 {from_})",
                f"NOT EXISTS (SELECT 1 {from_})",
                f"{a}.id IN (SELECT {s}.n {from_})",
                f"{a}.id NOT IN (SELECT {s}.n {from_})",
                f"(SELECT COUNT(*) {from_}) < 2",
                f"COALESCE((SELECT MAX({s}.n) {from_}), 9) > 1",
                f"ARRAY_LENGTH(ARRAY(SELECT {s}.n {from_})) < 2",
                f"IF(EXISTS (SELECT 1 {from_}), {a}.id > 1, {a}.id < 3)",
            ]
        )

    def _value(self, columns: list[Column], depth: int) -> str:
        condition = self._subquery(columns, depth)
        a, s = columns[0].sql.split(".")[0], self._name()
        source, type_ = self._relation(depth)
        more = f" AND {self.times.bound(columns[0])}" if self.times.chance(0.7) else ""
        from_ = f"FROM {source} AS {s} WHERE {s}.id = {a}.id AND {self.times.bound(Column(f'{s}.t', type_))}{more}"
        return self.random.choice(
            [
                f"IF({condition}, 1, 0)",
                f"CASE WHEN {condition} THEN {a}.n END",
                f"(SELECT SUM({s}.n) {from_})",
                f"(SELECT MIN({s}.t) {from_})",
                f"(SELECT COUNT(*) {from_})",
                f"ARRAY(SELECT {s}.n {from_} ORDER BY {s}.n)",
            ]
        )

    def _qualify(self, columns: list[Column]) -> str:
        a = columns[0].sql.split(".")[0]
        rank = f"RANK() OVER (PARTITION BY {a}.id ORDER BY {a}.t, {a}.n) < 3"
        if self.times.chance(0.4):
            cut, type_ = self.times.cut(columns[0])
            parts = self.random.choice([cut, f"{cut}, {a}.id", f"{a}.id"])
            rank = f"RANK() OVER (PARTITION BY {parts} ORDER BY {a}.t, {a}.n) < 3"
            both = [f"{cut} >= {self.times.limit(type_, '>=')}", f"{cut} < {self.times.limit(type_, '<')}"]
            return f"{' AND '.join(both)} AND {rank}"
        if self.times.chance(0.5):
            return rank
        return f"{rank} {self.random.choice(['AND', 'OR'])} {self._subquery(columns, 1)}"

    def _name(self) -> str:
        self._names += 1
        return f"r{self._names}"
