"""Ask Prefect's API by the settings of Prefect's own client: who asks, by what certificates, for how long."""

from __future__ import annotations

import asyncio
import base64
import ssl
import uuid
from typing import TYPE_CHECKING, Any, Self

import httpx
from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError, field_validator

from flows.api.errors import BusyError, detail_of
from flows.api.settings import variable
from flows.model.errors import UsageError

if TYPE_CHECKING:
    from flows.api.settings import Settings

_PATHS = {
    "url": ("api", "url"),
    "key": ("api", "key"),
    "auth_string": ("api", "auth_string"),
    "tls_insecure_skip_verify": ("api", "tls_insecure_skip_verify"),
    "ssl_cert_file": ("api", "ssl_cert_file"),
    "enable_http2": ("api", "enable_http2"),
    "request_timeout": ("api", "request_timeout"),
    "custom_headers": ("client", "custom_headers"),
    "csrf_support_enabled": ("client", "csrf_support_enabled"),
    "cloud_url": ("cloud", "api_url"),
}
_PROTECTED = {"user-agent", "prefect-csrf-token", "prefect-csrf-client"}
"""Headers that nobody can set for Prefect either."""
_KEPT = 25
"""Seconds that a connection stays open without use: Cloud ends it after 30."""
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
_BUSY = {
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.SERVICE_UNAVAILABLE,
}


class Asked(BaseModel):
    """Prefect's settings of its client."""

    url: str
    key: SecretStr = SecretStr("")
    auth_string: SecretStr = SecretStr("")
    tls_insecure_skip_verify: bool = False
    ssl_cert_file: str = ""
    enable_http2: bool = False
    request_timeout: float = 60.0
    custom_headers: dict[str, str] = {}
    csrf_support_enabled: bool = True
    cloud_url: str = "https://api.prefect.cloud/api"

    @field_validator("custom_headers", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return TypeAdapter(dict[str, str]).validate_json(value) if isinstance(value, str) else value


def asked(settings: Settings) -> Asked:
    """Return the settings of a client as Prefect would read them. Raises UsageError for a value that it cannot take."""
    given = {name: value for name, path in _PATHS.items() if (value := settings.value(*path)) is not None}
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        shown = "" if name in {"key", "auth_string", "custom_headers"} else f" is {given[name]!r}"
        raise UsageError(
            f"{variable(*_PATHS[name])}{shown}: {error.errors()[0]['msg']}. Prefect cannot read it either: mend it "
            "in the environment, .env, prefect.toml, pyproject.toml or the active profile."
        ) from None


class Api:
    """Prefect's API. Asks it with as many requests at a time as are begun."""

    def __init__(self, settings: Settings) -> None:
        """Look who asks, and where. Raises UsageError for a setting that Prefect could not read either."""
        known = asked(settings)
        self.url = known.url
        self._client = httpx.AsyncClient(
            base_url=known.url,
            headers=_headers(known),
            verify=_verified(known),
            http2=known.enable_http2,
            timeout=known.request_timeout,
            limits=httpx.Limits(keepalive_expiry=_KEPT),
            follow_redirects=True,
        )
        self._answered = False
        self._guarded = known.csrf_support_enabled and not known.url.startswith(known.cloud_url)
        self._token: dict[str, str] = {}
        self._asking_for_token = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def request(self, method: str, path: str, body: Any = None) -> httpx.Response:  # noqa: ANN401 - any JSON
        """Ask once and return the answer.

        Raises:
            BusyError: it has no time, or does not answer though it has before.
            httpx.HTTPStatusError: it refuses.
            httpx.TransportError: nobody answers there.
        """
        try:
            answer = await self._client.request(method, path, json=body, headers=await self._guard(method))
            if answer.status_code == httpx.codes.FORBIDDEN and "Invalid CSRF token" in answer.text:
                self._token = {}
                answer = await self._client.request(method, path, json=body, headers=await self._guard(method))
        except httpx.TransportError as error:
            if not self._answered:
                raise
            raise BusyError(f"{type(error).__name__} {error}".strip()) from error
        self._answered = True
        if answer.status_code in _BUSY:
            after = answer.headers.get("Retry-After", "")
            raise BusyError(detail_of(answer), float(after) if after.isdecimal() else 0)
        return answer.raise_for_status()

    async def _guard(self, method: str) -> dict[str, str]:
        """Return what a server that guards against forged requests wants to see with one that may change something."""
        if not self._guarded or method == "GET":
            return {}
        async with self._asking_for_token:
            if not self._token:
                who = str(uuid.uuid4())
                answer = await self._client.get("/csrf-token", params={"client": who})
                if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
                    self._guarded = False
                    return {}
                token = answer.raise_for_status().json()["token"]
                self._token = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": who}
        return self._token


def _headers(known: Asked) -> dict[str, str]:
    found = {name: value for name, value in known.custom_headers.items() if name.lower() not in _PROTECTED}
    if httpx.URL(known.url).host in _THIS_MACHINE:
        found["Accept-Encoding"] = "identity"  # within a machine a page is sent sooner than it is compressed
    if said := known.auth_string.get_secret_value():
        found["Authorization"] = f"Basic {base64.b64encode(said.encode()).decode()}"
    elif key := known.key.get_secret_value():
        found["Authorization"] = f"Bearer {key}"
    return found


def _verified(known: Asked) -> ssl.SSLContext | bool:
    if known.tls_insecure_skip_verify or not known.ssl_cert_file:
        return not known.tls_insecure_skip_verify
    try:
        return ssl.create_default_context(cafile=known.ssl_cert_file)
    except OSError as error:
        name = variable(*_PATHS["ssl_cert_file"])
        raise UsageError(f"{name} is '{known.ssl_cert_file}': no certificates can be read there ({error}).") from None
