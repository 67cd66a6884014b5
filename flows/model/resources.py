"""What the pod of a run gets."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from flows.model.fields import Model, as_span
from flows.model.sizes import parse_bytes, shown_bytes

LEAST_CPU, MOST_CPU = 0.1, 1_000
LEAST_MEMORY = 256 * 10**6
"""A run that has nothing to do takes about half of it."""


def parse_cpu(value: object) -> object:
    """Take `2`, `0.5` and the like. Raises ValueError with a message for the person who wrote it."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool) and LEAST_CPU <= value <= MOST_CPU:
        return float(value)
    msg = f"'{value}' is not a number of processors. Write one from {LEAST_CPU} to {MOST_CPU}, such as 2 or 0.5."
    raise ValueError(msg)


def parse_memory(value: object) -> object:
    """Take `4 GB` and the like. Raises ValueError with a message for the person who wrote it."""
    size = parse_bytes(str(value))
    if isinstance(size, int) and size < LEAST_MEMORY:
        msg = f"'{value}' is too little memory for a run. Write {shown_bytes(LEAST_MEMORY)} or more."
        raise ValueError(msg)
    return size


def parse_timeout(value: object) -> object:
    """Take `90 minutes`, `2 hours` or `1 day`. Raises ValueError with a message for the person who wrote it."""
    span = as_span(value)
    if span == timedelta(0):
        msg = f"'{value}' lets no run do anything. Write '90 minutes', '2 hours' or '1 day'."
        raise ValueError(msg)
    return span


class Resources(Model):
    """What the pod of a run gets; where a field is left out, what the work pool gives every run."""

    cpu: Annotated[Annotated[float, BeforeValidator(parse_cpu)] | None, Field(examples=["2"])] = None
    """How many processors are set aside; a run takes more where the machine has more."""
    memory: Annotated[Annotated[int, BeforeValidator(parse_memory)] | None, Field(examples=["8 GB"])] = None
    """How much memory, in MB, GB or TB: so much is set aside, and a run that takes more is ended."""
    timeout: Annotated[Annotated[timedelta, BeforeValidator(parse_timeout)] | None, Field(examples=["4 hours"])] = None
    """How long a run may take before it is ended: `90 minutes`, `2 hours`, `1 day`."""
