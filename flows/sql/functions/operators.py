"""Operators, one line for each signature; `signatures` says how a line reads."""

from flows.sql.decimals import divide_bignumeric, divide_numeric, multiply_bignumeric, multiply_numeric
from flows.sql.intervals import length

ESCAPE = r" ESCAPE '\'"
"""What a pattern without a backslash can do without."""
_BITS = "18446744073709551615"


def _shifted(moved: str) -> str:
    """Return the template of a shift; of 64 bits without a sign, those that leave on either side are lost."""
    signed = "CAST(CASE WHEN xbits > 9223372036854775807 THEN xbits - 18446744073709551616 ELSE xbits END AS BIGINT)"
    shifted = f"list_extract(list_transform([{moved}], lambda xbits: {signed}), 1)"
    return f"CASE WHEN $2 > 63 THEN $1 & 0 ELSE {shifted} END -- fails where $2 < 0: a shift by a negative number"


def _of_bytes(sign: str) -> str:
    """Return the template of an operator of bits of BYTES; DuckDB has no bits of none."""
    bits = "xor(CAST($1 AS BIT), CAST($2 AS BIT))" if sign == "^" else f"(CAST($1 AS BIT) {sign} CAST($2 AS BIT))"
    unequal = "fails where octet_length($1) <> octet_length($2): BYTES of different lengths"
    return f"CASE WHEN octet_length($1) = 0 THEN $1 ELSE CAST({bits} AS BLOB) END -- {unequal}"


def _shifted_bytes(sign: str) -> str:
    """Return the template of a shift of BYTES, of which as many bits go as come."""
    moved = f"CAST(CAST($1 AS BIT) {sign} CAST($2 AS INTEGER) AS BLOB)"
    none = "unhex(repeat('00', octet_length($1)))"
    kept = f"CASE WHEN octet_length($1) = 0 THEN $1 WHEN $2 >= octet_length($1) * 8 THEN {none} ELSE {moved} END"
    return f"{kept} -- fails where $2 < 0: a shift by a negative number"


_FAR = "fails where $days < -3660000 OR $days > 3660000: a DATE moved beyond the years 1 to 9999; in years"

