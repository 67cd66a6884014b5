from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.model.errors import SourceError
from flows.sources.connections import MongodbConnection, MysqlConnection, from_environment

SECRET = "hunter2hunter2"  # noqa: S105 - the tests look for it


def mysql(url: str) -> MysqlConnection:
    """Read a MySQL connection's URL."""
    return from_environment("shop-eu", MysqlConnection, {"DERIVED_CONNECTION_SHOP_EU": url})


def test_a_url_gives_every_setting() -> None:
    """User, password and database are decoded, options have their types."""
    found = mysql(
        "mysql://re%40der:p%2Fw@db.example.com:3307/shop?ssl_ca=/etc/ca.pem&max_connections=2&statement_timeout=60"
    )
    assert (found.host, found.port, found.user, found.database) == ("db.example.com", 3307, "re@der", "shop")
    assert found.password.get_secret_value() == "p/w"
    assert (found.ssl_ca, found.max_connections, found.statement_timeout) == ("/etc/ca.pem", 2, 60)


def test_defaults_are_safe() -> None:
    """Four connections, and port 3306."""
    found = mysql("mysql://reader@db/shop")
    assert (found.port, found.max_connections, found.password.get_secret_value()) == (3306, 4, "")


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_every_password_survives_when_it_is_encoded(password: str) -> None:
    """Any text may be a password."""
    try:
        encoded = quote(password, safe="")
    except UnicodeEncodeError:
        return
    assert mysql(f"mysql://reader:{encoded}@db/shop").password.get_secret_value() == password


def test_mongodb_keeps_the_drivers_options_and_takes_its_own() -> None:
    """`max_connections` is ours, `replicaSet` the driver's."""
    url = "mongodb://a:b@h1:27017,h2:27018/shop?replicaSet=rs0&max_connections=3"
    found = from_environment("docs", MongodbConnection, {"DERIVED_CONNECTION_DOCS": url})
    assert found.uri.get_secret_value() == "mongodb://a:b@h1:27017,h2:27018/shop?replicaSet=rs0"
    assert (found.database, found.max_connections) == ("shop", 3)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "connection 'shop-eu' is not set up. Set DERIVED_CONNECTION_SHOP_EU"),
        (f"postgres://u:{SECRET}@h/d", "does not start with mysql://"),
        (f"mysql://u:{SECRET}@h", "the database is missing"),
        (f"mysql://:{SECRET}@h/d", "the user is missing"),
        (f"mysql://u:{SECRET}/x@h/d", "cannot be read as a URL"),
        (f"mysql://u:12?{SECRET}@h/d", "cannot be read as a URL"),
        (f"mysql://u:12#{SECRET}@h/d", "cannot be read as a URL"),
        (f"mysql://u:{SECRET}@h:99999/d", "cannot be read as a URL"),
        (f"mysql://u:{SECRET}@h/d?max_conections=3", "Did you mean 'max_connections'?"),
        (f"mysql://u:{SECRET}@h/d?max_connections=0", "max_connections: Input should be greater"),
        (f"mysql://u:{SECRET}@h/d?statement_timeout=10000000000", "statement_timeout: Input should be less"),
        (f"mysql://u:{SECRET}@a..b/d", "host: Value error, it is no host name"),
        (f"mysql://u:{SECRET}@h/d?ssl_mode=on", "ssl_mode: Input should be 'disabled'"),
    ],
)
def test_a_fault_says_what_to_write_and_never_the_password(url: str, says: str) -> None:
    """Neither the message nor the traceback with its causes shows the password."""
    with pytest.raises(SourceError) as caught:
        mysql(url)
    assert says in str(caught.value)
    assert "mysql://reader:" in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_settings_never_show_the_password() -> None:
    """Neither `repr` nor JSON does."""
    found = mysql(f"mysql://u:{SECRET}@h/d")
    assert SECRET not in repr(found) + str(found) + found.model_dump_json()
