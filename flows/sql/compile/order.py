"""ORDER BY and OVER: keys that put NULL and NaN where GoogleSQL does, partitions and frames.

What an order decides is refused in a table's SQL where it is none: there is no ORDER BY, or it names what is the same for
all rows. Ties in an order that is one are broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlglot import exp

from flows.model.errors import Fault
from flows.model.sizes import plural
from flows.sql import types as t
from flows.sql.compile.clauses import is_literal
from flows.sql.compile.dispatch import expression
from flows.sql.compile.distinct_rows import refuse_hidden, refuse_ungrouped
from flows.sql.compile.equality import lengths
from flows.sql.compile.frames import (
    by_peers,
    counts_rows,
    frame,
    line_of_numbers,
    reaches,
    refuse_in_order,
    refuse_query,
    up_to_peers,
    window_parts,
)
from flows.sql.compile.in_bigquery import in_googlesql, of_peers, own_window
from flows.sql.compile.keys import FIRST_ROWS, ROWS, VALUES, Key, Tied, Use
from flows.sql.compile.limit import limits_of
from flows.sql.compile.scope import Anything
from flows.sql.compile.stars import whole
from flows.sql.compile.ties import mark
from flows.sql.compile.windows import in_window
from flows.sql.once import steady
from flows.sql.parse.tree import line_of, takes_first
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from flows.sql.compile.scope import Scope
    from flows.sql.compile.value import Read, Value


_EVERY_RETRY = "can give other rows on every retry. Write ORDER BY with columns that tell all rows apart."
_BY_PLACE = {
    *("ROW_NUMBER", "NTILE", "RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST"),
    *("LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE", "ARRAY_AGG", "STRING_AGG", "ARRAY_CONCAT_AGG"),
}
"""What gives other values over a window in another order of its rows."""
_RANKS = {"RANK", "DENSE_RANK", "PERCENT_RANK", "CUME_DIST"}
"""What gives rows that are equal in the order the same value."""
_WITHOUT_FRAME = _RANKS | {"ROW_NUMBER", "NTILE", "LAG", "LEAD", "PERCENTILE_CONT", "PERCENTILE_DISC"}
_NEED_ORDER = _RANKS | {"NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE", "NTH_VALUE"}
_LEAST = (exp.EQ, exp.LT, exp.LTE)
_OF_FRAMES = _BY_PLACE - _RANKS - {"ROW_NUMBER", "NTILE", "LAG", "LEAD"}
"""What looks at the rows of a frame in their order."""


class Ordering(NamedTuple):
    """The keys of an ORDER BY."""

    items: list[tuple[exp.Expr, Value]]
    keys: tuple[Key, ...]

    @property
    def reads(self) -> frozenset[Read]:
        """What the order depends on."""
        return frozenset(read for _, value in self.items for read in value.reads or ())

    def none(self) -> str:
        """Say why it orders nothing; an empty text where it does."""
        if not self.items:
            return "without ORDER BY"
        if not all(value.same and t.can(value.type, "order") for _, value in self.items):
            return ""
        return f"in the order of '{', '.join(shown(node) for node, _ in self.items)}', which is the same for all rows,"

    def of(self, ordered: Sequence[exp.Expr], scope: Scope, seen: Callable[[Value], Value]) -> Ordering:
        """Return the same order with other SQL for what it is by."""
        items = [(node, seen(value)) for node, value in self.items]
        keys = tuple(key for one, (_, value) in zip(ordered, items, strict=True) for key in _keys(one, value, scope))
        return Ordering(items, keys)


class Column(NamedTuple):
    """One column that a query gives."""

    node: exp.Expr
    name: str | None
    value: Value


def tail(  # noqa: PLR0913 - what is known of the rows
    node: exp.Expr,
    scope: Scope,
    columns: Sequence[Column],
    *,
    one_row: bool,
    groups: Collection[str] | None,
    fields: bool = False,
) -> tuple[str, bool]:
    """Compile a query's ORDER BY, LIMIT and OFFSET; say whether it has one of the last two.

    `columns` are its own, with what they were written as; `one_row` says whether it gives no more than one row anyway,
    and `groups` what tells its rows apart, if anything does. With `fields` its rows are values that have the columns.
    """
    order = _order_by(node, scope, columns)
    limits, limited = limits_of(node, scope)
    limit = node.args.get("limit")
    alike = one_row or (bool(columns) and all(one.value.same for one in columns))
    cut = limit and limit.expression.name != "0" and not isinstance(node.parent, exp.Exists)
    keys = order.keys
    places: frozenset[str] | None = None
    if not alike and (cut or _in_array(node)):
        first = scope.items[0] if scope.items and cut and takes_first(node) else None
        # Elements of one array stand in its order.
        places = first.unique if first and first.whole else None
        # What stands for a fault may be one.
        if limit and cut and not places and not isinstance(first, Anything):
            _needs_order("LIMIT", limit, order, scope)
        told = _telling(columns, order, groups, scope)
        # The one column of SELECT AS STRUCT has an order of its own for NULL.
        parts = fields or (node.args.get("kind") == "STRUCT" and not node.args.get("distinct"))
        keys += tuple(Key(columns[place - 1].value.sql if parts else str(place)) for place in told)
        if places:
            keys = tuple(map(Key, places))
        if order.items:
            scope.context.further[id(node.args["order"])] = (
                node.args["order"],
                list(_in_googlesql(told, columns, named=fields)),
            )
    distinct = isinstance(node, exp.Select) and node.args.get("distinct")
    if distinct:
        refuse_ungrouped(node, scope, [column.value for column in columns])
    if cut and keys and not distinct and _is_fully_joined(node.root(), scope):
        # By a column DuckDB would leave out late rows before it joins, in whose place FULL JOIN then gives NULL.
        keys = (keys[0]._replace(sql=f"list_extract([{keys[0].sql}], 1)"), *keys[1:])
    listed = ", ".join(f"{key.sql} {key.way}" for key in keys)
    return (f" ORDER BY {listed}" if order.keys or places else "") + limits, limited


def _in_array(node: exp.Expr) -> bool:
    """Say whether a query's order is that of an ARRAY."""
    while isinstance(node.parent, exp.Subquery) and not node.parent.args.get("order"):
        node = node.parent
    return isinstance(node.parent, exp.Array)


