"""The work pool in which the deployments run: python -m flows.deploy --pool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flows.commands.terminal import out
from flows.model.errors import UsageError
from flows.wiring import project_folder, require_api

TEMPLATE = Path("work-pools/kubernetes.json")
PODS_OF_A_CLAIM = 2
"""How many runs may share the embedded warehouse's file: one writes, and one waits or reads its source."""


def make_pool(name: str, image: str | None, claim: str | None, *, no_claim: bool = False) -> None:
    """Make the work pool or bring it up to date with its file.

    Args:
        name: the pool's name.
        image: what its pods run; None leaves what was given before.
        claim: the volume claim that holds the embedded warehouse; None leaves what was given before.
        no_claim: take the claim off, and the limit that came with it.

    Raises:
        ApiError: the API does not answer.
        UsageError: no API is configured, the file is missing or cannot be read, or a pool of another type is there.
    """
    require_api()
    try:
        template: dict[str, Any] = json.loads(TEMPLATE.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        raise UsageError(f"There is no {TEMPLATE} here. Run this in the folder of the repository.") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{TEMPLATE}:{error.lineno}: no valid JSON ({error.msg}).") from None
    from flows.tracking.pool import CLAIM, bring_pool  # noqa: PLC0415 - Prefect is slow to import

    defaults: dict[str, Any] = {} if image is None else {"image": image}
    if claim is not None or no_claim:
        defaults[CLAIM] = None if no_claim else {"claimName": claim}
    _say(name, made=bring_pool(name, template, defaults, PODS_OF_A_CLAIM))


def make_process_pool(name: str) -> None:
    """Make a work pool whose runs are processes in this folder, or bring it up to date.

    Raises:
        ApiError: the API does not answer.
        UsageError: no API is configured, or a pool of another type is there.
    """
    require_api()
    from flows.tracking.local import bring_local_pool  # noqa: PLC0415 - Prefect is slow to import

    _say(name, made=bring_local_pool(name, project_folder()))


def _say(name: str, *, made: bool) -> None:
    out(f"The work pool '{name}' was {'made' if made else 'brought up to date'}.")
