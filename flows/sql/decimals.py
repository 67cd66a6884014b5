"""Arithmetic of NUMERIC and BIGNUMERIC as DuckDB expressions: exact, halves away from zero.

A value is named several times: give what costs nothing, such as a column or the parameter of a lambda.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flows.sql.once import bound, failure

if TYPE_CHECKING:
    from collections.abc import Sequence


def divide(left: str, right: str) -> str:
    """Return a NUMERIC divided by an integer that is more than zero, exactly, halves away from zero.

    Both are computed outside of it: no aggregate of what has a lambda of its own may stand within one.
    """

    def divided(names: Sequence[str]) -> str:
        over, under = names
        units = f"xover // {under} + CASE WHEN abs(xover % {under}) * 2 >= {under} THEN CAST(sign(xover) AS HUGEINT) ELSE 0 END"
        built = f"CAST(CAST({units} AS DECIMAL(38, 0)) * {_one_unit(9)} AS DECIMAL(38, 9))"
        return f"list_extract(list_transform([{in_units(over, 9)}], lambda xover: {built}), 1)"

    return bound([left, f"CAST({right} AS HUGEINT)"], divided)


def divide_numeric(left: str, right: str) -> str:
    """Return a NUMERIC divided by another, exactly, halves away from zero; an error beyond NUMERIC."""
    tens = "1" + "0" * 9
    # Digits before the point of the quotient, then those behind it: their numerator fits HUGEINT where the divisor is small,
    # and where it is not, they are those of both without their last digits, or one less.
    whole, rest = "(abs(xover) // abs(xunder))", "(abs(xover) % abs(xunder))"
    near = f"({rest} // (abs(xunder) // {tens}))"
    left_over = f"(({rest} - xnear * (abs(xunder) // {tens})) * {tens} - xnear * (abs(xunder) % {tens}))"
    large = (
        f"list_extract(list_transform([{near}], lambda xnear: CASE WHEN {left_over} < 0 "
        f"THEN xnear - 1 + CASE WHEN {left_over} + abs(xunder) >= -{left_over} THEN 1 ELSE 0 END "
        f"ELSE xnear + CASE WHEN {left_over} >= abs(xunder) - {left_over} THEN 1 ELSE 0 END END), 1)"
    )
    small = f"(({rest} * {tens} // abs(xunder)) + CASE WHEN {rest} * {tens} % abs(xunder) * 2 >= abs(xunder) THEN 1 ELSE 0 END)"
    units = f"({whole} * {tens} + CASE WHEN abs(xunder) < 1{'0' * 28} THEN {small} ELSE {large} END)"
    signed = f"CASE WHEN (xover < 0) <> (xunder < 0) THEN -1 ELSE 1 END * {units}"
    return _with_units(left, right, 9, f"CAST(CAST({signed} AS DECIMAL(38, 0)) * {_one_unit(9)} AS DECIMAL(38, 9))")


def divide_bignumeric(left: str, right: str) -> str:
    """Return a BIGNUMERIC divided by another where 18 places hold the quotient; an error where they do not."""
    tens = "1" + "0" * 18
    # What is left over, without common factors, fits 18 places where its denominator is one of 10 ** 18.
    units = f"((xover // xunder) * {tens} + (xover % xunder) // xfactor * ({tens} // (xunder // xfactor)))"
    exact = f"CAST(CAST({units} AS DECIMAL(38, 0)) * {_one_unit(18)} AS DECIMAL(38, 18))"
    checked = f"CASE WHEN {tens} % (xunder // xfactor) <> 0 THEN {_beyond('/')} ELSE {exact} END"
    reduced = f"list_extract(list_transform([gcd(xover % xunder, xunder)], lambda xfactor: {checked}), 1)"
    return _with_units(left, right, 18, reduced)


def to_places(value: str, places: str, half: str, scale: int = 9) -> str:
    """Return a decimal with so many places; an error beyond its type.

    `half` says what becomes of halves: `away` from zero, to the `even` neighbour; with `cut` all behind the places is cut off.
    """
    tens = f"CAST('1' || repeat('0', CAST({scale} - {places} AS INTEGER)) AS HUGEINT)"
    above = "abs(xunits % xtens) * 2 > xtens OR (abs(xunits % xtens) * 2 = xtens AND xunits // xtens % 2 <> 0)"
    many = {
        "away": "(xunits + CAST(sign(xunits) AS HUGEINT) * (xtens // 2)) // xtens",
        "even": f"(xunits // xtens + CASE WHEN {above} THEN CAST(sign(xunits) AS HUGEINT) ELSE 0 END)",
        "cut": "(xunits) // xtens",
    }[half]
    built = f"CAST(CAST({many} * xtens AS DECIMAL(38, 0)) * {_one_unit(scale)} AS DECIMAL(38, {scale}))"
    of_units = f"list_extract(list_transform([{in_units(value, scale)}], lambda xunits: {built}), 1)"
    found = f"list_extract(list_transform([{tens}], lambda xtens: {of_units}), 1)"
    few = f"CASE WHEN {places} >= {scale} THEN {value} WHEN {places} < {scale - 38} THEN 0 * {value} ELSE {found} END"
    return f"CASE WHEN {value} IS NOT NULL AND {places} IS NOT NULL THEN CAST({few} AS DECIMAL(38, {scale})) END"


def _with_units(left: str, right: str, scale: int, built: str) -> str:
    """Return SQL of `xover` and `xunder`, which are the units in two values."""
    of_over = f"list_extract(list_transform([{in_units(left, scale)}], lambda xover: {built}), 1)"
    return f"list_extract(list_transform([{in_units(right, scale)}], lambda xunder: {of_over}), 1)"


def in_units(value: str, scale: int) -> str:
    """Return a decimal as how many of its last place it holds."""
    tens = "1" + "0" * scale
    part = f"CAST({value} - trunc({value}) AS DECIMAL({scale + 1}, {scale}))"
    return f"(CAST(trunc({value}) AS HUGEINT) * {tens} + CAST({part} * {tens} AS HUGEINT))"


def variance(values: str, scale: int, *, sample: bool) -> str:
    """Return the variance of a sorted list of decimals with that many places, of a sample or of all, as a FLOAT64.

    They are looked at by how far they are from the middle one, in units of their last place: exactly, where that fits.
    """
    less = 1 if sample else 0
    units = f"list_transform(xs, lambda xone: {in_units('xone', scale)})"
    count, far = "len(xd)", "greatest(abs(list_extract(xd, 1)), abs(list_extract(xd, -1)))"
    squares = "list_sum(list_transform(xd, lambda xone: xone * xone))"
    exact = f"CAST({count} * {squares} - list_sum(xd) * list_sum(xd) AS DOUBLE) / (CAST({count} * ({count} - {less}) AS DOUBLE) * 1e{2 * scale})"
    number = f"CAST(xone AS DOUBLE) / 1e{scale}"
    sums = (f"list_sum(list_transform(xd, lambda xone: {one}))" for one in (f"({number}) * ({number})", number))
    near = "({} - {} ** 2 / {}) / ({} - {})".format(*sums, count, count, less)
    chosen = f"CASE WHEN {far} < {10**18} // {count} THEN {exact} ELSE {near} END"
    apart = "list_transform(xu, lambda xone: xone - list_extract(xu, (len(xu) + 1) // 2))"
    of_units = f"list_extract(list_transform([{apart}], lambda xd: {chosen}), 1)"
    of_values = f"list_extract(list_transform([{units}], lambda xu: {of_units}), 1)"
    return f"list_extract(list_transform([{values}], lambda xs: CASE WHEN len(xs) > {less} THEN {of_values} END), 1)"


def covariance(pairs: str, kind: str) -> str:
    """Return the covariance of a list of pairs of NUMERICs, of a sample or of all, or their correlation, as a FLOAT64.

    They are looked at by how far they are from the first pair, in units of their last place: exactly, where that fits, and as
    FLOAT64s elsewhere.
    """
    less = 1 if kind == "covarsamp" else 0
    units = ", ".join(f"'{side}': {in_units(_side('xone', side), 9)}" for side in "uv")
    apart = ", ".join(f"'{side}': {_side('xone', side)} - {_side('xu[1]', side)}" for side in "uv")
    count = "CAST(len(xd) AS HUGEINT)"
    total = {side: f"list_sum(list_transform(xd, lambda xone: {_side('xone', side)}))" for side in "uv"}

    def moment(one: str, two: str) -> str:
        products = f"list_sum(list_transform(xd, lambda xone: {_side('xone', one)} * {_side('xone', two)}))"
        return f"CAST({count} * {products} - {total[one]} * {total[two]} AS DOUBLE)"

    far = f"list_max(list_transform(xd, lambda xone: greatest(abs({_side('xone', 'u')}), abs({_side('xone', 'v')}))))"
    among = f"(CAST({count} * ({count} - {less}) AS DOUBLE) * 1e18)"
    found = f"{moment('u', 'v')} / {among}"
    if kind == "corr":
        spread = f"sqrt({moment('u', 'u')} * {moment('v', 'v')})"
        found = f"CASE WHEN {spread} = 0 THEN CAST('NaN' AS DOUBLE) ELSE {moment('u', 'v')} / {spread} END"
    chosen = f"CASE WHEN {far} < {10**18} // len(xd) THEN {found} ELSE {_near(kind, less)} END"
    of_units = f"list_extract(list_transform([list_transform(xu, lambda xone: {{{apart}}})], lambda xd: {chosen}), 1)"
    of_pairs = f"list_extract(list_transform([list_transform(xs, lambda xone: {{{units}}})], lambda xu: {of_units}), 1)"
    least = 0 if kind == "covarpop" else 1
    return f"list_extract(list_transform([{pairs}], lambda xs: CASE WHEN len(xs) > {least} THEN {of_pairs} END), 1)"


def _near(kind: str, less: int) -> str:
    """Return the covariance or correlation of `xd`, a list of pairs of units, by their distances from the means."""

    def moment(one: str, two: str) -> str:
        sides = (f"({_side('xone', side)} - {_side('xm', side)})" for side in (one, two))
        return f"list_sum(list_transform(xf, lambda xone: {' * '.join(sides)}))"

    found = f"{moment('u', 'v')} / (len(xd) - {less})"
    if kind == "corr":
        spread = f"(sqrt({moment('u', 'u')}) * sqrt({moment('v', 'v')}))"
        found = f"CASE WHEN {spread} = 0 THEN CAST('NaN' AS DOUBLE) ELSE {moment('u', 'v')} / {spread} END"
    means = ", ".join(f"'{side}': list_avg(list_transform(xf, lambda xone: {_side('xone', side)}))" for side in "uv")
    of_means = f"list_extract(list_transform([{{{means}}}], lambda xm: {found}), 1)"
    floats = ", ".join(f"'{side}': CAST({_side('xone', side)} AS DOUBLE) / 1e9" for side in "uv")
    return f"list_extract(list_transform([list_transform(xd, lambda xone: {{{floats}}})], lambda xf: {of_means}), 1)"


def square_root(value: str) -> str:
    """Return the root of a NUMERIC to 9 places, halves away from zero: a whole number's root, of its units."""

    def with_(name: str, what: str, built: str) -> str:
        return f"list_extract(list_transform([{what}], lambda {name}: {built}), 1)"

    def root(of: str, built: str) -> str:
        """Bind `xroot`, a whole number's root or the next number."""
        better = with_("xroot", f"(xguess + {of} // xguess) // 2", built)
        return with_("xguess", f"CAST(sqrt(CAST({of} AS DOUBLE)) AS HUGEINT)", better)

    def decimal(units: str) -> str:
        return f"CAST(CAST({units} AS DECIMAL(38, 0)) * {_one_unit(9)} AS DECIMAL(38, 9))"

    near = "list_filter([xroot - 1, xroot, xroot + 1], lambda xone: xone * xone - xone < xmany AND xmany <= xone * xone + xone)"
    small = with_("xmany", "xunits * 1000000000", root("xmany", decimal(f"list_extract({near}, 1)")))
    # Of a large number's units the last digit is left out, and then what the root lacks is found, 5 digits more.
    lacking = "((xten - xroot * xroot) * 10000000000 + xunits % 10 * 1000000000)"
    square, half = "(xone * (200000 * xroot + xone))", "(100000 * xroot + xone)"
    fits = f"{square} - {half} < {lacking} AND {lacking} <= {square} + {half}"
    last = with_(
        "xlast",
        f"{lacking} // (200000 * xroot)",
        f"list_extract(list_filter([xlast - 1, xlast, xlast + 1], lambda xone: {fits}), 1)",
    )
    large = with_("xten", "xunits // 10", root("xten", decimal(f"100000 * xroot + {last}")))
    either = f"CASE WHEN {value} < 100000000000000000000 THEN {small} ELSE {large} END"
    return f"CASE WHEN {value} = 0 THEN {value} ELSE {with_('xunits', in_units(value, 9), either)} END"


