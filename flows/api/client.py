"""Ask Prefect's API by the settings of Prefect's own client: who asks, by what certificates, for how long."""

from __future__ import annotations

import asyncio
import base64
import ssl
import uuid
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError, field_validator

from flows.api.errors import BusyError, LostError, detail_of
from flows.api.settings import variable
from flows.model.errors import UsageError
from flows.model.safe_text import unended, without_password

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
    "max_retries": ("client", "max_retries"),
    "retry_extra_codes": ("client", "retry_extra_codes"),
    "cloud_url": ("cloud", "api_url"),
}
_PROTECTED = {"user-agent", "prefect-csrf-token", "prefect-csrf-client"}
"""Headers that nobody can set for Prefect either."""
LONGEST_WAIT = 60
"""Seconds after which an API is asked again that names more, or no time at all that can be read."""
_KEPT = 25
"""Seconds that a connection stays open without use: Cloud ends it after 30."""
_THIS_MACHINE = {"localhost", "127.0.0.1", "::1"}
_BUSY = {
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_MANY_REQUESTS,
    httpx.codes.BAD_GATEWAY,
    httpx.codes.SERVICE_UNAVAILABLE,
}
_UNDONE = {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}
"""Who answers so has done nothing of what was asked."""


class Asked(BaseModel):
    """Prefect's settings of its client."""

    url: str
    key: SecretStr = SecretStr("")
    auth_string: SecretStr = SecretStr("")
    tls_insecure_skip_verify: bool = False
    ssl_cert_file: str | None = None
    enable_http2: bool = False
    request_timeout: float = Field(60.0, gt=0, allow_inf_nan=False)
    custom_headers: dict[str, str] = {}
    csrf_support_enabled: bool = True
    max_retries: int | None = Field(None, ge=0)
    retry_extra_codes: set[Annotated[int, Field(ge=100, le=599)]] = set()
    cloud_url: str = "https://api.prefect.cloud/api"

    @field_validator("custom_headers", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        return TypeAdapter(dict[str, str]).validate_json(value) if isinstance(value, str) else value

    @field_validator("retry_extra_codes", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        if isinstance(value, str):
            return value.split(",") if value else []
        return [value] if isinstance(value, int) else value

    @field_validator("custom_headers", "key", "auth_string")
    @classmethod
    def _can_be_sent(cls, value: dict[str, str] | SecretStr) -> dict[str, str] | SecretStr:
        texts = [value.get_secret_value()] if isinstance(value, SecretStr) else [*value, *value.values()]
        if not all(text.isascii() and text.isprintable() for text in texts):
            raise ValueError("it holds a line break or another character that no header of HTTP has")
        return value

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, value: str) -> str:
        try:
            address = urlsplit(value)
            is_one = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
        except ValueError:
            is_one = False
        if not is_one:
            raise ValueError("no address of an API: write http://127.0.0.1:4200/api")
        return value


def asked(settings: Settings) -> Asked:
    """Return the settings of a client as Prefect would read them. Raises UsageError for a value that it cannot take."""
    found = settings.values(_PATHS.values())
    given = {name: found[path] for name, path in _PATHS.items() if path in found}
    try:
        return Asked.model_validate(given)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        shown = "" if name in {"key", "auth_string", "custom_headers"} else f" is {given[name]!r}"
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(
            f"{variable(*_PATHS[name])}{shown}: {why}. Mend it in the environment, .env, prefect.toml, pyproject.toml "
            "or the active profile."
        ) from None


class Api:
    """Prefect's API. Asks it with as many requests at a time as are begun."""

    def __init__(self, settings: Settings) -> None:
        """Look who asks, and where. Raises UsageError for a setting that Prefect could not read either."""
        known = asked(settings)
        self.url = known.url
        self.retries = known.max_retries
        """How often what it has no time for is asked again; None where nobody has set it."""
        self._busy = _BUSY | known.retry_extra_codes
        verified = _verified(known, settings.environ.get("SSL_CERT_FILE", ""))
        try:
            self._client = httpx.AsyncClient(
                base_url=known.url,
                headers=_headers(known),
                verify=verified,
                http2=known.enable_http2,
                timeout=known.request_timeout,
                limits=httpx.Limits(keepalive_expiry=_KEPT),
                follow_redirects=True,
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise UsageError(
                f"Prefect's API at {known.url} cannot be asked through the proxy of the environment: "
                f"{without_password(unended(error))}. Look at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY."
            ) from None
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
        """Ask once and return the answer, which is JSON or nothing.

        Raises:
            BusyError: it has no time.
            LostError: it does not answer, though it has before, or a proxy says so.
            httpx.HTTPStatusError: it refuses.
            httpx.TransportError: nobody answers there.
            UsageError: whoever answers is no API of Prefect's.
        """
        answer = await self._send(method, path, body, await self._guard(method))
        if answer.status_code == httpx.codes.FORBIDDEN and "Invalid CSRF token" in answer.text:
            self._token = {}
            answer = await self._send(method, path, body, await self._guard(method))
        kind = answer.raise_for_status().headers.get("Content-Type", "")
        if answer.content and "json" not in kind:
            raise UsageError(
                f"{self.url} answers {answer.status_code} with {kind or 'no JSON'}. Is it the address of Prefect's "
                "API, with /api at its end, or is a proxy before it at which somebody has to sign in?"
            )
        return answer

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:  # noqa: ANN401 - any JSON
        try:
            answer = await self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            if not self._answered:
                raise
            raise LostError(f"does not answer any more ({type(error).__name__} {error})") from error
        self._answered = True
        if answer.status_code in self._busy:
            kind = BusyError if answer.status_code in _UNDONE else LostError
            raise kind(f"has no time: {detail_of(answer)}", _wait(answer.headers.get("Retry-After", "0")))
        return answer

    async def _guard(self, method: str) -> dict[str, str]:
        """Return what a server that guards against forged requests wants to see with one that may change something."""
        if method == "GET":
            return {}
        async with self._asking_for_token:
            if self._guarded and not self._token:
                who = str(uuid.uuid4())
                answer = await self._send("GET", f"/csrf-token?client={who}", None, {})
                if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
                    self._guarded = False
                else:
                    token = answer.raise_for_status().json()["token"]
                    self._token = {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": who}
        return self._token


def _wait(said: str) -> float:
    """Return after how many seconds an API wants to be asked again, which says so as a number or as a moment."""
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            seconds = LONGEST_WAIT
    return max(0, min(seconds, LONGEST_WAIT)) if seconds == seconds else LONGEST_WAIT  # noqa: PLR0124 - NaN is none


def _headers(known: Asked) -> httpx.Headers:
    found = httpx.Headers({"User-Agent": "derived"})
    if httpx.URL(known.url).host in _THIS_MACHINE:
        found["Accept-Encoding"] = "identity"  # within a machine a page is sent sooner than it is compressed
    if said := known.auth_string.get_secret_value():
        found["Authorization"] = f"Basic {base64.b64encode(said.encode()).decode()}"
    elif key := known.key.get_secret_value():
        found["Authorization"] = f"Bearer {key}"
    found.update({name: value for name, value in known.custom_headers.items() if name.lower() not in _PROTECTED})
    return found


def _verified(known: Asked, for_all: str) -> ssl.SSLContext | bool:
    """Return how certificates are looked at: by a file for Prefect, else by one for all programs, else as usual."""
    if known.tls_insecure_skip_verify:
        return False
    name, file = variable(*_PATHS["ssl_cert_file"]), known.ssl_cert_file
    if file is None:
        name, file = "SSL_CERT_FILE", for_all
    try:
        return ssl.create_default_context(cafile=file) if file else httpx.create_ssl_context(trust_env=False)
    except OSError as error:
        raise UsageError(f"{name} is '{file}': no certificates can be read there ({error}).") from None
