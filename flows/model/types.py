"""GoogleSQL's types, as a table file spells them."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, islice

from flows.model.errors import did_you_mean

SCALARS = (
    "STRING",
    "BYTES",
    "INT64",
    "FLOAT64",
    "BOOL",
    "NUMERIC",
    "BIGNUMERIC",
    "TIMESTAMP",
    "DATETIME",
    "DATE",
    "TIME",
    "JSON",
)
ALIASES = {
    "INT": "INT64",
    "INTEGER": "INT64",
    "BIGINT": "INT64",
    "SMALLINT": "INT64",
    "TINYINT": "INT64",
    "BYTEINT": "INT64",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
    "BOOLEAN": "BOOL",
}
# The greatest precision and the default (precision, scale) of the decimal types. BigQuery's BIGNUMERIC has 76
# digits; an embedded warehouse has 38, so a bare BIGNUMERIC keeps 18 places there and refuses what does not fit.
DECIMALS = {"NUMERIC": (38, 9), "BIGNUMERIC": (38, 18)}


_KNOWN: dict[tuple[object, ...], Type] = {}


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A GoogleSQL type; `str()` gives its canonical spelling."""

    name: str
    """One of `SCALARS`, `ARRAY` or `STRUCT`."""
    element: Type | None = None
    """Type of an ARRAY's elements."""
    fields: tuple[tuple[str, Type], ...] = ()
    """Names and types of a STRUCT's fields."""
    decimal: tuple[int, int] | None = None
    """(precision, scale) of NUMERIC and BIGNUMERIC where the file gives them."""

    # Types are compared more often than anything else.
    def __new__(  # noqa: PYI034 - it keeps objects of this class alone
        cls,
        name: str,
        element: Type | None = None,
        fields: tuple[tuple[str, Type], ...] = (),
        decimal: tuple[int, int] | None = None,
    ) -> Type:
        """Return the only object of its kind, which is equal to itself alone."""
        return _KNOWN.setdefault((name, element, fields, decimal), object.__new__(cls))

    def __reduce__(self) -> tuple[type[Type], tuple[object, ...]]:
        return type(self), (self.name, self.element, self.fields, self.decimal)

    def __str__(self) -> str:
        if self.element is not None:
            return f"ARRAY<{self.element}>"
        if self.name == "STRUCT":
            return f"STRUCT<{', '.join(f'{name} {type_}'.strip() for name, type_ in self.fields)}>"
        if self.decimal is not None:
            return f"{self.name}({self.decimal[0]}, {self.decimal[1]})"
        return self.name

    @property
    def precision_and_scale(self) -> tuple[int, int]:
        """Digits in all and after the point of a decimal type."""
        return self.decimal or DECIMALS[self.name]

    @property
    def base(self) -> Type:
        """The type without the precision of its decimals, which a query's result does not carry."""
        if self.element is None and not self.fields and self.decimal is None:
            return self
        if self.element is not None:
            return Type(self.name, element=self.element.base)
        return Type(self.name, fields=tuple((name, type_.base) for name, type_ in self.fields))


