"""Functions of BYTES beside the common ones; `signatures` says how a line reads.

After `~` a template takes BYTES as texts of one sign a byte; `~` alone stands for that of the same call with STRING.
"""

BLOBS = r"""
SUBSTR(BYTES, INT64) -> BYTES = ~
SUBSTR(BYTES, INT64, INT64) -> BYTES = ~
SUBSTRING(BYTES, INT64) -> BYTES = ~
SUBSTRING(BYTES, INT64, INT64) -> BYTES = ~
LEFT(BYTES, INT64) -> BYTES = ~
RIGHT(BYTES, INT64) -> BYTES = ~
LPAD(BYTES, INT64) -> BYTES = ~
LPAD(BYTES, INT64, BYTES) -> BYTES = ~
RPAD(BYTES, INT64) -> BYTES = ~
RPAD(BYTES, INT64, BYTES) -> BYTES = ~
REPEAT(BYTES, INT64) -> BYTES = ~
REPLACE(BYTES, BYTES, BYTES) -> BYTES = ~
REVERSE(BYTES) -> BYTES = ~
SPLIT(BYTES, BYTES) -> ARRAY<BYTES> = ~
STARTS_WITH(BYTES, BYTES) -> BOOL = ~
ENDS_WITH(BYTES, BYTES) -> BOOL = ~
STRPOS(BYTES, BYTES) -> INT64 = ~
INSTR(BYTES, BYTES) -> INT64 = ~
TRIM(BYTES, BYTES) -> BYTES = ~
LTRIM(BYTES, BYTES) -> BYTES = ~
RTRIM(BYTES, BYTES) -> BYTES = ~
TRANSLATE(BYTES, BYTES, BYTES) -> BYTES = ~
ARRAY_TO_STRING(ARRAY<BYTES>, BYTES) -> BYTES = ~
ARRAY_TO_STRING(ARRAY<BYTES>, BYTES, BYTES) -> BYTES = ~
REGEXP_CONTAINS(BYTES, BYTES) -> BOOL = ~
REGEXP_REPLACE(BYTES, BYTES, BYTES) -> BYTES = ~
LOWER(BYTES) -> BYTES = ~translate($1, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')
UPPER(BYTES) -> BYTES = ~translate($1, 'abcdefghijklmnopqrstuvwxyz', 'ABCDEFGHIJKLMNOPQRSTUVWXYZ')
OCTET_LENGTH(BYTES) -> INT64 = octet_length($1)
TO_CODE_POINTS(BYTES) -> ARRAY<INT64> = ~
CODE_POINTS_TO_BYTES(ARRAY<INT64>) -> BYTES = CASE WHEN list_count($1) <> len($1) THEN NULL WHEN len(list_filter($1, lambda xcode: xcode NOT BETWEEN 0 AND 255)) > 0 THEN !(a number is no byte) ELSE unhex(array_to_string(list_transform($1, lambda xcode: printf('%02x', xcode)), '')) END
FARM_FINGERPRINT(STRING) -> INT64 = $textprint
FARM_FINGERPRINT(BYTES) -> INT64 = $blobprint
"""
