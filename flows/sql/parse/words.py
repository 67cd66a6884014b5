"""Words of GoogleSQL: those that name nothing unless they stand in backticks or behind a dot, and units of time."""

# https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#reserved_keywords
RESERVED = frozenset([
    "ALL", "AND", "ANY", "ARRAY", "AS", "ASC", "ASSERT_ROWS_MODIFIED", "AT", "BETWEEN", "BY", "CASE", "CAST", "COLLATE",
    "CONTAINS", "CREATE", "CROSS", "CUBE", "CURRENT", "DEFAULT", "DEFINE", "DESC", "DISTINCT", "ELSE", "END", "ENUM",
    "ESCAPE", "EXCEPT", "EXCLUDE", "EXISTS", "EXTRACT", "FALSE", "FETCH", "FOLLOWING", "FOR", "FROM", "FULL", "GROUP",
    "GROUPING", "GROUPS", "HASH", "HAVING", "IF", "IGNORE", "IN", "INNER", "INTERSECT", "INTERVAL", "INTO", "IS", "JOIN",
    "LATERAL", "LEFT", "LIKE", "LIMIT", "LOOKUP", "MERGE", "NATURAL", "NEW", "NO", "NOT", "NULL", "NULLS", "OF", "ON",
    "OR", "ORDER", "OUTER", "OVER", "PARTITION", "PRECEDING", "PROTO", "QUALIFY", "RANGE", "RECURSIVE", "RESPECT",
    "RIGHT", "ROLLUP", "ROWS", "SELECT", "SET", "SOME", "STRUCT", "TABLESAMPLE", "THEN", "TO", "TREAT", "TRUE",
    "UNBOUNDED", "UNION", "UNNEST", "USING", "WHEN", "WHERE", "WINDOW", "WITH", "WITHIN",
])  # fmt: skip
"""All of them."""
PREFIX = "__call_"
"""What marks the name of a call that the parser shall keep as it stands."""
NO_CALLS = (RESERVED - {"IF", "LEFT", "RIGHT"}) | {"SAFE_CAST", "VALUES", "PIVOT", "UNPIVOT"}
"""What looks like a call of one of these is none, and has a grammar of its own."""
VALUES = frozenset({"END", "NULL", "TRUE", "FALSE"})
"""Reserved words that end a value."""
NEVER_FOLLOW = frozenset([
    "ALL", "ANY", "ARRAY", "ASSERT_ROWS_MODIFIED", "CASE", "CAST", "CONTAINS", "CREATE", "CUBE", "CURRENT",
    "DEFAULT", "DEFINE", "ENUM", "EXCLUDE", "EXISTS", "EXTRACT", "FALSE", "GROUPING", "HASH", "IF",
    "INTERVAL", "INTO", "LATERAL", "LOOKUP", "MERGE", "NATURAL", "NEW", "NO", "NULL", "OF", "PROTO",
    "RECURSIVE", "ROLLUP", "SET", "SOME", "STRUCT", "TREAT", "TRUE", "UNBOUNDED", "UNNEST", "WITHIN",
])  # fmt: skip
"""Reserved words that never follow a value: neither operators nor the beginnings of clauses."""
UNITS = ("MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
"""Those of which other dialects have plurals."""
NAMES = frozenset([
    "ALTER", "CONNECT_BY_ROOT", "DESCRIBE", "DROP", "GRANT", "INSERT", "LIST", "LOCK", "NOTNULL", "PARTITIONED_BY", "RETURNING",
    "REVOKE", "UNCACHE", "XOR",
])  # fmt: skip
"""What is a word of other dialects, or begins a statement there, and may name a column in GoogleSQL."""
