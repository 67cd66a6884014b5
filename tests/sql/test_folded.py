"""Every sign of Unicode in each form, in capitals and without case, as Python's own tables have it."""

import re
import sys
import unicodedata

import duckdb
import pytest

from flows.sql import to_duckdb
from flows.sql.folded import NEWER

NEW = re.compile(re.sub(r"\\x\{(\w+)\}", lambda match: chr(int(match[1], 16)), NEWER))


def _is_old(sign):
    return unicodedata.category(sign) not in {"Cn", "Co", "Cs"} and not NEW.search(sign + sign.upper() + sign.lower())


SIGNS = list(filter(_is_old, map(chr, range(sys.maxunicode + 1))))
FOLDED = {form: lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")}


@pytest.fixture(scope="module")
def warehouse():
    """A table of all signs, each alone and between letters."""
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA core; CREATE TABLE core.signs AS SELECT unnest(?::VARCHAR[]) AS s", [SIGNS])
        connection.execute("INSERT INTO core.signs SELECT 'A' || s || 'ß1' FROM core.signs")
        yield connection


@pytest.mark.parametrize(
    ("sql", "wanted"),
    [
        *((f"NORMALIZE(s, {form})", of) for form, of in FOLDED.items()),
        *((f"NORMALIZE_AND_CASEFOLD(s, {form})", lambda s, of=of: of(s).casefold()) for form, of in FOLDED.items()),
        ("UPPER(s)", str.upper),
    ],
)
def test_every_sign(warehouse, sql, wanted):
    """GoogleSQL's reference implementation gives the same."""
    query = to_duckdb(f"SELECT s, {sql} AS r FROM core.signs", {"core.signs": {"s": "STRING"}})
    found = warehouse.execute(query).fetchall()
    assert len(found) > 250_000
    assert [(s, r) for s, r in found if r != wanted(s)][:20] == []
