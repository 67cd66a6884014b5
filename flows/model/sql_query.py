"""Queries: SELECT, joins, WITH, UNION; names, types, reach and the same query in DuckDB, in one pass."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flows.model import reach
from flows.model import sql_types as t
from flows.model.errors import did_you_mean
from flows.model.sql_expr import Expressions, operands, output_name, struct
from flows.model.sql_parse import table_identity
from flows.model.sql_scope import NOTHING, Occurrence, Origin, Relation, Scope, Source, Value
from flows.model.sql_types import quote, quote_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.model.types import Type

_SIGNS: dict[type[exp.Expr], str] = {exp.GTE: ">=", exp.GT: ">", exp.LTE: "<=", exp.LT: "<", exp.EQ: "="}
_TURNED = {">=": "<=", ">": "<", "<=": ">=", "<": ">", "=": "="}
_SELECT = {"with_", "kind", "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "order", "limit", "offset", "distinct"}  # fmt: skip
_SET = {"with_", "this", "expression", "distinct", "order", "limit", "offset"}
_TABLE = {"this", "db", "catalog", "alias"}
_JOIN = {"this", "on", "using", "side", "kind"}
_SUBQUERY = {"this", "alias", "with_", "order", "limit", "offset"}
_SET_WORDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


class Queries(Expressions):
    """Compiles one query against a schema."""

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

    # Queries

    def subquery(self, node: exp.Expr, scope: Scope) -> Relation:
        """Compile a query inside another one; it sees the names around it."""
        return self.query(node, Scope(parent=scope))

    def query(self, node: exp.Expr, scope: Scope) -> Relation:
        """Compile a query; `scope` is new and holds what is around."""
        prefix = self._with(node, scope)
        if isinstance(node, exp.Subquery):
            self.guard(node, _SUBQUERY)
            relation = self.query(node.this, Scope(parent=scope))
            relation = (
                self._tail(node, relation, scope)
                if any(node.args.get(key) for key in ("order", "limit", "offset"))
                else relation
            )
        elif isinstance(node, exp.SetOperation):
            relation = self._set_operation(node, scope)
        elif isinstance(node, exp.Select):
            relation = self._select(node, scope)
        else:
            self.unsupported(node)
            relation = Relation([], "")
        relation.sql = prefix + relation.sql
        return relation

    def _with(self, node: exp.Expr, scope: Scope) -> str:
        with_ = node.args.get("with_")
        if not with_:
            return ""
        if with_.args.get("recursive"):
            self.unsupported(with_, "WITH RECURSIVE")
        compiled = []
        for cte in with_.expressions:
            name = cte.alias
            if name.lower() in scope.ctes:
                self.fault(cte, f"WITH names '{name}' twice.")
            outside = self.occurrences
            self.occurrences = []
            relation = self.query(cte.this, Scope(parent=scope))
            self._name_columns(relation)
            relation.occurrences, self.occurrences = self.occurrences, outside
            scope.ctes[name.lower()] = relation
            compiled.append(f"{quote(name)} AS ({relation.sql})")
        return f"WITH {', '.join(compiled)} "

    def _name_columns(self, relation: Relation) -> None:
        seen: set[str] = set()
        for name, _ in relation.columns:
            if name is not None and name.lower() in seen:
                break
            seen.add((name or "").lower())

    def _set_operation(self, node: exp.Expr, scope: Scope) -> Relation:
        self.guard(node, _SET)
        left = self.query(node.this, Scope(parent=scope))
        right = self.query(node.expression, Scope(parent=scope))
        word = _SET_WORDS[type(node)]
        if len(left.columns) != len(right.columns):
            self.fault(node, f"the sides of {word} give {len(left.columns)} and {len(right.columns)} columns.")
            return left
        columns: list[tuple[str | None, Value]] = []
        for (name, one), (_, two) in zip(left.columns, right.columns, strict=True):
            common = t.supertype([(one.type, one.literal), (two.type, two.literal)])
            if common is None:
                self.fault(
                    node,
                    f"column '{name}' is {one.type} on one side of {word} and {two.type} on the other. Write CAST(... AS {one.type}).",
                )
            columns.append((name, Value(common or t.UNKNOWN, "", origins=one.origins | two.origins)))
        sides = [self._as_types(side, columns) for side in (left, right)]
        sql = f"({sides[0]}) {word} {'' if node.args.get('distinct') else 'ALL '}({sides[1]})"
        relation = Relation(columns, sql, nodes=left.nodes)
        return self._tail(node, relation, scope)

    def _as_types(self, side: Relation, columns: Sequence[tuple[str | None, Value]]) -> str:
        same = all(
            have.type in (want.type, t.UNKNOWN) for (_, have), (_, want) in zip(side.columns, columns, strict=True)
        )
        if same:
            return side.sql
        names = self.sql_names(side.columns)
        items = (
            f"{self.converted(side.nodes[place], Value(have.type, quote(name)), want.type)} AS {quote(name)}"
            for place, (name, (_, have), (_, want)) in enumerate(zip(names, side.columns, columns, strict=True))
        )
        return f"SELECT {', '.join(items)} FROM ({side.sql})"

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

    def _tail(self, node: exp.Expr, relation: Relation, scope: Scope) -> Relation:
        """Add ORDER BY, LIMIT and OFFSET to a query that is no single SELECT."""
        if not any(node.args.get(key) for key in ("order", "limit", "offset")):
            return relation
        names = self.sql_names(relation.columns)
        inner = Scope(parent=scope)
        source = [
            (name or "", Value(value.type, f"{quote('q')}.{quote(unique)}"))
            for unique, (name, value) in zip(names, relation.columns, strict=True)
        ]
        inner.sources = [Source("", source)]
        keys = self._order(node, inner, [value for _, value in source])
        limits, limited = self._limit(node)
        columns = [
            (name, Value(value.type, "", origins=frozenset() if limited else value.origins))
            for name, value in relation.columns
        ]
        return Relation(columns, f"SELECT * FROM ({relation.sql}) AS {quote('q')}{keys}{limits}", nodes=relation.nodes)

    def _limit(self, node: exp.Expr) -> tuple[str, bool]:
        sql = ""
        for key in ("limit", "offset"):
            part = node.args.get(key)
            if part is not None:
                self.guard(part, {"expression", "this"})
                sql += f" {key.upper()} {self.count(part.expression)}"
        return sql, bool(sql)

    # SELECT

    def _select(self, node: exp.Expr, scope: Scope) -> Relation:
        self.guard(node, _SELECT)
        from_ = self._from(node, scope)
        where = self._condition(node.args.get("where"), scope, "WHERE")
        scope.windows = {str(window.name).lower(): window for window in node.args.get("windows") or []}
        groups = self._groups(node, scope)
        if groups is not None:
            scope.groups = set(groups)
        items = self._items(node, scope)
        if scope.aggregated and scope.groups is None:
            scope.groups = set()
            self._all_loose(node, scope)
        scope.aliases = {name.lower(): value for _, name, value in items if name}
        having = self._condition(node.args.get("having"), scope, "HAVING")
        qualify = self._condition(node.args.get("qualify"), scope, "QUALIFY")
        values = [value for _, _, value in items]
        order = self._order(node, scope, values)
        limits, limited = self._limit(node)
        self._refuse_loose(scope)
        opaque = limited or scope.windowed or (scope.aggregated and scope.groups is None)
        relation = self._relation(node, scope, items, opaque=opaque)
        names = self.sql_names([(name, value) for name, value in relation.columns])
        grouped = f" GROUP BY {', '.join(groups)}" if groups else ""
        head = "SELECT DISTINCT" if node.args.get("distinct") else "SELECT"
        if node.args.get("kind") == "STRUCT":
            listed = (
                struct([(name or "", value) for _, name, value in items]).sql
                + " AS "
                + quote(names[0] if names else "f0_")
            )
        else:
            listed = ", ".join(
                f"{value.sql if value.type != t.NULL else 'CAST(NULL AS BIGINT)'} AS {quote(name)}"
                for name, value in zip(names, values, strict=False)
            )
        relation.sql = f"{head} {listed}{from_}{where}{grouped}{having}{qualify}{order}{limits}"
        return relation

    def _relation(
        self, node: exp.Expr, scope: Scope, items: Sequence[tuple[exp.Expr, str | None, Value]], *, opaque: bool
    ) -> Relation:
        def passed(value: Value) -> Value:
            kept = (
                frozenset() if opaque or (scope.groups is not None and value.sql not in scope.groups) else value.origins
            )
            return Value(value.type, "", literal=value.literal and value.type == t.NULL, origins=kept)

        if node.args.get("kind") == "STRUCT":
            whole = struct([(name or "", value) for _, name, value in items])
            return Relation([(None, Value(whole.type, ""))], "", nodes=[node], element=True)
        columns = [(name, passed(value)) for _, name, value in items]
        return Relation(columns, "", nodes=[item for item, _, _ in items], element=node.args.get("kind") == "VALUE")

    def _condition(self, node: exp.Expr | None, scope: Scope, word: str) -> str:
        if node is None:
            return ""
        if word == "WHERE":
            with self._plain(node, scope, word):
                sql = self.boolean(node.this, scope, word)
            self._restrict(node.this, scope, None)
            return f" WHERE {sql}"
        return f" {word} {self.boolean(node.this, scope, word)}"

    @contextmanager
    def _plain(self, node: exp.Expr, scope: Scope, word: str) -> Iterator[None]:
        """Refuse aggregates and window functions in one part of a query."""
        before = scope.aggregated, scope.windowed
        scope.aggregated = scope.windowed = False
        yield
        if scope.aggregated:
            self.fault(node, f"{word} cannot hold an aggregate. Write HAVING, or compute it in a WITH first.")
        if scope.windowed:
            self.fault(node, f"{word} cannot hold a window function. Write QUALIFY, or compute it in a WITH first.")
        scope.aggregated, scope.windowed = before

    def _groups(self, node: exp.Expr, scope: Scope) -> list[str] | None:
        group = node.args.get("group")
        if group is None:
            return None
        self.guard(group, {"expressions", "all"})
        if group.args.get("all"):
            return self._groups_of_all(node, scope)
        groups = []
        for item in group.expressions:
            if isinstance(item, exp.Rollup | exp.Cube | exp.GroupingSets):
                self.unsupported(item, f"GROUP BY {item.key.upper()}")
                continue
            target = self._select_item(item, node, scope)
            with self._plain(item, scope, "GROUP BY"):
                value = self.expression(target, scope)
            if value.type.name in {"ARRAY", "JSON"}:
                self.fault(item, f"a query cannot GROUP BY {value.type.name}.")
            groups.append(value.sql)
        return groups

    def _groups_of_all(self, node: exp.Expr, scope: Scope) -> list[str]:
        groups = []
        for item in node.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                groups += [value.sql for _, _, value in self._star(item, scope)]
                continue
            trial, faults = (
                Scope(parent=scope.parent, sources=scope.sources, merged=scope.merged, ctes=scope.ctes),
                len(self.faults),
            )
            value = self.expression(item.unalias(), trial)
            del self.faults[faults:]
            if not trial.aggregated and not value.literal:
                groups.append(value.sql)
        return groups

    def _select_item(self, item: exp.Expr, node: exp.Expr, scope: Scope) -> exp.Expr:
        """Return what GROUP BY 1 or GROUP BY an alias means."""
        listed = node.expressions
        if isinstance(item, exp.Literal) and not item.is_string and item.name.isdigit():
            place = int(item.name)
            if 1 <= place <= len(listed):
                return listed[place - 1].unalias()  # type: ignore[no-any-return]
            self.fault(item, f"GROUP BY {place}: the SELECT list has {len(listed)} columns.")
        if isinstance(item, exp.Column) and len(item.parts) == 1:
            named = [one for one in listed if isinstance(one, exp.Alias) and one.alias.lower() == item.name.lower()]
            if len(named) == 1:
                return named[0].this  # type: ignore[no-any-return]
            del scope
        return item

    def _items(self, node: exp.Expr, scope: Scope) -> list[tuple[exp.Expr, str | None, Value]]:
        items: list[tuple[exp.Expr, str | None, Value]] = []
        for item in node.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                items += self._star(item, scope)
            else:
                value = self.expression(item.unalias(), scope)
                items.append((item, output_name(item), value))
        return items

    def _star(self, item: Any, scope: Scope) -> list[tuple[exp.Expr, str | None, Value]]:  # noqa: ANN401 - a star or a column
        star = item if isinstance(item, exp.Star) else item.this
        self.guard(star, {"except_", "replace"})
        if isinstance(item, exp.Star):
            if not scope.sources:
                self.fault(item, "SELECT * needs a FROM.")
            columns = list(self._all_columns(scope))
        else:
            source = scope.source(item.parts[0].name)
            if source is None or len(item.parts) > 2:  # noqa: PLR2004 - a table and a star
                known = [one.alias for one in scope.sources]
                self.fault(
                    item, f"'{item.parts[0].name}' is not a table here.{did_you_mean(item.parts[0].name, known)}"
                )
                return []
            columns = source.columns
        names = [name for name, _ in columns]
        for left_out in star.args.get("except_") or []:
            if left_out.name.lower() not in {name.lower() for name in names}:
                self.fault(
                    left_out, f"'{left_out.name}' in EXCEPT is not a column of '*'.{did_you_mean(left_out.name, names)}"
                )
        out = {one.name.lower() for one in star.args.get("except_") or []}
        replaced = {one.alias.lower(): one for one in star.args.get("replace") or []}
        for name, one in replaced.items():
            if name not in {known.lower() for known in names}:
                self.fault(one, f"'{one.alias}' in REPLACE is not a column of '*'.{did_you_mean(one.alias, names)}")
        items: list[tuple[exp.Expr, str | None, Value]] = []
        for name, value in columns:
            if name.lower() in out:
                continue
            other = replaced.get(name.lower())
            if scope.groups is not None and other is None and value.sql not in scope.groups:
                scope.loose.append((item, name))
            items.append((item, name, self.expression(other.this, scope) if other else value))
        return items

    def _all_columns(self, scope: Scope) -> Iterator[tuple[str, Value]]:
        names = {name for source in scope.sources for name, _ in source.columns if name.lower() in scope.merged}
        done: set[str] = set()
        for name in sorted(names, key=lambda one: list(scope.merged).index(one.lower())):
            if name.lower() not in done:
                done.add(name.lower())
                yield name, scope.merged[name.lower()]
        for source in scope.sources:
            yield from ((name, value) for name, value in source.columns if name.lower() not in scope.merged)

    def _all_loose(self, node: exp.Expr, scope: Scope) -> None:
        """Note every column outside aggregates of a query that aggregates without GROUP BY."""
        faults = len(self.faults)
        trial = Scope(
            parent=scope.parent,
            ctes=scope.ctes,
            sources=scope.sources,
            merged=scope.merged,
            windows=scope.windows,
            groups=set(),
        )
        occurrences = self.occurrences
        self.occurrences = []
        for item in node.expressions:
            if not isinstance(item, exp.Star):
                self.expression(item.unalias(), trial)
        self.occurrences = occurrences
        del self.faults[faults:]
        scope.loose += trial.loose

    def _refuse_loose(self, scope: Scope) -> None:
        for node, name in scope.loose if scope.groups is not None else ():
            self.fault(
                node, f"'{name}' is neither grouped nor aggregated. Add it to GROUP BY, or write ANY_VALUE({name})."
            )

    # ORDER BY and windows

    def _order(self, node: exp.Expr, scope: Scope, values: Sequence[Value]) -> str:
        order = node.args.get("order")
        if order is None:
            return ""
        keys: list[str] = []
        for one in order.expressions:
            place = one.this
            if isinstance(place, exp.Literal) and not place.is_string and place.name.isdigit():
                if 1 <= int(place.name) <= len(values):
                    keys += self.order_keys(one, values[int(place.name) - 1])
                else:
                    self.fault(place, f"ORDER BY {place.name}: the SELECT list has {len(values)} columns.")
            else:
                keys += self.order_keys(one, self.expression(place, scope))
        return f" ORDER BY {', '.join(keys)}" if keys else ""

    def ordering(self, ordered: Sequence[exp.Expr], scope: Scope) -> list[str]:
        """Return the keys of an ORDER BY in which a number is no place."""
        return [key for one in ordered for key in self.order_keys(one, self.expression(one.this, scope))]

    def order_keys(self, node: exp.Expr, value: Value) -> list[str]:
        """Return the keys for one item: NULLs first, then NaN, then numbers; the other way round for DESC."""
        if value.type.name in {"ARRAY", "STRUCT", "JSON"}:
            self.fault(node, f"a query cannot ORDER BY {value.type.name}.")
        way = "DESC" if node.args.get("desc") else "ASC"
        nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
        key = f"{value.sql} {way} NULLS {nulls}"
        if value.type != t.FLOAT64:
            return [key]
        return [f"isnan({value.sql}) {'ASC' if way == 'DESC' else 'DESC'} NULLS {nulls}", key]

    def over(self, window: exp.Window, scope: Scope) -> str:
        """Return the parentheses after OVER."""
        partition, order, spec = self._window_parts(window, scope, ())
        parts = []
        if partition:
            parts.append("PARTITION BY " + ", ".join(self.expression(one, scope).sql for one in partition))
        if order:
            keys = self.ordering(order.expressions, scope)
            parts.append("ORDER BY " + ", ".join(keys))
            if spec and spec.args.get("kind") == "RANGE" and len(keys) > 1 and not _whole(spec):
                self.unsupported(window, "RANGE between numbers of FLOAT64")
        if spec:
            parts.append(self._frame(spec, scope))
        return f"({' '.join(parts)})"

    def _window_parts(
        self, window: exp.Window, scope: Scope, seen: tuple[str, ...]
    ) -> tuple[list[exp.Expr], exp.Expr | None, exp.Expr | None]:
        partition, order, spec = (window.args.get(key) for key in ("partition_by", "order", "spec"))
        alias = window.args.get("alias")
        base = alias.name if alias is not None else ""
        if base:
            named = scope.windows.get(base.lower())
            if named is None or base.lower() in seen:
                self.fault(window, f"'{base}' is not a window of this SELECT.{did_you_mean(base, scope.windows)}")
            else:
                inherited = self._window_parts(named, scope, (*seen, base.lower()))
                partition, order, spec = partition or inherited[0], order or inherited[1], spec or inherited[2]
        return partition or [], order, spec

    def _frame(self, spec: exp.Expr, scope: Scope) -> str:
        if spec.args.get("exclude"):
            self.unsupported(spec, "EXCLUDE in a window frame")

        def side(which: str) -> str:
            limit, way = spec.args.get(which), spec.args.get(f"{which}_side")
            if limit is None:
                return "CURRENT ROW"
            word = limit if isinstance(limit, str) else self.expression(limit, scope).sql
            return f"{word} {way}" if way else word

        return f"{spec.args.get('kind') or 'ROWS'} BETWEEN {side('start')} AND {side('end')}"

    # FROM

    def _from(self, node: exp.Expr, scope: Scope) -> str:
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
            alias = node.alias or f"_{len(scope.sources)}"
            self._add(node, scope, alias, self._columns(alias, relation), relation)
            return f"({relation.sql}) AS {quote(alias)}"
        self.unsupported(node, f"'{node.sql(dialect='bigquery')[:40]}' in FROM")
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
            scope.sources.append(_Anything(alias, []))
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
            scope.sources[scope.sources.index(source)] = _Anything(alias, [])
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
            with self._plain(on, scope, "ON"):
                condition = f" ON {self.boolean(on, scope, 'ON')}"
            self._restrict(on, scope, self._bounded_sides(scope, before, side))
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

    def _restrict(self, node: exp.Expr, scope: Scope, sides: Sequence[Source] | None) -> None:
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


class _Anything(Source):
    """A table that nobody knows: it has a fault already, so that every column of it is one more of the same."""

    def find(self, name: str) -> list[Value]:
        del name
        return [NOTHING]


def fields_of(alias: str, whole: Value) -> list[tuple[str, Value]]:
    """Return the columns that an element gives: the fields of a STRUCT, or itself."""
    if whole.type.name != "STRUCT":
        return [(alias, whole)]
    return [
        (name, Value(type_, f"struct_extract({whole.sql}, {quote_text(name)})")) for name, type_ in whole.type.fields
    ]


def _whole(spec: exp.Expr) -> bool:
    return all(isinstance(spec.args.get(key), str | None) for key in ("start", "end"))
