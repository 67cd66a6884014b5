"""FROM: tables, arrays, subqueries and joins; and how conditions bound the tables by the window."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import reach
from flows.sql import types as t
from flows.sql.compile.expressions import Expressions
from flows.sql.compile.names import operands
from flows.sql.compile.scope import Anything, Occurrence, Origin, Relation, Scope, Source, Value
from flows.sql.parse.tree import table_identity
from flows.sql.types import quote, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.model.types import Type

_SIGNS: dict[type[exp.Expr], str] = {exp.GTE: ">=", exp.GT: ">", exp.LTE: "<=", exp.LT: "<", exp.EQ: "="}
_TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "=": "="}
_TABLE = {"this", "db", "catalog", "alias", "pivots"}
_JOIN = {"this", "on", "using", "side", "kind"}


class From(Expressions):
    """Compiles FROM against a schema."""

    def __init__(self, schema: Mapping[str, Mapping[str, Type]], partitions: Mapping[str, str]) -> None:
        super().__init__()
        self.schema = schema
        self.partitions = partitions
        self.occurrences: list[Occurrence] = []

    def guard(self, node: exp.Expr, known: set[str]) -> None:
        """Refuse the parts of a node that nobody here knows."""
        for key, part in node.args.items():
            if part and key not in known:
                first = part[0] if isinstance(part, list) else part
                what = first.sql(dialect="bigquery")[:40] if isinstance(first, exp.Expr) else key
                self.unsupported(node, f"'{what.strip()}' ({key.strip('_').replace('_', ' ').upper()})")

    def query(self, node: exp.Expr, scope: Scope) -> Relation:
        """Compile a query; `scope` is new and holds what is around."""
        raise NotImplementedError

    def sql_names(self, columns: Sequence[tuple[str | None, Value]]) -> list[str]:
        """Return a name of its own for each column: its name, or one that nobody writes."""
        names: list[str] = []
        used: set[str] = set()
        for place, (name, _) in enumerate(columns):
            unique = name or f"f{place}_"
            while unique.lower() in used:
                unique = f"{unique}__{place}"
            used.add(unique.lower())
            names.append(unique)
        return names

    @contextmanager
    def plain(self, node: exp.Expr, scope: Scope, word: str) -> Iterator[None]:
        """Refuse aggregates and window functions in one part of a query."""
        before = scope.aggregated, scope.windowed
        scope.aggregated = scope.windowed = False
        yield
        if scope.aggregated:
            self.fault(node, f"{word} cannot hold an aggregate. Write HAVING, or compute it in a WITH first.")
        if scope.windowed:
            self.fault(node, f"{word} cannot hold a window function. Write QUALIFY, or compute it in a WITH first.")
        scope.aggregated, scope.windowed = before

    def from_clause(self, node: exp.Expr, scope: Scope) -> str:
        """Compile a query's FROM and its joins, and add them to the scope."""
        from_ = node.args.get("from_")
        if from_ is None:
            return ""
        sql = f" FROM {self._item(from_.this, scope)}"
        for join in node.args.get("joins") or []:
            sql += self._join(join, scope)
        return sql

    def _item(self, node: exp.Expr, scope: Scope) -> str:
        """Compile one item of FROM, add it to the scope, and return its SQL."""
        if isinstance(node, exp.Unnest):
            return self._unnest(node, scope)
        if isinstance(node, exp.Table):
            return self._table(node, scope)
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query) and not isinstance(node.this, exp.Table):
            if node.args.get("joins"):
                self.unsupported(node, "a join in parentheses")
            outer = Scope(parent=scope.parent, ctes=scope.ctes)
            relation = self.query(node.this, Scope(parent=outer))
            if node.args.get("pivots"):
                return self._pivot(node, scope)
            alias = node.alias or f"_{len(scope.sources)}"
            self._add(node, scope, alias, self._columns(alias, relation), relation)
            return f"({relation.sql}) AS {quote(alias)}"
        self.unsupported(node, f"'{node.sql(dialect='bigquery')[:40]}' in FROM")
        return "(SELECT 1)"

    def _pivot(self, node: exp.Expr, scope: Scope) -> str:
        pivot = node.args["pivots"][0]
        word, instead = (
            ("UNPIVOT", "a SELECT for each column and join them with UNION ALL")
            if pivot.args.get("unpivot")
            else ("PIVOT", "a column for each value: SUM(IF(name = 'value', amount, 0)) AS value")
        )
        self.fault(node, f"{word} is not supported. Write {instead}.")
        scope.sources.append(Anything(pivot.alias or node.alias, []))
        return "(SELECT 1)"

    def _columns(self, alias: str, relation: Relation) -> list[tuple[str, Value]]:
        names = self.sql_names(relation.columns)
        return [
            (
                name or "",
                Value(value.type, f"{quote(alias)}.{quote(unique)}", literal=value.literal, origins=value.origins),
            )
            for unique, (name, value) in zip(names, relation.columns, strict=True)
        ]

    def _add(
        self,
        node: exp.Expr,
        scope: Scope,
        alias: str,
        columns: list[tuple[str, Value]],
        relation: Relation | None = None,
    ) -> None:
        if scope.source(alias) is not None:
            self.fault(node, f"'{alias}' names two tables in one FROM. Give one of them another name with AS.")
        whole = None
        if relation is not None and relation.element and columns:
            whole = columns[0][1]
            columns = fields_of(alias, whole)
        scope.sources.append(Source(alias, columns, whole))

    def _table(self, node: exp.Table, scope: Scope) -> str:
        self.guard(node, _TABLE)
        if node.args.get("pivots"):
            return self._pivot(node, scope)
        if not isinstance(node.this, exp.Identifier):
            self.unsupported(node, f"the table function '{node.sql(dialect='bigquery')[:40]}'")
            return "(SELECT 1)"
        alias = node.alias or node.name
        first = node.parts[0].name
        if (
            len(node.parts) > 1
            and (node.db not in {name.split(".")[0] for name in self.schema})
            and self._names_column(first, scope)
        ):
            path = exp.Dot.build([exp.column(node.parts[0].copy()), *(part.copy() for part in node.parts[1:])])
            unnest = exp.Unnest(expressions=[path], alias=exp.TableAlias(columns=[exp.to_identifier(alias)]))
            return self._unnest(unnest, scope)
        cte = None if node.db else scope.cte(node.name)
        if cte is not None:
            relation = cte.again()
            self.occurrences += relation.occurrences
            self._add(node, scope, alias, self._columns(alias, relation), relation)
            return f"{quote(node.name)} AS {quote(alias)}"
        identity = table_identity(node)
        columns = self.schema.get(identity or "")
        if identity is None or columns is None:
            self._refuse_table(node, scope, identity)
            scope.sources.append(Anything(alias, []))
            return "(SELECT 1)"
        partition = self.partitions.get(identity)
        occurrence = Occurrence(identity, partition)
        self.occurrences.append(occurrence)
        found = []
        for name, type_ in columns.items():
            sql = f"{quote(alias)}.{quote(name)}"
            if type_ != type_.base:
                sql = f"CAST({sql} AS {t.duckdb_type(type_.base)})"
            origins = frozenset([Origin(occurrence, "day" if type_ == t.DATE else None)] if name == partition else [])
            found.append((name, Value(type_.base, sql, origins=origins)))
        self._add(node, scope, alias, found)
        return f"{quote(node.db)}.{quote(node.name)} AS {quote(alias)}"

    def _names_column(self, first: str, scope: Scope) -> bool:
        return any(around.source(first) is not None for around in scope.outward())

    def _refuse_table(self, node: exp.Table, scope: Scope, identity: str | None) -> None:
        shown = ".".join(part.name for part in node.parts)
        if identity is not None:
            self.fault(node, f"'{shown}' is not a table.{did_you_mean(shown, self.schema)}")
        elif node.catalog:
            self.fault(node, f"'{shown}' names a project. Write the table as dataset.name: '{node.db}.{node.name}'.")
        else:
            near = [name for name in self.schema if name.split(".")[1].lower() == node.name.lower()]
            ctes = [name for around in scope.outward() for name in around.ctes]
            hint = f" Did you mean '{near[0]}'?" if near else did_you_mean(shown, [*ctes, *self.schema])
            self.fault(node, f"'{shown}' has no dataset. Write it as dataset.name.{hint}")

    def _unnest(self, node: exp.Unnest, scope: Scope, on: str | None = None) -> str:
        del on
        alias_node = node.args.get("alias")
        alias = ""
        if alias_node is not None:
            alias = alias_node.columns[0].name if alias_node.columns else alias_node.name
        alias = alias or f"_{len(scope.sources)}"
        if len(node.expressions) != 1:
            self.unsupported(node, "UNNEST of several arrays")
        value = self.expression(node.expressions[0], scope)
        element = value.type.element or t.UNKNOWN
        if value.type.element is None and value.type != t.UNKNOWN:
            self.fault(
                node,
                f"UNNEST needs an ARRAY, but '{node.expressions[0].sql(dialect='bigquery')[:60]}' is {value.type}.",
            )
        element = t.INT64 if element == t.NULL else element
        whole = Value(element, f"{quote(alias)}.{quote('value')}")
        offset = node.args.get("offset")
        listed = f"unnest({value.sql}) AS {quote('value')}"
        self._add(node, scope, alias, [])
        source = scope.sources[-1]
        source.whole, source.columns = whole, fields_of(alias, whole)
        if offset:
            name = offset.name if isinstance(offset, exp.Identifier) else "offset"
            listed += f", CAST(unnest(range(len({value.sql}))) AS BIGINT) AS {quote('place')}"
            place = Value(t.INT64, f"{quote(alias)}.{quote('place')}")
            scope.sources.append(Source(name, [(name, place)], place))
        if value.type == t.UNKNOWN:
            scope.sources[scope.sources.index(source)] = Anything(alias, [])
        return f"LATERAL (SELECT {listed}) AS {quote(alias)}"

    def _join(self, join: exp.Expr, scope: Scope) -> str:
        self.guard(join, _JOIN)
        side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
        if kind not in {"", "INNER", "CROSS", "OUTER"}:
            self.unsupported(join, f"{kind} JOIN")
        before = len(scope.sources)
        item = self._item(join.this, scope)
        on, using = join.args.get("on"), join.args.get("using")
        if using:
            condition = self._using(join, using, scope, before, side)
        elif on is not None:
            with self.plain(on, scope, "ON"):
                condition = f" ON {self.boolean(on, scope, 'ON')}"
            self.restrict(on, scope, self._bounded_sides(scope, before, side))
        else:
            condition = " ON TRUE" if side else ""
            if side or kind == "INNER" or (kind != "CROSS" and not isinstance(join.this, exp.Unnest)):
                if isinstance(join.this, exp.Unnest):
                    condition = " ON TRUE"
                else:
                    self.fault(
                        join, f"{(side + ' ') if side else ''}JOIN needs ON or USING. Write CROSS JOIN for every pair."
                    )
        if not condition:
            return f" CROSS JOIN {item}"
        return f" {side + ' ' if side else ''}JOIN {item}{condition}"

    def _bounded_sides(self, scope: Scope, before: int, side: str) -> list[Source]:
        """Return the tables whose rows an ON condition keeps out, where it names them."""
        if side == "FULL":
            return []
        if side == "LEFT":
            return scope.sources[before:]
        return scope.sources[:before] if side == "RIGHT" else scope.sources

    def _using(self, join: exp.Expr, using: Sequence[exp.Expr], scope: Scope, before: int, side: str) -> str:
        conditions = []
        for column in using:
            name = column.name
            left = [value for source in scope.sources[:before] for value in source.find(name)]
            if name.lower() in scope.merged:
                left = [scope.merged[name.lower()]]
            right = [value for source in scope.sources[before:] for value in source.find(name)]
            if len(left) != 1 or len(right) != 1:
                where = (
                    "on both sides"
                    if not left and not right
                    else ("before the JOIN" if len(left) != 1 else "in the joined table")
                )
                self.fault(column, f"'{name}' in USING must be one column {where}.")
                continue
            conditions.append(self.compare(join, (column, left[0]), "=", (column, right[0])))
            merged = {"RIGHT": right[0], "FULL": Value(left[0].type, f"coalesce({left[0].sql}, {right[0].sql})")}
            chosen = merged.get(side, left[0])
            both = left[0].origins | right[0].origins if not side else chosen.origins
            scope.merged[name.lower()] = Value(chosen.type, chosen.sql, origins=both)
        return f" ON {' AND '.join(conditions)}" if conditions else " ON TRUE"

    # Reach

    def restrict(self, node: exp.Expr, scope: Scope, sides: Sequence[Source] | None) -> None:
        """Note how conditions that AND joins bound the tables (of some sides of a join) by the window."""
        for one in operands(node, exp.And):
            one = one.unnest()  # noqa: PLW2901 - without its parentheses
            if isinstance(one, exp.Between):
                self._bound(one.this, ">=", one.args["low"], scope, sides)
                self._bound(one.this, "<=", one.args["high"], scope, sides)
            sign = _SIGNS.get(type(one))
            if sign is not None:
                self._bound(one.this, sign, one.expression, scope, sides)
                self._bound(one.expression, _TURNED[sign], one.this, scope, sides)

    def _bound(
        self, column: exp.Expr, sign: str, limit: exp.Expr, scope: Scope, sides: Sequence[Source] | None
    ) -> None:
        value = reach.bound(limit)
        if value is None:
            return
        faults, loose = len(self.faults), len(scope.loose)
        origins = self.expression(column, scope).origins
        del self.faults[faults:], scope.loose[loose:]
        allowed = None
        if sides is not None:
            allowed = {origin.occurrence for side in sides for _, one in side.columns for origin in one.origins}
        for origin in origins:
            if allowed is None or origin.occurrence in allowed:
                reach.restrict(origin.occurrence, origin.unit, sign, value)  # type: ignore[arg-type]


def fields_of(alias: str, whole: Value) -> list[tuple[str, Value]]:
    """Return the columns that an element gives: the fields of a STRUCT, or itself."""
    if whole.type.name != "STRUCT":
        return [(alias, whole)]
    return [
        (name, Value(type_, f"struct_extract({whole.sql}, {quote_text(name)})")) for name, type_ in whole.type.fields
    ]
