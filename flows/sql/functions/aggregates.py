"""Aggregates and functions of windows, one line for each signature; `signatures` says how a line reads."""

AGGREGATES = r"""
COUNT(T) -> INT64 = count($d$1)$o
COUNTIF(BOOL) -> INT64 = count(CASE WHEN $1 THEN 1 END)$o
SUM(INT64) -> INT64 = CAST(sum($d$1)$o AS BIGINT)
SUM(NUMERIC) -> NUMERIC = CAST(sum($d$1)$o AS DECIMAL(38, 9))
SUM(BIGNUMERIC) -> BIGNUMERIC = CAST(sum($d$1)$o AS DECIMAL(38, 18))
SUM(FLOAT64) -> FLOAT64 = CASE WHEN isinf(sum($d$1$x)$o) AND NOT bool_or(isinf($1))$o THEN !(SUM of FLOAT64 overflows) ELSE sum($d$1$x)$o END
AVG(INT64) -> FLOAT64 = avg($d$1)$o
AVG(NUMERIC) -> NUMERIC = $divide(CAST(sum($d$1)$o AS DECIMAL(38, 9)), count($d$1)$o)
AVG(FLOAT64) -> FLOAT64 = CASE WHEN isinf(avg($d$1$x)$o) AND NOT bool_or(isinf($1))$o THEN !(AVG of FLOAT64 overflows) ELSE avg($d$1$x)$o END
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
STDDEV(FLOAT64) -> FLOAT64 = CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 THEN CASE WHEN count($d$1)$o > 1 THEN CAST('NaN' AS DOUBLE) END ELSE stddev_samp($dCASE WHEN isfinite($1) THEN $1 END$y)$o END
STDDEV_SAMP(FLOAT64) -> FLOAT64 = CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 THEN CASE WHEN count($d$1)$o > 1 THEN CAST('NaN' AS DOUBLE) END ELSE stddev_samp($dCASE WHEN isfinite($1) THEN $1 END$y)$o END
STDDEV_POP(FLOAT64) -> FLOAT64 = CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 THEN CAST('NaN' AS DOUBLE) ELSE stddev_pop($dCASE WHEN isfinite($1) THEN $1 END$y)$o END
VARIANCE(FLOAT64) -> FLOAT64 = CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 THEN CASE WHEN count($d$1)$o > 1 THEN CAST('NaN' AS DOUBLE) END ELSE var_samp($dCASE WHEN isfinite($1) THEN $1 END$y)$o END
VAR_SAMP(FLOAT64) -> FLOAT64 = CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 THEN CASE WHEN count($d$1)$o > 1 THEN CAST('NaN' AS DOUBLE) END ELSE var_samp($dCASE WHEN isfinite($1) THEN $1 END$y)$o END
VAR_POP(FLOAT64) -> FLOAT64 = CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 THEN CAST('NaN' AS DOUBLE) ELSE var_pop($dCASE WHEN isfinite($1) THEN $1 END$y)$o END
CORR(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN count($1 + $2)$o > 1 THEN corr($1, $2 ORDER BY $1, $2)$o END
COVAR_POP(FLOAT64, FLOAT64) -> FLOAT64 = covar_pop($1, $2 ORDER BY $1, $2)$o
COVAR_SAMP(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN count($1 + $2)$o > 1 THEN covar_samp($1, $2 ORDER BY $1, $2)$o END
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
