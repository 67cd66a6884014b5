"""Servers that the tests of sources read from."""

from tests.servers.mysql import database, mysql_server

__all__ = ["database", "mysql_server"]
