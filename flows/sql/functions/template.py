"""How a signature's DuckDB side is filled.

`$1` is the first argument, `$*` all of them with commas, `$|` all of them joined by `||`, `$null` whether one is NULL,
`$utc1` the first one, a TIMESTAMP, as date and time in UTC, `$moment1` the TIMESTAMP that it means, a text, `$interval` the INTERVAL. `!(text)` raises that error. In
aggregates `$d` is DISTINCT, `$s` the ORDER BY, `$b` what its values are compared by, `$i` IGNORE NULLS and `$o` what follows the call (FILTER, OVER); `$x` sorts the
argument, and `$y` what is finite of it, where FLOAT64 is to be added up in one order.
`$sigma` matches a capital sigma at the end of a word, `$fold1` is the first argument, a STRING, as a comparison without case has it; `$rare` matches what that does not know, `$newer` what no folding does, `$breaks`
words with the one sign between them, `$signs` each sign of UTF-8 in hexadecimal digits, or else one byte,
`$casefold` is the first argument without case, `$capitals` in capitals, `$soundex` its code, `$textprint` and `$blobprint` its fingerprint, `$address` the IP address that it is and
`$iptext` that of one, `$host` the host of the URL that it is, `$suffix` the public suffix of that, `$domain` the domain below it.
`$varsamp9(values)` and `$varpop9(values)` are the variance of a sorted list of decimals of 9 places, of a sample or of all.
`$corr9(one, two)` and the like are the correlation and covariances of pairs of them.
`$divide(total, count)` is an exact quotient of 9 places, `$round(number, places)` a FLOAT64 rounded as its exact value says.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from flows.sql.addresses import packed, text_of
from flows.sql.decimals import covariance, divide, round_float, variance
from flows.sql.fingerprint import fingerprint
from flows.sql.folded import NEWER, comparable, in_capitals, rare, without_case
from flows.sql.hosts import host, public_suffix, registered_domain
from flows.sql.interval_texts import read as interval_of
from flows.sql.once import bound, failure
from flows.sql.times import moment, naive
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SPACES = " \t\n\v\f\r\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
_TOKEN = re.compile(
    r"\$(\d|\*|\||null|spaces|signs|breaks|newer|rare|sigma|soundex|casefold|capitals|textprint|blobprint|address|iptext|host|suffix|domain|fold\d|utc\d|moment\d|interval|[dsoibxy])|!\(([^)]*)\)"
)
_BREAKS = r"\s\x0b\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\[\](){}/|\\<>!?@\"^#$&~_,.:;*%+\-"
_CASED, _IGNORED = (
    r"\p{Lu}\p{Ll}\p{Lt}ªº\x{2160}-\x{217f}\x{24b6}-\x{24e9}",
    r"\p{M}\p{Cf}\p{Lm}\p{Sk}'.:\x{b7}\x{387}\x{55f}\x{5f4}\x{2018}\x{2019}\x{2024}\x{2027}",
)
"""Letters with two cases, and what is looked through on the way to the next one."""
_LATER = "[89AB][0-9A-F]"
"""A byte of a sign behind its first one, in hexadecimal digits."""
_FIXED = {
    "spaces": quote_text(_SPACES),
    "breaks": quote_text(f"(?s)[{_BREAKS}]|[^{_BREAKS}]+"),
    "newer": quote_text(NEWER),
    # At the end of a word.
    "sigma": quote_text(rf"([{_CASED}][{_IGNORED}]*)Σ([{_IGNORED}]*(?:\z|[^{_CASED}{_IGNORED}]))"),
    "signs": quote_text(
        f"[0-7][0-9A-F]|(?:C[2-9A-F]|D[0-9A-F]){_LATER}|(?:E0[AB][0-9A-F]|E[1-9A-CEF]{_LATER}|ED[89][0-9A-F]){_LATER}"
        f"|(?:F0[9AB][0-9A-F]|F[1-3]{_LATER}|F48[0-9A-F]){_LATER}{_LATER}|.."
    ),
}
_MOST_JOINED = 16
_NO_MARKS = dict.fromkeys(("d", "s", "o", "i", "b"), "")
"""What an aggregate has for a place in its template, where it has nothing."""
_COMPUTED = ("$corr", "$covar", "$round", "$divide", "$var")
_ROUND = re.compile(r"\$round\((.+), (\$2)\)")
_VARIANCE = re.compile(r"(sqrt)?\(?\$var(samp|pop)(\d+)\((.+?)\)\)?")
_COVARIANCE = re.compile(r"\$(corr|covarpop|covarsamp)9\(\$1, \$2\)")
_SORTED = re.compile(r"(\w+)\(\$d((?:[^$]|\$1)*)\$[xy]\)\$o")
_QUOTIENT = re.compile(r"\$divide\((.+), (count.+)\)")


def _joined(arguments: Sequence[str]) -> str:
    """Join arguments by `||`, many of them in halves: DuckDB goes down a level for each one on the left."""
    if len(arguments) <= _MOST_JOINED:
        return " || ".join(arguments)
    half = len(arguments) // 2
    return f"({_joined(arguments[:half])}) || ({_joined(arguments[half:])})"


def _soundex(text: str) -> str:
    letters = f"regexp_replace({text}, '[^A-Za-z]', '', 'g')"
    codes = f"translate(upper({letters}), 'BFPVCGJKQSXZDTLMNRAEIOUYHW', '111122222222334556')"
    for digit in "123456":
        codes = f"regexp_replace({codes}, '{digit}+', '{digit}', 'g')"
    coded = f"regexp_matches({letters}, '^[^AEIOUYHWaeiouyhw]')"
    rest = f"CASE WHEN {coded} THEN substr({codes}, 2) ELSE {codes} END"
    return f"CASE WHEN {letters} = '' THEN '' ELSE left(left({letters}, 1) || {rest} || '000', 4) END"


_COMPOSED: dict[str, Callable[[str], str]] = {
    "soundex": _soundex,
    "casefold": without_case,
    "capitals": in_capitals,
    "rare": lambda _: quote_text(rare()),
    "textprint": lambda text: fingerprint(f"encode({text})"),
    "blobprint": fingerprint,
    "address": lambda text: bound([text], lambda names: packed(names[0])),
    "iptext": lambda address: bound([address], lambda names: text_of(names[0])),
    "interval": interval_of,
    "host": host,
    "suffix": public_suffix,
    "domain": registered_domain,
}
"""What stands for a mark, made of the first argument."""


def render(template: str, arguments: Sequence[str], marks: Mapping[str, str] | None = None) -> str:
    """Fill a template with the arguments' SQL and the marks `d`, `s`, `o`, `i` of an aggregate."""
    if marks and marks.get("d") and marks.get("x") and "OVER" not in marks.get("o", ""):
        # What is distinct is sorted behind it: DuckDB finds no call among the arguments that it is sorted by.
        template = _SORTED.sub(r"list_aggregate(list_sort(list($d\2)$o), '\1')", template)
    if _is_plain(template):
        return filled(template, arguments, marks)
    rounded = _ROUND.fullmatch(template) if "$round" in template else None
    if rounded is not None:
        both = [filled(rounded[place], arguments, marks) for place in (1, 2)]
        return bound(both, lambda names: round_float(*names))
    quotient = _QUOTIENT.fullmatch(template) if "$divide" in template else None
    if quotient is not None:
        # DuckDB takes no aggregate inside a lambda where the aggregate's argument has one too.
        both = [filled(quotient[place], arguments, marks) for place in (1, 2)]
        return bound(both, lambda names: divide(*names))
    spread = _VARIANCE.fullmatch(template) if "$var" in template else None
    if spread is not None:
        found = variance(filled(spread[4], arguments, marks), int(spread[3]), sample=spread[2] == "samp")
        return f"sqrt({found})" if spread[1] else found
    together = _COVARIANCE.fullmatch(template) if "$co" in template else None
    if together is not None:
        known = " AND ".join(f"{one} IS NOT NULL" for one in arguments)
        pairs = filled(f"array_agg({{'u': $1, 'v': $2}}) FILTER (WHERE {known})$o", arguments, marks)
        return covariance(pairs, together[1])
    # What is tried may end in an error, and its arguments must not do so in silence.
    if marks is None and ("TRY(" in template or _several_times(template)):
        return bound(arguments, lambda names: filled(template, names, None))
    return filled(template, arguments, marks)


