"""What names mean inside a query: values, items of FROM, scopes, and the occurrences of tables that a query reads."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from sqlglot import exp

from flows.model.errors import Fault
from flows.model.types import Type, parse_type
from flows.sql.compile.value import NOTHING, Value
from flows.sql.parse.tree import line_of
from flows.sql.shown import shown
from flows.sql.types import given, quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from flows.model.differences import Kind
    from flows.sql.compile.keys import Pick, Tied, Use, Words
    from flows.sql.compile.value import Read
    from flows.sql.reach import Limit, Occurrence, Origin


Kept: TypeAlias = "tuple[exp.Expr, Scope, frozenset[Occurrence] | None]"
"""A condition that keeps rows out, with where it stands, and of an outer join the tables whose rows alone these are."""


@dataclass(slots=True, eq=False)
class FromItem:
    """One item of a FROM clause; equal to itself alone."""

    alias: str
    columns: list[tuple[str, Value]]
    whole: Value | None = None
    """An element of an array, where the item is an UNNEST."""
    unique: frozenset[str] | None = None
    """The SQL of columns that tell its rows apart; None where nobody knows any."""
    joined: dict[str, tuple[str, Value]] = field(default_factory=dict)
    """Columns that USING has made of those of this item and of others behind it, by their names in lower case."""
    hidden: set[str] = field(default_factory=set)
    """Names of columns that are such, and seen with the item's own name alone."""
    key: str = field(init=False)
    """The alias as names are compared."""
    _of: list[tuple[str, Value]] | None = field(init=False, default=None)
    _named: dict[str, list[Value]] = field(init=False)
    """The columns `_of` by their names."""

    def __post_init__(self) -> None:
        self.key = self.alias.lower()

    def find(self, name: str) -> list[Value]:
        """Return the columns of that name."""
        if self._of is not self.columns:
            self._of, self._named = self.columns, {}
            for known, value in self.columns:
                self._named.setdefault(known.lower(), []).append(value)
        return self._named.get(name.lower(), [])

    def seen(self, name: str) -> list[Value]:
        """Return the columns of that name that are seen without the item's."""
        key = name.lower()
        made = [self.joined[key][1]] if key in self.joined else []
        return made if key in self.hidden else made + self.find(name)

    def all_seen(self) -> Iterator[tuple[str, Value]]:
        """Give the columns that are seen without the item's name."""
        yield from self.joined.values()
        yield from ((name, value) for name, value in self.columns if name.lower() not in self.hidden)


class Anything(FromItem):
    """A table that nobody knows in full: it has a fault already, so that every other column of it is one more of the same."""

    def find(self, name: str) -> list[Value]:
        """Return the columns of that name, or what stands for a fault."""
        return FromItem.find(self, name) or [NOTHING]


@dataclass(slots=True)
class Relation:
    """What a query gives: names (None for a column without one), types, origins; its SQL."""

    columns: list[tuple[str | None, Value]]
    sql: str
    """The query, or the name of a CTE."""
    occurrences: list[Occurrence] = field(default_factory=list)
    nodes: list[exp.Expr] = field(default_factory=list)
    """The expression of each column, for the line of a fault."""
    one_row: bool = False
    """Whether it gives no more than one row, whatever it reads."""
    element: bool = False
    """Whether a row is one value: SELECT AS STRUCT, SELECT AS VALUE."""
    anything: bool = False
    """Whether it gives columns of which nobody knows the names: all of a table with a fault, one with a name of no column."""
    level: int = field(init=False)
    """How many queries are around this one."""
    requires: list[Limit] = field(default_factory=list)
    """What its WHERE says of tables around it: where that does not hold, the query gives no row."""
    unique: frozenset[int] | None = None
    """The places of columns that tell its rows apart; None where nobody knows any."""
    sides: tuple[Relation, ...] = ()
    """The queries of a UNION."""

    def settle(self) -> None:
        """Give each column the type that it has by itself: what is written down turns into no other any more."""
        self.columns = [(name, value._replace(type=given(value.type), literal=False)) for name, value in self.columns]

    def again(self) -> Relation:
        """Return the relation as if written once more: its tables occur once more too."""
        copies = {one: one.again() for one in self.occurrences}
        columns = [
            (name, value._replace(origins=frozenset(origin.among(copies) for origin in value.origins)))
            for name, value in self.columns
        ]
        found = Relation(
            columns, self.sql, list(copies.values()), self.nodes, self.one_row, self.element, self.anything
        )
        found.unique = self.unique
        return found


