"""How a source's database is reached: settings by the name that a table file gives as `connection`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from flows.model.errors import SourceError, UsageError, did_you_mean
from flows.model.safe_text import without_password
from flows.sources.mongodb import options

if TYPE_CHECKING:
    from collections.abc import Mapping

MYSQL_SCHEMES = ("mysql", "mariadb")
MONGODB_SCHEMES = ("mongodb", "mongodb+srv")
SslMode = Annotated[
    Literal["disabled", "preferred", "required", "verify_ca", "verify_identity"],
    BeforeValidator(lambda mode: mode.lower() if isinstance(mode, str) else mode),
]
MaxConnections = Annotated[int, Field(ge=1, le=64)]
Seconds = Annotated[int, Field(ge=1, le=2_000_000)]
"""MongoDB takes milliseconds of 31 bits."""

MYSQL_EXAMPLE = "mysql://reader:<password>@db.example.com:3306/shop?ssl_ca=/etc/ssl/db.pem"
MONGODB_EXAMPLE = "mongodb://reader:<password>@db.example.com:27017/shop?tlsCAFile=/etc/ssl/db.pem"
_OWN = frozenset({"max_connections", "statement_timeout"})
_WEAKER: dict[SslMode, str] = {
    "disabled": "is not encrypted: whoever is in between can read and change what is copied",
    "preferred": "is encrypted where the server likes, and to whoever answers: the server need not show who it is",
    "required": "is encrypted, but to whoever answers: the server need not show who it is",
    "verify_ca": "may be with any server that has a certificate of the authority",
}


class _Settings(BaseModel):
    # A fault must not repeat what was given: it may hold the password.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    max_connections: MaxConnections = 4
    """Most connections that one process opens to the database."""
    statement_timeout: Seconds = 3600
    """Seconds after which the database ends one statement."""


class MysqlConnection(_Settings):
    """A MySQL or MariaDB server, or a read replica of one."""

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 3306
    user: Annotated[str, Field(min_length=1)]
    password: SecretStr = SecretStr("")
    database: Annotated[str, Field(min_length=1)]
    """Where tables are looked for whose name gives no database."""
    ssl_mode: SslMode = "verify_identity"
    """What TLS has to show before the server gets the password; all but `verify_identity` are weaker."""
    ssl_ca: str | None = None
    """Path of the certificate authority's PEM file; None: the authorities that this machine trusts."""
    ssl_cert: str | None = None
    """Path of the client's certificate, PEM."""
    ssl_key: str | None = None
    """Path of the client's key, PEM."""

    @property
    def proves_server(self) -> bool:
        """Whether TLS proves that the server is the one that is meant."""
        return self.ssl_mode in {"verify_ca", "verify_identity"}

    @property
    def weakness(self) -> str | None:
        """What somebody in between may do, and by which setting; None: nothing."""
        why = _WEAKER.get(self.ssl_mode)
        return why and f"{why} (ssl_mode={self.ssl_mode})"

    @model_validator(mode="after")
    def _authority_is_looked_at(self) -> MysqlConnection:
        # Anybody has a certificate from one of the authorities that a machine trusts.
        if self.ssl_mode == "verify_ca" and self.ssl_ca is None:
            raise ValueError("ssl_mode verify_ca needs ssl_ca; without it write verify_identity")
        if not self.proves_server and self.ssl_ca is not None:
            raise ValueError(f"ssl_ca is not looked at with ssl_mode {self.ssl_mode}; write one of them only")
        return self

    @field_validator("host")
    @classmethod
    def _can_be_looked_up(cls, host: str) -> str:
        # Else the lookup raises what is no error of the network.
        try:
            host.encode("idna")
        except UnicodeError:
            raise ValueError("it is no host name") from None
        return host


class MongodbConnection(_Settings):
    """A MongoDB server, replica set or sharded cluster."""

    uri: SecretStr
    """The connection string as the driver takes it, with its options (`tlsCAFile`, `readPreference`, ...).

    TLS is on unless it says `tls=false`.
    """
    database: Annotated[str, Field(min_length=1)]

    @property
    def options(self) -> dict[str, str]:
        """The connection string's options by their names in lower case."""
        return options.read(urlsplit(self.uri.get_secret_value()).query)

    @property
    def weakness(self) -> str | None:
        """What somebody in between may do, and by which option; None: nothing."""
        return options.weakness(self.options)

    @field_validator("uri")
    @classmethod
    def _can_be_read(cls, uri: SecretStr) -> SecretStr:
        # Else the driver takes a part of the password for an option or a database, and warns of it by name.
        options.read(_split(uri.get_secret_value(), MONGODB_SCHEMES).query)
        return uri


Settings = TypeVar("Settings", bound=MysqlConnection | MongodbConnection)


def unproven(settings: MysqlConnection | MongodbConnection) -> tuple[str, ...]:
    """Return what a run says of a connection on which the server need not show who it is."""
    return (f"The connection {settings.weakness}.",) if settings.weakness else ()


