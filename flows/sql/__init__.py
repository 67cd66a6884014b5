"""GoogleSQL: parse, validate, find what a query reads and how far, and transpile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from flows.model.dependency import Dependency, Edge, Tie
from flows.model.errors import Fault, SqlError
from flows.sql import types as sql_types
from flows.sql.parse.limits import too_deep
from flows.sql.parse.parser import forget, parse, parse_any, plain, read, tables
from flows.sql.parse.tree import base_tables, line_of, table_identity
from flows.sql.parse.write import canonical, first_rows
from flows.sql.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flows.model.differences import Kind
    from flows.model.types import Type
    from flows.model.window import Size
    from flows.sql.compile.compiler import Compiled
    from flows.sql.compile.scope import Context, Relation
    from flows.sql.seam import Seam
    from flows.sql.strays import RowTime

__all__ = [
    "Analysis",
    "Dependency",
    "Edge",
    "Schema",
    "Tie",
    "analyze",
    "canonical",
    "drifting",
    "first_rows",
    "forget",
    "names_of",
    "parse",
    "tables",
    "to_bigquery",
    "to_duckdb",
]

Schema = "Mapping[str, Mapping[str, Type | str]]"
"""Types by column name, by table: `dataset.name`, or a bare name; each a Type or GoogleSQL's text for one."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a query reads and gives."""

    dependencies: tuple[Dependency, ...]
    """One for each table that it reads, in the order of their names."""
    columns: tuple[tuple[str, Type], ...]
    """Names and types of what it gives, in its order."""
    nodes: Mapping[str, exp.Expr]
    """What each of these is computed from, by name."""
    row_times: tuple[RowTime, ...]
    """The times by which rows belong to windows, of which windows may give some of others."""
    seams: tuple[Seam, ...]
    """Conditions that include the end of what a window reads, or leave out its start."""
    ties: tuple[Tie, ...]
    """Where BigQuery may give other rows on every retry."""
    differences: tuple[tuple[Kind, int], ...]
    """In what the warehouses may differ, each with the first line that makes them."""

    def line(self, name: str) -> int:
        """Return the line on which a column stands."""
        return line_of(self.nodes[name])


def analyze(  # noqa: PLR0913 - what is known of the tables, and of the one whose query it is
    sql: str,
    schema: Mapping[str, Mapping[str, Type | str]],
    partitions: Mapping[str, str] | None = None,
    *,
    keys: Mapping[str, Sequence[str]] | None = None,
    by_window: bool = True,
    owned: tuple[str, Size] | None = None,
) -> Analysis:
    """Find what a table's query reads, how far, and what it gives.

    `partitions` names the partition column of each table that has one, `keys` the columns that tell its rows apart;
    `by_window` says whether the query may name the window's parameters, `owned` by which column of its own each row belongs to
    one window, and the windows' size. Raises SqlError with every fault found.
    """
    from flows.sql.compile.compiler import compiled  # noqa: PLC0415 - most runs read queries and compile none
    from flows.sql.reach import dependencies  # noqa: PLC0415 - the same
    from flows.sql.row_times import row_times  # noqa: PLC0415 - the same
    from flows.sql.seams import seams  # noqa: PLC0415 - the same
    from flows.sql.totals import faults_of_totals  # noqa: PLC0415 - the same

    tree, nodes, faults_of_tree, _ = read(sql)
    relation, context = compiled(tree, schema, partitions or {}, keys=keys, windowed=nodes.around(exp.Parameter))
    conditions, context.conditions = context.conditions or [], None
    try:
        faults = [
            *faults_of_tree,
            *context.faults,
            *dict.fromkeys(context.unrepeatable),
            *_output_faults(tree, relation),
            *(faults_of_totals(relation, owned[0], context) if owned else ()),
        ]
    except RecursionError:
        raise SqlError([too_deep()]) from None
    if faults:
        raise SqlError(faults)
    columns = tuple((name or "", output(value.type)) for name, value in relation.columns)
    by_name = {name: node for (name, _), node in zip(columns, relation.nodes, strict=False)}
    ties = tuple(_ties(tree, context))
    times = row_times(relation, owned, context, conditions, nodes) if owned else []
    reads = dependencies(context.occurrences, by_window=by_window)
    differences = tuple((kind, line_of(node)) for kind, node in context.differs.items())
    return Analysis(reads, columns, by_name, tuple(times), tuple(seams(nodes)), ties, differences)


def _ties(tree: exp.Query, context: Context) -> Iterator[Tie]:
    """Give the ties of a query for which there is no place in the text that BigQuery gets."""
    written = [node for node, _ in (*context.further.values(), *context.instead.values())]
    # Where a query stands for PIVOT, its parts are none of the text's.
    lost = [("order", node) for node in written if node.root() is not tree]
    for where, node in dict.fromkeys([*context.untold, *lost]):
        call = node.parent if isinstance(node, exp.Order) and node.parent is not None else node
        yield Tie(shown(call), line_of(node), where == "windows")