def filled(template: str, arguments: Sequence[str], marks: Mapping[str, str] | None = None) -> str:
    """Fill a template as it stands, where its arguments may be named several times."""
    form = _form(template)
    if form is not None:
        return form.format(*arguments, **({**_NO_MARKS, **marks} if marks else _NO_MARKS))
    parts: list[str] = []
    for text, mark, error in _pieces(template):
        parts.append(text)
        if type(mark) is int:
            parts.append(arguments[mark])
        elif not mark and error is None:
            continue
        else:
            parts.append(_filling(str(mark), error, arguments, marks or {}))
    return "".join(parts)


@lru_cache(maxsize=1024)
def _is_plain(template: str) -> bool:
    """Say whether a template only has to be filled."""
    return not ("TRY(" in template or any(mark in template for mark in _COMPUTED) or _several_times(template))


@lru_cache(maxsize=1024)
def _form(template: str) -> str | None:
    """Return a template that names nothing but arguments and marks as `format` takes it; None for another one."""
    form = ""
    for text, mark, error in _pieces(template):
        if error is not None or not (type(mark) is int or not mark or mark in _NO_MARKS):
            return None
        form += text.replace("{", "{{").replace("}", "}}") + (f"{{{mark}}}" if mark != "" else "")
    return form


@lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[tuple[str, str | int, str | None], ...]:
    """Return the marks and errors of a template, each with the text before it; an argument's place from 0 as its mark."""
    pieces: list[tuple[str, str | int, str | None]] = []
    place = 0
    for token in _TOKEN.finditer(template):
        mark = token[1] or ""
        pieces.append((template[place : token.start()], int(mark) - 1 if mark.isdigit() else mark, token[2]))
        place = token.end()
    return (*pieces, (template[place:], "", None))