def variable(name: str) -> str:
    """Return the environment variable that holds a connection's URL: `DERIVED_CONNECTION_SHOP_EU` for `shop-eu`."""
    return f"DERIVED_CONNECTION_{name.upper().replace('-', '_')}"


def from_environment(name: str, kind: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a connection from its URL in the environment.

    Args:
        name: what a table file gives as `source.connection`.
        kind: `MysqlConnection` or `MongodbConnection`.
        environ: the environment.

    Raises:
        SourceError: it is not set, or is no such URL; the message says what to set and never shows the value.
    """
    example = MYSQL_EXAMPLE if kind is MysqlConnection else MONGODB_EXAMPLE
    url = _url(name, environ, example)
    try:
        fields = _mysql(url) if kind is MysqlConnection else _mongodb(url)
        return kind(**fields)
    except ValidationError as error:
        message = f"{variable(name)} does not describe connection '{name}': {_faults(error)}."
    except ValueError as error:
        message = f"{variable(name)} does not describe connection '{name}': {error}"
    # Outside the handler, so that no traceback can lead back to the value.
    raise SourceError(f"{message} Write it as {example}")


def from_fields(kind: type[Settings], fields: Mapping[str, Any], place: str) -> Settings:
    """Return settings from their values.

    Raises SourceError, which says what is wrong with those that stand in that place and never shows them.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        message = f"{place} has wrong values: {_faults(error)}. Mend it under Blocks in the Prefect UI."
    # Outside the handler, so that no traceback can lead back to the value.
    raise SourceError(message)


def kind_in_environment(name: str, environ: Mapping[str, str]) -> type[MysqlConnection | MongodbConnection]:
    """Return the kind of a connection, which a person has named, by how its URL in the environment begins.

    Raises:
        UsageError: it is not set.
        SourceError: it begins otherwise.
    """
    examples = f"{MYSQL_EXAMPLE} or {MONGODB_EXAMPLE}"
    try:
        url = _url(name, environ, examples)
    except SourceError as error:
        raise UsageError(str(error)) from None
    scheme = url.partition("://")[0]
    if scheme in MYSQL_SCHEMES:
        return MysqlConnection
    if scheme in MONGODB_SCHEMES:
        return MongodbConnection
    raise SourceError(f"{variable(name)} begins with no known kind of database. Write it as {examples}")


def _faults(error: ValidationError) -> str:
    """Return what is wrong with settings, without what was given."""
    faults = [(".".join(map(str, fault["loc"])), fault["msg"].rstrip(".")) for fault in error.errors()]
    return "; ".join(f"{field}: {said}" if field else said for field, said in faults)


def _url(name: str, environ: Mapping[str, str], example: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        given = without_password(name)
        raise SourceError(f"connection '{given}' is not a name: write letters, digits and dashes, such as 'shop'.")
    url = environ.get(variable(name), "").strip()
    if not url:
        raise SourceError(f"connection '{name}' is not set up. Set {variable(name)}, such as {example}")
    return url


def _mysql(url: str) -> dict[str, Any]:
    parts = _split(url, MYSQL_SCHEMES)
    given: dict[str, str] = {}
    for option, value in parse_qsl(parts.query, keep_blank_values=True):
        if option in given:
            raise ValueError(f"option {option} stands there twice.")
        given[option] = value
    known = set(MysqlConnection.model_fields) - {"host", "port", "user", "password", "database"}
    for option in given:
        if option not in known:
            hint = did_you_mean(option, known) or f" It takes {', '.join(sorted(known))}."
            raise ValueError(f"'{option}' is not an option.{hint}")
    fields: dict[str, Any] = {
        "host": parts.hostname,
        "user": parts.username and unquote(parts.username),
        "password": unquote(parts.password or ""),
        "database": unquote(parts.path.removeprefix("/")),
    }
    for field in ("host", "user", "database"):
        if not fields[field]:
            raise ValueError(f"the {field} is missing.")
    return fields | ({"port": parts.port} if parts.port else {}) | given


def _mongodb(url: str) -> dict[str, Any]:
    parts = _split(url, MONGODB_SCHEMES)
    database = unquote(parts.path.removeprefix("/"))
    if not database:
        raise ValueError("the database is missing.")
    options.read(parts.query, _OWN)
    given = parse_qsl(parts.query, keep_blank_values=True)
    theirs = urlencode([(key, value) for key, value in given if key not in _OWN])
    uri = urlunsplit(parts._replace(query=theirs))
    return {"uri": uri, "database": database} | {key: value for key, value in given if key in _OWN}


def _split(url: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port if schemes[0] == "mysql" else None
    except ValueError:
        parts = None
    if parts is None or parts.fragment or "@" in parts.path + parts.query:
        raise ValueError(
            "it cannot be read as a URL. Characters such as / # ? @ : in the password are written %2F %23 %3F %40 %3A."
        )
    if parts.scheme not in schemes:
        raise ValueError(f"it does not start with {schemes[0]}://.")
    return parts
