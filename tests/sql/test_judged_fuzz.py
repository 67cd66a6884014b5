"""Whole queries of every form give what GoogleSQL gives: columns, types, rows and errors.

Those of the file need nothing else. With DERIVED_FUZZ_JUDGED so many new ones are written, of DERIVED_FUZZ_SEED, and
GoogleSQL itself is asked about them (Java 17, Maven); each that differs is made small and shown with its tables.
"""

import os
import re
from collections import Counter
from random import Random

import duckdb

from flows.sql import analyze, canonical, to_duckdb
from tests.servers.googlesql import Judge
from tests.sql.judged_fuzz import Engine, Refused, asked, difference, known
from tests.sql.query_writer import Writer
from tests.sql.shrinking import shrunk
from tests.sql.typed_queries import tables

NEW = int(os.environ.get("DERIVED_FUZZ_JUDGED", "0"))
SEED = int(os.environ.get("DERIVED_FUZZ_SEED", "1"))
OVER_ONE_SET = 50
_NAMED_AFTER = re.compile(r"(?<=\bx)[0-9a-f]{8}\b|(?<=_)[0-9a-f]{8}(?=\")")
"""What tells names apart that are made of texts in which the case of columns matters."""


def kind_of_difference(engine, judge, sql):
    """Say in what a query differs from GoogleSQL, if in anything; raises Refused where Derived has none."""
    try:
        found = engine.answer(sql)
    except duckdb.Error as error:
        return f"DuckDB refuses it: {type(error).__name__}"
    wanted = asked(judge, sql, engine.written)
    return "it is refused by GoogleSQL" if isinstance(wanted, str) else difference(sql, found, wanted)


def new_differences():
    """Give new queries that differ, each made small, with its tables and both answers."""
    refusals = Counter()
    with Judge() as judge:

        def kind(sql, written):
            try:
                with Engine(written) as engine:
                    return kind_of_difference(engine, judge, sql)
            except Refused as refused:
                refusals[str(refused)[:60]] += 1
                return None

        for number in range(NEW):
            random = Random(f"{SEED} {number}")  # noqa: S311 - no secret
            written = tables(Random(f"{SEED} {number // OVER_ONE_SET}"))  # noqa: S311 - no secret
            sql = Writer(random).query()
            if (seen := kind(sql, written)) is not None:
                small, few = shrunk(sql, written, lambda one, rows, seen=seen: kind(one, rows) == seen)
                yield f"{number}: {seen}\n{small}\n{few}\nGoogleSQL: {asked(judge, small, few)}"
    print(refusals.most_common(20))  # noqa: T201 - for who asks for new ones


def test_random_queries_are_those_of_googlesql():
    """What is computed here is what its own implementation computes; what ends in an error there ends in one here."""
    others = []
    for written, cases in known():
        with Engine(written) as engine:
            for sql, wanted in cases:
                found = engine.answer(sql)
                if (seen := difference(sql, found, wanted)) is not None:
                    others.append((seen, sql, found, wanted))
    assert others == []
    new = list(new_differences()) if NEW else []
    assert not new, "\n\n".join(new)


def in_small_letters(sql):
    """Return a query with all words in small letters but those of texts."""
    return "".join(part if place % 2 else part.lower() for place, part in enumerate(re.split("('[^']*')", sql)))


def with_comments(sql):
    """Return a query with a comment behind every comma, and in brackets."""
    parts = re.split("('[^']*')", sql)
    return "".join(
        part if place % 2 else re.sub("[,(]", r"\g<0> /* it's */\n", part) for place, part in enumerate(parts)
    )


def test_queries_in_other_layouts_mean_the_same():
    """Else a query that means something else could pass for the one that a table was made by."""
    others = []
    for written, cases in known():
        schema = {name: dict(analyze(sql, {}).columns) for name, sql in written.items()}
        for sql, _ in cases:
            layouts = (sql, canonical(sql), in_small_letters(sql), with_comments(sql))
            texts = {in_small_letters(_NAMED_AFTER.sub("", to_duckdb(one, schema))) for one in layouts}
            others += [sql] if len(texts) > 1 else []
    assert others == []