def _filling(mark: str, error: str | None, arguments: Sequence[str], marks: Mapping[str, str]) -> str:
    """Return what stands for a mark of a template, or for an error."""
    if error is not None:
        return failure(error, *(() if marks else arguments))
    if mark in _FIXED:
        return _FIXED[mark]
    if mark == "*":
        return ", ".join(arguments)
    if mark == "|":
        return _joined(arguments)
    if mark == "null":
        return " OR ".join(f"{argument} IS NULL" for argument in arguments)
    if mark in _COMPOSED:
        return _COMPOSED[mark](arguments[0])
    if mark.startswith("fold"):
        return comparable(arguments[int(mark[4:]) - 1])
    if mark.startswith("utc"):
        return naive(arguments[int(mark[3:]) - 1])
    if mark.startswith("moment"):
        return moment(arguments[int(mark[6:]) - 1])
    if mark in {"x", "y"}:
        key = arguments[0] if mark == "x" else f"CASE WHEN isfinite({arguments[0]}) THEN {arguments[0]} END"
        return f" ORDER BY {key}" if marks.get("x") else ""
    return marks.get(mark, "")


@lru_cache(maxsize=1024)
def _several_times(template: str) -> bool:
    """Say whether a template names an argument more than once, or maybe inside a lambda, which takes no query."""
    if "lambda" in template:
        return True
    places = [mark for mark, _ in _TOKEN.findall(template) if mark[-1:].isdigit() or mark in {"*", "null"}]
    return len(places) != len(set(places)) or {"*", "null"} <= set(places)
