from __future__ import annotations

import struct
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from pydantic import ValidationError
from pymongo.errors import OperationFailure

from flows.model.errors import SourceError, SourceUnavailableError
from flows.sources.connections import MongodbConnection
from flows.sources.mongodb.session import ping, translated
from tests.servers import certificate, free_port
from tests.servers.mongodb import serving
from tests.sources.hostile_mysql import Talk, listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.mongodb import MongodbServer

SECRET = "hunter2:/?#@%hunter2"  # noqa: S105 - the tests look for it
WRONG = "Wrong-hunter2"


@pytest.fixture(scope="module")
def closed() -> Iterator[MongodbServer]:
    """A server with TLS that one user may enter."""
    with serving(tls=True, user="reader", password=SECRET) as server:
        yield server


def said(uri: str) -> tuple[type[Exception], str]:
    """Return the class of the error that a ping ends with, and all that a traceback shows."""
    with pytest.raises((SourceError, ValidationError)) as caught:
        ping(MongodbConnection(uri=uri, database="shop"))
    return caught.type, "".join(traceback.format_exception(caught.value))


def test_a_ping_says_what_it_reached(mongodb_server: MongodbServer, mongodb_database: str) -> None:
    """The version and the number of collections."""
    mongodb_server.client[mongodb_database].orders.insert_one({"sku": "a"})
    version = mongodb_server.client.server_info()["version"]
    found = ping(mongodb_server.settings(mongodb_database))
    assert found == f"Connected to MongoDB {version}: 1 collection in '{mongodb_database}'."


def test_tls_and_password_as_the_uri_gives_them(closed: MongodbServer) -> None:
    """Odd characters in a password are percent-encoded."""
    assert "Connected to MongoDB" in ping(closed.settings("shop"))


def test_a_wrong_password_is_no_reason_to_try_again(closed: MongodbServer) -> None:
    """The server's own words, without the password."""
    kind, shown = said(closed.uri().replace(":hunter2%3A", f":{WRONG}%3A"))
    assert kind is SourceError
    assert "MongoDB database 'shop': Authentication failed." in shown
    assert "hunter2" not in shown


def test_no_password_where_one_is_needed(closed: MongodbServer) -> None:
    """The message says that it is missing."""
    kind, shown = said("mongodb://" + closed.uri().partition("@")[2].replace("authSource=admin&", ""))
    assert kind is SourceError
    assert "requires authentication" in shown


def test_a_server_that_cannot_be_reached(closed: MongodbServer) -> None:
    """The message says what is in the way, never the password; and the wait is short."""
    login = f"mongodb://reader:{WRONG}@"
    nowhere = f"127.0.0.1:{free_port()}"
    without_ca = closed.uri().replace("&tlsCAFile=", "&appName=")
    cases = {
        f"{login}no-such-host.invalid:27017/": ("no-such-host.invalid:27017", SourceUnavailableError),
        f"{login}{nowhere}/": (nowhere, SourceUnavailableError),
        without_ca.replace("tls=true", "tls=false"): ("connection closed", SourceUnavailableError),
        without_ca: ("certificate verify failed", SourceError),
    }
    begun = time.monotonic()
    # Side by side, as each waits for a server to come back.
    with ThreadPoolExecutor(len(cases)) as pool:
        for (words, kind), (raised, shown) in zip(cases.values(), pool.map(said, cases), strict=True):
            assert words in shown
            assert issubclass(raised, kind)
            assert "hunter2" not in shown
    assert time.monotonic() - begun < 20


def test_whoever_is_not_the_server_is_refused(closed: MongodbServer, tmp_path: Path) -> None:
    """By another authority, by none, or by another name; and the advice never weakens what is checked."""
    other, _ = certificate(tmp_path)
    options = closed.uri(serverSelectionTimeoutMS=1000)
    right = options.partition("tlsCAFile=")[2].partition("&")[0]
    for uri, advice in (
        (options.replace(right, quote(str(other), safe="")), ""),
        (options.replace("127.0.0.1", "localhost"), ""),
        (options.replace("tls=true&", "").replace(f"tlsCAFile={right}&", ""), "tlsCAFile=/etc/ssl/db.pem"),
    ):
        kind, shown = said(uri)
        assert kind is SourceError
        assert "certificate verify failed" in shown
        assert advice in shown
        assert "tlsInsecure" not in shown
        assert "tls=false" not in shown


