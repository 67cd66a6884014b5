"""What each GoogleSQL function takes, gives and is called in DuckDB: one line for each signature.

A line reads `NAME(types) -> type = DuckDB`. `$1` is the first argument, `$*` all of them with commas, `$|` all of them
joined by `||`. `T` and `U` stand for any type (the same wherever they stand), `T...` for one or more arguments.
`!(text)` raises that error, or gives NULL below `SAFE.`. In aggregates `$d` is DISTINCT, `$s` the ORDER BY and `$o` what
follows the call (FILTER, OVER). A function without a line is refused by name: nobody has checked it yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from flows.model.types import Type, parse_type
from flows.sql import types as t

if TYPE_CHECKING:
    from collections.abc import Sequence

SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

SCALARS = r"""
ABS(INT64) -> INT64 = abs($1)
ABS(NUMERIC) -> NUMERIC = abs($1)
ABS(BIGNUMERIC) -> BIGNUMERIC = abs($1)
ABS(FLOAT64) -> FLOAT64 = abs($1)
SIGN(INT64) -> INT64 = CAST(sign($1) AS BIGINT)
SIGN(NUMERIC) -> NUMERIC = CAST(sign($1) AS DECIMAL(38, 9))
SIGN(FLOAT64) -> FLOAT64 = CASE WHEN isnan($1) THEN $1 ELSE CAST(sign($1) AS DOUBLE) END
ROUND(INT64) -> FLOAT64 = CAST($1 AS DOUBLE)
TRUNC(INT64) -> FLOAT64 = CAST($1 AS DOUBLE)
CEIL(INT64) -> FLOAT64 = CAST($1 AS DOUBLE)
CEILING(INT64) -> FLOAT64 = CAST($1 AS DOUBLE)
FLOOR(INT64) -> FLOAT64 = CAST($1 AS DOUBLE)
ROUND(NUMERIC) -> NUMERIC = CAST(round($1) AS DECIMAL(38, 9))
ROUND(NUMERIC, INT64) -> NUMERIC = CAST(round($1, CAST($2 AS INTEGER)) AS DECIMAL(38, 9))
ROUND(FLOAT64) -> FLOAT64 = round($1)
ROUND(FLOAT64, INT64) -> FLOAT64 = round($1, CAST($2 AS INTEGER))
TRUNC(NUMERIC) -> NUMERIC = CAST(trunc($1) AS DECIMAL(38, 9))
TRUNC(FLOAT64) -> FLOAT64 = trunc($1)
CEIL(NUMERIC) -> NUMERIC = CAST(ceil($1) AS DECIMAL(38, 9))
CEIL(FLOAT64) -> FLOAT64 = ceil($1)
CEILING(NUMERIC) -> NUMERIC = CAST(ceil($1) AS DECIMAL(38, 9))
CEILING(FLOAT64) -> FLOAT64 = ceil($1)
FLOOR(NUMERIC) -> NUMERIC = CAST(floor($1) AS DECIMAL(38, 9))
FLOOR(FLOAT64) -> FLOAT64 = floor($1)
MOD(INT64, INT64) -> INT64 = ($1 % CASE WHEN $2 = 0 THEN !(division by zero) ELSE $2 END)
MOD(NUMERIC, NUMERIC) -> NUMERIC = CAST($1 % CASE WHEN $2 = 0 THEN !(division by zero) ELSE $2 END AS DECIMAL(38, 9))
DIV(INT64, INT64) -> INT64 = ($1 // CASE WHEN $2 = 0 THEN !(division by zero) ELSE $2 END)
SAFE_DIVIDE(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $2 <> 0 THEN $1 / $2 END
IEEE_DIVIDE(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $2 <> 0 THEN $1 / $2 WHEN $1 = 0 OR isnan($1) THEN CAST('NaN' AS DOUBLE) WHEN $1 > 0 THEN CAST('Infinity' AS DOUBLE) WHEN $1 < 0 THEN CAST('-Infinity' AS DOUBLE) END
SAFE_ADD(INT64, INT64) -> INT64 = TRY($1 + $2)
SAFE_SUBTRACT(INT64, INT64) -> INT64 = TRY($1 - $2)
SAFE_MULTIPLY(INT64, INT64) -> INT64 = TRY($1 * $2)
SAFE_NEGATE(INT64) -> INT64 = TRY(0 - $1)
POW(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isinf(pow($1, $2)) AND NOT isinf($1) AND NOT isinf($2) THEN !(POW overflows) ELSE pow($1, $2) END
POWER(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isinf(pow($1, $2)) AND NOT isinf($1) AND NOT isinf($2) THEN !(POWER overflows) ELSE pow($1, $2) END
SQRT(FLOAT64) -> FLOAT64 = CASE WHEN $1 < 0 THEN !(SQRT of a negative number) ELSE sqrt($1) END
EXP(FLOAT64) -> FLOAT64 = CASE WHEN isinf(exp($1)) AND NOT isinf($1) THEN !(EXP overflows) ELSE exp($1) END
LN(FLOAT64) -> FLOAT64 = CASE WHEN $1 <= 0 THEN !(LN of a number that is not positive) ELSE ln($1) END
LOG(FLOAT64) -> FLOAT64 = CASE WHEN $1 <= 0 THEN !(LOG of a number that is not positive) ELSE ln($1) END
LOG10(FLOAT64) -> FLOAT64 = CASE WHEN $1 <= 0 THEN !(LOG10 of a number that is not positive) ELSE log10($1) END
IS_NAN(FLOAT64) -> BOOL = isnan($1)
IS_INF(FLOAT64) -> BOOL = isinf($1)
IF(BOOL, T, T) -> T = CASE WHEN $1 THEN $2 ELSE $3 END
IFNULL(T, T) -> T = coalesce($1, $2)
COALESCE(T...) -> T = coalesce($*)
NULLIF(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $1 = $2 AND NOT isnan($1) THEN NULL ELSE $1 END
NULLIF(T, T) -> T = nullif($1, $2)
GREATEST(FLOAT64...) -> FLOAT64 = CASE WHEN $null THEN NULL WHEN list_contains([$*], CAST('NaN' AS DOUBLE)) THEN CAST('NaN' AS DOUBLE) ELSE greatest($*) END
LEAST(FLOAT64...) -> FLOAT64 = CASE WHEN $null THEN NULL WHEN list_contains([$*], CAST('NaN' AS DOUBLE)) THEN CAST('NaN' AS DOUBLE) ELSE least($*) END
GREATEST(T...) -> T = CASE WHEN $null THEN NULL ELSE greatest($*) END
LEAST(T...) -> T = CASE WHEN $null THEN NULL ELSE least($*) END

CONCAT(STRING...) -> STRING = ($|)
CONCAT(BYTES...) -> BYTES = ($|)
LENGTH(STRING) -> INT64 = length($1)
LENGTH(BYTES) -> INT64 = octet_length($1)
CHAR_LENGTH(STRING) -> INT64 = length($1)
CHARACTER_LENGTH(STRING) -> INT64 = length($1)
BYTE_LENGTH(STRING) -> INT64 = CAST(strlen($1) AS BIGINT)
BYTE_LENGTH(BYTES) -> INT64 = octet_length($1)
OCTET_LENGTH(STRING) -> INT64 = CAST(strlen($1) AS BIGINT)
UPPER(STRING) -> STRING = upper(replace($1, 'ß', 'SS'))
LOWER(STRING) -> STRING = lower($1)
TRIM(STRING) -> STRING = trim($1, $spaces)
TRIM(STRING, STRING) -> STRING = trim($1, $2)
LTRIM(STRING) -> STRING = ltrim($1, $spaces)
LTRIM(STRING, STRING) -> STRING = ltrim($1, $2)
RTRIM(STRING) -> STRING = rtrim($1, $spaces)
RTRIM(STRING, STRING) -> STRING = rtrim($1, $2)
REPLACE(STRING, STRING, STRING) -> STRING = CASE WHEN $2 = '' THEN $1 ELSE replace($1, $2, $3) END
SUBSTR(STRING, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END)
SUBSTR(STRING, INT64, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END, CASE WHEN $3 < 0 THEN !(SUBSTR with a negative length) ELSE $3 END)
SUBSTRING(STRING, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END)
SUBSTRING(STRING, INT64, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 ELSE $2 END, CASE WHEN $3 < 0 THEN !(SUBSTRING with a negative length) ELSE $3 END)
LEFT(STRING, INT64) -> STRING = left($1, CASE WHEN $2 < 0 THEN !(LEFT with a negative length) ELSE $2 END)
RIGHT(STRING, INT64) -> STRING = right($1, CASE WHEN $2 < 0 THEN !(RIGHT with a negative length) ELSE $2 END)
STARTS_WITH(STRING, STRING) -> BOOL = starts_with($1, $2)
ENDS_WITH(STRING, STRING) -> BOOL = ends_with($1, $2)
STRPOS(STRING, STRING) -> INT64 = CAST(strpos($1, $2) AS BIGINT)
INSTR(STRING, STRING) -> INT64 = CAST(strpos($1, $2) AS BIGINT)
REPEAT(STRING, INT64) -> STRING = repeat($1, CASE WHEN $2 < 0 THEN !(REPEAT with a negative count) ELSE $2 END)
LPAD(STRING, INT64) -> STRING = lpad($1, CAST(CASE WHEN $2 < 0 THEN !(LPAD to a negative length) ELSE $2 END AS INTEGER), ' ')
LPAD(STRING, INT64, STRING) -> STRING = lpad($1, CAST(CASE WHEN $2 < 0 OR $3 = '' THEN !(LPAD to a negative length or with nothing) ELSE $2 END AS INTEGER), $3)
RPAD(STRING, INT64) -> STRING = rpad($1, CAST(CASE WHEN $2 < 0 THEN !(RPAD to a negative length) ELSE $2 END AS INTEGER), ' ')
RPAD(STRING, INT64, STRING) -> STRING = rpad($1, CAST(CASE WHEN $2 < 0 OR $3 = '' THEN !(RPAD to a negative length or with nothing) ELSE $2 END AS INTEGER), $3)
SPLIT(STRING) -> ARRAY<STRING> = string_split($1, ',')
SPLIT(STRING, STRING) -> ARRAY<STRING> = string_split($1, $2)
REGEXP_CONTAINS(STRING, STRING) -> BOOL = regexp_matches($1, $2)
REGEXP_REPLACE(STRING, STRING, STRING) -> STRING = regexp_replace($1, $2, $3, 'g')
TO_HEX(BYTES) -> STRING = lower(hex($1))
FROM_HEX(STRING) -> BYTES = unhex($1)
TO_BASE64(BYTES) -> STRING = base64($1)
FROM_BASE64(STRING) -> BYTES = from_base64($1)
MD5(STRING) -> BYTES = unhex(md5($1))
MD5(BYTES) -> BYTES = unhex(md5($1))
SHA1(STRING) -> BYTES = unhex(sha1($1))
SHA1(BYTES) -> BYTES = unhex(sha1($1))
SHA256(STRING) -> BYTES = unhex(sha256($1))
SHA256(BYTES) -> BYTES = unhex(sha256($1))
PARSE_JSON(STRING) -> JSON = CAST($1 AS JSON)

DATE(INT64, INT64, INT64) -> DATE = make_date($1, $2, $3)
DATE(DATE) -> DATE = $1
DATE(DATETIME) -> DATE = CAST($1 AS DATE)
DATE(TIMESTAMP) -> DATE = CAST($utc1 AS DATE)
DATE(TIMESTAMP, STRING) -> DATE = CAST(timezone($2, $1) AS DATE)
TIMESTAMP(TIMESTAMP) -> TIMESTAMP = $1
TIMESTAMP(DATE) -> TIMESTAMP = make_timestamptz(epoch_us(CAST($1 AS TIMESTAMP)))
TIMESTAMP(DATE, STRING) -> TIMESTAMP = timezone($2, CAST($1 AS TIMESTAMP))
TIMESTAMP(DATETIME) -> TIMESTAMP = make_timestamptz(epoch_us($1))
TIMESTAMP(DATETIME, STRING) -> TIMESTAMP = timezone($2, $1)
DATETIME(DATETIME) -> DATETIME = $1
DATETIME(DATE, TIME) -> DATETIME = ($1 + $2)
DATETIME(TIMESTAMP) -> DATETIME = $utc1
DATETIME(TIMESTAMP, STRING) -> DATETIME = timezone($2, $1)
DATETIME(INT64, INT64, INT64, INT64, INT64, INT64) -> DATETIME = make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE))
TIME(INT64, INT64, INT64) -> TIME = make_time($1, $2, CAST($3 AS DOUBLE))
TIME(TIMESTAMP) -> TIME = CAST($utc1 AS TIME)
TIME(DATETIME) -> TIME = CAST($1 AS TIME)
LAST_DAY(DATE) -> DATE = last_day($1)
LAST_DAY(DATETIME) -> DATE = last_day($1)
UNIX_SECONDS(TIMESTAMP) -> INT64 = ((epoch_us($1) - (epoch_us($1) % 1000000 + 1000000) % 1000000) // 1000000)
UNIX_MILLIS(TIMESTAMP) -> INT64 = ((epoch_us($1) - (epoch_us($1) % 1000 + 1000) % 1000) // 1000)
UNIX_MICROS(TIMESTAMP) -> INT64 = epoch_us($1)
UNIX_DATE(DATE) -> INT64 = date_diff('day', DATE '1970-01-01', $1)
DATE_FROM_UNIX_DATE(INT64) -> DATE = (DATE '1970-01-01' + CAST($1 AS INTEGER))
TIMESTAMP_SECONDS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000000)
TIMESTAMP_MILLIS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000)
TIMESTAMP_MICROS(INT64) -> TIMESTAMP = make_timestamptz($1)
TIMESTAMP_FROM_UNIX_SECONDS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000000)
CURRENT_DATE() -> DATE = CAST(make_timestamp(epoch_us(now())) AS DATE)
CURRENT_TIMESTAMP() -> TIMESTAMP = now()
CURRENT_DATETIME() -> DATETIME = make_timestamp(epoch_us(now()))
CURRENT_TIME() -> TIME = CAST(make_timestamp(epoch_us(now())) AS TIME)

ARRAY_LENGTH(ARRAY<T>) -> INT64 = len($1)
ARRAY_REVERSE(ARRAY<T>) -> ARRAY<T> = list_reverse($1)
ARRAY_CONCAT(ARRAY<T>...) -> ARRAY<T> = CASE WHEN $null THEN NULL ELSE list_concat($*) END
ARRAY_TO_STRING(ARRAY<STRING>, STRING) -> STRING = array_to_string($1, $2)
GENERATE_ARRAY(INT64, INT64) -> ARRAY<INT64> = generate_series($1, $2)
GENERATE_ARRAY(INT64, INT64, INT64) -> ARRAY<INT64> = generate_series($1, $2, CASE WHEN $3 = 0 THEN !(GENERATE_ARRAY with a step of zero) ELSE $3 END)
GENERATE_UUID() -> STRING = CAST(uuid() AS VARCHAR)
RAND() -> FLOAT64 = random()
"""

_AVERAGE = "$divide(CAST(sum($d$1)$o AS DECIMAL(38, 9)), count($d$1)$o)"

AGGREGATES = rf"""
COUNT(T) -> INT64 = count($d$1)$o
COUNTIF(BOOL) -> INT64 = count(CASE WHEN $1 THEN 1 END)$o
SUM(INT64) -> INT64 = CAST(sum($d$1)$o AS BIGINT)
SUM(NUMERIC) -> NUMERIC = CAST(sum($d$1)$o AS DECIMAL(38, 9))
SUM(BIGNUMERIC) -> BIGNUMERIC = CAST(sum($d$1)$o AS DECIMAL(38, 18))
SUM(FLOAT64) -> FLOAT64 = sum($d$1)$o
AVG(INT64) -> FLOAT64 = avg($d$1)$o
AVG(NUMERIC) -> NUMERIC = {_AVERAGE}
AVG(FLOAT64) -> FLOAT64 = avg($d$1)$o
MIN(FLOAT64) -> FLOAT64 = CASE WHEN bool_or(isnan($1))$o THEN CAST('NaN' AS DOUBLE) ELSE min($1)$o END
MIN(T) -> T = min($1)$o
MAX(T) -> T = max($1)$o
ANY_VALUE(T) -> T = min($1)$o
LOGICAL_AND(BOOL) -> BOOL = bool_and($1)$o
LOGICAL_OR(BOOL) -> BOOL = bool_or($1)$o
BIT_AND(INT64) -> INT64 = bit_and($1)$o
BIT_OR(INT64) -> INT64 = bit_or($1)$o
BIT_XOR(INT64) -> INT64 = bit_xor($d$1)$o
STRING_AGG(STRING) -> STRING = string_agg($d$1, ','$s)$o
STRING_AGG(STRING, STRING) -> STRING = string_agg($d$1, $2$s)$o
ARRAY_AGG(T) -> ARRAY<T> = array_agg($d$1$s)$o
ARRAY_CONCAT_AGG(ARRAY<T>) -> ARRAY<T> = flatten(array_agg($1$s)$o)
APPROX_COUNT_DISTINCT(T) -> INT64 = count(DISTINCT $1)$o
MAX_BY(T, U) -> T = arg_max_null($1, $2)$o
MIN_BY(T, U) -> T = arg_min_null($1, $2)$o
STDDEV(FLOAT64) -> FLOAT64 = stddev_samp($d$1)$o
STDDEV_SAMP(FLOAT64) -> FLOAT64 = stddev_samp($d$1)$o
STDDEV_POP(FLOAT64) -> FLOAT64 = stddev_pop($d$1)$o
VARIANCE(FLOAT64) -> FLOAT64 = var_samp($d$1)$o
VAR_SAMP(FLOAT64) -> FLOAT64 = var_samp($d$1)$o
VAR_POP(FLOAT64) -> FLOAT64 = var_pop($d$1)$o
"""

WINDOWS = r"""
ROW_NUMBER() -> INT64 = row_number()$o
RANK() -> INT64 = rank()$o
DENSE_RANK() -> INT64 = dense_rank()$o
PERCENT_RANK() -> FLOAT64 = percent_rank()$o
CUME_DIST() -> FLOAT64 = cume_dist()$o
NTILE(INT64) -> INT64 = ntile($1)$o
LAG(T) -> T = lag($1)$o
LAG(T, INT64) -> T = lag($1, $2)$o
LAG(T, INT64, T) -> T = lag($1, $2, $3)$o
LEAD(T) -> T = lead($1)$o
LEAD(T, INT64) -> T = lead($1, $2)$o
LEAD(T, INT64, T) -> T = lead($1, $2, $3)$o
FIRST_VALUE(T) -> T = first_value($1$i)$o
LAST_VALUE(T) -> T = last_value($1$i)$o
NTH_VALUE(T, INT64) -> T = nth_value($1, $2$i)$o
"""

_LINE = re.compile(r"(\w+)\(([^=]*)\) -> (\S+) = (.+)")
_T, _U = Type("T"), Type("U")


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function."""

    parameters: tuple[Type, ...]
    repeated: bool
    """Whether the last parameter takes one or more arguments."""
    result: Type
    template: str

    def takes(self, count: int) -> bool:
        """Say whether it takes that many arguments."""
        return count >= len(self.parameters) if self.repeated else count == len(self.parameters)

    def parameter(self, place: int) -> Type:
        """Return the parameter for the argument at a place, from 0."""
        return self.parameters[min(place, len(self.parameters) - 1)]


@lru_cache(maxsize=3)
def _table(text: str) -> dict[str, list[Signature]]:
    table: dict[str, list[Signature]] = {}
    for line in filter(None, text.splitlines()):
        name, parameters, result, template = _LINE.fullmatch(line).groups()  # type: ignore[union-attr]
        repeated = parameters.endswith("...")
        types = tuple(_type(word) for word in parameters.removesuffix("...").split(", ") if word)
        table.setdefault(name, []).append(Signature(types, repeated, _type(result), template))
    return table


@lru_cache(maxsize=64)
def _type(word: str) -> Type:
    if word in {"T", "U"}:
        return Type(word)
    return t.array(_type(word[6:-1])) if word.startswith("ARRAY<") else parse_type(word)


def signatures(name: str, kind: str) -> list[Signature]:
    """Return how a function of one kind (`scalar`, `aggregate` or `window`) is called; nothing where it is none."""
    return _table({"scalar": SCALARS, "aggregate": AGGREGATES, "window": WINDOWS}[kind]).get(name, [])


def names() -> list[str]:
    """Return the names of all functions in the tables."""
    return sorted({name for text in (SCALARS, AGGREGATES, WINDOWS) for name in _table(text)})


def match(
    candidates: Sequence[Signature], given: Sequence[tuple[Type, bool]]
) -> tuple[Signature, list[Type], Type] | None:
    """Choose the signature that changes the arguments (type, is a literal) least.

    Returns it with the type that each argument must take and the type of the result; None where none fits.
    """
    best: tuple[tuple[int, int], Signature, list[Type], Type] | None = None
    for signature in candidates:
        fitted = _fit(signature, given)
        if fitted is None:
            continue
        wanted, result = fitted
        firm = sum(_distance(have, want) for (have, literal), want in zip(given, wanted, strict=True) if not literal)
        soft = sum(_distance(have, want) for (have, literal), want in zip(given, wanted, strict=True) if literal)
        if best is None or (firm, soft) < best[0]:
            best = (firm, soft), signature, wanted, result
    return best and best[1:]


def _distance(given: Type, wanted: Type) -> int:
    if given == wanted or given in (t.NULL, t.UNKNOWN) or wanted == t.UNKNOWN:
        return 0
    return t.NUMBERS.index(wanted) if wanted in t.NUMBERS else 1


def _fit(signature: Signature, given: Sequence[tuple[Type, bool]]) -> tuple[list[Type], Type] | None:
    if not signature.takes(len(given)):
        return None
    variables: dict[Type, list[tuple[Type, bool]]] = {}
    for place, (have, literal) in enumerate(given):
        parameter = signature.parameter(place)
        if parameter in (_T, _U):
            variables.setdefault(parameter, []).append((have, literal))
        elif parameter.element in (_T, _U):
            if have.element is None and have not in (t.NULL, t.UNKNOWN):
                return None
            variables.setdefault(parameter.element, []).append((have.element or have, literal))
    bound: dict[Type, Type] = {}
    for variable, values in variables.items():
        common = t.supertype(values)
        if common is None:
            return None
        bound[variable] = common
    wanted = [_bind(signature.parameter(place), bound) for place in range(len(given))]
    if not all(t.coerces(have, want, literal) for (have, literal), want in zip(given, wanted, strict=True)):
        return None
    return wanted, _bind(signature.result, bound)


def _bind(type_: Type, bound: dict[Type, Type]) -> Type:
    if type_.element is not None:
        return t.array(_bind(type_.element, bound))
    return bound.get(type_, type_)


_TOKEN = re.compile(r"\$(\d|\*|\||null|spaces|utc\d|divide|[dsoi])|!\(([^)]*)\)")


def render(template: str, arguments: Sequence[str], safe: bool = False, **marks: str) -> str:
    """Fill a template with the arguments' SQL and the marks `d`, `s`, `o`, `i` of an aggregate."""

    def fill(token: re.Match[str]) -> str:
        mark, error = token.groups()
        if error is not None:
            return "NULL" if safe else f"error({t.quote_text(error)})"
        if mark.isdigit():
            return arguments[int(mark) - 1]
        if mark.startswith("utc"):
            return naive(arguments[int(mark[3:]) - 1])
        fixed = {
            "*": lambda: ", ".join(arguments),
            "|": lambda: " || ".join(arguments),
            "null": lambda: " OR ".join(f"{argument} IS NULL" for argument in arguments),
            "spaces": lambda: t.quote_text(SPACES),
        }
        return fixed[mark]() if mark in fixed else marks.get(mark, "")

    if template.startswith("$divide("):
        total, count = template.removeprefix("$divide(").removesuffix(")").split(", count")
        return divide(render(total, arguments, safe, **marks), render("count" + count, arguments, safe, **marks), 9)
    return _TOKEN.sub(fill, template)


def naive(timestamp: str) -> str:
    """Return the UTC date and time of a TIMESTAMP, whatever the session's zone."""
    return f"make_timestamp(epoch_us({timestamp}))"


def aware(datetime: str) -> str:
    """Return the TIMESTAMP of a date and time in UTC, whatever the session's zone."""
    return f"make_timestamptz(epoch_us({datetime}))"


def divide(left: str, right: str, scale: int) -> str:
    """Return a NUMERIC or BIGNUMERIC divided by an integer, exactly, halves away from zero."""
    tens = "1" + "0" * scale
    units = f"CAST({left} * {tens} AS HUGEINT)"
    return (
        f"CAST(({units} // {right} + CASE WHEN abs({units} % {right}) * 2 >= abs({right}) "
        f"THEN CAST(sign({units}) AS HUGEINT) * sign({right}) ELSE 0 END) AS DECIMAL(38, 0)) * {_one_unit(scale)}"
    )


def divide_numeric(left: str, right: str, scale: int) -> str:
    """Return a NUMERIC or BIGNUMERIC divided by another, exactly, halves away from zero; an error beyond 38 digits."""
    tens = "1" + "0" * scale
    over, under = f"CAST({left} * {tens} AS HUGEINT) * {tens}", f"CAST({right} * {tens} AS HUGEINT)"
    return (
        f"CAST(({over} // {under} + CASE WHEN abs({over} % {under}) * 2 >= abs({under}) "
        f"THEN CAST(sign({over}) AS HUGEINT) * sign({under}) ELSE 0 END) AS DECIMAL(38, 0)) * {_one_unit(scale)}"
    )


def _one_unit(scale: int) -> str:
    return "0." + "0" * (scale - 1) + "1"


def multiply_numeric(left: str, right: str) -> str:
    """Return the product of two NUMERICs to 9 places, halves away from zero, without overflow on the way."""
    whole, part = f"trunc({left})", f"CAST({left} - trunc({left}) AS DECIMAL(10, 9))"
    whole_right, part_right = f"trunc({right})", f"CAST({right} - trunc({right}) AS DECIMAL(10, 9))"
    return (
        f"(CAST({whole} * {right} AS DECIMAL(38, 9)) + CAST({part} * {whole_right} AS DECIMAL(38, 9))"
        f" + CAST({part} * {part_right} AS DECIMAL(38, 9)))"
    )
