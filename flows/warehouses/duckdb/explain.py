"""What errors of DuckDB mean in GoogleSQL: which value, which function, where in the query, and what to write there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb

from flows.model.errors import ConflictError, WarehouseError, shape
from flows.warehouses.duckdb.faults import first_line, of_disk

if TYPE_CHECKING:
    from flows.model.errors import DerivedError
    from flows.warehouses.interface import Query

_OF_ROWS = (duckdb.DataError, duckdb.IntegrityError, duckdb.InvalidInputException, duckdb.OutOfMemoryException)
"""What values are at fault for, or how many there are at once."""
_SIGNS = {"addition": "+", "subtraction": "-", "subtract": "-", "multiplication": "*", "negation": "-"}
_SIZES, _WIDEST = r"(\d+),(\d+)", "38,18"
_TOO_LONG = rf'Casting value "(-?\d+(?:\.\d*[1-9])?)\.?0*" to type DECIMAL\({_SIZES}\) failed: value is out of range!'
_TOO_LARGE = r"Could not cast value (-?\d+) to DECIMAL\((\d+),(\d+)\)"
_TOO_WIDE = "a BIGNUMERIC of more than 20 digits before the point, which the embedded warehouse does not hold: '{1}'"
_DIGITS = "'{1}' needs more than {2} digits, {3} of them after the point"
_WORDS: tuple[tuple[str, str], ...] = (
    (r"Overflow in negation of (?:integer|INT64|number)?.*?(-?\d+).*", "'-': overflow beyond INT64: '{1}'"),
    (r"Overflow in subtraction of INT128 .*", "VARIANCE or STDDEV: overflow beyond NUMERIC or BIGNUMERIC"),
    # Nothing but a quotient is multiplied as wide.
    (r"Overflow in multiplication of INT128 .*", "'/': overflow beyond NUMERIC or BIGNUMERIC"),
    (r"Overflow in (\w+) of INT\d+ \((-?\d+) (\S+) (-?\d+)\)!.*", "'{sign}': overflow beyond INT64: '{2}' {3} '{4}'"),
    (r"Overflow in (\w+) of DECIMAL\(38\).*", "'{sign}': overflow beyond NUMERIC or BIGNUMERIC"),
    (r"Overflow on abs\((-?\d+)\).*", "ABS: overflow beyond INT64: '{1}'"),
    # Nothing but a sum is wider on the way.
    (r"Type INT128 with value (-?\d+) can't be cast .* destination type INT64.*", "SUM: overflow beyond INT64: '{1}'"),
    (
        r"Type (?:DOUBLE|DECIMAL\(.*?\)) with value (\S+) can't be cast .* destination type INT64.*",
        "Could not cast FLOAT64 to INT64: '{1}'",
    ),
    (r"Failed to cast decimal value (\S+) to type INT64.*", "Could not cast NUMERIC to INT64: '{1}'"),
    (r"Could not convert string '(.*?)' to U?INT64.*", "Could not cast STRING to INT64: '{1}'"),
    (r"Overflow in (?:HUGEINT addition|SUM of DECIMAL): .*", "SUM or AVG: overflow beyond NUMERIC or BIGNUMERIC"),
    (r'Could not convert string "(.*?)" to DECIMAL\(38,18\).*', _TOO_WIDE),
    (rf"{_TOO_LONG.replace(_SIZES, _WIDEST)}.*", _TOO_WIDE),
    (rf"{_TOO_LONG}.* source column (.*)", f"the column {{4}}: {_DIGITS}"),
    (rf"{_TOO_LARGE} when .* source column (.*)", f"the column {{4}}: {_DIGITS}"),
    (_TOO_LARGE, f"a column: {_DIGITS}"),
    (r'Could not convert string "(.*?)(?:\.0*)?" to DECIMAL\(38,9\)', "Could not cast FLOAT64 to NUMERIC: '{1}'"),
    (r'Could not convert string "(.*)" to DECIMAL\(38,9\) when .*', "Could not cast STRING to NUMERIC: '{1}'"),
    (rf"{_TOO_LONG}.*", f"a column: {_DIGITS}"),
    (r"Date out of range: (\S+)", "DATE: there is no day '{1}'"),
    (r"Time out of range: (\S+)", "TIME: there is no time '{1}'"),
    (
        r"More than one row returned by a subquery.*",
        "'SELECT': a subquery in place of one value gives more than one row",
    ),
    (
        r"Malformed JSON at byte \d+ of input: (.*?)\.? +Input: (\".*?\")(?: when .*)?$",
        "Malformed JSON: '{2}' ({1})",
    ),
    (r"Could not decode string \"(.*?)\" as base64.*", "FROM_BASE64: '{1}' is no base64"),
    (
        r"Failure in decode: could not convert blob to UTF8.*",
        "Could not cast BYTES to STRING: the bytes are no text in UTF-8",
    ),
    (
        r"(missing [\])]|unexpected \)|invalid [a-z ]+|(?:no argument for|bad) repetition operator|trailing \\): (.*)",
        "REGEXP: '{2}' is no regular expression ({1})",
    ),
)
"""What DuckDB says, and what that is in GoogleSQL: first what failed, then the value in quotes."""
_OWN = re.compile(r"Could not cast |a [A-Z]+ |[A-Z][A-Z0-9_.]*[ :]|'[^' ]+': ")
"""How errors begin that compiled SQL raises."""
_KIND = re.compile(r"[A-Z]\w*(?: [a-z]+| [A-Z]\w*)* Error: ")


def explained(error: duckdb.Error, subject: str, query: Query | None = None) -> DerivedError:
    """Return an error of DuckDB as one of ours.

    Args:
        error: what DuckDB raised.
        subject: what was being made; may be empty.
        query: what was run, where a person wrote it.
    """
    where = f"{subject}: " if subject else ""
    line = of_disk(error) or in_words(error)
    if isinstance(error, duckdb.TransactionException) and "conflict" in str(error).lower():
        return ConflictError(f"{where}another run changed the same rows first, so this one changed nothing: {line}")
    place = instead = ""
    if query is not None:
        from flows.sql.blamed import blamed  # noqa: PLC0415 - slow to import, and most runs have no error

        place, instead = blamed(line, *(query.written or (query.sql,)))
    there = f" ({place})." if place else "." if instead else ""
    cause = shape(line.partition(": '")[0])
    return WarehouseError(f"{where}{line}{there}", advice=instead, cause=cause, of_rows=isinstance(error, _OF_ROWS))


def in_words(error: duckdb.Error) -> str:
    """Return what an error of DuckDB says, in GoogleSQL's words where it has some, without the place in the SQL."""
    line = first_line(error)
    said = _KIND.sub("", line, count=1)
    for pattern, words in _WORDS:
        found = re.fullmatch(pattern, said)
        if found is not None:
            sign = _SIGNS.get(found[1] or "", "") if found.re.groups else ""
            return words.format(*found.group(0, *range(1, found.re.groups + 1)), sign=sign)
    return said if _OWN.match(said) else line
