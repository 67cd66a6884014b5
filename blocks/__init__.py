"""Prefect blocks: the connections to source databases. `prefect block register -m blocks` makes them known."""

from blocks.connection import connection, kind_of
from blocks.mongodb import MongodbDatabase
from blocks.mysql import MysqlDatabase

__all__ = ["MongodbDatabase", "MysqlDatabase", "connection", "kind_of"]
