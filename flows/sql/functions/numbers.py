"""Functions of numbers beside the common ones: bits, angles, exact sums; `signatures` says how a line reads."""

from flows.sql.decimals import in_units, multiply_numeric, square_root, to_places
from flows.sql.logarithms import LOGARITHMS


def _whole_quotient(scale: int) -> str:
    """Return the template of DIV of two decimals with so many places."""
    over, under = (in_units(side, scale) for side in ("$1", "$2"))
    return f"CAST(CAST({over} // {under} AS DECIMAL(38, 0)) AS DECIMAL(38, {scale})) -- fails where $2 = 0: division by zero"


def _series(type_: str, step: str) -> str:
    """Return the template of GENERATE_ARRAY of decimals, or of FLOAT64."""
    as_type = "CAST({} AS DECIMAL(38, 9))" if type_ == "NUMERIC" else "({})"
    many = "!(GENERATE_ARRAY gives more than 16,000 elements)"
    endless = (
        ""
        if type_ == "NUMERIC"
        else f"WHEN isnan($1) OR isnan($2) OR NOT isfinite(CAST({step} AS DOUBLE)) THEN !(GENERATE_ARRAY of NaN or by infinity) "
        f"WHEN isinf($1) OR isinf($2) THEN CASE WHEN $1 = $2 THEN [$1] WHEN ({step} > 0) = ($1 > $2) THEN [] ELSE {many} END "
    )
    steps = f"CAST(floor(CAST($2 - $1 AS DOUBLE) / {step}) AS BIGINT)"
    each = as_type.format(f"$1 + {step} * xstep")
    within = f"CASE WHEN {step} > 0 THEN xone <= $2 ELSE xone >= $2 END"
    listed = f"list_filter(list_transform(generate_series(0, {steps}), lambda xstep: {each}), lambda xone: {within})"
    return (
        f"CASE WHEN $null THEN NULL {endless}WHEN {step} = 0 THEN !(GENERATE_ARRAY with a step of zero) "
        f"WHEN CASE WHEN {step} > 0 THEN $1 > $2 ELSE $1 < $2 END THEN [] WHEN CAST($2 - $1 AS DOUBLE) / {step} >= 16000 THEN {many} ELSE {listed} END"
    )


def _rounded(scale: int) -> str:
    """Return the template of ROUND of a decimal by a mode."""
    even, away = (to_places("$1", "$2", half, scale) for half in ("even", "away"))
    return f"CASE $3 WHEN 'ROUND_HALF_EVEN' THEN {even} ELSE {away} END -- strict; fails: the result is out of range"


# A sign before it or behind it, and commas anywhere before the point.
_DIGITS = r"(?:[0-9,]*[0-9][0-9,]*(?:\.[0-9]*)?|,*\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
NUMBER = rf"[\s\x0b]*(?:[+-][\s\x0b]*{_DIGITS}|{_DIGITS}[\s\x0b]*[+-]?)[\s\x0b]*"
"""A pattern of what PARSE_NUMERIC reads."""


def plain_number(text: str) -> str:
    """Return a text that PARSE_NUMERIC reads as CAST does: its sign before it, without commas."""
    sign = rf"CASE WHEN regexp_matches({text}, '^[\s\x0b]*-|-[\s\x0b]*$') THEN '-' ELSE '' END"
    return f"{sign} || replace(regexp_extract({text}, '[0-9.,]+(?:[eE][+-]?[0-9]+)?'), ',', '')"


