"""Servers that the tests of sources read from."""

from tests.servers.mysql import mysql_server, shop

__all__ = ["mysql_server", "shop"]
