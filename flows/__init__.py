"""Derived: one module per thing that a person or a schedule runs."""

import os

# No plugin of pydantic is used here; looking for one reads the metadata of every installed package at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
