"""Further forms in which a random query reads a relation: pivoted, unnested, by frames, in sets, recursively, as structs.

Each gives `id`, `n` and `t`, as all relations of the random queries do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.sql.random_times import Column

if TYPE_CHECKING:
    from tests.sql.random_times import Times

MOVES = {"TIMESTAMP": "HOUR", "DATETIME": "HOUR", "DATE": "DAY"}


def further(source: str, type_: str, a: str, where: str, times: Times) -> str:
    """Return a query over a source in one of these forms.

    Args:
        source: what stands in FROM.
        type_: the type of its `t`.
        a: a name that nothing else has.
        where: the condition on `a`, with its word.
        times: what makes bounds and moves times.
    """
    random = times.random
    amount = random.choice([-48, -24, -3, 1, 24, 30])
    moved = f"{type_}_ADD({a}.t, INTERVAL {amount} {MOVES[type_]})"
    rows = f"FROM {source} AS {a}{where}"
    order = f"{a}.t{random.choice(['', ' DESC'])}, {a}.n"
    frame = random.choice(
        [
            "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
            "ROWS UNBOUNDED PRECEDING",
            "ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING",
        ]
    )
    bound = times.bound(Column("x.t", type_))
    forms = [
        f"SELECT x.id, x.n, x.t FROM (SELECT STRUCT({a}.id AS id, {a}.n AS n, {a}.t AS t) AS x {rows}) WHERE {bound}",
        (
            f"SELECT {a}y.id, x.n, x.t FROM (SELECT {a}.id, ARRAY_AGG(STRUCT({a}.n AS n, {a}.t AS t) ORDER BY {a}.t, {a}.n) AS xs {rows} "
            f"GROUP BY {a}.id) AS {a}y CROSS JOIN UNNEST({a}y.xs) AS x WHERE {bound}"
        ),
        f"SELECT {a}.id, {a}.n, x AS t FROM {source} AS {a} CROSS JOIN UNNEST([{a}.t, {moved}]) AS x{where}",
        (
            f"SELECT id, IFNULL(p0, 0) + IFNULL(p1, 0) AS n, t FROM (SELECT {a}.id, {a}.n, MOD({a}.n, 2) AS k, {a}.t {rows}) "
            "PIVOT(SUM(n) FOR k IN (0 AS p0, 1 AS p1))"
        ),
        f"SELECT id, n, t FROM (SELECT {a}.id, {a}.n, {a}.t AS t1, {moved} AS t2 {rows}) UNPIVOT(t FOR name IN (t1, t2))",
        f"SELECT {a}.id, SUM({a}.n) OVER (PARTITION BY {a}.id ORDER BY {order} {frame}) AS n, {a}.t AS t {rows}",
        f"SELECT {a}.id, {a}.n, {random.choice(['LAG', 'LEAD', 'FIRST_VALUE'])}({a}.t) OVER (PARTITION BY {a}.id ORDER BY {order}) AS t {rows}",
        f"SELECT {a}.id, {a}.n, {random.choice(['MIN', 'MAX'])}({a}.t) OVER (PARTITION BY {a}.id) AS t {rows}",
        f"SELECT {a}.id, {a}.n, {a}.t {rows} QUALIFY ROW_NUMBER() OVER (PARTITION BY {a}.id ORDER BY {order}) = 1",
        f"SELECT {a}.id, MAX({a}.n) AS n, {random.choice(['MIN', 'MAX'])}({a}.t) AS t {rows} GROUP BY {a}.id",
        f"SELECT {a}.id, {a}.n, (SELECT MAX(x.t) FROM {source} AS x WHERE x.id = {a}.id AND {bound}) AS t {rows}",
        f"SELECT {a}.id, {a}.n, IF({a}.n > 1, {a}.t, {moved}) AS t {rows}",
        f"SELECT {a}.id, {a}.n, {random.choice(['GREATEST', 'LEAST', 'COALESCE'])}({a}.t, {moved}) AS t {rows}",
        (
            f"WITH RECURSIVE {a}r AS (SELECT {a}.id, {a}.n, {a}.t, 0 AS k {rows} UNION ALL SELECT x.id, x.n, x.t, {a}r.k + 1 "
            f"FROM {a}r JOIN {source} AS x ON x.n = {a}r.id AND {bound} WHERE {a}r.k < 2) SELECT id, n, t FROM {a}r"
        ),
        f"SELECT x.id, x.n, x.t FROM (SELECT {a}.id, {a}.n, {a}.t {rows}) AS x FULL JOIN core.users AS {a}u USING (id) WHERE {bound}",
        f"SELECT {a}.id, {a}.n, {moved} AS t {rows} UNION ALL SELECT x.id, x.n, x.t FROM {source} AS x WHERE {bound}",
        f"SELECT {a}.id, {a}.n, {a}.t FROM {source} AS {a} JOIN {source} AS x ON x.id = {a}.id AND x.t = {moved}{where}{' AND' if where else ' WHERE'} {bound}",
        f"SELECT {a}.id, SUM({a}.n) OVER {a}w AS n, {a}.t {rows} WINDOW {a}v AS (PARTITION BY {a}.id ORDER BY {order}), {a}w AS ({a}v {frame})",
        f"SELECT IFNULL(id, 9) AS id, n, t FROM (SELECT {a}.id, {a}.t, COUNT(*) AS n {rows} GROUP BY GROUPING SETS (({a}.id, {a}.t), ({a}.t)))",
        f"SELECT {a}.id, {a}.n, {a}.t {rows} UNION ALL BY NAME SELECT x.t, x.id, x.n FROM {source} AS x WHERE {bound}",
        f"SELECT {a}.id, {a}o AS n, x AS t FROM {source} AS {a} LEFT JOIN UNNEST([{a}.t, {moved}]) AS x WITH OFFSET AS {a}o ON {bound.replace('x.t', 'x').replace('x.n', f'{a}o')}{where}",
        f"SELECT {a}u.id, x.n, x.t FROM core.users AS {a}u LEFT JOIN (SELECT {a}.id, {a}.n, {a}.t {rows}) AS x USING (id) WHERE {bound}",
        f"SELECT {a}.id, ARRAY_LENGTH(ARRAY(SELECT x.n FROM {source} AS x WHERE x.id = {a}.id AND x.t <= {a}.t AND {bound})) AS n, {a}.t {rows}",
    ]
    return random.choice(forms)
