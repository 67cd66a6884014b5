"""What the embedded warehouse does otherwise than BigQuery, each with its reason; docs/sql.md tells of them."""

DIFFERENCES = {
    "BIGNUMERIC": "has 38 digits, 18 of them after the point; BigQuery has 76. A value that needs more ends in an error, "
    "never in another value.",
    "JSON": "keeps numbers as they are written where BigQuery writes 1e3 as 1000.0, and names in the order in which they come. "
    "So no JSON is written as a text again: take its parts with JSON_VALUE.",
    "FLOAT64": "sums have the last digits of the order in which a warehouse adds up, which is any in both, and PERCENTILE_CONT "
    "may differ in its last digit. Write NUMERIC where digits matter.",
    "APPROX_COUNT_DISTINCT, APPROX_QUANTILES": "are exact in DuckDB; in BigQuery they are estimates, within about 1%, of large "
    "tables. Write COUNT(DISTINCT ...) or PERCENTILE_DISC where they should be the same.",
}
"""By what is different; at most five."""

REFUSED = {
    "Functions of your own (CREATE FUNCTION, JavaScript)": "an expression, or a WITH that computes it once",
    "Wildcard tables, `_TABLE_SUFFIX`": "one core table that holds all days, bounded by @window_start and @window_end",
    "`_PARTITIONTIME`, `_PARTITIONDATE`": "the table's own partition column",
    "EXTERNAL_QUERY, federated tables": "a core table whose `source:` reads that database",
    "ML.*, remote models": "a core table that holds what the model gave",
    "GEOGRAPHY, ST_*": "longitude and latitude as two FLOAT64 columns",
    "HLL_COUNT.*, KLL_QUANTILES.*": "COUNT(DISTINCT ...) over the rows themselves",
    "Scripts, procedures, DML, DDL": "a table file of its own for each step",
    "FORMAT with `%p`, or of JSON": "JSON_VALUE(json, '$.name')",
}
"""What no table's SQL may hold, with what to write instead."""
