"""Functions of numbers beside the common ones: bits, angles, exact sums; `signatures` says how a line reads."""

NUMBERS = r"""
BIT_COUNT(INT64) -> INT64 = CAST(bit_count($1) AS BIGINT)
SAFE_ADD(NUMERIC, NUMERIC) -> NUMERIC = TRY(CAST($1 + $2 AS DECIMAL(38, 9)))
SAFE_SUBTRACT(NUMERIC, NUMERIC) -> NUMERIC = TRY(CAST($1 - $2 AS DECIMAL(38, 9)))
SAFE_NEGATE(NUMERIC) -> NUMERIC = (-$1)
SAFE_ADD(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND isfinite($2) AND NOT isfinite($1 + $2) THEN NULL ELSE $1 + $2 END
SAFE_SUBTRACT(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND isfinite($2) AND NOT isfinite($1 - $2) THEN NULL ELSE $1 - $2 END
SAFE_MULTIPLY(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND isfinite($2) AND NOT isfinite($1 * $2) THEN NULL ELSE $1 * $2 END
SAFE_NEGATE(FLOAT64) -> FLOAT64 = (-$1)
SIN(FLOAT64) -> FLOAT64 = sin($1)
COS(FLOAT64) -> FLOAT64 = cos($1)
TAN(FLOAT64) -> FLOAT64 = tan($1)
ASIN(FLOAT64) -> FLOAT64 = CASE WHEN isinf($1) THEN CAST('NaN' AS DOUBLE) WHEN abs($1) > 1 AND NOT isnan($1) THEN !(ASIN of a number beyond 1) ELSE asin($1) END
ACOS(FLOAT64) -> FLOAT64 = CASE WHEN isinf($1) THEN CAST('NaN' AS DOUBLE) WHEN abs($1) > 1 AND NOT isnan($1) THEN !(ACOS of a number beyond 1) ELSE acos($1) END
ATAN(FLOAT64) -> FLOAT64 = atan($1)
ATAN2(FLOAT64, FLOAT64) -> FLOAT64 = atan2($1, $2)
SINH(FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND NOT isfinite(sinh($1)) THEN !(SINH overflows) ELSE sinh($1) END
COSH(FLOAT64) -> FLOAT64 = CASE WHEN isfinite($1) AND NOT isfinite(cosh($1)) THEN !(COSH overflows) ELSE cosh($1) END
TANH(FLOAT64) -> FLOAT64 = tanh($1)
ASINH(FLOAT64) -> FLOAT64 = asinh($1)
ACOSH(FLOAT64) -> FLOAT64 = CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN CAST('NaN' AS DOUBLE) WHEN $1 < 1 THEN !(ACOSH of a number below 1) ELSE acosh($1) END
ATANH(FLOAT64) -> FLOAT64 = CASE WHEN isinf($1) THEN CAST('NaN' AS DOUBLE) WHEN abs($1) >= 1 AND NOT isnan($1) THEN !(ATANH of a number from 1 on) ELSE atanh($1) END
LOG(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $null THEN NULL WHEN isnan($1) OR isnan($2) OR isinf($2) OR $1 = CAST('-Infinity' AS DOUBLE) OR (isinf($1) AND $2 <= 0) THEN CAST('NaN' AS DOUBLE) WHEN isinf($1) THEN CASE WHEN $2 < 1 THEN -$1 ELSE $1 END WHEN $1 <= 0 OR $2 <= 0 OR $2 = 1 THEN !(LOG of or to the base of a number that has none) ELSE ln($1) / ln($2) END
"""
