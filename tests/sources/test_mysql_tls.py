"""No password goes to a MySQL server that has not shown who it is."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from flows.model.errors import SourceError
from flows.sources.connections import MysqlConnection, unproven
from flows.sources.mysql.reader import MysqlReader
from flows.sources.mysql.session import probe
from tests.servers import certificate
from tests.sources.core_table import core_table
from tests.sources.hostile_mysql import OK, Talk, listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.mysql import MysqlServer

SECRET = "hunter2hunter2"  # noqa: S105 - the tests look for it
FULL_AUTHENTICATION = b"\1\4"
PUBLIC_KEY = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAMiHPtO0GUJyH9F3SbCUGH3C0b4nAv2m
w3qwjh3DD3hDBsgUWiYl7yGlOlSOmbgZ2WvVtnPzRkVyNnMnl8sGzVcCAwEAAQ==
-----END PUBLIC KEY-----
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """The certificate of a server, and its side of TLS."""
    written, key = certificate(tmp_path_factory.mktemp("own"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(written, key)
    return written, tls


@pytest.fixture
def careful(mysql_server: MysqlServer, database: str) -> Callable[..., MysqlConnection]:
    """Makes settings of a user who must use TLS."""
    if mysql_server.authority is None:
        pytest.skip("a server that is not ours has its own certificates")
    mysql_server.execute(
        "CREATE OR REPLACE USER careful@'127.0.0.1' IDENTIFIED BY 'pw' REQUIRE SSL",
        f"GRANT SELECT ON {database}.* TO careful@'127.0.0.1'",
        "CREATE TABLE things (id BIGINT PRIMARY KEY)",
        database=database,
    )

    def settings(**fields: str) -> MysqlConnection:
        login = {"host": mysql_server.host, "port": mysql_server.port, "user": "careful", "password": "pw"}
        return MysqlConnection(**login | {"database": database} | fields)

    return settings


def test_the_right_authority_lets_in(careful: Callable[..., MysqlConnection], mysql_server: MysqlServer) -> None:
    """Without a word about the connection."""
    settings = careful(ssl_ca=str(mysql_server.authority))
    assert ", TLS " in probe(settings)
    assert MysqlReader(settings).inspect(core_table("things", {"id": "INT64"}, cursor=None)).warnings == ()


def test_whoever_is_not_the_server_is_refused(
    careful: Callable[..., MysqlConnection], mysql_server: MysqlServer, tmp_path: Path
) -> None:
    """By another authority, by none, or by another name; and the advice never weakens what is checked."""
    other, _ = certificate(tmp_path)
    right = str(mysql_server.authority)
    for fields, advice in (
        ({"ssl_ca": str(other)}, f"signed by the authority in {other}"),
        ({}, "ssl_ca=/etc/ssl/db.pem"),
        ({"ssl_ca": right, "host": "localhost"}, "It has to have a certificate for localhost"),
        ({"ssl_ca": str(other), "ssl_mode": "verify_ca"}, f"signed by the authority in {other}"),
    ):
        with pytest.raises(SourceError, match="certificate verify failed") as told:
            probe(careful(**fields))
        assert advice in str(told.value)
        assert "ssl_mode" not in str(told.value)
        assert not told.value.transient


def test_weaker_modes_are_asked_for_by_name_and_told(
    careful: Callable[..., MysqlConnection], mysql_server: MysqlServer
) -> None:
    """Each run says what somebody in between may do."""
    right = str(mysql_server.authority)
    assert ", TLS " in probe(careful(ssl_ca=right, ssl_mode="verify_ca", host="localhost"))
    for fields in ({"ssl_mode": "required"}, {"ssl_mode": "preferred"}, {"ssl_mode": "verify_ca", "ssl_ca": right}):
        settings = careful(**fields)
        assert ", TLS " in probe(settings)
        [told] = MysqlReader(settings).inspect(core_table("things", {"id": "INT64"}, cursor=None)).warnings
        assert told.startswith("The connection ")
        assert f"(ssl_mode={fields['ssl_mode']})" in told
    with pytest.raises(SourceError, match="Access denied"):
        probe(careful(ssl_mode="disabled"))
    assert "is not encrypted" in unproven(careful(ssl_mode="disabled"))[0]


def test_a_server_without_tls_gets_no_password() -> None:
    """Nor does somebody in between who says that there is none."""
    talks: list[Talk] = []

    def play(talk: Talk) -> None:
        talks.append(talk)
        talk.greet()
        talk.receive()

    with listening(play) as port, pytest.raises(SourceError, match="Turn TLS on there") as told:
        probe(stranger(port))
    assert not told.value.transient
    assert [talk.said for talk in talks] == [b""]


@pytest.mark.parametrize("mode", ["disabled", "preferred", "required"])
@pytest.mark.parametrize(
    "plugin", ["mysql_clear_password", "dialog", "mysql_old_password", "sha256_password", "caching_sha2_password"]
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_stranger_gets_no_password(own: tuple[Path, ssl.SSLContext], mode: str, plugin: str, at_once: bool) -> None:
    """Whatever plugin it names, in its greeting or later, and whatever key it sends to hide the password with."""
    _, tls = own
    talks: list[Talk] = []

    def play(talk: Talk) -> None:
        talks.append(talk)
        talk.greet(plugin if at_once else "mysql_native_password", None if mode == "disabled" else tls)
        if mode == "disabled":
            talk.receive()
        if not at_once or plugin != "caching_sha2_password":
            talk.switch(plugin)
        for ask in (FULL_AUTHENTICATION, b"\1" + PUBLIC_KEY, b"\4Password: "):
            talk.send(ask)
            talk.receive()

    with listening(play) as port, pytest.raises(SourceError, match="has not shown that it is the server") as told:
        probe(stranger(port, ssl_mode=mode))
    assert "ssl_ca=" in str(told.value)
    assert SECRET not in str(told.value)
    [talk] = talks
    assert talk.said
    assert SECRET.encode() not in talk.said
    # A password under the stranger's key would be as long as the key.
    assert len(talk.said) < 400


def test_a_server_that_has_shown_who_it_is_may_ask_for_the_password(own: tuple[Path, ssl.SSLContext]) -> None:
    """As directories that know no other way do."""
    written, tls = own
    said: list[bytes] = []

    def play(talk: Talk) -> None:
        talk.greet(tls=tls)
        said.append(talk.switch("mysql_clear_password"))
        talk.send(OK)

    with listening(play) as port, pytest.raises(SourceError):
        probe(stranger(port, ssl_ca=str(written)))
    assert said == [SECRET.encode() + b"\0"]


def test_a_server_that_remembers_the_password_gets_its_proof_only() -> None:
    """The short way of caching_sha2_password is open where TLS is switched off by name."""
    talks: list[Talk] = []

    def play(talk: Talk) -> None:
        talks.append(talk)
        talk.greet("caching_sha2_password")
        talk.receive()
        talk.send(b"\1\3")
        talk.send(OK)
        talk.receive()

    with listening(play) as port, pytest.raises(SourceError, match="Lost connection"):
        probe(stranger(port, ssl_mode="disabled"))
    assert b"SET NAMES" in talks[0].said
    assert SECRET.encode() not in talks[0].said


def stranger(port: int, **fields: str) -> MysqlConnection:
    """Return settings of whoever listens there."""
    return MysqlConnection(host="127.0.0.1", port=port, user="reader", password=SECRET, database="shop", **fields)
