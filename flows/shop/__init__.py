"""A made-up shop, whose exports the demo works on."""

from flows.shop.assortment import ITEMS, QUARTER
from flows.shop.exports import ORDERS, USERS, write_exports

__all__ = ["ITEMS", "ORDERS", "QUARTER", "USERS", "write_exports"]
