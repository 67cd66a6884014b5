"""Aggregates and functions of windows, one line for each signature; `signatures` says how a line reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_HUGE, _TINY = "1e140", "1e-130"
"""Beyond what the square of a number, and of what it lacks to the next one, leaves FLOAT64."""
_UP, _DOWN = repr(2.0**600), repr(2.0**-600)
_FINITE = "CASE WHEN isfinite($1) THEN $1 END"


def _spread(name: str) -> str:
    """Return the template of a variance or deviation of FLOAT64, whose numbers are made smaller or larger where squares need it."""
    squared = name.startswith("var")

    def scaled(by: str, back: str) -> str:
        return f"{name}($d{_FINITE} * {by})$o * {back}{f' * {back}' if squared else ''}"

    nan = "CAST('NaN' AS DOUBLE)"
    return (
        f"CASE WHEN count(CASE WHEN NOT isfinite($1) THEN 1 END)$o > 0 "
        f"THEN {f'CASE WHEN count($d$1)$o > 1 THEN {nan} END' if name.endswith('samp') else nan} "
        f"WHEN max(abs($1))$o > {_HUGE} THEN {scaled(_DOWN, _UP)} WHEN max(abs($1))$o < {_TINY} THEN {scaled(_UP, _DOWN)} "
        f"ELSE {name}($d{_FINITE}$y)$o END"
    )


def _covariance(name: str) -> str:
    """Return the template of a covariance of FLOAT64, whose numbers are made smaller where they may lie too far apart."""
    far = "max(greatest(abs($1), abs($2)))$o > 1e307"
    found = f"CASE WHEN {far} THEN {name}($1 / 16, $2 / 16)$o * 256 ELSE {name}($1, $2 ORDER BY $1, $2)$o END"
    return f"CASE WHEN count($1 + $2)$o > 1 THEN {found} END" if name.endswith("samp") else found


def _correlation() -> str:
    """Return the template of a correlation of FLOAT64, each side of which is made smaller or larger where squares need it."""

    def by_size(place: int, build: Callable[[str], str]) -> str:
        # A number beside a NULL does not count.
        most = f"max(CASE WHEN ${3 - place} IS NOT NULL THEN abs(${place}) END)$o"
        more, less, as_is = (build(f"${place}{by}") for by in (f" * {_DOWN}", f" * {_UP}", ""))
        return f"CASE WHEN {most} > {_HUGE} THEN {more} WHEN {most} < {_TINY} THEN {less} ELSE {as_is} END"

    def of(one: str, two: str) -> str:
        # DuckDB computes all of them, and what it puts in order costs ten times as much.
        return f"corr({one}, {two}{' ORDER BY $1, $2' if (one, two) == ('$1', '$2') else ''})$o"

    return by_size(1, lambda one: by_size(2, lambda two: of(one, two)))


AGGREGATES = rf"""
COUNT(T) -> INT64 = count($d$1)$o
COUNTIF(BOOL) -> INT64 = count($dCASE WHEN $1 THEN 1 END)$o
SUM(INT64) -> INT64 = CAST(sum($d$1)$o AS BIGINT)
SUM(NUMERIC) -> NUMERIC = CAST(sum($d$1)$o AS DECIMAL(38, 9))
SUM(BIGNUMERIC) -> BIGNUMERIC = CAST(sum($d$1)$o AS DECIMAL(38, 18))
SUM(FLOAT64) -> FLOAT64 = CASE WHEN isinf(sum($d$1$x)$o) AND NOT bool_or(isinf($1))$o THEN !(SUM of FLOAT64 overflows) ELSE sum($d$1$x)$o END -- drifts
AVG(INT64) -> FLOAT64 = avg($d$1)$o
AVG(NUMERIC) -> NUMERIC = $divide(CAST(sum($d$1)$o AS DECIMAL(38, 9)), count($d$1)$o)
AVG(FLOAT64) -> FLOAT64 = CASE WHEN isinf(avg($d$1$x)$o) AND NOT bool_or(isinf($1))$o THEN !(AVG of FLOAT64 overflows) ELSE avg($d$1$x)$o END -- drifts
MIN(FLOAT64) -> FLOAT64 = CASE WHEN bool_or(isnan($1))$o THEN CAST('NaN' AS DOUBLE) ELSE min($1)$o END
MIN(O) -> O = min($1)$o
MAX(O) -> O = max($1)$o
ANY_VALUE(T) -> T = min($1)$o
LOGICAL_AND(BOOL) -> BOOL = bool_and($1)$o
LOGICAL_OR(BOOL) -> BOOL = bool_or($1)$o
BIT_AND(INT64) -> INT64 = bit_and($1)$o
BIT_OR(INT64) -> INT64 = bit_or($1)$o
BIT_XOR(INT64) -> INT64 = bit_xor($d$1)$o
STRING_AGG(STRING) -> STRING = string_agg($d$1, ','$s)$o
STRING_AGG(STRING, STRING!) -> STRING = string_agg($d$1, $2$s)$o
STRING_AGG(BYTES) -> BYTES = ~string_agg($d$1, ','$s)$o
STRING_AGG(BYTES, BYTES!) -> BYTES = ~string_agg($d$1, $2$s)$o
ARRAY_AGG(T) -> ARRAY<T> = array_agg($d$1$s)$o
ARRAY_CONCAT_AGG(ARRAY<T>) -> ARRAY<T> = flatten(array_agg($1$s) FILTER (WHERE $1 IS NOT NULL)$o)
APPROX_COUNT_DISTINCT(O) -> INT64 = count(DISTINCT $1)$o -- differs estimates
APPROX_QUANTILES(FLOAT64, INT64!1..10000) -> ARRAY<FLOAT64> = list_extract(list_transform([array_agg($d$1 ORDER BY $1) FILTER (WHERE CASE WHEN isnan($1) THEN !(APPROX_QUANTILES of NaN) ELSE $1 IS NOT NULL END)$o], lambda xs: CASE WHEN xs IS NOT NULL THEN list_transform(generate_series(0, $2), lambda xi: list_extract(xs, greatest(1, (len(xs) * xi + $2 - 1) // $2))) END), 1) -- differs estimates
APPROX_QUANTILES(O, INT64!1..10000) -> ARRAY<O> = list_extract(list_transform([array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o], lambda xs: CASE WHEN xs IS NOT NULL THEN list_transform(generate_series(0, $2), lambda xi: list_extract(xs, greatest(1, (len(xs) * xi + $2 - 1) // $2))) END), 1) -- differs estimates
APPROX_TOP_COUNT(E, INT64!1..10000) -> ARRAY<STRUCT<value E, count INT64>> = CASE WHEN count(*)$o > 0 THEN list_extract(list_transform([list_concat(list_transform(map_entries(histogram($1)$o), lambda xe: {{'c': CAST(struct_extract(xe, 'value') AS BIGINT), 'v': struct_extract(xe, 'key')}}), [{{'c': count(CASE WHEN $1 IS NULL THEN 1 END)$o, 'v': NULL}}])], lambda xs: list_transform(list_slice(list_sort(list_transform(list_filter(xs, lambda xe: struct_extract(xe, 'c') > 0), lambda xe: {{'c': -struct_extract(xe, 'c'), 'v': struct_extract(xe, 'v')}})), 1, $2), lambda xe: {{'value': struct_extract(xe, 'v'), 'count': -struct_extract(xe, 'c')}})), 1) END -- differs estimates
MAX_BY(T, O) -> T = arg_max_null($1, $b)$o
MIN_BY(T, O) -> T = arg_min_null($1, $b)$o
STDDEV(INT64) -> FLOAT64 = stddev_samp($d$1$x)$o -- drifts
STDDEV(FLOAT64) -> FLOAT64 = {_spread("stddev_samp")} -- drifts
STDDEV_SAMP(INT64) -> FLOAT64 = stddev_samp($d$1$x)$o -- drifts
STDDEV_SAMP(FLOAT64) -> FLOAT64 = {_spread("stddev_samp")} -- drifts
STDDEV_POP(INT64) -> FLOAT64 = stddev_pop($d$1$x)$o -- drifts
STDDEV_POP(FLOAT64) -> FLOAT64 = {_spread("stddev_pop")} -- drifts
VARIANCE(INT64) -> FLOAT64 = var_samp($d$1$x)$o -- drifts
VARIANCE(FLOAT64) -> FLOAT64 = {_spread("var_samp")} -- drifts
VAR_SAMP(INT64) -> FLOAT64 = var_samp($d$1$x)$o -- drifts
VAR_SAMP(FLOAT64) -> FLOAT64 = {_spread("var_samp")} -- drifts
VAR_POP(INT64) -> FLOAT64 = var_pop($d$1$x)$o -- drifts
VAR_POP(FLOAT64) -> FLOAT64 = {_spread("var_pop")} -- drifts
STDDEV(NUMERIC) -> FLOAT64 = sqrt($varsamp9(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o))
STDDEV(BIGNUMERIC) -> FLOAT64 = sqrt($varsamp18(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o))
STDDEV_SAMP(NUMERIC) -> FLOAT64 = sqrt($varsamp9(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o))
STDDEV_SAMP(BIGNUMERIC) -> FLOAT64 = sqrt($varsamp18(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o))
STDDEV_POP(NUMERIC) -> FLOAT64 = sqrt($varpop9(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o))
STDDEV_POP(BIGNUMERIC) -> FLOAT64 = sqrt($varpop18(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o))
VARIANCE(NUMERIC) -> FLOAT64 = $varsamp9(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o)
VARIANCE(BIGNUMERIC) -> FLOAT64 = $varsamp18(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o)
VAR_SAMP(NUMERIC) -> FLOAT64 = $varsamp9(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o)
VAR_SAMP(BIGNUMERIC) -> FLOAT64 = $varsamp18(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o)
VAR_POP(NUMERIC) -> FLOAT64 = $varpop9(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o)
VAR_POP(BIGNUMERIC) -> FLOAT64 = $varpop18(array_agg($d$1 ORDER BY $1) FILTER (WHERE $1 IS NOT NULL)$o)
CORR(NUMERIC, NUMERIC) -> FLOAT64 = $corr9($1, $2) -- drifts
COVAR_POP(NUMERIC, NUMERIC) -> FLOAT64 = $covarpop9($1, $2) -- drifts
COVAR_SAMP(NUMERIC, NUMERIC) -> FLOAT64 = $covarsamp9($1, $2) -- drifts
CORR(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN count($1 + $2)$o > 1 THEN {_correlation()} END -- drifts
COVAR_POP(FLOAT64, FLOAT64) -> FLOAT64 = {_covariance("covar_pop")} -- drifts
COVAR_SAMP(FLOAT64, FLOAT64) -> FLOAT64 = {_covariance("covar_samp")} -- drifts
"""

WINDOWS = r"""
ROW_NUMBER() -> INT64 = row_number()$o
RANK() -> INT64 = rank()$o
DENSE_RANK() -> INT64 = dense_rank()$o
PERCENT_RANK() -> FLOAT64 = percent_rank()$o
CUME_DIST() -> FLOAT64 = cume_dist()$o
NTILE(INT64!1) -> INT64 = ntile($1)$o
LAG(T) -> T = lag($1)$o
LAG(T, INT64!0) -> T = lag($1, $2)$o
LAG(T, INT64!0, T) -> T = lag($1, $2, $3)$o
LEAD(T) -> T = lead($1)$o
LEAD(T, INT64!0) -> T = lead($1, $2)$o
LEAD(T, INT64!0, T) -> T = lead($1, $2, $3)$o
FIRST_VALUE(T) -> T = first_value($1$s$i)$o
LAST_VALUE(T) -> T = last_value($1$s$i)$o
NTH_VALUE(T, INT64!1) -> T = nth_value($1, $2$s$i)$o
PERCENTILE_CONT(FLOAT64, FLOAT64!0..1) -> FLOAT64 = list_extract(list_transform([{'nan': count(CASE WHEN isnan($1) THEN 1 END)$o, 'low': count(CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN 1 END)$o, 'high': count(CASE WHEN $1 = CAST('Infinity' AS DOUBLE) THEN 1 END)$o, 'rows': count($1)$o, 'value': quantile_cont(CASE WHEN isnan($1) OR $1 = CAST('-Infinity' AS DOUBLE) THEN -1.7976931348623157e308 WHEN $1 = CAST('Infinity' AS DOUBLE) THEN 1.7976931348623157e308 ELSE $1 END, $2)$o}], lambda xall: CASE WHEN struct_extract(xall, 'rows') = 0 THEN NULL WHEN floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nan') OR (floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nan') + struct_extract(xall, 'low') AND ceil($2 * (struct_extract(xall, 'rows') - 1)) >= struct_extract(xall, 'rows') - struct_extract(xall, 'high')) THEN CAST('NaN' AS DOUBLE) WHEN floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nan') + struct_extract(xall, 'low') THEN CAST('-Infinity' AS DOUBLE) WHEN ceil($2 * (struct_extract(xall, 'rows') - 1)) >= struct_extract(xall, 'rows') - struct_extract(xall, 'high') THEN CAST('Infinity' AS DOUBLE) ELSE struct_extract(xall, 'value') END), 1) -- differs sums
PERCENTILE_DISC(FLOAT64, FLOAT64!0..1) -> FLOAT64 = struct_extract(quantile_disc(CASE WHEN $1 IS NOT NULL THEN {'known': NOT isnan($1), 'value': $1} END, $2)$o, 'value')
PERCENTILE_DISC(O, FLOAT64!0..1) -> O = quantile_disc($1, $2)$o
PERCENTILE_CONT RESPECT NULLS(FLOAT64, FLOAT64!0..1) -> FLOAT64 = list_extract(list_transform([{'nan': count(CASE WHEN isnan($1) THEN 1 END)$o, 'low': count(CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN 1 END)$o, 'high': count(CASE WHEN $1 = CAST('Infinity' AS DOUBLE) THEN 1 END)$o, 'rows': count(*)$o, 'value': quantile_cont(CASE WHEN $1 IS NULL OR isnan($1) OR $1 = CAST('-Infinity' AS DOUBLE) THEN -1.7976931348623157e308 WHEN $1 = CAST('Infinity' AS DOUBLE) THEN 1.7976931348623157e308 ELSE $1 END, $2)$o, 'nulls': count(*)$o - count($1)$o, 'least': min($1)$o}], lambda xall: CASE WHEN struct_extract(xall, 'rows') = 0 THEN NULL WHEN ceil($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nulls') THEN NULL WHEN floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nulls') THEN CASE WHEN struct_extract(xall, 'nan') > 0 THEN CAST('NaN' AS DOUBLE) ELSE struct_extract(xall, 'least') END WHEN floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nulls') + struct_extract(xall, 'nan') OR (floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nulls') + struct_extract(xall, 'nan') + struct_extract(xall, 'low') AND ceil($2 * (struct_extract(xall, 'rows') - 1)) >= struct_extract(xall, 'rows') - struct_extract(xall, 'high')) THEN CAST('NaN' AS DOUBLE) WHEN floor($2 * (struct_extract(xall, 'rows') - 1)) < struct_extract(xall, 'nulls') + struct_extract(xall, 'nan') + struct_extract(xall, 'low') THEN CAST('-Infinity' AS DOUBLE) WHEN ceil($2 * (struct_extract(xall, 'rows') - 1)) >= struct_extract(xall, 'rows') - struct_extract(xall, 'high') THEN CAST('Infinity' AS DOUBLE) ELSE struct_extract(xall, 'value') END), 1) -- differs sums
PERCENTILE_DISC RESPECT NULLS(FLOAT64, FLOAT64!0..1) -> FLOAT64 = struct_extract(quantile_disc({'given': $1 IS NOT NULL, 'known': coalesce(NOT isnan($1), TRUE), 'value': $1}, $2)$o, 'value')
PERCENTILE_DISC RESPECT NULLS(O, FLOAT64!0..1) -> O = struct_extract(quantile_disc({'given': $1 IS NOT NULL, 'value': $1}, $2)$o, 'value')
"""
