"""Scalar functions, one line for each signature; `signatures` says how a line reads.

`abs` around a place: DuckDB makes another function of `strpos(...) = 1`, and fails where a side of an outer join may be NULL in it.
"""

SCALARS = r"""
ABS(INT64) -> INT64 = abs($1) -- fails: the result is out of range
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
ROUND(INT64, INT64) -> FLOAT64 = $round(CAST($1 AS DOUBLE), $2)
ROUND(NUMERIC) -> NUMERIC = CAST(round($1) AS DECIMAL(38, 9)) -- fails: the result is out of range
ROUND(NUMERIC, INT64) -> NUMERIC = CAST(round($1, CAST($2 AS INTEGER)) AS DECIMAL(38, 9)) -- fails: the result is out of range
ROUND(FLOAT64) -> FLOAT64 = round($1)
ROUND(FLOAT64, INT64) -> FLOAT64 = $round($1, $2)
TRUNC(NUMERIC) -> NUMERIC = CAST(trunc($1) AS DECIMAL(38, 9))
TRUNC(FLOAT64) -> FLOAT64 = trunc($1)
CEIL(NUMERIC) -> NUMERIC = CAST(ceil($1) AS DECIMAL(38, 9)) -- fails: the result is out of range
CEIL(FLOAT64) -> FLOAT64 = ceil($1)
CEILING(NUMERIC) -> NUMERIC = CAST(ceil($1) AS DECIMAL(38, 9)) -- fails: the result is out of range
CEILING(FLOAT64) -> FLOAT64 = ceil($1)
FLOOR(NUMERIC) -> NUMERIC = CAST(floor($1) AS DECIMAL(38, 9)) -- fails: the result is out of range
FLOOR(FLOAT64) -> FLOAT64 = floor($1)
MOD(INT64, INT64) -> INT64 = ($1 % CASE WHEN $2 = -1 THEN 1 ELSE $2 END) -- fails where $2 = 0: division by zero
MOD(NUMERIC, NUMERIC) -> NUMERIC = CAST($1 % $2 AS DECIMAL(38, 9)) -- fails where $2 = 0: division by zero
DIV(INT64, INT64) -> INT64 = ($1 // $2) -- fails where $2 = 0: division by zero
SAFE_DIVIDE(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $2 <> 0 AND (isfinite($1 / $2) OR NOT isfinite($1) OR NOT isfinite($2)) THEN $1 / $2 END
IEEE_DIVIDE(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $2 IS NULL THEN NULL WHEN $2 <> 0 THEN $1 / $2 WHEN $1 = 0 OR isnan($1) THEN CAST('NaN' AS DOUBLE) WHEN ($1 > 0) = (signbit($2)) THEN CAST('-Infinity' AS DOUBLE) WHEN $1 IS NOT NULL THEN CAST('Infinity' AS DOUBLE) END
SAFE_ADD(INT64, INT64) -> INT64 = TRY($1 + $2)
SAFE_SUBTRACT(INT64, INT64) -> INT64 = TRY($1 - $2)
SAFE_MULTIPLY(INT64, INT64) -> INT64 = TRY($1 * $2)
SAFE_NEGATE(INT64) -> INT64 = TRY(0 - $1)
POW(FLOAT64, FLOAT64) -> FLOAT64 = pow($1, $2) -- fails where isnan(pow($1, $2)) AND NOT isnan($1) AND NOT isnan($2): POW of a negative number; finite
POWER(FLOAT64, FLOAT64) -> FLOAT64 = pow($1, $2) -- fails where isnan(pow($1, $2)) AND NOT isnan($1) AND NOT isnan($2): POWER of a negative number; finite
SQRT(FLOAT64) -> FLOAT64 = sqrt($1) -- fails where $1 < 0: SQRT of a negative number
EXP(FLOAT64) -> FLOAT64 = exp($1) -- finite
LN(FLOAT64) -> FLOAT64 = CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN CAST('NaN' AS DOUBLE) WHEN $1 <= 0 THEN !(LN of a number that is not positive) ELSE ln($1) END
LOG(FLOAT64) -> FLOAT64 = CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN CAST('NaN' AS DOUBLE) WHEN $1 <= 0 THEN !(LOG of a number that is not positive) ELSE ln($1) END
LOG10(FLOAT64) -> FLOAT64 = CASE WHEN $1 = CAST('-Infinity' AS DOUBLE) THEN CAST('NaN' AS DOUBLE) WHEN $1 <= 0 THEN !(LOG10 of a number that is not positive) ELSE log10($1) END
IS_NAN(FLOAT64) -> BOOL = isnan($1)
IS_INF(FLOAT64) -> BOOL = isinf($1)
IF(BOOL, T, T) -> T = CASE WHEN $1 THEN $2 ELSE $3 END
IFNULL(T, T) -> T = coalesce($1, $2)
COALESCE(T...) -> T = coalesce($*)
NULLIF(FLOAT64, FLOAT64) -> FLOAT64 = CASE WHEN $1 = $2 AND NOT isnan($1) THEN NULL ELSE $1 END
NULLIF(INTERVAL, INTERVAL) -> INTERVAL = CASE WHEN struct_extract($1, 'k') = struct_extract($2, 'k') THEN NULL ELSE $1 END
NULLIF(E, E) -> E = nullif($1, $2)
GREATEST(FLOAT64...) -> FLOAT64 = CASE WHEN list_contains([$*], CAST('NaN' AS DOUBLE)) THEN CAST('NaN' AS DOUBLE) ELSE greatest($*) END -- strict
LEAST(FLOAT64...) -> FLOAT64 = CASE WHEN list_contains([$*], CAST('NaN' AS DOUBLE)) THEN CAST('NaN' AS DOUBLE) ELSE least($*) END -- strict
GREATEST(INTERVAL...) -> INTERVAL = list_reduce([$*], lambda xone, xtwo: CASE WHEN struct_extract(xtwo, 'k') > struct_extract(xone, 'k') THEN xtwo ELSE xone END) -- strict
LEAST(INTERVAL...) -> INTERVAL = list_reduce([$*], lambda xone, xtwo: CASE WHEN struct_extract(xtwo, 'k') < struct_extract(xone, 'k') THEN xtwo ELSE xone END) -- strict
GREATEST(O...) -> O = greatest($*) -- strict
LEAST(O...) -> O = least($*) -- strict

CONCAT(STRING...) -> STRING = ($|)
CONCAT(BYTES...) -> BYTES = ($|)
LENGTH(STRING) -> INT64 = length($1)
LENGTH(BYTES) -> INT64 = octet_length($1)
CHAR_LENGTH(STRING) -> INT64 = length($1)
CHARACTER_LENGTH(STRING) -> INT64 = length($1)
BYTE_LENGTH(STRING) -> INT64 = CAST(strlen($1) AS BIGINT)
BYTE_LENGTH(BYTES) -> INT64 = octet_length($1)
OCTET_LENGTH(STRING) -> INT64 = CAST(strlen($1) AS BIGINT)
UPPER(STRING) -> STRING = $capitals
LOWER(STRING) -> STRING = lower(replace(CASE WHEN contains($1, 'Σ') THEN regexp_replace($1, $sigma, '\1ς\2', 'g') ELSE $1 END, 'İ', 'i̇'))
TRIM(STRING) -> STRING = trim($1, $spaces)
TRIM(STRING, STRING) -> STRING = trim($1, $2)
LTRIM(STRING) -> STRING = ltrim($1, $spaces)
LTRIM(STRING, STRING) -> STRING = ltrim($1, $2)
RTRIM(STRING) -> STRING = rtrim($1, $spaces)
RTRIM(STRING, STRING) -> STRING = rtrim($1, $2)
REPLACE(STRING, STRING, STRING) -> STRING = CASE WHEN $2 = '' AND $3 IS NOT NULL THEN $1 ELSE replace($1, $2, $3) END
SUBSTR(STRING, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 WHEN $2 > length($1) THEN length($1) + 1 ELSE $2 END)
SUBSTR(STRING, INT64, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 WHEN $2 > length($1) THEN length($1) + 1 ELSE $2 END, CASE WHEN $3 > length($1) THEN length($1) ELSE $3 END) -- fails where $3 < 0: SUBSTR with a negative length
SUBSTRING(STRING, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 WHEN $2 > length($1) THEN length($1) + 1 ELSE $2 END)
SUBSTRING(STRING, INT64, INT64) -> STRING = substr($1, CASE WHEN $2 = 0 OR $2 < -length($1) THEN 1 WHEN $2 > length($1) THEN length($1) + 1 ELSE $2 END, CASE WHEN $3 > length($1) THEN length($1) ELSE $3 END) -- fails where $3 < 0: SUBSTRING with a negative length
LEFT(STRING, INT64) -> STRING = left($1, CASE WHEN $2 > length($1) THEN length($1) ELSE $2 END) -- fails where $2 < 0: LEFT with a negative length
RIGHT(STRING, INT64) -> STRING = right($1, CASE WHEN $2 > length($1) THEN length($1) ELSE $2 END) -- fails where $2 < 0: RIGHT with a negative length
EDIT_DISTANCE(STRING, STRING) -> INT64 = CASE WHEN regexp_full_match($1 || $2, '[\x00-\x7f]*') THEN levenshtein($1, $2) ELSE list_extract(list_transform([array_to_string(list_distinct(regexp_extract_all($1 || $2, '(?s).')), '')], lambda xall: levenshtein(translate($1, xall, left(array_to_string(list_transform(generate_series(1, 127), lambda xi: chr(CAST(xi AS INTEGER))), ''), length(xall))), translate($2, xall, left(array_to_string(list_transform(generate_series(1, 127), lambda xi: chr(CAST(xi AS INTEGER))), ''), length(xall))))), 1) END -- lacks where NOT regexp_full_match($1 || $2, '[\x00-\x7f]*') AND len(list_distinct(regexp_extract_all($1 || $2, '(?s).'))) > 127: EDIT_DISTANCE of texts with more than 127 signs
STARTS_WITH(STRING, STRING) -> BOOL = starts_with($1, $2)
ENDS_WITH(STRING, STRING) -> BOOL = ends_with($1, $2)
STRPOS(STRING, STRING) -> INT64 = abs(CAST(strpos($1, $2) AS BIGINT))
INSTR(STRING, STRING) -> INT64 = abs(CAST(strpos($1, $2) AS BIGINT))
REPEAT(STRING, INT64) -> STRING = repeat($1, CASE WHEN $1 = '' THEN 0 ELSE $2 END) -- fails where $2 < 0: REPEAT with a negative count; at most 1 MB: CAST(strlen($1) AS HUGEINT) * $2
LPAD(STRING, INT64) -> STRING = lpad($1, CAST($2 AS INTEGER), ' ') -- fails where $2 < 0: LPAD to a negative length; at most 1 MB: $2
LPAD(STRING, INT64, STRING) -> STRING = lpad($1, CAST($2 AS INTEGER), $3) -- fails where $2 < 0 OR $3 = '': LPAD to a negative length or with nothing; at most 1 MB: $2
RPAD(STRING, INT64) -> STRING = rpad($1, CAST($2 AS INTEGER), ' ') -- fails where $2 < 0: RPAD to a negative length; at most 1 MB: $2
RPAD(STRING, INT64, STRING) -> STRING = rpad($1, CAST($2 AS INTEGER), $3) -- fails where $2 < 0 OR $3 = '': RPAD to a negative length or with nothing; at most 1 MB: $2
SPLIT(STRING) -> ARRAY<STRING> = string_split($1, ',')
SPLIT(STRING, STRING) -> ARRAY<STRING> = CASE WHEN $2 IS NOT NULL THEN string_split($1, $2) END
REGEXP_CONTAINS(STRING, STRING) -> BOOL = regexp_matches($1, $2) -- fails: the pattern is no regular expression
REGEXP_REPLACE(STRING, STRING, STRING) -> STRING = regexp_replace($1, $2, $3, 'g') -- fails: the pattern is no regular expression
TO_HEX(BYTES) -> STRING = lower(hex($1))
FROM_HEX(STRING) -> BYTES = unhex($1) -- fails where NOT regexp_full_match($1, '[0-9a-fA-F]*'): the text is not of that form
TO_BASE64(BYTES) -> STRING = base64($1)
FROM_BASE64(STRING) -> BYTES = list_extract(list_transform([regexp_replace($1, '\s', '', 'g')], lambda xtext: from_base64(rpad(xtext, CAST((length(xtext) + 3) // 4 * 4 AS INTEGER), '='))), 1) -- fails: the text is not of that form
MD5(STRING) -> BYTES = unhex(md5($1))
MD5(BYTES) -> BYTES = unhex(md5($1))
SHA1(STRING) -> BYTES = unhex(sha1($1))
SHA1(BYTES) -> BYTES = unhex(sha1($1))
SHA256(STRING) -> BYTES = unhex(sha256($1))
SHA256(BYTES) -> BYTES = unhex(sha256($1))
PARSE_JSON(STRING) -> JSON = CAST($1 AS JSON) -- fails where $1 IS NOT NULL AND NOT regexp_matches(regexp_replace($1, '"(?:[^"\\]|\\.)*"', '0', 'g'), '^(?:[\s\[{:0-9.eE+-]|true|false|null|,\s*(?:[\[{0-9-]|true|false|null)|[\]}])+$'): PARSE_JSON of a text that is none

DATE(INT64, INT64, INT64) -> DATE = make_date($1, $2, $3) -- fails where $1 < 1 OR $1 > 9999: a DATE beyond the years 1 to 9999
DATE(DATE) -> DATE = $1
DATE(DATETIME) -> DATE = CAST($1 AS DATE)
DATE(TIMESTAMP) -> DATE = CAST($utc1 AS DATE)
DATE(TIMESTAMP, STRING) -> DATE = CAST(timezone($2, $1) AS DATE) -- fails: there is no such time zone
TIMESTAMP(TIMESTAMP) -> TIMESTAMP = $1
TIMESTAMP(DATE) -> TIMESTAMP = make_timestamptz(epoch_us(CAST($1 AS TIMESTAMP)))
TIMESTAMP(DATE, STRING) -> TIMESTAMP = timezone($2, CAST($1 AS TIMESTAMP)) -- fails: there is no such time zone
TIMESTAMP(DATETIME) -> TIMESTAMP = make_timestamptz(epoch_us($1))
TIMESTAMP(DATETIME, STRING) -> TIMESTAMP = timezone($2, $1) -- fails: there is no such time zone
DATETIME(DATETIME) -> DATETIME = $1
DATETIME(DATE, TIME) -> DATETIME = ($1 + $2)
DATETIME(TIMESTAMP) -> DATETIME = $utc1
DATETIME(TIMESTAMP, STRING) -> DATETIME = timezone($2, $1) -- fails: there is no such time zone
DATETIME(INT64, INT64, INT64, INT64, INT64, INT64) -> DATETIME = make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE)) -- fails where $1 < 1 OR $1 > 9999: a DATETIME beyond the years 1 to 9999; fails where $4 > 23 OR TRY(make_timestamp($1, $2, $3, $4, $5, CAST($6 AS DOUBLE))) IS NULL: there is no such day or time; in years
TIME(INT64, INT64, INT64) -> TIME = CASE WHEN $1 = 23 AND $2 = 59 AND $3 = 60 THEN TIME '00:00:00' ELSE make_time($1, $2, CAST($3 AS DOUBLE)) END -- fails where $1 > 23: an hour beyond 23; fails: the result is out of range
TIME(TIMESTAMP) -> TIME = CAST($utc1 AS TIME)
TIME(DATETIME) -> TIME = CAST($1 AS TIME)
LAST_DAY(DATE) -> DATE = last_day($1)
LAST_DAY(DATETIME) -> DATE = last_day($1)
UNIX_SECONDS(TIMESTAMP) -> INT64 = ((epoch_us($1) - (epoch_us($1) % 1000000 + 1000000) % 1000000) // 1000000)
UNIX_MILLIS(TIMESTAMP) -> INT64 = ((epoch_us($1) - (epoch_us($1) % 1000 + 1000) % 1000) // 1000)
UNIX_MICROS(TIMESTAMP) -> INT64 = epoch_us($1)
UNIX_DATE(DATE) -> INT64 = date_diff('day', DATE '1970-01-01', $1)
DATE_FROM_UNIX_DATE(INT64) -> DATE = (DATE '1970-01-01' + CAST($1 AS INTEGER)) -- fails where $1 NOT BETWEEN -719162 AND 2932896: a DATE beyond the years 1 to 9999
TIMESTAMP_SECONDS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000000) -- fails where $1 NOT BETWEEN -62135596800 AND 253402300799: a TIMESTAMP beyond the years 1 to 9999
TIMESTAMP_MILLIS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000) -- fails where $1 NOT BETWEEN -62135596800000 AND 253402300799999: a TIMESTAMP beyond the years 1 to 9999
TIMESTAMP_MICROS(INT64) -> TIMESTAMP = make_timestamptz($1) -- fails where $1 NOT BETWEEN -62135596800000000 AND 253402300799999999: a TIMESTAMP beyond the years 1 to 9999
TIMESTAMP_FROM_UNIX_SECONDS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000000) -- fails where $1 NOT BETWEEN -62135596800 AND 253402300799: a TIMESTAMP beyond the years 1 to 9999
TIMESTAMP_FROM_UNIX_MILLIS(INT64) -> TIMESTAMP = make_timestamptz($1 * 1000) -- fails where $1 NOT BETWEEN -62135596800000 AND 253402300799999: a TIMESTAMP beyond the years 1 to 9999
TIMESTAMP_FROM_UNIX_MICROS(INT64) -> TIMESTAMP = make_timestamptz($1) -- fails where $1 NOT BETWEEN -62135596800000000 AND 253402300799999999: a TIMESTAMP beyond the years 1 to 9999
CURRENT_DATE() -> DATE = CAST(make_timestamp(epoch_us(now())) AS DATE)
CURRENT_TIMESTAMP() -> TIMESTAMP = now()
CURRENT_DATETIME() -> DATETIME = make_timestamp(epoch_us(now()))
CURRENT_TIME() -> TIME = CAST(make_timestamp(epoch_us(now())) AS TIME)

ARRAY_LENGTH(ARRAY<T>) -> INT64 = len($1)
ARRAY_REVERSE(ARRAY<T>) -> ARRAY<T> = list_reverse($1)
ARRAY_CONCAT(ARRAY<T>...) -> ARRAY<T> = list_concat($*) -- strict
ARRAY_TO_STRING(ARRAY<STRING>, STRING) -> STRING = CASE WHEN list_count($1) = 0 THEN '' ELSE list_reduce(list_filter($1, lambda x: x IS NOT NULL), lambda x, y: x || $2 || y) END -- strict
GENERATE_ARRAY(INT64, INT64) -> ARRAY<INT64> = generate_series($1, $2) -- at most 16,000 elements: CAST($2 AS HUGEINT) - $1 + 1
GENERATE_ARRAY(INT64, INT64, INT64) -> ARRAY<INT64> = generate_series($1, $2, $3) -- fails where $3 = 0: GENERATE_ARRAY with a step of zero; at most 16,000 elements: (CAST($2 AS HUGEINT) - $1) // $3 + 1
GENERATE_UUID() -> STRING = CAST(uuid() AS VARCHAR)
RAND() -> FLOAT64 = random()
"""