def names_of(sql: str) -> tuple[dict[str, int], tuple[Fault, ...]]:
    """Return the tables that a table's SQL names, each with the first line that does, and the faults of the SQL alone.

    Raises SqlError where it cannot be read at all.
    """
    _, nodes, faults, _ = read(sql)
    names: dict[str, int] = {}
    for node in base_tables(nodes):
        identity = table_identity(node)
        if identity is not None:
            names.setdefault(identity, line_of(node))
    return names, faults


def to_duckdb(
    sql: str,
    schema: Mapping[str, Mapping[str, Type | str]],
    keys: Mapping[str, Sequence[str]] | None = None,
    *,
    pretty: bool = False,
) -> str:
    """Return a GoogleSQL query as DuckDB's; `@window_start` becomes `$window_start`.

    `keys` names the columns that tell the rows of a table apart; `pretty` lays the SQL out for people.

    Raises SqlError for a fault, and for what the embedded warehouse is not known to compute as BigQuery does.
    """
    relation, context = _repeatable(sql, schema, keys)
    if context.faults or context.of_names:
        raise SqlError(context.faults + context.of_names)
    return sqlglot.transpile(relation.sql, read="duckdb", pretty=True)[0] if pretty else relation.sql


def to_bigquery(
    sql: str, schema: Mapping[str, Mapping[str, Type | str]], keys: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return a query as its author wrote it, with further keys where an order leaves rows side by side.

    Pipes are SELECTs there, and calls stand before their first arguments. The keys are those by which the embedded warehouse breaks the same ties; what has no place for them is written otherwise. A
    name that BigQuery takes in backticks only has them.
    """
    from flows.sql.compile.compiler import compiled  # noqa: PLC0415 - as above
    from flows.sql.parse.keys import Broken, broken  # noqa: PLC0415 - as above
    from flows.sql.parse.quoting import with_backticks  # noqa: PLC0415 - as above

    try:
        parse_any(sql)
        sql = plain(sql)
        tree = parse_any(sql)
        context = compiled(tree, schema, {}, keys=keys).context
    except SqlError:
        return sql
    further = {place: keys for place, (_, keys) in context.further.items() if keys}
    ties = Broken(further, {place: words for place, (_, words) in context.instead.items()}, context.renamed)
    return with_backticks(broken(sql, tree, ties) if any(ties) and not context.faults else sql)


def drifting(
    sql: str, schema: Mapping[str, Mapping[str, Type | str]], keys: Mapping[str, Sequence[str]] | None = None
) -> frozenset[str]:
    """Return the FLOAT64 columns of a query whose last digits may be others when it is run again over the same rows.

    They are computed from SUM, AVG and the like of FLOAT64, which a warehouse adds up in any order. Where those digits are in
    values of another type, or decide about rows, `to_duckdb` has them added up in one order: nothing drifts.
    """
    relation, _ = _repeatable(sql, schema, keys)
    return frozenset(name or "" for name, value in relation.columns if value.drifts and value.type == sql_types.FLOAT64)


def _repeatable(
    sql: str, schema: Mapping[str, Mapping[str, Type | str]], keys: Mapping[str, Sequence[str]] | None
) -> Compiled:
    """Compile a query so that what two runs over the same rows make of it differs in nothing but FLOAT64's last digits."""
    from flows.sql.compile.compiler import compiled  # noqa: PLC0415 - as above

    tree = parse_any(sql)
    found = compiled(tree, schema, {}, keys=keys)
    others = (value for _, value in found.relation.columns if value.type != sql_types.FLOAT64)
    if not found.context.decides and not any(value.drifts for value in others):
        return found
    return compiled(tree, schema, {}, keys=keys, exact=True)


def output(type_: Type) -> Type:
    """Return the type that a column of a result has: NULL alone is INT64."""
    if type_.element == sql_types.NULL:
        return sql_types.array(sql_types.INT64)
    return sql_types.INT64 if type_ == sql_types.NULL else type_


def _output_faults(tree: exp.Query, relation: Relation) -> Iterator[Fault]:
    kind = tree.args.get("kind")
    if kind and isinstance(tree, exp.Select):
        yield Fault(line_of(tree), f"SELECT AS {kind} gives no columns. Leave AS {kind} out.")
        return
    seen: set[str] = set()
    for node, (name, value) in zip(relation.nodes, relation.columns, strict=False):
        if not name and node.is_star:
            yield Fault(
                line_of(node), f"'{shown(node)}' gives a column without a name. Write AS name where it is computed."
            )
        elif not name:
            text = shown(node)
            yield Fault(line_of(node), f"the column '{text}' has no name. Write {text} AS name.")
        elif name.lower() in seen:
            yield Fault(line_of(node), f"two columns are named '{name}'. Give one of them another name with AS.")
        if sql_types.holds(value.type, (sql_types.INTERVAL,)):
            said = f"'{name}' is {value.type}, which no table of the embedded warehouse can hold."
            own = shown(node.unalias()) if value.type == sql_types.INTERVAL and not node.is_star else "..."
            instead = f"CAST({own} AS STRING), or what EXTRACT or TIMESTAMP_DIFF gives"
            if value.type != sql_types.INTERVAL:
                instead = "TO_JSON_STRING(...), or CAST(... AS STRING) of the INTERVAL in it"
            yield Fault(line_of(node), f"{said} Write {instead}.")
        seen.add((name or "").lower())
