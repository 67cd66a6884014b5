"""Functions of texts, characters and hosts beside the common ones; `signatures` says how a line reads."""

TEXTS = r"""
ASCII(STRING) -> INT64 = CASE WHEN $1 = '' THEN 0 WHEN unicode($1) > 127 THEN !(ASCII of another character) ELSE CAST(unicode($1) AS BIGINT) END
UNICODE(STRING) -> INT64 = CASE WHEN $1 = '' THEN 0 ELSE CAST(unicode($1) AS BIGINT) END
CHR(INT64) -> STRING = chr(CAST(CASE WHEN $1 NOT BETWEEN 0 AND 1114111 OR $1 BETWEEN 55296 AND 57343 THEN !(CHR of what is no character) ELSE $1 END AS INTEGER))
REVERSE(STRING) -> STRING = CASE WHEN $1 IS NOT NULL THEN array_to_string(list_reverse(regexp_extract_all($1, '(?s).')), '') END
INITCAP(STRING) -> STRING = CASE WHEN $1 IS NOT NULL THEN array_to_string(list_transform(regexp_extract_all($1, $breaks), lambda xword: CASE WHEN starts_with(xword, 'ß') THEN 'ß' ELSE upper(left(xword, 1)) END || lower(substr(xword, 2))), '') END
TRANSLATE(STRING, STRING, STRING) -> STRING = translate($1, $2, $3) -- fails where len(list_distinct(regexp_extract_all($2, '(?s).'))) < length($2): TRANSLATE of one character to two
SOUNDEX(STRING) -> STRING = $soundex
TO_CODE_POINTS(STRING) -> ARRAY<INT64> = list_transform(regexp_extract_all($1, '(?s).'), lambda xsign: CAST(unicode(xsign) AS BIGINT))
CODE_POINTS_TO_STRING(ARRAY<INT64>) -> STRING = CASE WHEN list_count($1) <> len($1) THEN NULL WHEN len(list_filter($1, lambda xcode: xcode NOT BETWEEN 0 AND 1114111 OR xcode BETWEEN 55296 AND 57343)) > 0 THEN !(a number is no character) ELSE array_to_string(list_transform($1, lambda xcode: chr(CAST(xcode AS INTEGER))), '') END
CONTAINS_SUBSTR(STRING, STRING) -> BOOL = contains($fold1, $fold2) -- lacks where regexp_matches($1 || $2, $rare): CONTAINS_SUBSTR of a text with rare signs that stand for others: write STRPOS, or NORMALIZE them first
ARRAY_TO_STRING(ARRAY<STRING>, STRING, STRING) -> STRING = CASE WHEN len($1) = 0 THEN '' ELSE list_reduce(list_transform($1, lambda xitem: coalesce(xitem, $3)), lambda x, y: x || $2 || y) END -- strict
NET.HOST(STRING) -> STRING = $host
NET.PUBLIC_SUFFIX(STRING) -> STRING = $suffix -- by the list of public suffixes that is installed, those of registries alone, while BigQuery's own may be of another day
NET.REG_DOMAIN(STRING) -> STRING = $domain -- by the list of public suffixes that is installed, those of registries alone, while BigQuery's own may be of another day
ERROR(STRING) -> NULL = error('ERROR: ' || $1)
ARRAY_FIRST(ARRAY<T>) -> T = list_extract($1, 1) -- fails where len($1) = 0: ARRAY_FIRST of an empty ARRAY
ARRAY_LAST(ARRAY<T>) -> T = list_extract($1, -1) -- fails where len($1) = 0: ARRAY_LAST of an empty ARRAY
ARRAY_SLICE(ARRAY<T>, INT64, INT64) -> ARRAY<T> = list_slice($1, greatest(CASE WHEN $2 < 0 THEN $2 + len($1) ELSE least($2, len($1)) END, 0) + 1, greatest(CASE WHEN $3 < 0 THEN $3 + len($1) ELSE least($3, len($1)) END, -1) + 1) -- strict
RANGE_BUCKET(FLOAT64, ARRAY<FLOAT64>) -> INT64 = CASE WHEN $null OR isnan($1) THEN NULL WHEN list_count($2) < len($2) OR list_sort($2) <> $2 OR len(list_filter($2, lambda xbound: isnan(xbound))) > 0 THEN !(the ARRAY of RANGE_BUCKET is not in order) ELSE len(list_filter($2, lambda xbound: xbound <= $1)) END
RANGE_BUCKET(O, ARRAY<O>) -> INT64 = len(list_filter($2, lambda xbound: xbound <= $1)) -- fails where list_count($2) < len($2) OR list_sort($2) <> $2: the ARRAY of RANGE_BUCKET is not in order
INITCAP(STRING, STRING) -> STRING = CASE WHEN $2 = '' THEN CASE WHEN starts_with($1, 'ß') THEN 'ß' ELSE upper(left($1, 1)) END || lower(substr($1, 2)) ELSE array_to_string(list_transform(regexp_extract_all($1, '(?s)[' || regexp_escape($2) || ']|[^' || regexp_escape($2) || ']+'), lambda xword: CASE WHEN contains($2, xword) THEN xword ELSE CASE WHEN starts_with(xword, 'ß') THEN 'ß' ELSE upper(left(xword, 1)) END || lower(substr(xword, 2)) END), '') END -- strict
SAFE_CONVERT_BYTES_TO_STRING(BYTES) -> STRING = CASE WHEN $1 IS NOT NULL THEN coalesce(TRY(decode($1)), decode(unhex(array_to_string(list_transform(regexp_extract_all(hex($1), $signs), lambda xsign: CASE WHEN length(xsign) = 2 AND xsign >= '80' THEN 'EFBFBD' ELSE xsign END), '')))) END
NORMALIZE_AND_CASEFOLD(STRING) -> STRING = $casefold -- lacks where regexp_matches($1, $newer): NORMALIZE_AND_CASEFOLD of a text with signs of Unicode 14 or later
INSTR(STRING, STRING, INT64) -> INT64 = coalesce(list_extract(list_filter(CASE WHEN $3 > 0 THEN generate_series($3, length($1) + CASE WHEN $2 = '' THEN 1 ELSE 0 END) ELSE generate_series(length($1) + 1 + $3 + CASE WHEN $2 = '' THEN 1 ELSE 0 END, 1, -1) END, lambda xplace: $2 = '' OR substr($1, xplace, length($2)) = $2), 1), 0) -- strict; fails where $3 = 0: INSTR from place 0 or of match 0
INSTR(STRING, STRING, INT64, INT64) -> INT64 = coalesce(list_extract(list_filter(CASE WHEN $3 > 0 THEN generate_series($3, length($1) + CASE WHEN $2 = '' THEN 1 ELSE 0 END) ELSE generate_series(length($1) + 1 + $3 + CASE WHEN $2 = '' THEN 1 ELSE 0 END, 1, -1) END, lambda xplace: $2 = '' OR substr($1, xplace, length($2)) = $2), $4), 0) -- strict; fails where $3 = 0 OR $4 < 1: INSTR from place 0 or of match 0
"""
