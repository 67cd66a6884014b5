"""The exports of a shop for the demo: orders out of MongoDB, payments and users out of MySQL, a quarter of a year.

What there is to find in it: trade grows week by week, is best on Sundays and in the evening, and jumps in the sale of
February. The wool blanket leads in winter until the tomato kit takes over in March. Some payments come days after
their order, some fail and are tried again, some are given back.
"""

from __future__ import annotations

import gzip
import os
import random
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, TypeVar

from flows.model.window import Size
from flows.shop.assortment import (
    ADJECTIVES,
    ANIMALS,
    CITIES,
    COUNTRIES,
    COUNTRY_WEIGHTS,
    COUPON,
    DAY,
    FAILS,
    GIVES_BACK,
    GIVES_UP,
    HOURS,
    ITEMS,
    METHOD_WEIGHTS,
    METHODS,
    NO_CITY,
    NO_COUNTRY,
    PACES,
    PLANS,
    QUARTER,
    REGULAR,
    SALE,
    SALE_COUPON,
    SPRING,
    WEEKDAYS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from flows.model.window import Window

    Draw = Callable[[], float]

EDITION = "1"
"""Names what is written; a folder with another edition is written anew."""
SEED = 20260101
ORDERS = 120_000
USERS = 24_000

T = TypeVar("T")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = EPOCH.replace(tzinfo=None)
_LAST = (QUARTER.end - EPOCH) // timedelta(milliseconds=1) - 1
_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class _User:
    id: int
    handle: str
    country: str | None
    city: str | None
    plan: str
    newsletter: int | None
    signed_up: int
    """Milliseconds since 1970, as all times here."""
    updated: int


@dataclass(slots=True)
class _Order:
    number: int
    user: _User
    created: int
    updated: int
    status: str
    basket: dict[int, int]
    """Quantities by the item's index."""
    coupon: str | None


class _Choice:
    """Draws from weights."""

    def __init__(self, weights: Sequence[float]) -> None:
        self.bounds = list(accumulate(weights))

    def __call__(self, draw: float) -> int:
        return bisect_left(self.bounds, draw * self.bounds[-1])


def write_exports(folder: Path) -> None:
    """Write the exports into a folder, unless they are there already.

    Each file appears under its name only when it is whole, and `edition.txt` last of all, so that a run that was
    killed is simply repeated. The same edition has the same bytes wherever zlib is the same.
    """
    note = folder / "edition.txt"
    if note.is_file() and note.read_text(encoding="ascii") == EDITION:
        return
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(SEED).random  # noqa: S311 - the same numbers every time is the point; nothing is secret
    users = _users(draw)
    _write(folder / "users.csv", _user_lines(users))
    size = Size(1, "month")
    first_order, first_payment = 1, 500_001
    for month in size.split(QUARTER):
        orders: list[str] = []
        payments = ["payment_id,order_id,amount,method,status,captured_at,updated_at"]
        for order, attempts in _orders(draw, users, month, first_order):
            orders.append(order)
            payments += [f"{first_payment + number},{line}" for number, line in enumerate(attempts)]
            first_payment += len(attempts)
        first_order += len(orders)
        _write(folder / f"orders-{month.start:%Y-%m}.jsonl.gz", orders)
        _write(folder / f"payments-{month.start:%Y-%m}.csv.gz", payments)
    _write(note, (EDITION,), end="")


def _write(path: Path, lines: Iterable[str], end: str = "\n") -> None:
    """Write a file so that it is whole as soon as it has its name, and stays so when the machine stops."""
    data = "".join([line + end for line in lines]).encode()
    if path.suffix == ".gz":
        data = gzip.compress(data, compresslevel=1, mtime=0)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _users(draw: Draw) -> list[_User]:
    """Return the users in the order in which they signed up: most before the quarter, more and more of them in it."""
    country_of = _Choice(COUNTRY_WEIGHTS)
    start, old = _ms(QUARTER.start), USERS * 5 // 8
    signed_up = sorted(start - 1 - int(draw() ** 1.7 * 700 * DAY) for _ in range(old))
    signed_up += sorted(start + int((1 - draw() ** 1.4) * (_LAST - start)) for _ in range(USERS - old))
    users = []
    for number, moment in enumerate(signed_up, start=1):
        country = COUNTRIES[country_of(draw())]
        cities = CITIES[country]
        # Whoever signed up before the quarter has signed in since, which is an update.
        since = max(moment, start)
        hidden = draw()
        users.append(
            _User(
                id=100_000 + number,
                handle=f"{_pick(ADJECTIVES, draw())}_{_pick(ANIMALS, draw())}_{number}",
                country=None if hidden < NO_COUNTRY else country,
                city=None if hidden < NO_CITY else _pick(cities, draw() ** 1.5),
                plan=_pick(PLANS, draw() ** 1.3),
                newsletter=_pick((0, 1, 1, None), draw()),
                signed_up=moment,
                updated=since + int(draw() ** 2 * (_LAST - since)),
            )
        )
    return users


def _user_lines(users: Iterable[_User]) -> Iterator[str]:
    yield "user_id,handle,country,plan,newsletter,signed_up_at,updated_at"
    for user in users:
        newsletter = _NULL if user.newsletter is None else user.newsletter
        times = f"{_mysql(user.signed_up * 1000)},{_mysql(user.updated * 1000)}"
        yield f"{user.id},{user.handle},{user.country or _NULL},{user.plan},{newsletter},{times}"


def _orders(draw: Draw, users: Sequence[_User], month: Window, first: int) -> Iterator[tuple[str, list[str]]]:
    """Give the month's orders as lines of Extended JSON, each with its payments as lines of CSV without their id."""
    signed_up = [user.signed_up for user in users]
    hour_of, method_of = _Choice(HOURS), _Choice(METHOD_WEIGHTS)
    number = first - 1
    for day, count in _orders_by_day():
        if not month.start <= day < month.end:
            continue
        items_of = _Choice([item.spring if day >= SPRING else item.winter for item in ITEMS])
        prices = [_price(index, day) for index in range(len(ITEMS))]
        pieces = [_piece(index, cents) for index, cents in enumerate(prices)]
        midnight = _ms(day)
        for created in sorted(midnight + hour_of(draw()) * _HOUR + int(draw() * _HOUR) for _ in range(count)):
            number += 1
            known = bisect_left(signed_up, created)
            share = 1 - draw() ** 1.6 * 0.12 if draw() > REGULAR else draw() ** 2.2
            user = users[int(share * (known - 1))]
            basket = {items_of(draw()): 1 + int(draw() ** 5 * 4) for _ in range(1 + int(draw() ** 2 * 4))}
            total = sum(prices[index] * quantity for index, quantity in basket.items())
            events, status, updated = _payments(draw, created, METHODS[method_of(draw())])
            order = _Order(number, user, created, updated, status, basket, _coupon(draw(), day))
            yield (
                _order_line(order, pieces),
                [f"{number},{total // 100}.{total % 100:02},{event}" for event in events],
            )


def _orders_by_day() -> list[tuple[datetime, int]]:
    days = [window.start for window in Size(1, "day").split(QUARTER)]
    weights = [
        (1 + 0.7 * index / len(days)) * WEEKDAYS[day.weekday()] * (1.55 if SALE.start <= day < SALE.end else 1)
        for index, day in enumerate(days)
    ]
    bounds = [round(ORDERS * bound / sum(weights)) for bound in accumulate(weights)]
    return [(day, upper - lower) for day, lower, upper in zip(days, [0, *bounds], bounds, strict=False)]


def _price(index: int, day: datetime) -> int:
    """Return an item's price in cents on a day: the sale, a rise in February, and cheaper blankets in spring."""
    name, category, cents, _, _ = ITEMS[index]
    if SALE.start <= day < SALE.end and category != "Garden":
        return cents * 85 // 100
    if name == "Wool blanket" and day >= SPRING:
        return cents * 80 // 100
    return cents * 104 // 100 if category == "Kitchen" and day >= SALE.end else cents


def _payments(draw: Draw, created: int, method: str) -> tuple[list[str], str, int]:
    """Return an order's payments as `method,status,captured_at,updated_at`, its status, and its last update."""
    least, most = PACES[method]
    captured = created * 1000 + int((least + draw() * (most - least)) * 1000)
    events = []
    if draw() < FAILS:
        failed = created * 1000 + int(draw() * 20_000_000) + 1_000_000
        if failed > _LAST * 1000:
            return [f"{method},pending,{_NULL},{_mysql(created * 1000)}"], "placed", created
        events.append(f"{method},failed,{_NULL},{_mysql(failed)}")
        if draw() < GIVES_UP:
            return events, "cancelled", failed // 1000
        captured += int((draw() ** 3 * 20 * _HOUR + 30_000) * 1000)
    if captured > _LAST * 1000:
        return [*events, f"{method},pending,{_NULL},{_mysql(created * 1000)}"], "placed", created
    shipped = captured // 1000 + int((0.3 + draw() * 1.6) * DAY)
    delivered = shipped + int((0.8 + draw() * 3) * DAY)
    returned = delivered + int((0.5 + draw() * 8) * DAY)
    if draw() < GIVES_BACK and returned <= _LAST:
        return [*events, f"{method},refunded,{_mysql(captured)},{_mysql(returned * 1000)}"], "refunded", returned
    events.append(f"{method},captured,{_mysql(captured)},{_mysql(captured)}")
    for status, moment in (("delivered", delivered), ("shipped", shipped)):
        if moment <= _LAST:
            return events, status, moment
    return events, "paid", captured // 1000


def _coupon(draw: float, day: datetime) -> str | None:
    if SALE.start <= day < SALE.end:
        return "FEBRUARY15" if draw < SALE_COUPON else None
    return "FRIEND" if draw < COUPON else None


def _piece(index: int, cents: int) -> str:
    """Return how an item stands in an order, up to its quantity."""
    item = ITEMS[index]
    return (
        f'{{"sku":"{_SKUS[index]}","name":"{item.name}","category":"{item.category}",'
        f'"price":{{"$numberDecimal":"{cents // 100}.{cents % 100:02}"}},"quantity":'
    )


def _order_line(order: _Order, pieces: Sequence[str]) -> str:
    """Return a document as `mongoexport` prints it: relaxed Extended JSON."""
    items = ",".join([f"{pieces[index]}{quantity}}}" for index, quantity in order.basket.items()])
    city = f'"city":"{order.user.city}",' if order.user.city else ""
    country = f'"{order.user.country}"' if order.user.country else "null"
    return (
        f'{{"_id":{{"$oid":"{order.created // 1000:08x}5ee0c0ffee{order.number:06x}"}},'
        f'"order_id":{order.number},"user_id":{order.user.id},'
        f'"created_at":{{"$date":"{_mongo(order.created)}"}},"updated_at":{{"$date":"{_mongo(order.updated)}"}},'
        f'"status":"{order.status}","items":[{items}],"address":{{{city}"country":{country}}}'
        + (f',"coupon":"{order.coupon}"}}' if order.coupon else "}")
    )


_NULL = r"\N"
_SKUS = tuple(f"{item.category.upper()}-{index:02}" for index, item in enumerate(ITEMS, start=1))


def _pick(values: Sequence[T], draw: float) -> T:
    return values[int(draw * len(values))]


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _mongo(milliseconds: int) -> str:
    return (_NAIVE_EPOCH + timedelta(milliseconds=milliseconds)).isoformat("T", "milliseconds") + "Z"


def _mysql(microseconds: int) -> str:
    return (_NAIVE_EPOCH + timedelta(microseconds=microseconds)).isoformat(" ", "microseconds")
