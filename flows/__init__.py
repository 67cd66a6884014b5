"""Derived: one module per thing that a person or a schedule runs."""
