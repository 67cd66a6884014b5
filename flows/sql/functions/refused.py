"""What no table's SQL may hold, with what to write instead; docs/sql.md tells of it."""

REFUSED = {
    "Functions of your own (CREATE FUNCTION, JavaScript)": "an expression, or a WITH that computes it once",
    "Wildcard tables, `_TABLE_SUFFIX`": "one core table that holds all days, bounded by @window_start and @window_end",
    "`_PARTITIONTIME`, `_PARTITIONDATE`": "the table's own partition column",
    "EXTERNAL_QUERY, federated tables": "a core table whose `source:` reads that database",
    "ML.*, remote models": "a core table that holds what the model gave",
    "GEOGRAPHY, ST_*": "longitude and latitude as two FLOAT64 columns",
    "HLL_COUNT.*, KLL_QUANTILES.*": "COUNT(DISTINCT ...) over the rows themselves",
    "Scripts, procedures, DML, DDL": "a table file of its own for each step",
}
"""By what is refused."""
