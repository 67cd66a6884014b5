"""Names of functions that the table of functions lacks: GoogleSQL's own, and what other dialects call theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.model.errors import did_you_mean
from flows.sql.functions import signatures

if TYPE_CHECKING:
    from collections.abc import Iterable

_NEAR = 0.75
_OTHERS = """
ADD_MONTHS = DATE_ADD(day, INTERVAL 1 MONTH)
APPROX_PERCENTILE = APPROX_QUANTILES(number, 100)[OFFSET(95)]
ARG_MAX = MAX_BY(value, by)
ARG_MIN = MIN_BY(value, by)
ARRAY_AVG = (SELECT AVG(x) FROM UNNEST(array) AS x)
ARRAY_CONTAINS = value IN UNNEST(array)
ARRAY_FIND = (SELECT x FROM UNNEST(array) AS x WITH OFFSET AS place WHERE ... ORDER BY place LIMIT 1)
ARRAY_FIRST_N = ARRAY_SLICE(array, 0, 1)
ARRAY_INCLUDES = value IN UNNEST(array)
ARRAY_INCLUDES_ALL = NOT EXISTS (SELECT 1 FROM UNNEST(other) AS x WHERE x NOT IN UNNEST(array))
ARRAY_INCLUDES_ANY = EXISTS (SELECT 1 FROM UNNEST(other) AS x WHERE x IN UNNEST(array))
ARRAY_IS_DISTINCT = ARRAY_LENGTH(array) = (SELECT COUNT(DISTINCT x) FROM UNNEST(array) AS x)
ARRAY_JOIN = ARRAY_TO_STRING(array, ',')
ARRAY_LAST_N = ARRAY_SLICE(array, -2, -1)
ARRAY_MAX = (SELECT MAX(x) FROM UNNEST(array) AS x)
ARRAY_MIN = (SELECT MIN(x) FROM UNNEST(array) AS x)
ARRAY_OFFSET = (SELECT MIN(place) FROM UNNEST(array) AS x WITH OFFSET AS place WHERE x = value)
ARRAY_SIZE = ARRAY_LENGTH(array)
ARRAY_SUM = (SELECT SUM(x) FROM UNNEST(array) AS x)
ARRAY_ZIP = ARRAY(SELECT AS STRUCT x, other[SAFE_OFFSET(place)] AS y FROM UNNEST(one) AS x WITH OFFSET AS place)
BOOL_AND = LOGICAL_AND(condition)
BOOL_OR = LOGICAL_OR(condition)
CARDINALITY = ARRAY_LENGTH(array)
CHARINDEX = STRPOS(text, part)
CONCAT_WS = ARRAY_TO_STRING([one, two], ', ')
CONVERT = CAST(value AS TYPE)
CONVERT_TIMEZONE = DATETIME(ts, 'Europe/Berlin')
COUNT_IF = COUNTIF(condition)
CURDATE = DATE(@window_end)
DATEADD = DATE_ADD(day, INTERVAL 1 DAY), or TIMESTAMP_ADD(ts, INTERVAL 1 DAY)
DATEDIFF = DATE_DIFF(later, earlier, DAY), or TIMESTAMP_DIFF(later, earlier, DAY)
DATEPART = EXTRACT(MONTH FROM day)
DATE_FORMAT = FORMAT_DATE('%Y-%m', day), or FORMAT_TIMESTAMP('%Y-%m', ts)
DATE_PARSE = PARSE_DATE('%Y-%m-%d', text), or PARSE_TIMESTAMP
DATE_PART = EXTRACT(MONTH FROM day)
DAY = EXTRACT(DAY FROM day)
DAYOFWEEK = EXTRACT(DAYOFWEEK FROM day)
DAYOFYEAR = EXTRACT(DAYOFYEAR FROM day)
DECODE = CASE value WHEN ... THEN ... ELSE ... END
ELEMENT_AT = array[SAFE_ORDINAL(1)]
EVERY = LOGICAL_AND(condition)
FLATTEN = ARRAY(SELECT y FROM UNNEST(array) AS x, UNNEST(x.items) AS y)
FROM_UNIXTIME = TIMESTAMP_SECONDS(number)
GETDATE = @window_end: the clock would give other rows on every retry
GET_JSON_OBJECT = JSON_VALUE(json, '$.name')
GROUP_CONCAT = STRING_AGG(text, ', ')
HOUR = EXTRACT(HOUR FROM ts)
IFERROR = IFNULL(SAFE.NAME(...), other), with the function that may fail
IFF = IF(condition, one, other)
IIF = IF(condition, one, other)
ISERROR = SAFE.NAME(...) IS NULL, with the function that may fail
ISNULL = IFNULL(value, other), or value IS NULL
JSON_EXTRACT_PATH_TEXT = JSON_VALUE(json, '$.name')
LCASE = LOWER(text)
LEN = LENGTH(text)
LISTAGG = STRING_AGG(text, ', ')
LOCATE = STRPOS(text, part)
MEAN = AVG(number)
MEDIAN = APPROX_QUANTILES(number, 2)[OFFSET(1)]
MINUTE = EXTRACT(MINUTE FROM ts)
MODE = a query that counts by value, with ORDER BY and LIMIT 1
MONTH = EXTRACT(MONTH FROM day)
NEW_UUID = TO_HEX(MD5(key)): a random identifier would be another one on every retry
NOW = @window_end: the clock would give other rows on every retry
NULLIFERROR = SAFE.NAME(...), with the function that may fail
NVL = IFNULL(value, other)
NVL2 = IF(value IS NOT NULL, one, other)
PERCENTILE_APPROX = APPROX_QUANTILES(number, 100)[OFFSET(95)]
PI = ACOS(-1)
PI_NUMERIC = NUMERIC '3.141592654'
POSITION = STRPOS(text, part)
QUARTER = EXTRACT(QUARTER FROM day)
REGEXP_LIKE = REGEXP_CONTAINS(text, r'pattern')
REGEXP_MATCHES = REGEXP_CONTAINS(text, r'pattern')
SECOND = EXTRACT(SECOND FROM ts)
SIZE = ARRAY_LENGTH(array)
SPLIT_PART = SPLIT(text, ',')[SAFE_ORDINAL(1)]
SPLIT_SUBSTR = SPLIT(text, '.')[SAFE_OFFSET(0)]
STRFTIME = FORMAT_TIMESTAMP('%Y-%m', ts), or FORMAT_DATE('%Y-%m', day)
STRING_TO_ARRAY = SPLIT(text, ',')
STRPTIME = PARSE_TIMESTAMP('%Y-%m-%d', text), or PARSE_DATE
STR_TO_DATE = PARSE_DATE('%Y-%m-%d', text), or PARSE_TIMESTAMP
SUBSTRING_INDEX = SPLIT(text, ',')[SAFE_ORDINAL(1)]
SYSDATE = @window_end: the clock would give other rows on every retry
TIMESTAMPADD = TIMESTAMP_ADD(ts, INTERVAL 1 DAY)
TIMESTAMPDIFF = TIMESTAMP_DIFF(later, earlier, DAY)
TO_CHAR = FORMAT_DATE('%Y-%m', day), FORMAT_TIMESTAMP('%Y-%m', ts) or CAST(value AS STRING)
TO_DATE = CAST(value AS DATE), or PARSE_DATE('%Y-%m-%d', text)
TO_NUMBER = CAST(text AS NUMERIC)
TO_TIMESTAMP = TIMESTAMP_SECONDS(number), or PARSE_TIMESTAMP('%Y-%m-%d', text)
TO_UNIXTIME = UNIX_SECONDS(ts)
TO_VARCHAR = CAST(value AS STRING)
TRUNCATE = TRUNC(number, 2)
TRY_CAST = SAFE_CAST(value AS TYPE)
UCASE = UPPER(text)
UNIX_TIMESTAMP = UNIX_SECONDS(ts)
UUID = TO_HEX(MD5(key)): a random identifier would be another one on every retry
WEEK = EXTRACT(ISOWEEK FROM day)
YEAR = EXTRACT(YEAR FROM day)
"""
_INSTEAD = dict(line.split(" = ", 1) for line in _OTHERS.strip().splitlines())

# https://cloud.google.com/bigquery/docs/reference/standard-sql/functions-all
_GOOGLESQL = """
ACOS ACOSH APPENDS APPROX_TOP_SUM ARRAY_FILTER ARRAY_FIRST ARRAY_LAST ARRAY_SLICE
ARRAY_TRANSFORM ASCII ASIN ASINH ATAN ATAN2 ATANH BAG_OF_WORDS BIT_COUNT BOOL CHR
CODE_POINTS_TO_STRING COLLATE CONTAINS_SUBSTR CORR COS COSH COT COTH COVAR_POP COVAR_SAMP CSC CSCH
ERROR FLOAT64
FROM_CODE_POINTS GENERATE_RANGE_ARRAY GROUPING HLL_COUNT INITCAP INT64 JSON_ARRAY
JSON_CONTAINS JSON_EXTRACT JSON_EXTRACT_ARRAY
RANGE JSON_EXTRACT_STRING_ARRAY JSON_OBJECT JSON_QUERY_ARRAY
JSON_TYPE JSON_VALUE_ARRAY
LOGICAL_XOR NORMALIZE NORMALIZE_AND_CASEFOLD NULLIFZERO PARSE_TIME
RANGE_BUCKET RANGE_CONTAINS RANGE_END RANGE_INTERSECT RANGE_OVERLAPS RANGE_SESSIONIZE
RANGE_START REVERSE SEARCH SAFE_CONVERT_BYTES_TO_STRING SEC SECH SESSION_USER SIN SINH SOUNDEX
ST_AREA ST_ASTEXT ST_CONTAINS ST_DISTANCE ST_DWITHIN ST_GEOGFROMTEXT ST_GEOGPOINT ST_INTERSECTS ST_X ST_Y TAN TANH
TEXT_ANALYZE TIME_ADD TIME_DIFF TIME_SUB TIME_TRUNC TO_CODE_POINTS TO_JSON TO_JSON_STRING
TRANSLATE UNICODE
"""
_OTHERWISE = r"""
APPROX_TOP_SUM = SUM(weight) by value, ordered and limited
ARRAY_FILTER = ARRAY(SELECT x FROM UNNEST(array) AS x WHERE ...)
ARRAY_TRANSFORM = ARRAY(SELECT ... FROM UNNEST(array) AS x)
AEAD = a core table that ingest has decrypted
AI = a core table that holds what the model gave
BAG_OF_WORDS = a query that counts by word of UNNEST(SPLIT(text, ' '))
DETERMINISTIC_ENCRYPT = SHA256(text), which hides it too
HLL_COUNT = COUNT(DISTINCT value) over the rows, or over an ARRAY_AGG(DISTINCT value) of each part
JSON_CONTAINS = JSON_VALUE(json, '$.name') = value, or value IN UNNEST(JSON_VALUE_ARRAY(json))
KEYS = a core table that ingest has decrypted
KLL_QUANTILES = APPROX_QUANTILES(number, 100) over the rows
RANGE = its start and its end as two columns, compared by start_one < end_other AND start_other < end_one
LOGICAL_XOR = MOD(COUNTIF(condition), 2) = 1
ML = a core table that holds what the model gave
OBJ = a core table that ingest has made of the files
NET = NET.HOST(url), NET.REG_DOMAIN(url), or NET.IP_TRUNC(address, bits) for the net of an address
SEARCH = REGEXP_CONTAINS(text, r'(?i)\bword\b'), or CONTAINS_SUBSTR(text, 'word')
ST = longitude and latitude as two FLOAT64 columns, compared with BETWEEN
S2 = longitude and latitude as two FLOAT64 columns, compared with BETWEEN
TEXT_ANALYZE = REGEXP_EXTRACT_ALL(LOWER(text), r'\w+')
"""
_SAME = dict(line.split(" = ", 1) for line in _OTHERWISE.strip().splitlines())
_UNCHECKED = frozenset(_GOOGLESQL.split())
_FAMILIES = {
    "NET",
    "HLL_COUNT",
    "KLL_QUANTILES",
    "KEYS",
    "AEAD",
    "DETERMINISTIC_ENCRYPT",
    "ML",
    "OBJ",
    "VECTOR_INDEX",
    "AI",
    "S2_CELLIDFROMPOINT",
}
"""What stands before the dot of GoogleSQL's functions with two names."""


