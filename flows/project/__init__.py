"""The project's table files: found, read, checked, and their graph."""
