"""What a MySQL server sends that is no answer: an error that says so, soon, with nothing of what it sent that harms."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from flows.model.errors import SourceError
from flows.sources.connections import MysqlConnection
from flows.sources.mysql import driver
from flows.sources.mysql.reader import MysqlReader
from flows.sources.mysql.session import probe
from tests.sources.core_table import core_table, read
from tests.sources.hostile_mysql import END, OK, Talk, between, listening, packet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.servers.mysql import MysqlServer

THINGS = core_table("things", {"id": "INT64", "v": "STRING"}, cursor=None)
COLUMN = b"\3def\0\0\0\1c\1c\x0c\x21\0\xff\0\0\0\xfd\0\0\0\0\0"
FILE = b"\xfb/etc/passwd"
ERROR = b"\xff\x28\x04#42000\x1b[2Jgone\nwarning: forged \xe2\x80\xae"
ROW = b"\1\x31\1a"


def packets(payloads: Iterable[bytes], first: int = 1) -> bytes:
    """Return payloads as packets that follow a statement."""
    return b"".join(map(packet, payloads, itertools.count(first)))


REPLIES = {
    "a wish for a file": (packets([FILE]), "asked for a file of this machine"),
    "an error with escapes": (packets([ERROR]), r"\\x1b\[2Jgone warning: forged \\u202e \(1064\)"),
    "an error that is none": (packets([b"\xff"]), "no answer of a MySQL server"),
    "nothing": (packets([b""]), "no answer of a MySQL server"),
    "no result": (packets([OK]), "sent 0 columns where 2 were asked for"),
    "another number of columns": (packets([b"\3", *[COLUMN] * 3, END]), "sent 3 columns where 2"),
    "2^64 - 1 columns": (packets([b"\xfe" + b"\xff" * 8, COLUMN, END]), "no answer of a MySQL server"),
    "no number of columns": (packets([b"\xfb\xff\xff"]), "asked for a file"),
    "a column of garbage": (packets([b"\2", b"\xff" * 30]), "no answer of a MySQL server"),
    "rows at once": (packets([b"\2", COLUMN, COLUMN, ROW]), "no answer of a MySQL server"),
    "another number": (packets([b"\2", COLUMN], first=7), "sequence number wrong"),
    "a row of nothing": (packets([b"\2", COLUMN, COLUMN, END, b"", END]), "a row that is none"),
    "a row with too few fields": (packets([b"\2", COLUMN, COLUMN, END, b"\1\x31", END]), "a row that is none"),
    "a row with too many fields": (packets([b"\2", COLUMN, COLUMN, END, ROW + b"\1a", END]), "a row that is none"),
    "a field beyond its row": (packets([b"\2", COLUMN, COLUMN, END, b"\1\x31\x09a", ROW, END]), "a row that is none"),
    "a field of 2^63 bytes": (
        packets([b"\2", COLUMN, COLUMN, END, b"\1\x31\xfe" + (2**63).to_bytes(8, "little"), END]),
        "a row that is none",
    ),
    "an error among rows": (packets([b"\2", COLUMN, COLUMN, END, ROW, ERROR]), r"forged \\u202e \(1064\)"),
    "a short error among rows": (packets([b"\2", COLUMN, COLUMN, END, ROW, b"\xff\1"]), "an error that is none"),
    "an end that is none": (packets([b"\2", COLUMN, COLUMN, END, END, ROW, END]), "a row that is none"),
}


@pytest.mark.parametrize("reply", REPLIES)
def test_an_answer_that_is_none_is_an_error(mysql_server: MysqlServer, database: str, reply: str) -> None:
    """Of the source, and one that trying again does not mend, unless the connection may be to blame."""
    sent, words = REPLIES[reply]
    mysql_server.execute("CREATE TABLE things (id BIGINT, v TEXT)", database=database)
    with (
        between(mysql_server, lambda sql: sent if "FROM `shop_test`.`things`" in sql else None) as port,
        pytest.raises(SourceError, match=words) as told,
    ):
        read(MysqlReader(mysql_server.settings(database, port=port)), THINGS)
    assert str(told.value).isprintable()


@pytest.mark.parametrize("statement", ["information_schema.tables", "information_schema.columns", "statistics"])
@pytest.mark.parametrize(
    "reply",
    [
        [OK],
        [b"\1", COLUMN, END, END],
        [b"\1", COLUMN, END, b"\1\x31", END],
        [b"\1", COLUMN, END, b"\xfb", END],
        [b"\1", COLUMN, END, b"\x09a", END],
        [b"\1", COLUMN, END, b"\1\xff", END],
    ],
)
def test_a_description_that_is_none_is_an_error(
    mysql_server: MysqlServer, database: str, statement: str, reply: list[bytes]
) -> None:
    """Or the table is read without what it lacks; there is never a traceback."""
    mysql_server.execute("CREATE TABLE things (id BIGINT, v TEXT)", database=database)
    with between(mysql_server, lambda sql: packets(reply) if statement in sql.lower() else None) as port:
        reader = MysqlReader(mysql_server.settings(database, port=port))
        said = ""
        try:
            assert read(reader, THINGS) == ([], [])
        except SourceError as error:
            said = str(error)
    assert said.isprintable()


@pytest.mark.parametrize(
    "greeting",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1\r\n",
        packet(b"", 0),
        packet(b"\x0a", 0),
        packet(b"\x0a8.0.40", 0),
        packet(b"\x0anone\0" + bytes(60), 0),
        packet(b"\x0a8.0.40\0" + b"\xff" * 60, 0),
        packet(b"\x0a8.0.40\0" + b"\xff" * 60, 3),
        packet(b"\xff", 0),
        packet(b"\xff\x10\x04Too many \x1b[31mconnections", 0),
        packet(b"\xff\x10\x04#\xff\xff\xff\xff\xffToo many", 0),
    ],
)
def test_a_greeting_that_is_none_is_an_error(greeting: bytes) -> None:
    """Of the source, whatever it is that listens there."""
    with (
        listening(lambda talk: talk.client.sendall(greeting)) as port,
        pytest.raises(SourceError, match=rf"MySQL reader@127\.0\.0\.1:{port}/shop: ") as told,
    ):
        probe(settings(port))
    assert str(told.value).isprintable()


def test_a_server_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its greeting, its columns or its rows do not end, no more is held than one statement may give."""
    monkeypatch.setattr(driver, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(driver.Session, "_left", 1 << 20)
    large = packet(bytes(0xFFFFFF), 0)

    def endless(*start: bytes) -> None:
        def play(talk: Talk) -> None:
            talk.greet()
            talk.receive()
            talk.send(OK)
            for _ in range(2):  # its character set, and the first statement
                talk.receive()
                if b"SET SESSION" in talk.said:
                    break
                talk.send(OK)
            for payload in itertools.chain(start, itertools.repeat(COLUMN)):
                talk.send(payload)

        with listening(play) as port, pytest.raises(SourceError, match="more than 1 MiB"):
            probe(settings(port))

    with (
        listening(lambda talk: talk.client.sendall(large)) as port,
        pytest.raises(SourceError, match="more than 1 MiB"),
    ):
        probe(settings(port))
    endless(b"\xfe" + b"\xff" * 8)
    endless(b"\1", COLUMN, END)


def settings(port: int) -> MysqlConnection:
    """Return settings of whoever listens there."""
    return MysqlConnection(host="127.0.0.1", port=port, user="reader", database="shop", ssl_mode="disabled")