def _is_fully_joined(root: exp.Expr, scope: Scope) -> bool:
    """Say whether a tree has a FULL JOIN anywhere; it is walked through once, however many of its queries ask."""
    found = scope.context.full_joins
    if id(root) not in found:
        found[id(root)] = root, any(join.side == "FULL" for join in root.find_all(exp.Join))
    return found[id(root)][1]


def _telling(columns: Sequence[Column], order: Ordering, groups: Collection[str] | None, scope: Scope) -> list[int]:
    """Return the places of the columns by which rows stand that a query's ORDER BY leaves side by side."""
    known = {value.sql for _, value in order.items}
    values = [(place, column.value) for place, column in enumerate(columns, 1)]
    told = [(place, value) for place, value in values if value.sql not in known and not value.same]
    exact = [(place, value) for place, value in told if not value.drifts]
    if groups is not None and {*known, *(value.sql for _, value in exact)}.issuperset(groups):
        told = exact
        while told and {*known, *(value.sql for _, value in told[:-1])}.issuperset(groups):
            told.pop()
    scope.context.decides |= any(value.drifts for _, value in (*order.items, *told))
    return [place for place, _ in told]


def _in_googlesql(places: Sequence[int], columns: Sequence[Column], *, named: bool) -> Iterator[str]:
    """Give the keys of columns as GoogleSQL's ORDER BY takes them: their places or names, or a text that has an order."""
    for place in places:
        column = columns[place - 1]
        if t.can(column.value.type, "order") and not (named and column.name):
            yield str(place)
        elif column.name:
            yield in_googlesql((column.name,), column.value.type)


def _needs_order(what: str, node: exp.Expr, order: Ordering, scope: Scope) -> None:
    said = order.none()
    if said:
        scope.context.unrepeatable.append(Fault(line_of(node), f"{what} {said} {_EVERY_RETRY}"))


