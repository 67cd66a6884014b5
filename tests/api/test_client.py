"""Prefect's API, asked without Prefect: by the same settings, and as servers want it that guard themselves."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from flows.api.client import Api, asked
from flows.api.errors import BusyError
from flows.api.settings import Settings
from flows.model.errors import UsageError
from tests import prefect_api
from tests.prefect_api import REPOSITORY
from tests.servers import certificate

URL = "http://127.0.0.1:4200/api"
GIVEN = {
    "PREFECT_API_KEY": ["pnu_1", ""],
    "PREFECT_API_AUTH_STRING": ["ann:pass:word", ""],
    "PREFECT_API_TLS_INSECURE_SKIP_VERIFY": ["true", "0", "yes", "perhaps"],
    "PREFECT_API_SSL_CERT_FILE": ["/etc/ca.pem", ""],
    "PREFECT_API_ENABLE_HTTP2": ["on", "off"],
    "PREFECT_API_REQUEST_TIMEOUT": ["5", "0.5", "soon", ""],
    "PREFECT_CLIENT_CUSTOM_HEADERS": ['{"X-Team": "data"}', "{}", "X-Team: data", '{"X-Team": ["data"]}'],
    "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": ["false", "True"],
    "PREFECT_CLIENT_MAX_RETRIES": ["3", "0", "-1", "many", ""],
    "PREFECT_CLIENT_RETRY_EXTRA_CODES": ["404, 504", "500", "", "99", "404,,500", "most"],
    "PREFECT_CLOUD_API_URL": ["https://cloud.example.com/api"],
}


def _prefects(name):
    """Return what Prefect reads for one of the settings, and None where it cannot."""
    from prefect.settings import Settings as Theirs  # noqa: PLC0415 - seconds to import

    part, _, rest = name.removeprefix("PREFECT_").lower().partition("_")
    try:
        return _plain(getattr(getattr(Theirs(), part), rest))
    except ValueError:
        return None


def _ours(name, folder):
    attribute = "cloud_url" if name == "PREFECT_CLOUD_API_URL" else name.split("_", 2)[2].lower()
    try:
        return _plain(getattr(asked(Settings(_environment(), folder, folder)), attribute))
    except UsageError as error:
        return None if str(error).startswith(name) else error


def _plain(value):
    """Return a secret as it is, and for an empty text that there is none."""
    return (value.get_secret_value() if isinstance(value, SecretStr) else value) or None


def _environment():
    import os  # noqa: PLC0415 - as the test has patched it

    return dict(os.environ)


@pytest.mark.parametrize("place", ["variable", "dotenv", "toml", "pyproject", "profile"])
@pytest.mark.parametrize("name", GIVEN)
def test_a_setting_is_what_prefect_reads(name, place, tmp_path, monkeypatch):
    """Wherever it was set; what Prefect cannot read is an error that names it."""
    for other in [*_environment()]:
        if other.startswith("PREFECT_"):
            monkeypatch.delenv(other)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", URL)
    part, _, rest = name.removeprefix("PREFECT_").lower().partition("_")
    for value in GIVEN[name]:
        quoted = json.dumps(value)
        if place == "variable":
            monkeypatch.setenv(name, value)
        elif place == "dotenv":
            Path(".env").write_text(f"{name}='{value}'\n", encoding="utf-8")
        elif place == "toml":
            Path("prefect.toml").write_text(f"[{part}]\n{rest} = {quoted}\n", encoding="utf-8")
        elif place == "pyproject":
            Path("pyproject.toml").write_text(f"[tool.prefect.{part}]\n{rest} = {quoted}\n", encoding="utf-8")
        else:
            Path("profiles.toml").write_text(f'active = "a"\n[profiles.a]\n{name} = {quoted}\n', encoding="utf-8")
        assert _ours(name, tmp_path) == _prefects(name), value


def test_a_server_that_guards_itself_is_asked_as_it_wants(tmp_path):
    """By who asks and, where it may change something, with a token of its own that is renewed once it is too old."""
    guarded = {
        "PREFECT_SERVER_API_AUTH_STRING": "ann:secret",
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CSRF_TOKEN_EXPIRATION": "0:00:01",
    }
    with prefect_api.server(tmp_path, **guarded) as server:
        environment = server.environment | {"PREFECT_API_AUTH_STRING": "ann:secret"}
        asyncio.run(_twice(Settings(environment, tmp_path, tmp_path)))
        shutil.copytree(REPOSITORY / "tables", tmp_path / "project/tables")
        for password, code, said in (("secret", 0, '"created": ["core.'), ("wrong", 2, "refuses who asks (401)")):
            done = subprocess.run(
                [sys.executable, "-m", "flows.deploy", "--json"],
                cwd=tmp_path / "project",
                env=environment | {"PREFECT_API_AUTH_STRING": f"ann:{password}"},
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code, done.stderr
            assert said in done.stdout + done.stderr
            assert "secret" not in done.stdout + done.stderr


async def _twice(settings):
    """Make the work pool, and change it once the token by which it was made has gone."""
    async with Api(settings) as api:
        await api.request("POST", "/work_pools/", {"name": "kubernetes", "type": "process"})
        await asyncio.sleep(1.5)
        await api.request("PATCH", "/work_pools/kubernetes", {"concurrency_limit": 2})


class _Answering(BaseHTTPRequestHandler):
    """Answers what it is told to, one after the other, and keeps what it was asked."""

    answers: list[int]
    asked: list[dict[str, str]]
    again: str = "7"
    """When it says that it may be asked again."""
    kind: str = "application/json"

    def do_GET(self) -> None:
        """Answer."""
        self.asked.append(dict(self.headers))
        code = self.answers.pop(0)
        self.send_response(code)
        self.send_header("Retry-After", self.again)
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        self.wfile.write(b'{"detail": "later"}')

    do_POST = do_GET  # noqa: N815 - the name of http.server

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _answering(*codes, context=None):
    _Answering.answers, _Answering.asked = list(codes), []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answering) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}/api"
        server.shutdown()


def _ask(url, folder, times=1, **environment):
    async def ask():
        async with Api(Settings({"PREFECT_API_URL": url} | environment, folder, folder)) as api:
            for _ in range(times):
                answer = await api.request("GET", "/health")
            return answer.status_code

    return asyncio.run(ask())


def _ask_for_token(url, folder):
    async def ask():
        async with Api(Settings({"PREFECT_API_URL": url}, folder, folder)) as api:
            await api.request("POST", "/flows/", {})

    asyncio.run(ask())


@pytest.mark.parametrize("ask", [_ask, _ask_for_token])
@pytest.mark.parametrize("code", [408, 429, 502, 503])
def test_a_server_without_time_is_busy(code, ask, tmp_path):
    """It is no error of who asks, whatever was asked for."""
    with _answering(code) as url, pytest.raises(BusyError, match=f"has no time: .* answers {code}: later"):
        ask(url, tmp_path)


def test_a_server_is_busy_where_a_person_says_so(tmp_path):
    """By codes that Prefect would ask again after, too."""
    said = {"PREFECT_CLIENT_RETRY_EXTRA_CODES": "409,504"}
    with _answering(504) as url, pytest.raises(BusyError):
        _ask(url, tmp_path, **said)
    with _answering(500) as url, pytest.raises(httpx.HTTPStatusError):
        _ask(url, tmp_path, **said)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7),
        ("2.5", 2.5),
        ("-3", 0),
        ("soon", 60),
        ("nan", 60),
        ("9" * 400, 60),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_a_server_says_when_to_come_again(said, seconds, tmp_path, monkeypatch):
    """By a number or a moment; nobody waits for longer than a minute."""
    monkeypatch.setattr(_Answering, "again", said)
    with _answering(503) as url, pytest.raises(BusyError) as busy:
        _ask(url, tmp_path)
    assert busy.value.after == seconds


def test_what_is_no_api_is_told(tmp_path, monkeypatch):
    """So a proxy that shows a page to sign in."""
    monkeypatch.setattr(_Answering, "kind", "text/html")
    with _answering(200) as url, pytest.raises(UsageError, match="answers 200 with text/html"):
        _ask(url, tmp_path)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PREFECT_API_URL": "http://[::1/api"}, "no address of an API"),
        ({"PREFECT_API_URL": "http://127.0.0.1:99999/api"}, "no address of an API"),
        ({"PREFECT_API_URL": "127.0.0.1:4200/api"}, "no address of an API"),
        ({"PREFECT_API_URL": "ftp://127.0.0.1/api"}, "no address of an API"),
        ({"PREFECT_API_REQUEST_TIMEOUT": "nan"}, "PREFECT_API_REQUEST_TIMEOUT is 'nan'"),
        ({"PREFECT_API_REQUEST_TIMEOUT": "0"}, "PREFECT_API_REQUEST_TIMEOUT is '0'"),
        ({"PREFECT_API_KEY": "hush\n"}, "PREFECT_API_KEY: it holds a line break"),
        ({"PREFECT_API_AUTH_STRING": "ann:hüsh"}, "PREFECT_API_AUTH_STRING: it holds"),
        ({"PREFECT_CLIENT_CUSTOM_HEADERS": '{"X-Key": "hush\\n"}'}, "PREFECT_CLIENT_CUSTOM_HEADERS: it holds"),
        ({"SSL_CERT_FILE": "/nowhere.pem"}, "SSL_CERT_FILE is '/nowhere.pem': no certificates"),
        ({"PREFECT_API_SSL_CERT_FILE": "/nowhere.pem"}, "PREFECT_API_SSL_CERT_FILE is '/nowhere.pem': no certificates"),
        ({"HTTP_PROXY": "http://bob:hush@h:x"}, "Look at HTTP_PROXY"),
        ({"ALL_PROXY": "socks9://h"}, "Look at HTTP_PROXY"),
    ],
)
def test_what_nobody_can_ask_by_is_told(environment, said, tmp_path, monkeypatch):
    """With the name of the setting, and without a secret."""
    for name in (name for name in environment if not name.startswith("PREFECT_")):
        monkeypatch.setenv(name, environment[name])
    with pytest.raises(UsageError, match=re.escape(said)) as told:
        _ask(environment.get("PREFECT_API_URL", URL), tmp_path, **environment)
    assert not re.search("h[uü]sh", str(told.value))


def test_who_is_gone_is_busy_only_where_it_has_answered(tmp_path):
    """A server that is started anew comes back; at a wrong address nobody does."""
    with _answering(200) as url:
        assert _ask(url, tmp_path) == 200
    with pytest.raises(httpx.ConnectError):
        _ask(url, tmp_path)


def test_headers_of_a_person_are_sent_but_for_prefects_own(tmp_path):
    """As by Prefect's client."""
    headers = json.dumps({"X-Team": "data", "User-Agent": "me", "Prefect-Csrf-Client": "me"})
    own = json.dumps({"authorization": "Bearer mine"})
    with _answering(200, 200) as url:
        _ask(url, tmp_path, PREFECT_CLIENT_CUSTOM_HEADERS=headers, PREFECT_API_KEY="pnu_1")
        _ask(url, tmp_path, PREFECT_CLIENT_CUSTOM_HEADERS=own, PREFECT_API_KEY="pnu_1")
    first, second = _Answering.asked
    assert (first["X-Team"], first["Authorization"], first["User-Agent"]) == ("data", "Bearer pnu_1", "derived")
    assert "Prefect-Csrf-Client" not in first
    assert [value for name, value in second.items() if name.lower() == "authorization"] == ["Bearer mine"]


def test_a_certificate_is_looked_at_as_was_said(tmp_path):
    """By the authorities of a file, by none, or by those that all know, of which no test's server has one."""
    written, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(written, key)
    with _answering(200, 200, context=context) as url:
        assert _ask(url, tmp_path, PREFECT_API_SSL_CERT_FILE=str(written)) == 200
        assert _ask(url, tmp_path, PREFECT_API_TLS_INSECURE_SKIP_VERIFY="1") == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            _ask(url, tmp_path)
