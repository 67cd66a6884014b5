"""FARM_FINGERPRINT as a DuckDB expression: Fingerprint64 of https://github.com/google/farmhash.

Numbers are UHUGEINTs below 2 ** 64. Each step names values that the step before has computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.sql.once import bound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ALL = 2**64 - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
_SEED = 81


def fingerprint(blob: str) -> str:
    """Return the fingerprint of a BLOB."""
    return bound([blob], lambda names: bound([_reversed(names[0]), f"octet_length({names[0]})"], _of_bytes))


def _reversed(blob: str) -> str:
    """Return the bytes in hexadecimal, the last one first: its parts are little-endian numbers."""
    return f"array_to_string(list_reverse(regexp_extract_all(hex({blob}), '..')), '')"


def _of_bytes(names: Sequence[str]) -> str:
    text, length = names
    sized = f"CAST({length} AS UHUGEINT)"
    return (
        f"CASE WHEN {length} IS NULL THEN NULL WHEN {length} > 64 THEN {_signed(_long(text, length))} "
        f"WHEN {length} > 32 THEN {_signed(_to_64(text, length))} WHEN {length} > 16 THEN {_signed(_to_32(text, length))} "
        f"WHEN {length} > 7 THEN {_signed(_to_16(text, length))} WHEN {length} > 3 THEN {_signed(_to_7(text, sized, length))} "
        f"WHEN {length} > 0 THEN {_signed(_to_3(text, sized, length))} ELSE {_signed(_number(_K2))} END"
    )


def _signed(value: str) -> str:
    return bound(
        [f"CAST({value} AS HUGEINT)"],
        lambda names: (
            f"CAST(CASE WHEN {names[0]} > {2**63 - 1} THEN {names[0]} - {2**64} ELSE {names[0]} END AS BIGINT)"
        ),
    )


def _number(value: int) -> str:
    return f"CAST({value} AS UHUGEINT)"


def _low(value: str) -> str:
    return f"({value} & {_number(_ALL)})"


def _plus(*values: str) -> str:
    return _low(f"({' + '.join(values)})")


def _times(one: str, other: str) -> str:
    return _low(f"({one} * {other})")


def _rotated(value: str, by: int) -> str:
    """Return a number turned to the right; it is named twice."""
    return f"(({value} >> {by}) | {_low(f'({value} << {64 - by})')})"


def _mixed(value: str) -> str:
    return f"xor({value}, {value} >> 47)"


def _multiplier(length: str) -> str:
    return _plus(_number(_K2), f"CAST({length} * 2 AS UHUGEINT)")


def _first(text: str, length: str, at: int, size: int = 8) -> str:
    """Return the number at a place from the start."""
    return f"CAST('0x' || substr({text}, ({length} - {at + size}) * 2 + 1, {size * 2}) AS UHUGEINT)"


def _last(text: str, before_end: int, size: int = 8) -> str:
    """Return the number at a place from the end."""
    return f"CAST('0x' || substr({text}, {(before_end - size) * 2 + 1}, {size * 2}) AS UHUGEINT)"


def _joined(one: str, other: str, multiplier: str) -> str:
    """Return two numbers as one."""

    def second(names: Sequence[str]) -> str:
        a, v, m = names
        return bound([_times(f"xor({v}, {_mixed(a)})", m), m], lambda last: _times(_mixed(last[0]), last[1]))

    return bound(
        [one, other, multiplier],
        lambda names: bound([_times(f"xor({names[0]}, {names[1]})", names[2]), names[1], names[2]], second),
    )


def _to_3(text: str, sized: str, length: str) -> str:
    first, middle, last = (
        f"CAST('0x' || substr({text}, {place}, 2) AS UHUGEINT)"
        for place in (f"({length} - 1) * 2 + 1", f"({length} - 1 - {length} // 2) * 2 + 1", "1")
    )
    y, z = f"({first} + ({middle} << 8))", f"({sized} + ({last} << 2))"
    both = f"xor({_times(y, _number(_K2))}, {_times(z, _number(_K0))})"
    return bound([both], lambda names: _times(_mixed(names[0]), _number(_K2)))


def _to_7(text: str, sized: str, length: str) -> str:
    start = f"({sized} + ({_first(text, length, 0, 4)} << 3))"
    return _joined(start, _last(text, 4, 4), _multiplier(length))


def _to_16(text: str, length: str) -> str:
    given = [_plus(_first(text, length, 0), _number(_K2)), _last(text, 8), _multiplier(length)]

    def build(names: Sequence[str]) -> str:
        a, b, m = names
        return _joined(_plus(_times(_rotated(b, 37), m), a), _times(_plus(_rotated(a, 25), b), m), m)

    return bound(given, build)


def _four(text: str, length: str, factor: int) -> list[str]:
    multiplier = _multiplier(length)
    return [
        _times(_first(text, length, 0), _number(factor)),
        _first(text, length, 8),
        _times(_last(text, 8), multiplier),
        _times(_last(text, 16), _number(_K2)),
        multiplier,
    ]


def _sums(names: Sequence[str]) -> tuple[str, str]:
    a, b, c, d, _ = names
    return (
        _plus(_rotated(_plus(a, b), 43), _rotated(c, 30), d),
        _plus(a, _rotated(_plus(b, _number(_K2)), 18), c),
    )


def _to_32(text: str, length: str) -> str:
    return bound(_four(text, length, _K1), lambda names: _joined(*_sums(names), names[4]))


def _to_64(text: str, length: str) -> str:
    def build(names: Sequence[str]) -> str:
        y, z = _sums(names)
        m = names[4]
        return bound([y, _joined(y, z, m), names[0], m], more)

    def more(names: Sequence[str]) -> str:
        y, z, a, m = names
        e, f = _times(_first(text, length, 16), m), _first(text, length, 24)
        g, h = _times(_plus(y, _last(text, 32)), m), _times(_plus(z, _last(text, 24)), m)
        return bound([e, f, g, h, a, m], last)

    def last(names: Sequence[str]) -> str:
        e, f, g, h, a, m = names
        one = _plus(_rotated(_plus(e, f), 43), _rotated(g, 30), h)
        return _joined(one, _plus(e, _rotated(_plus(f, a), 18), g), m)

    return bound(_four(text, length, _K2), build)


_STATE = 7
"""How many numbers are carried from one part of 64 bytes to the next: x, y, z, and two pairs v and w."""


def _long(text: str, length: str) -> str:
    z = _K2 * (_SEED * _K1 + 113 & _ALL) & _ALL
    y = _SEED * _K1 + 113 & _ALL
    mixed = (y * _K2 + 113) & _ALL
    z = ((mixed ^ mixed >> 47) * _K2) & _ALL
    x = _plus(_number(_SEED * _K2 & _ALL), _first(text, length, 0))
    begin = f"[{x}, {_number(y)}, {_number(z)}{f', {_number(0)}' * 4}]"
    parts = f"list_transform(generate_series(0, ({length} - 1) // 64 - 1), lambda xpart: {_words(text, length, 'xpart * 64')})"
    state = (
        f"list_reduce({parts}, lambda xstate, xwords: {_round('xstate', 'xwords', _number(_K1), last=False)}, {begin})"
    )

    def end(names: Sequence[str]) -> str:
        done, words = names
        multiplier = _plus(_number(_K1), f"(({done}[3] & 255) << 1)")
        return bound([multiplier, done, words], finish)

    def finish(names: Sequence[str]) -> str:
        multiplier, done, words = names
        w1 = _plus(f"{done}[6]", f"CAST(({length} - 1) & 63 AS UHUGEINT)")
        v1 = _plus(f"{done}[4]", w1)
        pairs = f"[{done}[1], {done}[2], {done}[3], {v1}, {done}[5], {_plus(w1, v1)}, {done}[7]]"
        return bound([_round_of(pairs, words, multiplier), multiplier], hashed)

    def hashed(names: Sequence[str]) -> str:
        s, m = names
        one = _plus(_joined(f"{s}[4]", f"{s}[6]", m), _times(_mixed(f"{s}[2]"), _number(_K0)), f"{s}[3]")
        return _joined(one, _plus(_joined(f"{s}[5]", f"{s}[7]", m), f"{s}[1]"), m)

    return bound([state, _words(text, length, f"({length} - 64)")], end)


def _words(text: str, length: str, at: str) -> str:
    """Return the eight numbers of a part of 64 bytes."""
    numbers = (
        f"CAST('0x' || substr({text}, ({length} - {at} - {8 * place + 8}) * 2 + 1, 16) AS UHUGEINT)"
        for place in range(8)
    )
    return f"[{', '.join(numbers)}]"


def _round_of(state: str, words: str, multiplier: str) -> str:
    return bound([state], lambda names: _round(names[0], words, multiplier, last=True))


def _round(state: str, words: str, factor: str, *, last: bool) -> str:
    """Return the state after a part; the last one weighs what is carried by nine."""
    x, y, z, v1, v2, w1, w2 = (f"{state}[{place}]" for place in range(1, _STATE + 1))
    nine: Callable[[str], str] = (lambda value: _times(value, _number(9))) if last else (lambda value: value)
    new_x = f"xor({_times(_turned(_plus(x, y, v1, f'{words}[2]'), 37), factor)}, {nine(w2)})"
    new_y = _plus(_times(_turned(_plus(y, v2, f"{words}[7]"), 42), factor), nine(v1), f"{words}[6]")
    new_z = _times(_turned(_plus(z, w1), 33), factor)

    def pairs(names: Sequence[str]) -> str:
        one, two, three = names
        first = _weak(words, 1, _times(v2, factor), _plus(one, w1))
        second = _weak(words, 5, _plus(three, w2), _plus(two, f"{words}[3]"))
        return bound(
            [one, two, three, first, second],
            lambda all_: f"[{all_[2]}, {all_[1]}, {all_[0]}, {all_[3]}[1], {all_[3]}[2], {all_[4]}[1], {all_[4]}[2]]",
        )

    return bound([new_x, new_y, new_z], pairs)


def _turned(value: str, by: int) -> str:
    return bound([value], lambda names: _rotated(names[0], by))


def _weak(words: str, first: int, a: str, b: str) -> str:
    """Return two numbers that take in four."""
    w, x, y, z = (f"{words}[{first + place}]" for place in range(4))

    def build(names: Sequence[str]) -> str:
        (start, other) = names
        total = _plus(start, x, y)
        return bound(
            [total, _turned(_plus(other, start, z), 21), start],
            lambda sums: f"[{_plus(sums[0], z)}, {_plus(sums[1], _rotated(sums[0], 44), sums[2])}]",
        )

    return bound([_plus(a, w), b], build)