def test_tls_is_on_where_nothing_is_said_of_it(mongodb_server: MongodbServer) -> None:
    """A server without it is named so, and gets nothing."""
    parts = urlsplit(mongodb_server.address)
    kind, shown = said(f"mongodb://reader:{WRONG}@{parts.hostname}:{parts.port}/?serverSelectionTimeoutMS=1000")
    assert kind is SourceUnavailableError
    assert "It has to speak TLS; a server on this machine that does not is reached with tls=false." in shown
    assert WRONG not in shown


def test_a_mechanism_that_gives_the_password_needs_a_server_that_is_proven() -> None:
    """Nothing is connected before."""
    for option in ("tls=false", "tlsInsecure=true"):
        kind, shown = said(f"mongodb://reader:{WRONG}@127.0.0.1:1/?authMechanism=PLAIN&{option}")
        assert kind is ValidationError
        assert "authMechanism PLAIN gives the server what opens the database" in shown
        assert WRONG not in shown


GARBAGE = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n" * 3,
    "no length": bytes(64),
    "a length of 2^31 - 1": struct.pack("<iiii", 2**31 - 1, 1, 1, 2013) + bytes(100),
    "a negative length": struct.pack("<iiii", -1, 1, 1, 2013) + bytes(100),
    "a document that is none": struct.pack("<iiiiI", 16 + 5 + 5, 1, 1, 2013, 0) + b"\0\xff\xff\xff\x7f\0",
    "a compressed message": struct.pack("<iiii", 16 + 9 + 4, 1, 1, 2012) + bytes(9) + b"\xff" * 4,
    "a reply of old": struct.pack("<iiiiiqii", 36, 1, 1, 1, 0, 0, 0, 2**31 - 1),
}


@pytest.mark.parametrize("sent", GARBAGE)
def test_a_reply_that_is_none_is_an_error(sent: str) -> None:
    """Of the source, whatever it is that listens there."""

    def play(talk: Talk) -> None:
        asked = talk.client.recv(1 << 16)
        reply = GARBAGE[sent]
        # The driver looks first to which of its messages this is the answer.
        talk.client.sendall(reply[:8] + asked[4:8] + reply[12:] if b"HTTP" not in reply else reply)
        talk.client.recv(1 << 16)

    with listening(play) as port:
        kind, shown = said(f"mongodb://127.0.0.1:{port}/?tls=false&serverSelectionTimeoutMS=500&connectTimeoutMS=500")
    assert issubclass(kind, SourceError)
    assert "MongoDB database 'shop': " in shown


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://reader:{}/more@127.0.0.1:1/shop",
        "mongodb://reader:/{}@127.0.0.1:1/shop",
        "mongodb://reader:?{}=1@127.0.0.1:1/shop",
        "mongodb://reader:x/?{}=1@127.0.0.1:1/shop",
        "mongodb://reader:{}%zz@127.0.0.1:1/shop",
        "mongodb://reader:@{}@127.0.0.1:1/shop",
        "mongodb://reader:{}#@127.0.0.1:1/shop",
        "mongodb://reader:#{}@127.0.0.1:1/shop",
        "mongodb://reader:,%{}@127.0.0.1:1/shop",
        "mongodb://reader:{}@127.0.0.1:port/shop",
        "reader:{}@127.0.0.1:1/shop",
        "postgres://reader:{}@127.0.0.1:1/shop",
    ],
)
def test_an_address_that_cannot_be_read_never_shows_its_password(uri: str, recwarn: pytest.WarningsRecorder) -> None:
    """Wherever the driver would take a part of the password for something else."""
    _, shown = said(uri.format("hunter2"))
    assert "hunter2" not in shown + "".join(str(warning.message) for warning in recwarn)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:1,localhost:2"])
def test_without_a_login_the_servers_words_are_shown(address: str) -> None:
    """The names of hosts and of the database are no secrets."""
    settings = MongodbConnection(uri=f"mongodb://{address}/shop", database="shop")
    with pytest.raises(SourceError, match=r"Sort of shop\.orders by localhost:2 exceeded"), translated(settings):
        raise OperationFailure("Sort of shop.orders by localhost:2 exceeded its memory", 292)
