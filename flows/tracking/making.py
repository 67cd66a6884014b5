"""One deployment and its triggers made on a server, each once, though an answer may come late or never."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from flows.api.errors import LostError
from flows.tracking.desired import automations_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flows.api.client import Api

Again: TypeAlias = "Callable[[Callable[[], Awaitable[httpx.Response]]], Awaitable[httpx.Response]]"
"""Does a request, again after a while where the server is busy."""

LATE = (0.5, 1, 2, 4)
"""Seconds after which it is looked what a request has done that was given up, and came to the server nevertheless."""


async def make(api: Api, again: Again, payload: dict[str, Any], triggers: list[dict[str, Any]]) -> None:
    """Make or change one deployment by a request, and its triggers, which are as prefect.yaml has them.

    Raises:
        BusyError: the server has no time, or does not answer, after all tries.
        httpx.HTTPStatusError: it refuses.
    """
    answer = await again(partial(api.request, "POST", "/deployments/", payload))
    made, lost = str(answer.json()["id"]), 0

    async def empty() -> httpx.Response:
        nonlocal lost
        try:
            return await api.request("DELETE", f"/automations/owned-by/prefect.deployment.{made}")
        except LostError:
            lost += 1
            raise

    if answer.status_code != httpx.codes.CREATED:  # what is new has none
        await again(empty)
    for automation in automations_of(triggers, made):
        await _make_trigger(api, again, made, automation, lost)


async def _make_trigger(api: Api, again: Again, deployment: str, automation: dict[str, Any], lost: int) -> None:
    """Make a trigger once: a deployment may be made again and is as it was, a trigger would be there twice.

    Args:
        api: where.
        again: does a request.
        deployment: whose it is.
        automation: what it becomes.
        lost: how many requests to delete it may still come to the server.
    """
    look = partial(api.request, "GET", f"/automations/related-to/prefect.deployment.{deployment}")
    is_asked = False

    async def ask() -> httpx.Response:
        nonlocal lost, is_asked
        if is_asked and _named(automation, answer := await look()):
            lost -= 1
            return answer
        is_asked = True
        try:
            return await api.request("POST", "/automations/", automation)
        except LostError:
            lost += 1
            raise

    await again(ask)
    for wait in LATE:
        if lost <= 0:
            break
        await asyncio.sleep(wait)
        there = _named(automation, await again(look))
        for one in there[:-1]:
            await _delete(api, again, one["id"])
            lost -= 1
        if not there:
            lost -= 1
            await again(ask)


async def _delete(api: Api, again: Again, automation: str) -> None:
    try:
        await again(partial(api.request, "DELETE", f"/automations/{automation}"))
    except httpx.HTTPStatusError as error:
        # A request of which no answer was heard has done it already.
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise


def _named(automation: dict[str, Any], answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the automations of an answer that have the name of one, the newest last."""
    return sorted(
        (one for one in answer.json() if one["name"] == automation["name"]), key=lambda one: str(one["created"])
    )
