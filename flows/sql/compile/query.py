"""Queries: SELECT, WITH, UNION; names, types, reach and the same query in DuckDB, in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from flows.model.errors import did_you_mean
from flows.sql import types as t
from flows.sql.compile.names import output_name, struct
from flows.sql.compile.order import Order
from flows.sql.compile.scope import Relation, Scope, Source, Value
from flows.sql.types import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_SELECT = {"with_", "kind", "expressions", "from_", "joins", "where", "group", "having", "qualify", "windows", "order", "limit", "offset", "distinct"}  # fmt: skip
_SET = {"with_", "this", "expression", "distinct", "order", "limit", "offset"}
_SUBQUERY = {"this", "alias", "with_", "order", "limit", "offset"}
_SET_WORDS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


class Queries(Order):
    """Compiles one query against a schema."""

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
            relation.occurrences, self.occurrences = self.occurrences, outside
            scope.ctes[name.lower()] = relation
            compiled.append(f"{quote(name)} AS ({relation.sql})")
        return f"WITH {', '.join(compiled)} "

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
        keys = self.order(node, inner, [value for _, value in source])
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

    def _select(self, node: exp.Expr, scope: Scope) -> Relation:
        self.guard(node, _SELECT)
        if not node.expressions:
            self.fault(node, "SELECT names no columns. Write them after it.")
        from_ = self.from_clause(node, scope)
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
        order = self.order(node, scope, values)
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
            with self.plain(node, scope, word):
                sql = self.boolean(node.this, scope, word)
            self.restrict(node.this, scope, None)
            return f" WHERE {sql}"
        return f" {word} {self.boolean(node.this, scope, word)}"

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
            with self.plain(item, scope, "GROUP BY"):
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
