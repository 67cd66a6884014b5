"""Triggers on a server that loses answers, without a server."""

import asyncio
from functools import partial

import httpx

from flows.api.errors import LostError
from flows.tracking import making
from flows.tracking.pace import patiently

TRIGGER = {"name": "read", "enabled": True} | dict.fromkeys(
    ("type", "match", "expect", "posture", "threshold", "within", "schedule_after")
)


class _Losing:
    """A server that makes the first automation late, and loses the first answer to its deletion."""

    def __init__(self):
        self.automations, self.late, self.made, self.is_lost = {}, {}, 0, False

    async def request(self, method, path, body=None):
        code, said = 200, []
        if path == "/deployments/":
            code, said = 201, {"id": "d"}
        elif method == "POST":
            self.made += 1
            known = {str(self.made): {"id": str(self.made), "name": body["name"], "created": self.made}}
            if self.made == 1:
                self.late = known
                raise LostError("is gone")
            self.automations |= known
        elif method == "GET":
            if self.made > 1:
                self.automations, self.late = self.late | self.automations, {}
            said = list(self.automations.values())
        else:
            code = 204 if self.automations.pop(path.rpartition("/")[2], None) else 404
            if not self.is_lost:
                self.is_lost = True
                raise LostError("is gone")
        return httpx.Response(code, json=said, request=httpx.Request(method, "http://here")).raise_for_status()


def test_an_automation_that_is_gone_already_is_no_fault(monkeypatch):
    """One that came late is deleted again where no answer to that was heard."""
    monkeypatch.setattr(making, "LATE", (0,))
    server = _Losing()
    asyncio.run(making.make(server, partial(patiently, tries=3), {}, [TRIGGER]))
    assert list(server.automations) == ["2"]
    assert server.is_lost