def _order_by(node: exp.Expr, scope: Scope, columns: Sequence[Column]) -> Ordering:
    """Compile a query's ORDER BY, in which a number is the place of a column."""
    order = node.args.get("order")
    seen = scope.aggregated, scope.windowed
    scope.aggregated = scope.windowed = False
    named, scope.named = scope.named, {}
    items: list[tuple[exp.Expr, exp.Expr, Value]] = []
    for one in order.expressions if order is not None else ():
        place = one.this.unnest() if isinstance(one.this, exp.Paren) else one.this
        if (
            isinstance(place, exp.Column)
            and [(one.name or "").lower() for one in columns].count(place.sql().lower()) > 1
        ):
            said = f"ORDER BY {place.name}: several columns have that name. Write its place, or another name with AS."
            (scope.context.faults if node.parent else scope.context.of_names).append(Fault(line_of(place), said))
        elif is_literal(place):
            scope.fault(place, f"ORDER BY {shown(place)} orders nothing. Write a column, or its place: ORDER BY 1.")
        elif not isinstance(place, exp.Literal):
            items.append((one, place, whole(place, scope)))
        elif 1 <= int(place.name) <= len(columns):
            column = columns[int(place.name) - 1]
            items.append((one, column.node, column.value))
        else:
            scope.fault(place, f"ORDER BY {place.name}: the SELECT list has {plural(len(columns), 'column')}.")
    if order is not None:
        refuse_in_order(node, order, scope)
    if order is not None and node.args.get("distinct"):
        refuse_hidden(order, scope, [(column.name, column.value) for column in columns], scope.named)
    scope.named = named | scope.named
    scope.aggregated, scope.windowed = scope.aggregated or seen[0], scope.windowed or seen[1]
    return Ordering(
        [(place, value) for _, place, value in items],
        tuple(key for one, _, value in items for key in _keys(one, value, scope)),
    )


def ordering(ordered: Sequence[exp.Expr], scope: Scope, alike: Collection[str]) -> Ordering:
    """Compile an ORDER BY in which a number is no place; the rows are alike in the values with the SQL `alike`."""
    context = scope.context
    around, context.alike = context.alike, frozenset(alike)
    items = [(one.this, expression(one.this, scope)) for one in ordered]
    context.alike = around
    context.decides |= any(value.drifts for _, value in items)
    return Ordering(items, ()).of(ordered, scope, lambda value: value)


def _keys(node: exp.Expr, value: Value, scope: Scope) -> list[Key]:
    """Return the keys for one item: NULLs first, then NaN, then numbers; the other way round for DESC."""
    if not t.can(value.type, "order"):
        scope.fault(node, f"a query cannot ORDER BY {value.type.name}.")
    way = "DESC" if node.args.get("desc") else "ASC"
    nulls = "FIRST" if node.args.get("nulls_first") else "LAST"
    # DuckDB refuses to order by a literal.
    value = lengths(value)
    type_ = t.duckdb_type(value.type if value.type != t.NULL else t.INT64)
    key = Key(f"CAST({value.sql} AS {type_})" if value.literal or value.same else value.sql, f"{way} NULLS {nulls}")
    if value.type != t.FLOAT64:
        return [key]
    return [Key(f"isnan({value.sql})", f"{'ASC' if way == 'DESC' else 'DESC'} NULLS {nulls}"), key]


class Over(NamedTuple):
    """What follows a call over a window."""

    sql: str
    """The parentheses after OVER."""
    inside: str
    """The ORDER BY that stands in the call: where a frame's rows are in another order than the one that makes the frame."""
    reads: frozenset[Read] | None
    """What its value depends on; None where that is its own."""
    failing: list[str]
    """What PARTITION BY and ORDER BY name and can end in an error, which DuckDB takes in neither."""

    def around(self, call: str) -> str:
        """Return the call, with the errors of what the window is made by."""
        if not self.failing:
            return call
        looked_at = " OR ".join(f"{one} IS NULL" for one in self.failing)
        return f"CASE WHEN {looked_at} THEN {call} ELSE {call} END"