def refusal(name: str, ruled: Iterable[str]) -> str:
    """Say why a call of a function that the table of functions lacks is refused, and what to write instead.

    `ruled` are the functions that have rules of their own beside that table.
    """
    if name in _UNCHECKED or name.upper().partition(".")[0] in _FAMILIES:
        family = name.upper().partition(".")[0]
        same = _SAME.get(name) or _SAME.get(family) or _SAME.get(family.partition("_")[0], "")
        return f"{name} is not supported by the embedded warehouse yet.{same and f' Write {same}.'}"
    if name in _INSTEAD:
        return f"{name} is not a function of GoogleSQL. Write {_INSTEAD[name]}."
    known = [*signatures.names(), *ruled, *_UNCHECKED]
    value, _, called = name.rpartition(".")
    if value and called.upper() in known:
        return f"a call stands behind a value in brackets. Write ({value}).{called}(...), or {called}({value})."
    if value:
        own = "is no function of GoogleSQL, and functions of your own are not supported"
        return f"{name} {own}. Write what it computes where it is called, or once in a WITH."
    near = did_you_mean(name, known, _NEAR)
    return f"{name} is not a function of GoogleSQL that is known here.{near}"


def is_of_others(name: str) -> bool:
    """Say whether another dialect's function is meant, whose arguments may be parts or types that are no columns."""
    return name in _INSTEAD