@dataclass(slots=True)
class Context:
    """What all of one text shares: the tables that it may read, the faults and the reads found so far."""

    schema: Mapping[str, Mapping[str, Type | str]]
    partitions: Mapping[str, str]
    """The partition column of each table that has one."""
    keys: Mapping[str, Sequence[str]]
    """The columns that tell the rows of a table apart, of each that has such."""
    faults: list[Fault] = field(default_factory=list)
    of_names: list[Fault] = field(default_factory=list)
    """Those that come of two columns of one name, which no table can have anyway."""
    occurrences: list[Occurrence] = field(default_factory=list)
    drifts: bool = False
    """Whether something that drifts was found in the expression that is being compiled."""
    reads: set[Read] = field(default_factory=set)
    """What the expression that is being compiled depends on."""
    starred: dict[int, dict[int, Value]] = field(default_factory=dict)
    """The columns of stars that the query groups by, by the identity of the star and their place among all of it."""
    alike: frozenset[str] = frozenset()
    """The SQL of what is the same for all rows that are being ordered."""
    compiled: dict[int, Value] = field(default_factory=dict)
    """Left sides of long chains of operators, compiled before what stands around them, by the identity of their nodes."""
    unrepeatable: list[Fault] = field(default_factory=list)
    """Faults of what can give other rows on every retry, which no table's SQL may have."""
    exact: bool = False
    """Whether FLOAT64 is to be added up in one order, at the cost of sorting it."""
    decides: bool = False
    """Whether something that drifts decides which rows there are, or in which order."""
    differs: dict[Kind, exp.Expr] = field(default_factory=dict)
    """In what the warehouses may differ here, each with the first node that makes them."""
    lifted: list[tuple[str, str]] | None = None
    """Names and SQL of arguments that a rule below SAFE. has asked for, whose errors stay errors; None elsewhere."""
    windowed: frozenset[int] = frozenset()
    """The identities of the nodes that hold a parameter of the window."""
    carried: bool = False
    """Whether a column of a query or of an array is made of the window's parameters alone."""
    further: dict[int, tuple[exp.Expr, list[str]]] = field(default_factory=dict)
    """Keys in GoogleSQL that break the ties of an ORDER BY, with its node and by the identity of that."""
    instead: dict[int, tuple[exp.Expr, Words]] = field(default_factory=dict)
    """What BigQuery gets in place of a call whose ties no key can break, with its node and by the identity of that."""
    renamed: dict[int, str] = field(default_factory=dict)
    """Functions that BigQuery gets in place of others, by where their names begin in the text."""
    untold: list[tuple[str, exp.Expr]] = field(default_factory=list)
    """Calls whose ties BigQuery breaks in any way, each with where: ORDER or WINDOWS."""
    full_joins: dict[int, tuple[exp.Expr, bool]] = field(default_factory=dict)
    """Whether a tree has a FULL JOIN anywhere, with its root and by the identity of that."""
    conditions: list[Kept] | None = None
    """What keeps rows out; None where nobody asks. Who does takes it out: a scope knows its context."""
    grouped: dict[int, dict[int, str]] = field(default_factory=dict)
    """The SQL of what a SELECT groups by with ROLLUP, CUBE or GROUPING SETS, by the identity of its node, by that of the SELECT."""
    equated: list[Origin] = field(default_factory=list)
    """Where columns come from that USING compares with others."""
    exists: dict[int, list[Limit]] = field(default_factory=dict)
    """What must hold of the tables around an EXISTS for it to be true, by the identity of its node."""

    def columns(self, table: str) -> dict[str, Type] | None:
        """Return a table's columns with their types; None where it is not known."""
        if table not in self.schema:
            return None
        return {name: parse_type(one) if isinstance(one, str) else one for name, one in self.schema[table].items()}


class Let(NamedTuple):
    """What WITH(name AS value, ...) names."""

    value: Value
    node: exp.Expr
    """The WITH."""
    of_rows: bool
    """Whether an aggregate or a function of a window is in it."""