def over(name: str, window: exp.Window, scope: Scope, *, ignores_nulls: bool) -> Over:
    """Compile what follows a call over a window."""
    faults = len(scope.context.faults)
    partition, order, spec = window_parts(window, scope, ())
    is_known = len(scope.context.faults) == faults
    values = [_partition(one, scope) for one in partition]
    parts = [f"PARTITION BY {', '.join(in_window(value.sql, scope) for value in values)}"] if values else []
    scope.partitions.append(frozenset(value.sql for value in values))
    keys = ordering(order.expressions if order else (), scope, [value.sql for value in values])
    refuse_query(partition, order, spec, scope)
    if reaches(spec) and len(keys.items) == 1 and keys.items[0][1].type in t.NUMBERS:
        way, value = keys.keys[-1].way, keys.items[0][1]
        keys = keys._replace(keys=(Key(line_of_numbers(value.sql, value.type), way),))
    inside = ""
    if order:
        tied = Tied(VALUES, keys.keys, frozenset(value.sql for value in values), over=True)
        written = ", ".join(f"{in_window(key.sql, scope)} {key.way}" for key in keys.keys)
        kept = Use(None, window, order)
        if name in _OF_FRAMES and by_peers(name, spec, ignores_nulls=ignores_nulls):
            found = mark(tied, scope)
            inside = f" ORDER BY {found}"
            types = [value.type for _, value in keys.items]
            instead = of_peers(window, partition, order, types) if up_to_peers(spec) else None
            scope.uses += (kept, Use(found, window, None, instead))
        elif (name in _BY_PLACE or counts_rows(spec)) and name not in _RANKS:
            decides = FIRST_ROWS if name == "ROW_NUMBER" and _takes_first(window) else ROWS
            written = mark(tied._replace(decides=decides), scope)
            scope.uses.append(Use(written, window, order, own_window(window, partition, order, spec)))
        else:
            scope.uses.append(kept)
        parts.append(f"ORDER BY {written}")
    if spec:
        parts.append(frame(spec, [value.type for _, value in keys.items], scope))
    by_place = name in _BY_PLACE or counts_rows(spec)
    if spec and name in _WITHOUT_FRAME:
        scope.fault(window, f"{name} takes no frame. Leave {str(spec.args.get('kind')).upper()} out of OVER (...).")
    if not order and name in _NEED_ORDER and is_known:
        scope.fault(window, f"{name} {keys.none()} {_EVERY_RETRY}")
    elif by_place and is_known and not (name in _RANKS and _ranks_alike(keys, values)):
        _needs_order(name, window, keys, scope)
    reads = None if by_place or keys.reads else frozenset(read for value in values for read in value.reads or ())
    named = [value.sql for value in (*values, *(value for _, value in keys.items))]
    return Over(f"({' '.join(parts)})", inside, reads, [sql for sql in named if steady(sql) != sql])


def _ranks_alike(keys: Ordering, parts: Sequence[Value]) -> bool:
    """Say whether all rows of a window have one rank, as they are ordered by what divides them."""
    divided = {value.sql for value in parts}
    return bool(keys.items) and all(value.sql in divided for _, value in keys.items)


def _takes_first(window: exp.Window) -> bool:
    """Say whether a number of a row is compared with a number that is written down, so that the first rows are looked for."""
    node: exp.Expr = window
    if isinstance(node.parent, exp.Alias):
        select = node.parent.find_ancestor(exp.Select)
        name = node.parent.alias.lower()
        around = window.root() if select is not None and select.parent is not None else select
        compared = around.find_all(*_LEAST) if around is not None else ()
        return any(isinstance(one.this, exp.Column) and one.this.name.lower() == name for one in compared)
    return isinstance(node.parent, _LEAST)


def _partition(node: exp.Expr, scope: Scope) -> Value:
    value = expression(node, scope)
    scope.context.decides |= value.drifts
    value = lengths(value)
    if not t.can(value.type, "partition"):
        of_parts = value.type.fields or value.type.element
        instead = "Write its parts" if of_parts else f"Write CAST({shown(node)} AS STRING)"
        scope.fault(node, f"a window cannot PARTITION BY {value.type}. {instead}.")
    return value
