from __future__ import annotations

import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.common import URI_OPTIONS_VALIDATOR_MAP

from flows.model.errors import SourceError
from flows.sources.connections import MongodbConnection, MysqlConnection, from_environment, unproven
from flows.sources.mongodb.options import NAMES

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
    """Four connections, port 3306, and a server that proves who it is."""
    found = mysql("mysql://reader@db/shop")
    assert (found.ssl_mode, unproven(found)) == ("verify_identity", ())
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
        (f"mysql://u:{SECRET}@h/d?ssl_mode=verify_identity&ssl_mode=disabled", "option ssl_mode stands there twice"),
        (f"mysql://u:{SECRET}@h/d?ssl_mode=verify_ca", "ssl_mode verify_ca needs ssl_ca"),
        (
            f"mysql://u:{SECRET}@h/d?ssl_mode=preferred&ssl_ca=/ca.pem",
            "ssl_ca is not looked at with ssl_mode preferred",
        ),
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


def mongodb(options: str) -> MongodbConnection:
    """Read a MongoDB connection's URL with these options."""
    url = f"mongodb://u:{SECRET}@h/shop?{options}"
    return from_environment("docs", MongodbConnection, {"DERIVED_CONNECTION_DOCS": url})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("tls=yes", "option tls is neither true nor false"),
        ("tls=True", "option tls is neither true nor false"),
        ("tls=", "option tls is neither true nor false"),
        ("ssl=1", "option ssl is neither true nor false"),
        ("tsl=true", "'tsl' is not an option. Did you mean 'tls'?"),
        ("tls_ca_file=/ca.pem", "'tls_ca_file' is not an option. Did you mean 'tlsCAFile'?"),
        ("tlsinsecur=true", "'tlsinsecur' is not an option. Did you mean 'tlsInsecure'?"),
        ("tlsAllowInvalidCertificate=true", "Did you mean 'tlsAllowInvalidCertificates'?"),
        ("tlsInsecure=1", "option tlsInsecure is neither true nor false"),
        ("ssl_cert_reqs=CERT_NONE", "'ssl_cert_reqs' is not an option."),
        ("tls=true&tls=false", "option tls stands there twice"),
        ("tls=true&ssl=false", "options tls and ssl are one"),
        ("appName=a;tls=false", "its options are separated by &"),
        ("%74ls=maybe", "option tls is neither true nor false"),
        ("authMechanism=PLAIN&tls=false", "authMechanism PLAIN gives the server what opens the database"),
        ("authMechanism=PLAIN&tlsInsecure=true", "authMechanism PLAIN gives the server what opens the database"),
        ("authMechanism=plain&tlsAllowInvalidHostnames=true", "authMechanism PLAIN gives the server what"),
        ("max_conections=3", "Did you mean 'max_connections'?"),
    ],
)
def test_an_option_of_mongodb_that_means_nothing_is_a_fault(options: str, says: str) -> None:
    """Else the driver only warns, and goes on without TLS."""
    with pytest.raises(SourceError) as caught:
        mongodb(options)
    assert says in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", None),
        ("tls=true&tlsCAFile=/ca.pem&authMechanism=PLAIN", None),
        ("readPreferenceTags=dc:a&readPreferenceTags=dc:b&TLS=true", None),
        ("tls=false", "(tls=false)"),
        ("ssl=false", "(tls=false)"),
        ("tlsInsecure=true", "(tlsInsecure=true)"),
        ("tlsAllowInvalidCertificates=true", "(tlsAllowInvalidCertificates=true)"),
        ("tlsallowinvalidhostnames=true", "(tlsAllowInvalidHostnames=true)"),
        ("tlsInsecure=false", None),
    ],
)
def test_a_run_says_what_is_not_proven(options: str, says: str | None) -> None:
    """By the option that says so; TLS is on without one."""
    told = unproven(mongodb(options))
    assert [says in warning for warning in told] == ([True] if says else [])


def test_all_options_of_the_driver_are_known() -> None:
    """As the driver itself lists them."""
    assert {name.lower() for name in NAMES} == set(URI_OPTIONS_VALIDATOR_MAP)
