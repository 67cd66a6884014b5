"""What was read of sources, kept as Parquet files in a stage until the warehouse has it."""
