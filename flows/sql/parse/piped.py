"""The SELECT that operators of pipes have made so far: each adds to it (WHERE, JOIN, ORDER BY, LIMIT), or ends it and reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sqlglot.tokenizer_core import TokenType

from flows.model.errors import Fault, SqlError
from flows.sql.parse.brackets import (
    Word,
    aggregate_in,
    closing,
    gives_values,
    in_no_brackets,
    is_of_one_row,
    listed,
    of_window,
    split,
    way_of,
)
from flows.sql.parse.piped_columns import EXTENDED, PENDING, columns_of, opened, settled
from flows.sql.parse.piped_groups import grouping, loose
from flows.sql.parse.piped_names import BEFORE, CARRY, Changes, name_fault, of_scalars
from flows.sql.parse.piped_operators import JOINS, OF_COLUMNS, OF_ROWS, SETS, unknown
from flows.sql.parse.spelling import ENDS_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlglot.tokenizer_core import Token

    from flows.sql.parse.brackets import Words

_L, _COMMA = TokenType.L_PAREN, TokenType.COMMA
_OPEN_ENDS = {"AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN"}
"""Words that need a value behind them."""


class Piped:
    """The SELECT at hand: what it reads, the rows that it takes of that, and their order."""

    def __init__(self, first: Words, at: Word, tokenize: Callable[[str], Sequence[Token]]) -> None:
        self._tokenize = tokenize
        self._line = at.line
        self._where: list[Words] = []
        self._order: Words = []
        self._limit: Words = []
        self._lost = ""
        """The operator that has followed on an order, which the query does not keep beyond it."""
        self._core: Words = []
        """The query that it reads, where it reads nothing else."""
        self._is_closed = False
        """Whether that is a UNION or its like, or ends in LIMIT, so that no other can follow in it."""
        self._changes = Changes()
        self._later: list[Words] = []
        """The operators to come."""
        self.named: Words = []
        """The queries that it names by WITH."""
        self._seen = {word.text.lower() for word in first}
        """All words so far."""
        if first and first[0].kind == TokenType.FROM:
            self._from = first[1:]
            self._alias = self._alias_of(self._from)
        else:
            if not first:
                self._refuse("a query begins with |>. Write FROM table |> ...")
            bracketed = first[0].kind == _L and closing(first, 0) == len(first) - 1
            self._read(first[1:-1] if bracketed else first, None)

    def _refuse(self, message: str) -> NoReturn:
        raise SqlError([Fault(self._line, message)])

    def _words(self, text: str) -> Words:
        return [
            Word(one.token_type, PENDING if one.token_type == TokenType.STAR else one.text, text[one.start : one.end + 1], self._line, glued=False)
            for one in self._tokenize(text)
        ]  # fmt: skip

    def _alias_of(self, items: Words) -> Words | None:
        """Return the name of all that FROM reads; None where it reads several tables, or one without a name."""
        outermost = [items[place] for place in in_no_brackets(items)]
        kinds = {word.kind for word in outermost}
        if not items or kinds & {_COMMA, TokenType.JOIN, TokenType.WITH} or items[-1].kind not in {TokenType.VAR, TokenType.IDENTIFIER} or of_scalars(items):  # fmt: skip
            return None
        name = items[-1].text.rpartition(".")[2]
        return self._words(f"`{name}`" if items[-1].kind == TokenType.IDENTIFIER else name)

    def _read(self, core: Words, alias: Words | None) -> None:
        """Let what comes next read a query."""
        named = [*self._words("AS"), *alias] if alias else []
        self._from = [*self._words("("), *core, *self._words(")"), *named]
        self._changes.rename(alias)
        self._core, self._alias, self._is_closed = core, alias, False
        self._where, self._order, self._limit = [], [], []

    def _select(self, listed: Words, further: Words | None = None) -> Words:
        found = [*self._words("SELECT"), *listed, *self._words("FROM"), *self._from]
        for place, condition in enumerate(self._where):
            found += [*self._words("AND" if place else "WHERE"), *self._words("("), *condition, *self._words(")")]
        found += further or []
        found += [*self._words("ORDER BY"), *self._order] if self._order else []
        return found + ([*self._words("LIMIT"), *self._limit] if self._limit else [])

    def _all(self) -> Words:
        if not gives_values(self._core):
            carried, self._changes.carried = self._changes.carried, []
            return self._words(f"* EXCEPT (`{BEFORE}`)" if carried else "*")
        if self._alias is None:
            self._refuse("a row of SELECT AS STRUCT or AS VALUE has no name. Write |> AS name behind it.")
        return [*self._words("AS VALUE"), *self._alias]

    def query(self) -> Words:
        """Return the whole query."""
        if self._core and not (self._where or self._order or self._limit or self._changes.carried):
            return self._core
        return self._select(self._all())

    def result(self, reader: str = "") -> Words:
        """Return the whole query, of whose FROM the rows of ARRAYs are one value each where nothing takes them apart.

        To a FROM around them they are their fields, and so is one of them alone to all that read it by the name of a WITH.
        """
        if reader in {"FROM", "EXISTS"} or (reader == "WITH" and not (self._core or self._reads_several())):
            return self.query()
        found = None if self._core or self._changes.carried else columns_of(self._from)
        return opened(self._select(found) if found else self.query())

    def apply(self, step: Words, later: list[Words]) -> None:
        """Add an operator, behind which others follow."""
        if not step:
            self._refuse("nothing follows |>. Write an operator, such as WHERE, or remove it.")
        self._line, name, body, self._later = step[0].line, step[0].written.upper(), step[1:], later
        word = " ".join(name.split())
        if not body and word != "DISTINCT":
            self._refuse(f"nothing follows |> {word}. Write what belongs there, or remove it.")
        if word == "WITH":
            self._with(body)
            return
        self._seen |= {one.text.lower() for one in step}
        self._lose_order(word, body)
        body, step = self._changes.read(body), self._changes.read(step)
        if word != "AS" and (said := self._changes.fault(body)):
            self._refuse(said)
        if self._changes.carried and word not in CARRY:
            self._read(self.query(), self._alias)
        if word in {"SELECT", "EXTEND", "SET"} and (called := aggregate_in(body)):
            self._refuse(
                f"{called} is an aggregate, which |> {word} does not take. Write |> AGGREGATE {called}(...), or {called}(...) OVER ()."
            )
        if word in OF_COLUMNS and gives_values(self._core):
            self._refuse(f"|> {word} takes columns. Write |> SELECT without AS, or read the fields by |> SELECT first.")
        if self._limit:
            self._read(self.query(), self._alias)
            self._is_closed = True
        known = {
            "WHERE": self._where_, "SELECT": self._select_, "EXTEND": self._extend, "SET": self._set, "DROP": self._drop,
            "RENAME": self._rename,
            "AGGREGATE": self._aggregate, "ORDER BY": self._order_by, "LIMIT": self._limit_, "DISTINCT": self._distinct,
            "AS": self._as, "PIVOT": self._pivot, "UNPIVOT": self._pivot,
            **dict.fromkeys(JOINS, self._join), **dict.fromkeys(SETS, self._set_operation),
        }  # fmt: skip
        if word in known:
            known[word](step if word in {*JOINS, *SETS, "PIVOT", "UNPIVOT"} else body)
        else:
            self._refuse(unknown(word, known))

    def _with(self, body: Words) -> None:
        """Name queries, which stand before the whole one and so must not be meant by what is there already."""
        if body[0].upper == "RECURSIVE":
            self._refuse("|> WITH takes no RECURSIVE. Write WITH RECURSIVE before FROM.")
        for item in listed(body):
            if item and item[0].text.lower() in self._seen:
                self._refuse(f"'{item[0].written}' of |> WITH stands before it already. Choose another name.")
        self.named += [*(self._words(",") if self.named else ()), *self._joined(listed(body))]

    def _lose_order(self, word: str, body: Words) -> None:
        """Leave out an order that no LIMIT follows, and refuse a LIMIT of rows that have lost theirs."""
        if word == "LIMIT":
            if not self._order:
                self.refuse_lost("|> LIMIT", "" if self._lost == "WHERE" else ", or |> LIMIT before it")
            return
        is_open = bool(self._order) and not self._limit
        if is_open and word == "WHERE" and not of_window(body):
            return
        if word not in OF_ROWS:
            self._lost = ""
        elif self._order or any(self._core[at].kind == TokenType.ORDER_BY for at in in_no_brackets(self._core)):
            self._lost = word
        if is_open:
            self._order = []

    def refuse_lost(self, needing: str, otherwise: str = "") -> None:
        """Refuse what needs an order that the rows have lost."""
        if self._lost:
            said = f"|> {self._lost} loses the order that {needing} needs"
            self._refuse(f"{said}. Write |> ORDER BY behind it{otherwise}.")

    def _where_(self, body: Words) -> None:
        last = body[-1]
        if last.kind not in ENDS_VALUE and (not last.upper or last.upper in _OPEN_ENDS):
            self._refuse(f"|> WHERE ends after '{last.written}'. Write what follows it, or remove it.")
        if of_window(body):
            self._read(self._select(self._all(), [*self._words("QUALIFY"), *body]), self._alias)
        else:
            self._where.append(body)

    def _order_by(self, body: Words) -> None:
        if any(body[at].kind == TokenType.LIMIT for at in in_no_brackets(body)):
            self._refuse("|> ORDER BY takes no LIMIT. Write |> ORDER BY ... |> LIMIT 10.")
        self._order = body

    def _limit_(self, body: Words) -> None:
        self._limit = body

    def _select_(self, body: Words) -> None:
        self._from = settled(self._from)
        window = next((at for at in in_no_brackets(body) if body[at].kind == TokenType.WINDOW), len(body))
        items = body[: window - (body[window - 1].kind == _COMMA)]
        if self._changes.carried:
            star = self._all()
            items = self._joined([star if [word.kind for word in item] == [TokenType.STAR] else item for item in listed(items)])  # fmt: skip
        self._read(self._select(items, body[window:]), None)

    def _extend(self, body: Words) -> None:
        items = listed(body)
        if any([word.kind for word in item] == [TokenType.STAR] for item in items):
            self._refuse("|> EXTEND takes no *: all columns are there already. Leave it out.")
        if self._reads_several() and all(map(is_of_one_row, items)):
            # The names of the tables hold on, so that what is new stands beside them.
            made = [*self._words("CROSS JOIN UNNEST ( [ STRUCT ("), *self._joined(items), *self._words(") ] )")]
            self._from = [*self._with_joins(), *made, *self._words(f"AS {EXTENDED}{len(self._from)}")]
            return
        self._read(self._select([*self._words("* ,"), *self._joined(items)]), self._alias)
        self._change("EXTEND", (item[-1] for item in items if item))

    def _set(self, body: Words) -> None:
        replaced = []
        for item in listed(body):
            if len(item) < 3 or item[1].kind != TokenType.EQ:  # noqa: PLR2004 - a name, = and a value
                self._refuse("|> SET takes columns and their new values. Write |> SET column = value.")
            replaced.append([*item[2:], *self._words("AS"), item[0]])
        self._change_row([*self._words("* REPLACE ("), *self._joined(replaced), *self._words(")")])
        self._change("SET", (item[-1] for item in replaced))

    def _rename(self, body: Words) -> None:
        if not self._core:
            self._read(self.query(), self._alias)
        items = listed(body)
        for item in items:
            if len(item) not in (2, 3) or any(word.kind == TokenType.DOT or "." in word.text for word in item):
                self._refuse("|> RENAME takes columns and their new names. Write |> RENAME column AS name.")
        # In backticks it is no word that another dialect writes.
        self._change_row([*self._words("* `RENAME` ("), *self._joined(items), *self._words(")")])
        self._change("RENAME", (word for item in items for word in (item[0], item[-1])))

    def _drop(self, body: Words) -> None:
        dropped = self._joined(listed(body))
        self._change_row([*self._words("* EXCEPT ("), *dropped, *self._words(")")])
        self._change("DROP", dropped)

    def _change_row(self, columns: Words) -> None:
        """Read other columns, beside which the row carries what the operators to come read of it as it was."""
        carried = self._changes.wanted(self._alias, self._later)
        if carried and self._alias:
            fields = ", ".join(f"{self._alias[0].written}.`{name}` AS `{name}`" for name in carried)
            columns = [*columns, *self._words(f", STRUCT({fields}) AS `{BEFORE}`")]
        self._read(self._select(columns), self._alias)
        self._changes.carried += carried

    def _change(self, operator: str, names: Iterable[Word]) -> None:
        """Note columns that the alias of the rows has not, or as they were before an operator."""
        if self._alias:
            self._changes.note(self._alias, operator, names)

    def _joined(self, items: list[Words], by: str = ",") -> Words:
        return [word for place, item in enumerate(items) for word in [*(self._words(by) if place else ()), *item]]

    def _aggregate(self, body: Words) -> None:
        outermost = list(in_no_brackets(body))
        group = next((at for at in outermost if body[at].kind == TokenType.GROUP_BY), len(body))
        both = next((at for at in outermost if [one.upper for one in body[at : at + 2]] == ["GROUP", "AND"] and body[at + 2 : at + 3] and body[at + 2].kind == TokenType.ORDER_BY), None)  # fmt: skip
        group, begins = (group, group + 1) if both is None else (both, both + 3)
        values, keys = listed(body[:group]), listed(body[begins:])
        order: list[Words] = []
        for place, item in enumerate((*keys, *values), 1):
            way = way_of(item)
            if way or (both is not None and place <= len(keys)):
                order.append([*self._words(str(place)), *item[len(item) - way :]])
            del item[len(item) - way :]
        for value in values:
            if not aggregate_in(value):
                shown = " ".join(word.written for word in value)
                self._refuse(f"'{shown}' is no aggregate. Write it behind GROUP BY, or |> SELECT behind |> AGGREGATE.")
            if name := loose(value, keys):
                self._refuse(f"|> AGGREGATE takes no '{name}' outside of an aggregate. Write |> EXTEND behind it.")
        found = grouping(keys)
        if found is None or (order and found.in_sets):
            known = "columns and expressions that are no literals, each with AS where it needs a name"
            sets = "and by ROLLUP, CUBE and GROUPING SETS of columns, each named in one way, without an order"
            self._refuse(
                f"|> AGGREGATE groups by {known}, {sets}. Write |> EXTEND before it, or |> ORDER BY behind it."
            )
        self._from = settled(self._from)
        self._read(self._select(self._joined([*found.columns, *values]), self._words(found.clause)), None)
        self._order = self._joined(order)

    def _distinct(self, body: Words) -> None:
        if body:
            self._refuse("|> DISTINCT takes nothing. Write |> SELECT DISTINCT columns.")
        self._read(self._select(self._words("DISTINCT *")), self._alias)

    def _as(self, body: Words) -> None:
        if said := name_fault(body, () if self._core or self._reads_several() else self._from):
            self._refuse(said)
        self._changes.forget()
        self._read(self.query(), body)

    def _join(self, step: Words) -> None:
        if any(step[at].upper in SETS for at in in_no_brackets(step)):
            self._refuse(f"|> {step[0].upper} UNION is not supported. Write |> UNION ALL BY NAME, or a SELECT.")
        if self._where and not self._reads_several():
            self._read(self.query(), self._alias)
        elif self._where and step[0].upper in {"RIGHT", "FULL"}:
            self._refuse(f"|> WHERE stands behind |> {step[0].upper} JOIN, or before all joins.")
        self._from = [*self._with_joins(), *step]
        self._core, self._alias = [], None

    def _reads_several(self) -> bool:
        return any(self._from[at].kind in {_COMMA, TokenType.JOIN} for at in in_no_brackets(self._from))

    def _with_joins(self) -> Words:
        """Return what FROM reads with CROSS JOIN in place of commas."""
        return self._joined(split(self._from, _COMMA), "CROSS JOIN")

    def _set_operation(self, step: Words) -> None:
        begins = next((at for at, word in enumerate(step) if word.kind == _L), len(step))
        found = self._select(self._all()) if self._is_closed else self.result()
        for item in listed(step[begins:]) or [step]:
            if item[0].kind != _L or closing(item, 0) != len(item) - 1:
                self._refuse(f"|> {step[0].upper} takes queries in brackets: |> {step[0].upper} ALL (FROM table).")
            found = [*found, *step[:begins], *item]
        self._read(opened(found), None)
        self._is_closed = True

    def _pivot(self, step: Words) -> None:
        if self._where or not self._core:
            self._read(self.query(), None)
        self._from = [*self._words("("), *opened(self._core), *self._words(")"), *step]
        self._core, self._alias = [], None
