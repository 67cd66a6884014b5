"""Derived: one module per thing that a person or a schedule runs."""

import gc
import os
import sys

# No plugin of pydantic is used here; looking for one reads the metadata of every installed package at each start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# Batches are made in some threads and let go in others: what Arrow takes elsewhere keeps a third more memory for that.
# Arrow has jemalloc in its builds for these machines alone, and says so at each start elsewhere.
if sys.platform == "linux" and os.uname().machine == "x86_64":
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")
# A start loads what stays: no need to look for garbage in it after every few hundred values.
gc.set_threshold(10_000)

_shown = sys.excepthook


def _stopped(kind, error, traceback):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Show no traceback for Ctrl-C before a command has begun."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("Stopped.\n")
    else:
        _shown(kind, error, traceback)


sys.excepthook = _stopped