_AFTER_TYPE = ("<", "(", ",", ">")
"""What follows a type, and no name of a field."""
MOST_DIGITS = 9
"""How many digits a precision or a scale may be written with."""
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9]*|`[^`]+`|\d+|[<>(),])")


SHOWN = 200
"""How much of a type a message shows."""
LONGEST = 100_000
"""How many characters a type may have."""
DEEPEST = 15
"""How many ARRAYs and STRUCTs may stand in one another; BigQuery's own bound."""


@lru_cache(maxsize=4096)
def parse_type(text: str, *, in_query: bool = False) -> Type:
    """Parse `STRUCT<sku STRING, price NUMERIC>` and the like; in a query fields may lack names, and INTERVAL is a type.

    Raises ValueError with a message for the person who wrote it.
    """
    if len(text) > LONGEST:
        raise ValueError(f"'{_clip(text)}' has {len(text):,} characters. At most {LONGEST:,} are read as a type.")
    tokens: list[str] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            raise ValueError(_unknown(text))
        tokens.append(match[1])
        position = match.end()
    depth = max(accumulate({"<": 1, ">": -1}.get(token, 0) for token in tokens), default=0)
    if depth > DEEPEST:
        raise ValueError(f"'{_clip(text)}' has {depth} types inside one another. At most {DEEPEST} are possible.")
    parser = _Parser(text, tokens, in_query=in_query)
    parsed = parser.type()
    if parser.tokens:
        raise ValueError(_unknown(text))
    return parsed


class _Parser:
    def __init__(self, text: str, tokens: list[str], *, in_query: bool) -> None:
        self.text = text
        self.in_query = in_query
        self.tokens = deque(tokens)

    def take(self, *expected: str) -> str:
        if not self.tokens or (expected and self.tokens[0] not in expected):
            raise ValueError(_unknown(self.text))
        return self.tokens.popleft()

    def type(self) -> Type:
        word = self.take().upper()
        name = ALIASES.get(word, word)
        if name == "ARRAY":
            self.take("<")
            element = self.type()
            self.take(">")
            if element.name == "ARRAY":
                raise ValueError(
                    f"'{_clip(self.text)}': an ARRAY of ARRAYs does not exist in GoogleSQL. "
                    "Write ARRAY<STRUCT<items ARRAY<...>>>."
                )
            return Type(name, element=element)
        if name == "STRUCT":
            return Type(name, fields=self.fields())
        if name not in SCALARS and not (self.in_query and name == "INTERVAL"):
            raise ValueError(_unknown(self.text, word))
        return Type(name, decimal=self.decimal(name))

    def fields(self) -> tuple[tuple[str, Type], ...]:
        self.take("<")
        fields = []
        while True:
            field = (
                ""
                if self.in_query and set(_AFTER_TYPE).intersection(islice(self.tokens, 1, 2))
                else self.take().strip("`")
            )
            fields.append((field, self.type()))
            if self.take(",", ">") == ">":
                break
        counted = Counter(field.lower() for field, _ in fields)
        for field, count in counted.items():
            if field and count > 1:
                raise ValueError(
                    f"'{_clip(self.text)}' names the field '{_clip(field)}' twice. Give each field its own name."
                )
        return tuple(fields)

    def decimal(self, name: str) -> tuple[int, int] | None:
        if name not in DECIMALS or not self.tokens or self.tokens[0] != "(":
            return None
        self.take("(")
        precision = self.number()
        scale = self.number() if self.take(",", ")") == "," and self.tokens else 0
        if self.tokens and self.tokens[0] == ")":
            self.take(")")
        most_scale = 9 if name == "NUMERIC" else 38
        most = min(38, 29 + scale) if name == "NUMERIC" else 38
        if not (1 <= precision <= most and 0 <= scale <= min(precision, most_scale)):
            raise ValueError(
                f"'{_clip(self.text)}': {name} takes 1 to {most} digits, of which at most {most_scale} after the point."
            )
        return precision, scale

    def number(self) -> int:
        word = self.take()
        if not word.isdecimal() or len(word) > MOST_DIGITS:
            raise ValueError(_unknown(self.text))
        return int(word)


def _clip(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


_INSTEAD = {
    "INTERVAL": "STRING, and CAST(... AS STRING) in the SQL: no table of the embedded warehouse holds INTERVALs",
    "GEOGRAPHY": "longitude and latitude as two FLOAT64 columns",
    "RANGE": "its start and its end as two columns",
}


def _unknown(text: str, word: str | None = None) -> str:
    known = (*SCALARS, *ALIASES, "ARRAY", "STRUCT")
    common = {"VARCHAR": "STRING", "TEXT": "STRING", "CHAR": "STRING", "DOUBLE": "FLOAT64", "FLOAT": "FLOAT64"}
    instead = _INSTEAD.get((word or "").upper().partition("<")[0])
    if instead:
        return f"'{_clip(text)}' is not a type. Write {instead}."
    near = common.get((word or "").upper())
    hint = f" Did you mean '{near}'?" if near else did_you_mean((word or text)[:SHOWN], known)
    every = f" Write one of {', '.join(SCALARS)}, ARRAY<...> or STRUCT<name TYPE, ...>."
    return f"'{_clip(text)}' is not a type.{hint or every}"
