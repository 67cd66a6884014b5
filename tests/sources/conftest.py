"""Servers that the tests of sources read from."""

from tests.servers.mysql import database, mysql_server
from tests.sources.project import mirror

__all__ = ["database", "mirror", "mysql_server"]