def _side(pair: str, name: str) -> str:
    """Return one of a pair; in HAVING, DuckDB takes a name behind a point for that of a column."""
    return f"struct_extract({pair}, '{name}')"


def _one_unit(scale: int) -> str:
    return "0." + "0" * (scale - 1) + "1"


def multiply_numeric(left: str, right: str) -> str:
    """Return the product of two NUMERICs to 9 places, halves away from zero, without overflow on the way."""
    whole, part = f"trunc({left})", f"CAST({left} - trunc({left}) AS DECIMAL(10, 9))"
    whole_right, part_right = f"trunc({right})", f"CAST({right} - trunc({right}) AS DECIMAL(10, 9))"
    return (
        f"(CAST({whole} * {right} AS DECIMAL(38, 9)) + CAST({part} * {whole_right} AS DECIMAL(38, 9))"
        f" + CAST({part} * {part_right} AS DECIMAL(38, 9)))"
    )


def multiply_bignumeric(left: str, right: str) -> str:
    """Return the product of two BIGNUMERICs where 18 places hold it, without overflow on the way; an error elsewhere."""
    wholes = [f"CAST(trunc({side}) AS DECIMAL(20, 0))" for side in (left, right)]
    parts = [f"CAST({side} - trunc({side}) AS DECIMAL(18, 18))" for side in (left, right)]
    last = f"({parts[0]} * {parts[1]})"
    return (
        f"CASE WHEN {last} <> CAST({last} AS DECIMAL(38, 18)) THEN {_beyond('*')} ELSE "
        f"CAST({wholes[0]} * {wholes[1]} AS DECIMAL(38, 18)) + CAST({wholes[0]} * {parts[1]} AS DECIMAL(38, 18))"
        f" + CAST({parts[0]} * {wholes[1]} AS DECIMAL(38, 18)) + CAST({last} AS DECIMAL(38, 18)) END"
    )


