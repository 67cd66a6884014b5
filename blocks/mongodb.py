"""The Prefect block of a MongoDB database."""

from __future__ import annotations

from typing import ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, SecretStr

from flows.sources.connections import MaxConnections, MongodbConnection, Seconds, from_fields


class MongodbDatabase(Block):
    """A MongoDB database that core tables are copied from."""

    _block_type_name: ClassVar[str] = "MongoDB database"
    _block_type_slug: ClassVar[str] = "mongodb-database"
    _description: ClassVar[str] = (
        "A MongoDB database that core tables are copied from. Its name is what a table file gives as "
        "`source.connection`. It is only read; a secondary and a user with the role `read` are enough."
    )
    _logo_url: ClassVar[HttpUrl] = HttpUrl("https://www.mongodb.com/assets/images/global/favicon.ico")

    uri: SecretStr = Field(
        title="Connection string",
        description="mongodb://user:password@host:27017/ or mongodb+srv://..., with the driver's own options: "
        "tlsCAFile, tlsCertificateKeyFile, replicaSet, readPreference, authSource. TLS is on unless it says tls=false.",
    )
    database: str = Field(min_length=1, description="Database that holds the collections.")
    max_connections: MaxConnections = Field(default=4, description="Most connections that one run opens.")
    statement_timeout: Seconds = Field(default=3600, description="Seconds after which the server ends an operation.")

    def settings(self) -> MongodbConnection:
        """Return what the block holds as plain settings. Raises SourceError with what is wrong with them."""
        fields = {name: getattr(self, name) for name in MongodbConnection.model_fields}
        return from_fields(MongodbConnection, fields, f"the block {self.get_block_type_slug()}")

    def test_connection(self) -> str:
        """Connect, count the collections that can be seen, and say what was reached.

        Raises SourceError with what to change, or SourceUnavailableError where trying again may help.
        """
        from flows.sources.mongodb.session import ping  # noqa: PLC0415 - the driver is slow to import

        return ping(self.settings())
