"""Hosts of URLs and the public suffixes that they end with: DuckDB expressions."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from flows.sql.folded import composed
from flows.sql.once import bound
from flows.sql.types import quote_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Rules = dict[str, "Rules"]
"""Rules by their last label; what stands before it in turn, and '' where a rule ends."""

_HOST = r"^(?:[/\\]{2}|[^/?#\\:]*:[/\\]{2})?(?:[^/?#\\]*@)?(\[[^\[\]/?#\\]*(?:[\[\]][^/?#\\:]*)?|[^/?#\\:]*)"
_END = "[./]"
_OTHER = r"[^\x00-@\[-~]"
"""Letters that the domain name system has otherwise."""
# Full stops as they are written in Chinese and Japanese.
_STOPS = "。．｡"  # noqa: RUF001 - these they are
_STOP, _NO_STOP = f"[.{_STOPS}]", f"[^.{_STOPS}]"
_WIDE, _NARROW = (
    "".join(chr(sign + far) for first, last in ("09", "az", "AZ") for sign in range(ord(first), ord(last) + 1))
    for far in (0xFEE0, 0)
)
"""Letters and digits as wide as Chinese ones, and those that they stand for."""
_OF_XN = f"(?:[^xX.{_STOPS}]{_NO_STOP}|[xX][^nN.{_STOPS}])--"
_UNKNOWN = f"^{_STOP}|{_STOP}{{2}}|{_NO_STOP}{{64}}|(?:^|{_STOP})(?:-|{_OF_XN})|-(?:{_STOP}|$)"
"""A label that is empty or too long, or has hyphens where none may stand."""
_NUMERALS = r"\x{660}-\x{669}\x{66b}\x{66c}\x{6dd}"
"""Digits among letters that are written from right to left."""
_LEFTWARD = (
    r"\x{590}-\x{65f}\x{66a}\x{66d}-\x{6dc}\x{6de}-\x{6ef}\x{6fa}-\x{8ff}\x{fb1d}-\x{fdff}\x{fe70}-\x{fefc}"
    r"\x{10800}-\x{10fff}\x{1e800}-\x{1efff}"
)
"""Letters that are written from right to left; all others are those of the other way, and no stops."""
_RIGHTWARD = (
    r"A-Za-z\x{80}-\x{58f}\x{900}-\x{3001}\x{3003}-\x{fb1c}\x{fe00}-\x{fe6f}\x{fefd}-\x{ff0d}\x{ff0f}-\x{ff60}\x{ff62}-\x{107ff}"
    r"\x{11000}-\x{1e7ff}\x{1f000}-\x{10ffff}"
)
_LABEL = (
    f"(?:[{_RIGHTWARD}](?:[^{_LEFTWARD}{_NUMERALS}.{_STOPS}]*[{_RIGHTWARD}0-9])?"
    f"|[{_LEFTWARD}](?:[^{_RIGHTWARD}.{_STOPS}]*[{_LEFTWARD}{_NUMERALS}0-9])?)"
)
"""What may stand beside letters that are written from right to left: one that begins with a letter, all of one way."""
_ONE_WAY = f"{_LABEL}(?:{_STOP}{_LABEL})*{_STOP}?"
_MIXED = f"[0-9]{_NO_STOP}*[{_NUMERALS}]|[{_NUMERALS}]{_NO_STOP}*[0-9]"


def host(url: str) -> str:
    """Return the host of a URL; NULL where it has none."""
    spaces = "' ' || " + " || ".join(f"chr({sign})" for sign in range(9, 14))
    found = f"ltrim(regexp_extract(trim({url}, {spaces}), {quote_text(_HOST)}, 1), '.')"
    return rf"nullif(regexp_replace({found}, '\.+$', '.'), '')"


def public_suffix(url: str) -> str:
    """Return the public suffix of a URL's host, as it is written there; NULL where the list has none."""
    return bound([f"string_split({_found(url)}, '/')"], lambda parts: _ending(parts[0], 0, "TRUE"))


def registered_domain(url: str) -> str:
    """Return the public suffix of a URL's host with the label before it; NULL where there is none."""

    def with_domain(parts: Sequence[str]) -> str:
        there = f"(regexp_matches(list_extract({parts[0]}, 2), '^[^.]') OR {_is_excepted(parts[0])})"
        return _ending(parts[0], 1, there)

    return bound([f"string_split({_found(url)}, '/')"], with_domain)


