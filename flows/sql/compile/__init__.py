"""A tree of GoogleSQL to types and to DuckDB's SQL."""