NUMBERS = rf"""
ROUND(NUMERIC, INT64, STRING!) -> NUMERIC = {_rounded(9)}
ROUND(BIGNUMERIC, INT64, STRING!) -> BIGNUMERIC = {_rounded(18)}
PARSE_NUMERIC(STRING) -> NUMERIC = CAST({plain_number("$1")} AS DECIMAL(38, 9)) -- fails where NOT regexp_full_match($1, '{NUMBER}'): PARSE_NUMERIC of a text that is no number
BIT_COUNT(INT64) -> INT64 = CAST(bit_count($1) AS BIGINT)
SQRT(INT64) -> FLOAT64 = sqrt(CAST($1 AS DOUBLE)) -- fails where $1 < 0: SQRT of a negative number
SQRT(NUMERIC) -> NUMERIC = {square_root("$1")} -- fails where $1 < 0: SQRT of a negative number
SAFE_ADD(NUMERIC, NUMERIC) -> NUMERIC = TRY(CAST($1 + $2 AS DECIMAL(38, 9)))
SAFE_SUBTRACT(NUMERIC, NUMERIC) -> NUMERIC = TRY(CAST($1 - $2 AS DECIMAL(38, 9)))
SAFE_NEGATE(NUMERIC) -> NUMERIC = (-$1)
SAFE_ADD(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND isfinite($2) AND NOT isfinite($1 + $2) THEN NULL ELSE $1 + $2 END
SAFE_SUBTRACT(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND isfinite($2) AND NOT isfinite($1 - $2) THEN NULL ELSE $1 - $2 END
SAFE_MULTIPLY(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND isfinite($2) AND NOT isfinite($1 * $2) THEN NULL ELSE $1 * $2 END
DIV(NUMERIC, NUMERIC) -> NUMERIC = {_whole_quotient(9)}
DIV(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = {_whole_quotient(18)}
MOD(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = CAST($1 % $2 AS DECIMAL(38, 18)) -- fails where $2 = 0: division by zero
SIGN(BIGNUMERIC) -> BIGNUMERIC = CAST(sign($1) AS DECIMAL(38, 18))
CEIL(BIGNUMERIC) -> BIGNUMERIC = CAST(ceil($1) AS DECIMAL(38, 18))
CEILING(BIGNUMERIC) -> BIGNUMERIC = CAST(ceil($1) AS DECIMAL(38, 18))
FLOOR(BIGNUMERIC) -> BIGNUMERIC = CAST(floor($1) AS DECIMAL(38, 18))
TRUNC(BIGNUMERIC) -> BIGNUMERIC = CAST(trunc($1) AS DECIMAL(38, 18))
ROUND(BIGNUMERIC) -> BIGNUMERIC = CAST(round($1) AS DECIMAL(38, 18))
ROUND(BIGNUMERIC, INT64) -> BIGNUMERIC = CAST(round($1, CAST($2 AS INTEGER)) AS DECIMAL(38, 18))
SAFE_MULTIPLY(NUMERIC, NUMERIC) -> NUMERIC = TRY({multiply_numeric("$1", "$2")})
SAFE_ADD(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = CAST($1 + $2 AS DECIMAL(38, 18))
SAFE_SUBTRACT(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = CAST($1 - $2 AS DECIMAL(38, 18))
SAFE_NEGATE(BIGNUMERIC) -> BIGNUMERIC = (-$1)
SAFE_NEGATE(FLOAT64) -> FLOAT64 = (-$1)
SIN(FLOAT64) -> FLOAT64 = sin($1)
COS(FLOAT64) -> FLOAT64 = cos($1)
TAN(FLOAT64) -> FLOAT64 = tan($1)
ASIN(FLOAT64) -> FLOAT64 = CASE WHEN isinf($1) THEN CAST('NaN' AS DOUBLE) WHEN abs($1) > 1 AND NOT isnan($1) THEN !(ASIN of a number beyond 1) ELSE asin($1) END
ACOS(FLOAT64) -> FLOAT64 = CASE WHEN isinf($1) THEN CAST('NaN' AS DOUBLE) WHEN abs($1) > 1 AND NOT isnan($1) THEN !(ACOS of a number beyond 1) ELSE acos($1) END
ATAN(FLOAT64) -> FLOAT64 = atan($1)
ATAN2(FLOAT64, FLOAT64) -> FLOAT64 = atan2($1, $2)
TRUNC(FLOAT64, INT64) -> FLOAT64 = CASE WHEN NOT isfinite($1) OR $2 > 40 THEN $1 WHEN $2 > 0 THEN CAST(left(printf('%.60f', $1), strpos(printf('%.60f', $1), '.') + $2) AS DOUBLE) WHEN $2 < -308 THEN $1 * 0 ELSE trunc($1 / pow(10, -$2)) * pow(10, -$2) END -- strict
GENERATE_ARRAY(NUMERIC, NUMERIC) -> ARRAY<NUMERIC> = {_series("NUMERIC", "1")}
GENERATE_ARRAY(NUMERIC, NUMERIC, NUMERIC) -> ARRAY<NUMERIC> = {_series("NUMERIC", "$3")}
GENERATE_ARRAY(FLOAT64, FLOAT64) -> ARRAY<FLOAT64> = {_series("FLOAT64", "1")}
GENERATE_ARRAY(FLOAT64, FLOAT64, FLOAT64) -> ARRAY<FLOAT64> = {_series("FLOAT64", "$3")}
SEC(FLOAT64) -> FLOAT64 = (1 / cos($1))
CSC(FLOAT64) -> FLOAT64 = (1 / sin($1)) -- fails where abs($1) < 5.562684646268003e-309: CSC of 0
COT(FLOAT64) -> FLOAT64 = (1 / tan($1)) -- fails where abs($1) < 5.562684646268003e-309: COT of 0
SECH(FLOAT64) -> FLOAT64 = (1 / cosh($1))
CSCH(FLOAT64) -> FLOAT64 = (1 / sinh($1)) -- fails where abs($1) < 5.562684646268003e-309: CSCH of 0
COTH(FLOAT64) -> FLOAT64 = (1 / tanh($1)) -- fails where abs($1) < 5.562684646268003e-309: COTH of 0
BIT_COUNT(BYTES) -> INT64 = CAST(bit_count(CAST($1 || '\x00'::BLOB AS BIT)) AS BIGINT)
NULLIFZERO(INT64) -> INT64 = nullif($1, 0)
NULLIFZERO(NUMERIC) -> NUMERIC = nullif($1, 0)
NULLIFZERO(BIGNUMERIC) -> BIGNUMERIC = nullif($1, 0)
NULLIFZERO(FLOAT64) -> FLOAT64 = nullif($1, 0)
ZEROIFNULL(INT64) -> INT64 = coalesce($1, 0)
ZEROIFNULL(NUMERIC) -> NUMERIC = coalesce($1, 0)
ZEROIFNULL(BIGNUMERIC) -> BIGNUMERIC = coalesce($1, 0)
ZEROIFNULL(FLOAT64) -> FLOAT64 = coalesce($1, 0)
SINH(FLOAT64) -> FLOAT64 = sinh($1) -- finite
COSH(FLOAT64) -> FLOAT64 = cosh($1) -- finite
TANH(FLOAT64) -> FLOAT64 = tanh($1)
ASINH(FLOAT64) -> FLOAT64 = asinh($1)
ACOSH(FLOAT64) -> FLOAT64 = CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN CAST('NaN' AS DOUBLE) WHEN $1 < 1 THEN !(ACOSH of a number below 1) ELSE acosh($1) END
ATANH(FLOAT64) -> FLOAT64 = CASE WHEN isinf($1) THEN CAST('NaN' AS DOUBLE) WHEN abs($1) >= 1 AND NOT isnan($1) THEN !(ATANH of a number from 1 on) ELSE atanh($1) END
LOG(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isnan($1) OR isnan($2) OR isinf($2) OR $1 = CAST('-Infinity' AS DOUBLE) OR (isinf($1) AND $2 <= 0) THEN CAST('NaN' AS DOUBLE) WHEN isinf($1) THEN CASE WHEN $2 < 1 THEN -$1 ELSE $1 END WHEN $1 <= 0 OR $2 <= 0 OR $2 = 1 THEN !(LOG of or to the base of a number that has none) ELSE ln($1) / ln($2) END -- strict
CBRT(FLOAT64) -> FLOAT64 = cbrt($1)
{LOGARITHMS}COSINE_DISTANCE(ARRAY<FLOAT64>, ARRAY<FLOAT64>) -> FLOAT64 = list_extract(list_transform([{{'both': coalesce(list_sum(list_transform($1, lambda xone, xplace: xone * list_extract($2, xplace))), 0), 'one': coalesce(list_sum(list_transform($1, lambda xone, xplace: xone * list_extract($1, xplace))), 0), 'two': coalesce(list_sum(list_transform($2, lambda xone, xplace: xone * list_extract($2, xplace))), 0)}}], lambda xsum: CASE WHEN $null THEN NULL WHEN (isinf(struct_extract(xsum, 'one')) AND len(list_filter($1, lambda xone: NOT isfinite(xone))) = 0) OR (isinf(struct_extract(xsum, 'two')) AND len(list_filter($2, lambda xone: NOT isfinite(xone))) = 0) THEN !(FLOAT64 overflows) WHEN struct_extract(xsum, 'one') = 0 OR struct_extract(xsum, 'two') = 0 THEN !(COSINE_DISTANCE of zeros alone) ELSE 1 - struct_extract(xsum, 'both') / (sqrt(struct_extract(xsum, 'one')) * sqrt(struct_extract(xsum, 'two'))) END), 1) -- fails where len($1) <> len($2) OR list_count($1) < len($1) OR list_count($2) < len($2): COSINE_DISTANCE of ARRAYs of different lengths, or with NULL
EUCLIDEAN_DISTANCE(ARRAY<FLOAT64>, ARRAY<FLOAT64>) -> FLOAT64 = list_extract(list_transform([sqrt(coalesce(list_sum(list_transform($1, lambda xone, xplace: (xone - list_extract($2, xplace)) * (xone - list_extract($2, xplace)))), 0))], lambda xfar: CASE WHEN isinf(xfar) AND len(list_filter(list_concat($1, $2), lambda xone: NOT isfinite(xone))) = 0 THEN !(FLOAT64 overflows) ELSE xfar END), 1) -- fails where len($1) <> len($2) OR list_count($1) < len($1) OR list_count($2) < len($2): EUCLIDEAN_DISTANCE of ARRAYs of different lengths, or with NULL
"""
