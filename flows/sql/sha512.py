"""SHA512 as a DuckDB expression: https://csrc.nist.gov/pubs/fips/180-4/upd1/final.

Numbers are UHUGEINTs below 2 ** 64. Lists of them are the state, the sixteen words of a block, and single words of a round:
DuckDB reduces lists of one type alone.
"""

from __future__ import annotations

from math import isqrt

from flows.sql.once import bound

_ALL = 2**64 - 1
_LIST = "UHUGEINT[]"
_BLOCK = 128
"""How many bytes a block has, and how many digits eight words of it."""


def sha512(blob: str) -> str:
    """Return the hash of a BLOB as a BLOB."""
    return bound([blob], lambda names: bound([_padded(names[0])], lambda padded: _of_padded(names[0], padded[0])))


def _padded(blob: str) -> str:
    """Return bytes in hexadecimal, with what is added up to whole blocks: a bit, none, and how many there are."""
    length = f"octet_length({blob})"
    zeros = f"({_BLOCK - 1} - ({length} + 16) % {_BLOCK})"
    return f"hex({blob}) || '80' || repeat('00', CAST({zeros} AS BIGINT)) || lpad(printf('%x', {length} * 8), 32, '0')"


def _of_padded(blob: str, text: str) -> str:
    words = f"list_transform(generate_series(0, 15), lambda xword: CAST('0x' || substr({text}, xblock * {2 * _BLOCK} + xword * 16 + 1, 16) AS UHUGEINT))"
    blocks = f"list_transform(generate_series(0, length({text}) // {2 * _BLOCK} - 1), lambda xblock: {words})"
    state = f"list_reduce({blocks}, lambda xstate, xwords: {_compressed('xstate', 'xwords')}, {_listed(_roots(8, 2))})"
    digits = f"array_to_string(list_transform({state}, lambda xone: lpad(hex(xone), 16, '0')), '')"
    return f"CASE WHEN {blob} IS NOT NULL THEN unhex({digits}) END"


def _compressed(state: str, words: str) -> str:
    """Return the state behind a block."""
    older = _plus(f"{_small('xw[-2]', 19, 61, 6)} + xw[-7] + {_small('xw[-15]', 1, 8, 7)} + xw[-16]")
    steps = f"list_transform(generate_series(16, 79), lambda xplace: CAST([] AS {_LIST}))"
    schedule = f"list_reduce({steps}, lambda xw, xplace: list_append(xw, {older}), {words})"
    each = f"list_transform({schedule}, lambda xone, xplace: [xone + {_listed(_roots(80, 3))}[xplace]])"
    chosen = "xor(xs[5] & xs[6], xor(xs[5], CAST(18446744073709551615 AS UHUGEINT)) & xs[7])"
    most = "xor(xor(xs[1] & xs[2], xs[1] & xs[3]), xs[2] & xs[3])"
    first = f"xs[8] + {_large('xs[5]', 14, 18, 41)} + {chosen} + xk[1]"
    second = f"{_large('xs[1]', 28, 34, 39)} + {most}"
    turned = f"[{_plus(f'xt + {second}')}, xs[1], xs[2], xs[3], {_plus('xs[4] + xt')}, xs[5], xs[6], xs[7]]"
    round_ = f"list_transform([{_plus(first)}], lambda xt: {turned})[1]"
    behind = f"list_reduce({each}, lambda xs, xk: {round_}, {state})"
    return f"list_transform({behind}, lambda xone, xplace: {_plus(f'xone + {state}[xplace]')})"


def _plus(total: str) -> str:
    return f"(({total}) & CAST({_ALL} AS UHUGEINT))"


def _turned(value: str, by: int) -> str:
    """Return a number turned to the right."""
    return f"(({value} >> {by}) | (({value} << {64 - by}) & CAST({_ALL} AS UHUGEINT)))"


def _large(value: str, *turns: int) -> str:
    one, two, three = (_turned(value, by) for by in turns)
    return f"xor(xor({one}, {two}), {three})"


def _small(value: str, one: int, two: int, shift: int) -> str:
    return f"xor(xor({_turned(value, one)}, {_turned(value, two)}), {value} >> {shift})"


def _listed(numbers: list[int]) -> str:
    listed = ", ".join(f"'{number}'" for number in numbers)
    return f"CAST([{listed}] AS {_LIST})"


def _roots(count: int, power: int) -> list[int]:
    """Return the first 64 binary places of the square or cube roots of the first primes."""
    primes = [one for one in range(2, 500) if all(one % other for other in range(2, isqrt(one) + 1))][:count]
    return [_root(prime << 64 * power, power) & _ALL for prime in primes]


def _root(value: int, power: int) -> int:
    """Return the largest whole number whose square or cube is not larger."""
    low, high = 0, 1 << (value.bit_length() // power + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**power <= value else (low, middle - 1)
    return low
