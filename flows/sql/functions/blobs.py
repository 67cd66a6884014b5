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
INSTR(BYTES, BYTES, INT64) -> INT64 = ~
INSTR(BYTES, BYTES, INT64, INT64) -> INT64 = ~
ASCII(BYTES) -> INT64 = CASE WHEN octet_length($1) = 0 THEN 0 ELSE CAST('0x' || left(hex($1), 2) AS BIGINT) END
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
TO_BASE32(BYTES) -> STRING = CASE WHEN $1 IS NOT NULL THEN array_to_string(list_transform(regexp_extract_all(hex($1), '.{1,10}'), lambda xgroup: rpad(left(array_to_string(list_transform(generate_series(35, 0, -5), lambda xshift: substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', (CAST('0x' || rpad(xgroup, 10, '0') AS BIGINT) >> xshift & 31) + 1, 1)), ''), (length(xgroup) * 4 + 4) // 5), 8, '=')), '') END
FROM_BASE32(STRING) -> BYTES = unhex(array_to_string(list_transform(regexp_extract_all($1, '.{8}'), lambda xgroup: left(printf('%010x', CAST(list_sum(list_transform(generate_series(1, 8), lambda xplace: greatest(strpos('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', substr(xgroup, xplace, 1)) - 1, 0) << (40 - 5 * xplace))) AS BIGINT)), length(rtrim(xgroup, '=')) * 5 // 8 * 2)), '')) -- fails where NOT regexp_full_match($1, '(?:[A-Z2-7]{8})*(?:[A-Z2-7]{2}={6}|[A-Z2-7]{4}={4}|[A-Z2-7]{5}={3}|[A-Z2-7]{7}=)?'): the text is not of that form
NET.IPV4_FROM_INT64(INT64) -> BYTES = unhex(printf('%08x', $1 & 4294967295)) -- fails where $1 NOT BETWEEN -2147483648 AND 4294967295: a number is no IPv4 address
NET.IPV4_TO_INT64(BYTES) -> INT64 = CAST('0x' || hex($1) AS BIGINT) -- fails where octet_length($1) <> 4: BYTES are no IPv4 address
NET.IP_FROM_STRING(STRING) -> BYTES = $address -- strict; fails where $address IS NULL: a text is no IP address
NET.SAFE_IP_FROM_STRING(STRING) -> BYTES = $address
NET.IP_TO_STRING(BYTES) -> STRING = $iptext -- strict; fails where octet_length($1) NOT IN (4, 16): BYTES are no IP address
NET.IP_NET_MASK(INT64, INT64) -> BYTES = CAST(CAST(rpad(repeat('1', $2), CAST($1 * 8 AS INTEGER), '0') AS BIT) AS BLOB) -- fails where $1 NOT IN (4, 16) OR $2 NOT BETWEEN 0 AND $1 * 8: a net mask has 4 or 16 bytes, and no more bits
NET.IP_TRUNC(BYTES, INT64) -> BYTES = CAST(CAST($1 AS BIT) & CAST(rpad(repeat('1', $2), CAST(octet_length($1) * 8 AS INTEGER), '0') AS BIT) AS BLOB) -- fails where octet_length($1) NOT IN (4, 16) OR $2 NOT BETWEEN 0 AND octet_length($1) * 8: an IP address has 4 or 16 bytes, and is cut within
"""
