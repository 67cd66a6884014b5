"""One deployment and its triggers made on a server, each once, though an answer may come late or never.

So they are where others deploy at the same moment, or a deployment was deleted, of which the server keeps the triggers.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from flows.api.errors import LostError
from flows.tracking.deployment import trigger_name
from flows.tracking.desired import automations_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from flows.api.client import Api

Again: TypeAlias = "Callable[[Callable[[], Awaitable[httpx.Response]]], Awaitable[httpx.Response]]"
"""Does a request, again after a while where the server is busy."""

ASKED = 50
"""How many triggers are asked for by name at once: of each there may be several."""
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


async def delete_doubles(api: Api, again: Again, tables: Iterable[str]) -> None:
    """Delete triggers that are there twice, as two who deployed at once have both made them; the newest stays.

    Whoever is the last to make one looks after that, and so sees both.
    """
    names = [trigger_name(one) for one in tables]
    for first in range(0, len(names), ASKED):
        asked = {"automations": {"name": {"any_": names[first : first + ASKED]}}, "limit": 4 * ASKED}
        answer = await again(partial(api.request, "POST", "/automations/filter", asked))
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for one in answer.json():
            for action in one["actions"]:
                if action["type"] == "run-deployment" and action["deployment_id"]:
                    found.setdefault((one["name"], action["deployment_id"]), []).append(one)
        for there in found.values():
            for older in sorted(there, key=_age)[:-1]:
                await _delete(api, again, older["id"])


async def delete_strays(api: Api, again: Again, automations: Mapping[str, list[dict[str, Any]]]) -> None:
    """Delete the triggers of deployments that are gone: a server keeps those of one that a person deletes.

    Args:
        api: where.
        again: does a request.
        automations: those that run a deployment that was not there, by its id; others of them than ours stay.
    """
    for deployment, there in automations.items():
        ours = [one["id"] for one in there if one["name"].endswith(trigger_name(""))]
        if ours and not await _is_there(api, again, deployment):
            for one in ours:
                await _delete(api, again, one)


async def _is_there(api: Api, again: Again, deployment: str) -> bool:
    """Say whether there is a deployment, of whichever flow, or made since all were asked for."""
    try:
        await again(partial(api.request, "GET", f"/deployments/{deployment}"))
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise
        return False
    return True


async def _delete(api: Api, again: Again, automation: str) -> None:
    try:
        await again(partial(api.request, "DELETE", f"/automations/{automation}"))
    except httpx.HTTPStatusError as error:
        # A request of which no answer was heard has done it already.
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise


def _named(automation: dict[str, Any], answer: httpx.Response) -> list[dict[str, Any]]:
    """Return the automations of an answer that have the name of one, the newest last."""
    return sorted((one for one in answer.json() if one["name"] == automation["name"]), key=_age)


def _age(automation: dict[str, Any]) -> tuple[str, str]:
    return str(automation["created"]), automation["id"]