def _beyond(sign: str) -> str:
    return f"error('BIGNUMERIC {sign} needs more than 18 places, which the embedded warehouse does not hold: write NUMERIC')"


def round_float(number: str, places: str) -> str:
    """Return a FLOAT64 rounded to places, halves away from zero, as its exact value says: 2.675 is less than it looks.

    It lies in the middle only where as many binary places hold it, and one more.
    """
    few = f"CAST(CASE WHEN {places} > 400 THEN 400 WHEN {places} < -400 THEN -400 ELSE {places} END AS INTEGER)"
    doubled = f"({number} * pow(2, {places} + 1))"
    printed = f"CAST(printf('%.' || {places} || 'f', {number}) AS DOUBLE)"
    exact = f"{places} > 0 AND {places} < 325 AND isfinite({number}) AND {doubled} <> floor({doubled})"
    found = f"CASE WHEN {exact} THEN {printed} ELSE round({number}, {few}) END"
    if re.fullmatch(r"CAST\([0-9]+ AS BIGINT\)", places):
        return found
    # Where it overflows, DuckDB leaves the number as it is.
    above = f"NOT isfinite(round({number} / pow(10, -{places})) * pow(10, -{places}))"
    overflows = f"{places} BETWEEN -308 AND -293 AND isfinite({number}) AND {above}"
    return f"CASE WHEN {overflows} THEN {failure('ROUND: FLOAT64 overflows', number, places)} ELSE {found} END"