@dataclass(slots=True)
class Scope:
    """The names that one SELECT sees."""

    context: Context
    parent: Scope | None = None
    ctes: dict[str, Relation] = field(default_factory=dict)
    items: list[FromItem] = field(default_factory=list)
    aliases: dict[str, Value] = field(default_factory=dict)
    """Columns of the SELECT list, where GoogleSQL lets an expression name them."""
    lets: Mapping[str, Let] | None = None
    """What WITH(name AS value, ...) names around the expression at hand."""
    windows: dict[str, exp.Window] = field(default_factory=dict)
    aggregated: bool = False
    """Whether an aggregate has been seen."""
    windowed: bool = False
    """Whether a window function has been seen."""
    depth: int = 0
    """How many aggregates are around the expression at hand."""
    groups: dict[str, str] | None = None
    """What the query groups by, once that is known: the SQL of each value, and that of the group it is."""
    kinds: dict[str, Type] = field(default_factory=dict)
    """The types of what it groups by, by the SQL of the groups."""
    starred: dict[int, dict[int, Value]] = field(default_factory=dict)
    """The columns of stars that the query groups by, by the identity of the star and their place among all of it."""
    alike: frozenset[str] = frozenset()
    """The SQL of what is the same in all rows of each group: nothing where groups are made in several sets."""
    loose: list[tuple[exp.Expr, str]] = field(default_factory=list)
    """Columns outside aggregates that no group has taken yet."""
    first: int = 0
    """The place of its own first read among those of the context; what comes before belongs to queries around."""
    level: int = field(init=False)
    """How many queries are around this one."""
    requires: list[Limit] = field(default_factory=list)
    """What its WHERE says of tables around it."""
    sources: dict[str, bool] = field(default_factory=dict)
    """The SQL of the items of FROM, each with whether it has DuckDB's own `rowid`."""
    joins_outer: bool = False
    """Whether FROM has a LEFT, RIGHT or FULL JOIN."""
    named: dict[str, Value] = field(default_factory=dict)
    """Columns that its list and what follows name, by their SQL."""
    within: dict[bool, dict[str, Value]] = field(default_factory=lambda: {False: {}, True: {}})
    """Those inside functions whose values an order decides, for those over groups and those over windows."""
    tied: dict[str, Tied] = field(default_factory=dict)
    """Orders that may leave rows side by side, by what stands for their keys."""
    picks: dict[str, Pick] = field(default_factory=dict)
    """Calls that take one row by an order, by what stands for them."""
    partitions: list[frozenset[str]] = field(default_factory=list)
    """The SQL of what each window divides its rows by."""
    uses: list[Use] = field(default_factory=list)
    """Where the orders of calls and windows are used."""
    meant: dict[int, tuple[exp.Expr, Value]] = field(default_factory=dict)
    """What columns outside aggregates mean, by the identities of their nodes."""
    spelt: dict[str, tuple[str, ...] | exp.Expr | str] = field(default_factory=dict)
    """The names of columns, what groups are computed from in the query, and other keys in GoogleSQL, by their SQL."""

    def __post_init__(self) -> None:
        self.level = self.parent.level + 1 if self.parent is not None else 0

    def inner(self) -> Scope:
        """Return the scope of a query inside this one."""
        return Scope(self.context, parent=self)

    def row_key(self) -> frozenset[str] | None:
        """Return the SQL of columns that tell all rows of FROM apart; None where nobody knows any."""
        found: set[str] = set()
        for item in self.items:
            if item.unique is None:
                return None
            found |= item.unique
        return frozenset(found)

    def item_name(self, alias: str) -> str:
        """Return what the next item of FROM is called in DuckDB."""
        return _own_name("t", self.level, len(self.items), alias)

    def cte_name(self, name: str) -> str:
        """Return what the next query of WITH is called in DuckDB."""
        return _own_name("w", self.level, len(self.ctes), name)

    def fault(self, node: exp.Expr, message: str) -> Value:
        """Note a fault and return the value that stands for what has one."""
        self.context.faults.append(Fault(line_of(node), message))
        return NOTHING

    def unsupported(self, node: exp.Expr, what: str | None = None) -> Value:
        """Refuse a construct by name."""
        what = what or f"'{shown(node)}'"
        return self.fault(node, f"{what} is not supported by the embedded warehouse yet.")

    def without_from(self, node: exp.Expr) -> Value:
        """Note the fault of a query that has no FROM, in the same words for each part of it that needs one."""
        message = "the query has no FROM, so that nothing says whose columns it reads. Write FROM dataset.table."
        return self.fault(node if isinstance(node, exp.Select) else node.find_ancestor(exp.Select) or node, message)

    def guard(self, node: exp.Expr, known: Iterable[str]) -> None:
        """Refuse the parts of a node that nobody here knows."""
        for key, part in node.args.items():
            if part and key not in known:
                first = part[0] if isinstance(part, list) else part
                words = shown(first).strip() if isinstance(first, exp.Expr) else ""
                self.unsupported(node, f"'{words or shown(node)}'")

    def cte(self, name: str) -> Relation | None:
        """Return the CTE of that name, here or around."""
        return next((scope.ctes[name.lower()] for scope in self.outward() if name.lower() in scope.ctes), None)

    def outward(self) -> Iterator[Scope]:
        """Give this scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def item(self, alias: str) -> FromItem | None:
        """Return the item of the FROM clause with that alias."""
        key = alias.lower()
        for one in self.items:
            if one.key == key and key:
                return one
        return None

    def names(self) -> Iterable[str]:
        """Give every column name that can be seen, here and around."""
        for scope in self.outward():
            for item in scope.items:
                yield from (name for name, _ in item.columns)
            yield from scope.aliases


def _own_name(kind: str, level: int, place: int, written: str) -> str:
    """Return a name that no one else's can be taken for, with as much of the written one as makes it readable.

    It is told apart by where it stands: the same words compile to the same SQL, whatever letters DuckDB takes for others.
    """
    readable = re.sub(r"[^a-z0-9_]", "", written.lower())[:20]
    return quote(f"{kind}{level}_{place}_{readable}".rstrip("_"))
