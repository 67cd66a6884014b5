"""What the shop sells, to whom, and when its customers buy and pay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from flows.model.window import Window

QUARTER = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
"""When the orders were placed; nothing in the exports is later than its end."""
SALE = Window(datetime(2026, 2, 9, tzinfo=UTC), datetime(2026, 2, 16, tzinfo=UTC))
SPRING = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400_000
"""In milliseconds, as all times here."""


class Item(NamedTuple):
    """Something that the shop sells."""

    name: str
    category: str
    cents: int
    """Its price before any change."""
    winter: int
    """How often it is bought, against the others."""
    spring: int


ITEMS = (
    Item("Wool blanket", "Home", 6900, 90, 22),
    Item("Beeswax candle", "Home", 1450, 62, 34),
    Item("Linen cushion", "Home", 3200, 26, 30),
    Item("Oak coat hook", "Home", 1890, 18, 20),
    Item("Hand-woven rug", "Home", 14900, 7, 6),
    Item("Paper lantern", "Home", 2400, 20, 24),
    Item("Willow basket", "Home", 3600, 14, 26),
    Item("Wall clock", "Home", 5400, 9, 9),
    Item("Cast-iron pan", "Kitchen", 5900, 34, 30),
    Item("Bread knife", "Kitchen", 3900, 24, 24),
    Item("Stoneware mug", "Kitchen", 1650, 70, 55),
    Item("Enamel teapot", "Kitchen", 4200, 32, 20),
    Item("Olive wood spoon", "Kitchen", 980, 46, 46),
    Item("Pasta machine", "Kitchen", 7900, 11, 9),
    Item("Salt cellar", "Kitchen", 1990, 16, 16),
    Item("Pepper mill", "Kitchen", 3450, 18, 18),
    Item("Glass carafe", "Kitchen", 2750, 15, 25),
    Item("Picnic basket", "Kitchen", 8900, 2, 15),
    Item("Fountain pen", "Desk", 4800, 22, 20),
    Item("Dotted notebook", "Desk", 1290, 78, 60),
    Item("Brass ruler", "Desk", 1150, 17, 17),
    Item("Desk lamp", "Desk", 8400, 19, 12),
    Item("Year planner", "Desk", 1990, 64, 6),
    Item("Letter opener", "Desk", 1700, 6, 6),
    Item("Wax seal set", "Desk", 2600, 9, 8),
    Item("Pencil tin", "Desk", 1480, 28, 28),
    Item("Field guide to birds", "Books", 2490, 16, 40),
    Item("Bread for beginners", "Books", 2990, 36, 28),
    Item("The kitchen garden", "Books", 3200, 14, 58),
    Item("Knots and how to tie them", "Books", 1890, 12, 16),
    Item("Atlas of small islands", "Books", 3900, 20, 17),
    Item("Letters from the coast", "Books", 1690, 24, 20),
    Item("Tomato kit", "Garden", 3490, 10, 170),
    Item("Herb seeds", "Garden", 890, 14, 120),
    Item("Hand trowel", "Garden", 2150, 7, 66),
    Item("Watering can", "Garden", 3900, 6, 52),
    Item("Terracotta pot", "Garden", 1250, 18, 96),
    Item("Garden gloves", "Garden", 1590, 6, 58),
    Item("Bird feeder", "Garden", 2700, 44, 20),
    Item("Pruning shears", "Garden", 4450, 9, 36),
)
WEEKDAYS = (0.92, 0.90, 0.94, 0.98, 1.02, 1.06, 1.28)
HOURS = (6, 3, 2, 1, 1, 2, 6, 14, 22, 28, 32, 36, 42, 38, 34, 34, 38, 46, 58, 74, 88, 84, 56, 22)
CITIES = {
    "DE": ("Berlin", "Hamburg", "Leipzig", "Köln"),
    "FR": ("Paris", "Lyon", "Nantes"),
    "NL": ("Amsterdam", "Utrecht"),
    "AT": ("Wien", "Graz"),
    "PL": ("Kraków", "Gdańsk"),
    "DK": ("København", "Århus"),
    "SE": ("Göteborg", "Malmö"),
    "CH": ("Zürich", "Basel"),
}
COUNTRIES = tuple(CITIES)
COUNTRY_WEIGHTS = (46, 24, 16, 12, 10, 6, 6, 5)
ADJECTIVES = (
    "quiet",
    "brave",
    "early",
    "mossy",
    "amber",
    "salty",
    "lucky",
    "clever",
    "rusty",
    "sunny",
    "north",
    "tiny",
)
ANIMALS = ("otter", "heron", "badger", "lynx", "wren", "hare", "robin", "seal", "moth", "newt", "stoat", "finch")
METHODS = ("card", "wallet", "transfer", "invoice")
METHOD_WEIGHTS = (58, 26, 9, 7)
PLANS = ("free", "free", "free", "plus", "plus", "business")
PACES = {
    "card": (2_000, 40_000),
    "wallet": (1_000, 15_000),
    "transfer": (DAY, 4 * DAY),
    "invoice": (2 * DAY, 6 * DAY),
}
"""How long after the order each method pays; always less than the seven days that the demo's tables look back."""
NO_COUNTRY, NO_CITY = 0.03, 0.11
"""Shares of users of whom it is not known."""
FAILS, GIVES_UP, GIVES_BACK = 0.06, 0.2, 0.035
"""Shares: of payments that fail at first, of those that are not tried again, of paid orders that are sent back."""
REGULAR = 0.75
"""The share of orders by those who have been with the shop for long; the others are by new users."""
COUPON, SALE_COUPON = 0.05, 0.3
"""Shares of orders with a coupon."""
