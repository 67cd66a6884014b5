"""The Prefect block of a MySQL or MariaDB database."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from flows.sources.connections import MaxConnections, MysqlConnection, Seconds, SslMode, from_fields


class MysqlDatabase(Block):
    """A MySQL or MariaDB database that core tables are copied from."""

    _block_type_name: ClassVar[str] = "MySQL database"
    _block_type_slug: ClassVar[str] = "mysql-database"
    _description: ClassVar[str] = (
        "A MySQL or MariaDB database that core tables are copied from. Its name is what a table file gives as "
        "`source.connection`. Sessions only read; a read replica and a user with SELECT alone are enough."
    )
    _logo_url: ClassVar[HttpUrl] = HttpUrl("https://labs.mysql.com/common/logos/mysql-logo.svg")

    host: str = Field(min_length=1, description="Host name or address of the server, or of a read replica of it.")
    port: int = Field(default=3306, ge=1, le=65535, description="TCP port.")
    user: str = Field(min_length=1, description="User to sign in as; it needs SELECT on the tables that are copied.")
    password: SecretStr = Field(default=SecretStr(""), description="The user's password.")
    database: str = Field(min_length=1, description="Database of the tables whose name gives none.")
    ssl_mode: SslMode = Field(
        default="verify_identity",
        title="TLS mode",
        description="What TLS has to show before the server gets the password. Weaker than verify_identity are "
        "verify_ca, required, preferred and disabled; each run says so.",
    )
    ssl_ca: str | None = Field(
        default=None,
        title="TLS CA",
        description="Path of the authority's PEM file; without one the authorities that the machine trusts.",
    )
    ssl_cert: str | None = Field(default=None, title="TLS certificate", description="Path of the client's PEM file.")
    ssl_key: str | None = Field(default=None, title="TLS key", description="Path of the client's key, PEM.")
    max_connections: MaxConnections = Field(default=4, description="Most connections that one run opens.")
    statement_timeout: Seconds = Field(default=3600, description="Seconds after which the server ends a statement.")

    def settings(self) -> MysqlConnection:
        """Return what the block holds as plain settings. Raises SourceError with what is wrong with them."""
        fields = {name: getattr(self, name) for name in MysqlConnection.model_fields}
        return from_fields(MysqlConnection, fields, f"the block {self.get_block_type_slug()}")

    def test_connection(self) -> str:
        """Connect, read something, and say what was reached.

        Raises SourceError with what to change, or SourceUnavailableError where trying again may help.
        """
        from flows.sources.mysql.session import probe  # noqa: PLC0415 - the driver is slow to import

        return probe(self.settings())
