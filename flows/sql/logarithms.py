"""Logarithms and powers of NUMERIC as lines of the table of functions: a FLOAT64 that decides all places of a NUMERIC, or an error.

The exact value lies no further from the FLOAT64 than a small error. Where both ends of that round to one NUMERIC, this is the
value; POW by a whole number is computed from all digits where 38 are enough.
"""

from flows.sql.decimals import in_units

_ULP = 2.4e-16
_LIMIT = "1e29"
"""From where on a NUMERIC has no room."""
_BELOW_LIMIT, _NEAR_LIMIT = "9.999999999999999e28", "1.000000000000001e29"
_LACKS = "a NUMERIC whose last places FLOAT64 does not decide: write it as FLOAT64"


def _decided(name: str, found: str, error: str, fails: str) -> str:
    """Return the right side of a line by its FLOAT64 and by how far from the exact value that may be."""
    low, high = (f"TRY_CAST({found} {sign} {error} AS DECIMAL(38, 9))" for sign in "-+")
    return (
        f"CAST({found} AS DECIMAL(38, 9)) -- strict; {fails}; fails where abs({found}) >= {_LIMIT}: the result is out of range; "
        f"lacks where {low} IS DISTINCT FROM {high}: {name} of {_LACKS}"
    )


def _exactly_held(number: str) -> str:
    """Return the condition that FLOAT64 holds a NUMERIC: it has a few binary places."""
    return f"abs({number}) < 1e6 AND {number} * 1024 = floor({number} * 1024)"


_ONE, _TWO = "CAST($1 AS DOUBLE)", "CAST($2 AS DOUBLE)"
_LN = f"ln({_ONE})"
_EXP = f"exp({_ONE})"
_LOG = f"({_LN} / ln({_TWO}))"
_POW = f"pow({_ONE}, {_TWO})"
_OF_EXP = f"{_EXP} * ({_ULP} + CASE WHEN {_exactly_held(_ONE)} THEN 0 ELSE abs({_ONE}) * {_ULP} END)"
_OF_LOG = f"{_ULP} * ((1 + abs({_LOG})) / abs(ln({_TWO})) + 3 * abs({_LOG}))"
_OF_POW = (
    f"abs({_POW}) * {_ULP} * (1 + CASE WHEN {_exactly_held(_ONE)} THEN 0 ELSE abs({_TWO}) END "
    f"+ CASE WHEN {_exactly_held(_TWO)} THEN 0 ELSE abs({_TWO} * ln(greatest(abs({_ONE}), 1e-9))) END)"
)
_NO_BASE = "fails where $1 <= 0 OR $2 <= 0 OR $2 = 1: LOG of or to the base of a number that has none"
_NOT_POSITIVE = "fails where $1 <= 0: {} of a number that is not positive"


def _power(name: str) -> str:
    """Return the right side of a line of POW."""
    scale = "length(rtrim(split_part(CAST($1 AS VARCHAR), '.', 2), '0'))"
    digits = f"({in_units('$1', 9)} // CAST('1' || repeat('0', CAST(9 - {scale} AS INTEGER)) AS HUGEINT))"
    few = f"$2 = trunc($2) AND $2 BETWEEN 1 AND 127 AND ($2 = 1 OR $2 * log10(greatest(CAST(abs({digits}) AS DOUBLE), 1)) < 37.9)"
    # Elsewhere too, where DuckDB may look at what it does not need.
    times = "CAST(least(greatest($2, 1), 127) AS BIGINT)"
    product = f"list_reduce(list_transform(generate_series(1, {times}), lambda xtime: {digits}), lambda xone, xtwo: xone * xtwo)"
    places = f"CAST({scale} * {times} - 9 AS INTEGER)"
    tens = f"CAST('1' || repeat('0', CASE WHEN abs({places}) > 38 THEN 0 ELSE abs({places}) END) AS HUGEINT)"
    over, under = "struct_extract(xall, 'p')", "struct_extract(xall, 't')"
    left = f"abs({over} % {under})"
    away = f"CASE WHEN {left} >= {under} - {left} THEN CAST(sign({over}) AS HUGEINT) ELSE 0 END"
    units = (
        f"CASE WHEN {places} > 38 THEN 0 WHEN {places} > 0 THEN {over} // {under} + {away} ELSE {over} * {under} END"
    )
    exact = f"CAST(CAST({units} AS DECIMAL(38, 0)) * 0.000000001 AS DECIMAL(38, 9))"
    exactly = f"list_extract(list_transform([{{'p': {product}, 't': {tens}}}], lambda xall: {exact}), 1)"
    found, _, marks = _decided(
        name,
        _POW,
        _OF_POW,
        f"fails where $1 = 0 AND $2 < 0: division by zero; fails where $1 < 0 AND $2 <> trunc($2): {name} of a negative number",
    ).partition(" -- ")
    # What has few digits is found to the last one, which rounding its FLOAT64 may say to be beyond.
    marks = marks.replace("lacks where ", f"lacks where NOT ({few}) AND ").replace(
        f">= {_LIMIT}", f"> CASE WHEN {few} THEN {_NEAR_LIMIT} ELSE {_BELOW_LIMIT} END"
    )
    return f"CASE WHEN {few} THEN {exactly} ELSE {found} END -- {marks}"


LOGARITHMS = "\n".join(
    [
        f"EXP(INT64) -> FLOAT64 = {_EXP} -- fails where $1 > 709: FLOAT64 overflows",
        *(
            f"{name}(INT64) -> FLOAT64 = {sql} -- {_NOT_POSITIVE.format(name)}"
            for name, sql in (("LN", _LN), ("LOG", _LN), ("LOG10", f"log10({_ONE})"))
        ),
        f"LOG(INT64, INT64) -> FLOAT64 = {_LOG} -- {_NO_BASE}",
        *(
            f"{name}(INT64, INT64) -> FLOAT64 = {_POW} -- fails where NOT isfinite({_POW}): FLOAT64 overflows"
            for name in ("POW", "POWER")
        ),
        f"EXP(NUMERIC) -> NUMERIC = {_decided('EXP', _EXP, _OF_EXP, 'fails where $1 > 100: the result is out of range')}",
        *(
            f"{name}(NUMERIC) -> NUMERIC = {_decided(name, sql, f'(1 + abs({sql})) * {_ULP}', _NOT_POSITIVE.format(name))}"
            for name, sql in (("LN", _LN), ("LOG", _LN), ("LOG10", f"log10({_ONE})"))
        ),
        f"LOG(NUMERIC, NUMERIC) -> NUMERIC = {_decided('LOG', _LOG, _OF_LOG, _NO_BASE)}",
        *(f"{name}(NUMERIC, NUMERIC) -> NUMERIC = {_power(name)}" for name in ("POW", "POWER")),
        "",
    ]
)