def _ending(parts: str, more: int, condition: str) -> str:
    """Return the last labels of the host in what was found: the public suffix and more of them, on a condition.

    What needs other letters for the domain name system, and has none there, has no suffix.
    """
    name = f"list_extract({parts}, 3)"
    both_ways = (
        f"regexp_matches({name}, '[{_LEFTWARD}{_NUMERALS}]') AND (NOT regexp_full_match({name}, {quote_text(_ONE_WAY)})"
        f" OR regexp_matches({name}, {quote_text(_MIXED)}))"
    )
    unknown = f"(regexp_matches({name}, {quote_text(_UNKNOWN)}) OR ({both_ways}))"
    wrong = f"regexp_matches({name}, {quote_text(_OTHER)}) AND {unknown}"
    suffix = f"len(string_split(rtrim(list_extract({parts}, 1), '.'), '.'))"
    count = f"{suffix} + {more} - CASE WHEN {_is_excepted(parts)} THEN 1 ELSE 0 END"
    labels = f"string_split(rtrim({name}, '.'), '.')"
    stop = f"regexp_extract({name}, '\\.?$')"
    written = f"array_to_string(list_slice({labels}, -({count}), -1), '.') || {stop}"
    return f"CASE WHEN len({parts}) = 3 AND NOT ({wrong}) AND {condition} THEN {written} END"


def _is_excepted(parts: str) -> str:
    return f"regexp_full_match(list_extract({parts}, 1), {quote_text(_patterns()[1])})"


def _found(url: str) -> str:
    """Return the labels of a URL's public suffix from the last one on, those before it, and its host, parted by `/`.

    Where there is no such suffix, it is all labels and the host. The pattern stands outside of every lambda, which would read it
    anew for each chunk of rows.
    """

    def turned(names: Sequence[str]) -> str:
        name = names[0]
        narrow = f"translate({name}, {quote_text(_STOPS + _WIDE)}, {quote_text('...' + _NARROW)})"
        plain = f"rtrim(lower({composed(narrow)}), '.')"
        return f"array_to_string(list_reverse(string_split({plain}, '.')), '.') || '/' || {name}"

    labels = bound([host(url)], turned)
    return rf"regexp_replace({labels}, {quote_text(_patterns()[0])}, '\0/')"


@lru_cache(maxsize=1)
def _patterns() -> tuple[str, str]:
    """Return the regular expression of all public suffixes, from the last label on, and that of those which are none."""
    listed = resources.files("publicsuffixlist").joinpath("public_suffix_list.dat").read_text(encoding="utf-8")
    rules, exceptions = _read(listed)
    return f"^{_labels(rules)}{_END}", rf"(?:{'|'.join(exceptions)})\.?"


def _read(listed: str) -> tuple[Rules, list[str]]:
    """Read the rules of registries, which the list has before those of owners of domains, and the exceptions from them.

    Each stands there in its own letters, and in those that the domain name system has for them.
    """
    rules: Rules = {}
    exceptions: list[str] = []
    for line in listed.partition("// ===END ICANN DOMAINS===")[0].splitlines():
        rule = line.partition(" ")[0].rstrip()
        if not rule or rule.startswith("//"):
            continue
        plain = rule.removeprefix("!")
        for spelling in dict.fromkeys((plain, plain if plain.isascii() else plain.encode("idna").decode())):
            labels = spelling.split(".")[::-1]
            if rule.startswith("!"):
                exceptions.append(r"\.".join(labels))
                continue
            at = rules
            for label in labels:
                at = at.setdefault(label, {})
            at[""] = {}
    for at in rules.values():
        at[""] = {}  # the last label is a suffix by itself, though only a rule for all before it may be listed
    return rules, exceptions


def _labels(rules: Rules) -> str:
    """Return the pattern of the labels that follow, from the last one on."""
    named = {label: _further(inner) for label, inner in rules.items() if label and label != "*"}
    ways = [_words(named.items())] if named else []
    if "*" in rules:
        ways.append("[^./]+")
    return _one_of(ways)


def _further(rules: Rules) -> str:
    """Return the pattern of what may stand before a label, with the dot between them."""
    if not rules.keys() - {""}:
        return ""
    pattern = rf"\.{_labels(rules)}"
    return f"(?:{pattern})?" if "" in rules else pattern


def _words(words: Iterable[tuple[str, str]]) -> str:
    """Return the pattern of words, each with a pattern of what follows it, which reads each letter once."""
    after: dict[str, list[tuple[str, str]]] = {}
    ends: list[str] = []
    for word, following in words:
        if word:
            after.setdefault(word[0], []).append((word[1:], following))
        else:
            ends.append(following)
    ways = {letter: _words(rest) for letter, rest in sorted(after.items())}
    single = "".join(letter for letter, way in ways.items() if not way and letter != "-")
    single += "-" * (ways.get("-") == "")
    found = [f"{letter}{way}" for letter, way in ways.items() if way]
    if single:
        found.append(f"[{single}]" if len(single) > 1 else single)
    if not ends:
        return _one_of(found)
    return f"(?:{'|'.join(found)}|{ends[0]})" if found else ends[0]


def _one_of(ways: list[str]) -> str:
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"
