"""Exports in a folder as a source."""
