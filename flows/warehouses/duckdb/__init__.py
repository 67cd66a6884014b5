"""The embedded warehouse.

DuckDB's module ends the process with a message of its own where a signal's handler raises while it is loaded.
"""

from importlib import import_module

from flows.warehouses.duckdb.held import signals_held

with signals_held():
    import_module("duckdb")