OPERATORS = rf"""
+(INT64, INT64) -> INT64 = ($1 + $2) -- fails: the result is out of range
+(NUMERIC, NUMERIC) -> NUMERIC = ($1 + $2) -- fails: the result is out of range
+(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = ($1 + $2)
+(FLOAT64, FLOAT64) -> FLOAT64 = ($1 + $2) -- finite
+(DATE, INT64) -> DATE = ($1 + CAST($2 AS INTEGER)) -- {_FAR.replace("$days", "$2")}
+(INT64, DATE) -> DATE = ($2 + CAST($1 AS INTEGER)) -- {_FAR.replace("$days", "$1")}
-(INT64, INT64) -> INT64 = ($1 - $2) -- fails: the result is out of range
-(NUMERIC, NUMERIC) -> NUMERIC = ($1 - $2) -- fails: the result is out of range
-(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = ($1 - $2)
-(FLOAT64, FLOAT64) -> FLOAT64 = ($1 - $2) -- finite
-(DATE, INT64) -> DATE = ($1 - CAST($2 AS INTEGER)) -- {_FAR.replace("$days", "$2")}
-(INT64) -> INT64 = (CAST(0 AS BIGINT) - $1) -- fails: the result is out of range
-(NUMERIC) -> NUMERIC = (-$1)
-(BIGNUMERIC) -> BIGNUMERIC = (-$1)
-(FLOAT64) -> FLOAT64 = (-$1)
*(INT64, INT64) -> INT64 = ($1 * $2) -- fails: the result is out of range
*(INT64, NUMERIC) -> NUMERIC = CAST(CAST($1 AS DECIMAL(19, 0)) * $2 AS DECIMAL(38, 9)) -- fails: the result is out of range
*(NUMERIC, INT64) -> NUMERIC = CAST(CAST($2 AS DECIMAL(19, 0)) * $1 AS DECIMAL(38, 9)) -- fails: the result is out of range
*(NUMERIC, NUMERIC) -> NUMERIC = {multiply_numeric("$1", "$2")} -- fails: the result is out of range
*(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = {multiply_bignumeric("$1", "$2")}
*(FLOAT64, FLOAT64) -> FLOAT64 = ($1 * $2) -- finite
/(INT64, INT64) -> FLOAT64 = (CAST($1 AS DOUBLE) / CAST($2 AS DOUBLE)) -- fails where $2 = 0: division by zero
/(NUMERIC, NUMERIC) -> NUMERIC = {divide_numeric("$1", "$2")} -- fails where $2 = 0: division by zero
/(BIGNUMERIC, BIGNUMERIC) -> BIGNUMERIC = {divide_bignumeric("$1", "$2")} -- fails where $2 = 0: division by zero
/(FLOAT64, FLOAT64) -> FLOAT64 = ($1 / $2) -- fails where $2 = 0: division by zero; finite
&(INT64, INT64) -> INT64 = ($1 & $2)
&(BYTES, BYTES) -> BYTES = {_of_bytes("&")}
|(INT64, INT64) -> INT64 = ($1 | $2)
|(BYTES, BYTES) -> BYTES = {_of_bytes("|")}
^(INT64, INT64) -> INT64 = xor($1, $2)
^(BYTES, BYTES) -> BYTES = {_of_bytes("^")}
~(INT64) -> INT64 = (~$1)
~(BYTES) -> BYTES = CASE WHEN octet_length($1) = 0 THEN $1 ELSE CAST((~CAST($1 AS BIT)) AS BLOB) END
<<(INT64, INT64) -> INT64 = {_shifted(f"(((CAST($1 AS HUGEINT) & {_BITS}) << CAST($2 AS INTEGER)) & {_BITS})")}
>>(INT64, INT64) -> INT64 = {_shifted(f"((CAST($1 AS HUGEINT) & {_BITS}) >> CAST($2 AS INTEGER))")}
<<(BYTES, INT64) -> BYTES = {_shifted_bytes("<<")}
>>(BYTES, INT64) -> BYTES = {_shifted_bytes(">>")}
||(STRING...) -> STRING = ($|)
||(BYTES...) -> BYTES = ($|)
||(ARRAY<T>...) -> ARRAY<T> = CASE WHEN $null THEN NULL ELSE list_concat($*) END
=(FLOAT64, FLOAT64) -> BOOL = ($1 = $2) -- of NaN FALSE
=(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} = {length("$2")})
=(E, E) -> BOOL = ($1 = $2)
<>(FLOAT64, FLOAT64) -> BOOL = ($1 <> $2) -- of NaN TRUE
<>(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} <> {length("$2")})
<>(E, E) -> BOOL = ($1 <> $2)
<(FLOAT64, FLOAT64) -> BOOL = ($1 < $2) -- of NaN FALSE
<(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} < {length("$2")})
<(O, O) -> BOOL = ($1 < $2)
<=(FLOAT64, FLOAT64) -> BOOL = ($1 <= $2) -- of NaN FALSE
<=(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} <= {length("$2")})
<=(O, O) -> BOOL = ($1 <= $2)
>(FLOAT64, FLOAT64) -> BOOL = ($1 > $2) -- of NaN FALSE
>(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} > {length("$2")})
>(O, O) -> BOOL = ($1 > $2)
>=(FLOAT64, FLOAT64) -> BOOL = ($1 >= $2) -- of NaN FALSE
>=(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} >= {length("$2")})
>=(O, O) -> BOOL = ($1 >= $2)
IS NULL(T) -> BOOL = ($1 IS NULL)
IS TRUE(BOOL) -> BOOL = (coalesce($1, FALSE) = TRUE)
IS UNKNOWN(BOOL) -> BOOL = ($1 IS NULL)
IS FALSE(BOOL) -> BOOL = (coalesce($1, TRUE) = FALSE)
IS DISTINCT FROM(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} IS DISTINCT FROM {length("$2")})
IS DISTINCT FROM(E, E) -> BOOL = ($1 IS DISTINCT FROM $2)
IS NOT DISTINCT FROM(INTERVAL, INTERVAL) -> BOOL = ({length("$1")} IS NOT DISTINCT FROM {length("$2")})
IS NOT DISTINCT FROM(E, E) -> BOOL = ($1 IS NOT DISTINCT FROM $2)
LIKE(STRING, STRING) -> BOOL = $1 LIKE $2{ESCAPE}
LIKE(BYTES, BYTES) -> BOOL = $1 LIKE $2{ESCAPE}
NOT LIKE(STRING, STRING) -> BOOL = $1 NOT LIKE $2{ESCAPE}
NOT LIKE(BYTES, BYTES) -> BOOL = $1 NOT LIKE $2{ESCAPE}
"""
