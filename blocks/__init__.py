"""Prefect blocks: the connections to source databases; `python -m prefect block register -m blocks` tells of them."""

from blocks.connection import connection, kind_of
from blocks.mongodb import MongodbDatabase
from blocks.mysql import MysqlDatabase

__all__ = ["MongodbDatabase", "MysqlDatabase", "connection", "kind_of"]
