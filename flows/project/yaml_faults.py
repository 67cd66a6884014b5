"""What is wrong with a file that is no YAML, in an analyst's words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flows.model.errors import Fault
from flows.project.text import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    import yaml

COMMA = "Inside { } a comma ends a value: put the text or type that it belongs to in quotes."
_FIELD = re.compile(r"(?P<head>\s*(?:- +)*(?P<name>[A-Za-z_]\w*) *: +)(?P<value>\S.*?)(?P<rest>\s+#.*|\s*)")
_GROUP = re.compile(r"[A-Za-z_]\w*: .*")
_GROUPS = {"window", "partition", "source", "resources", "merge"}
_BLOCKS = "|>"
_STARTERS = "*&@%`|>!,?]}"
_BLOCK = re.compile(r"(?P<head>\s*(?:- +)*)(?P<name>[A-Za-z_]\w*) *: +[|>][-+0-9]*\s*(?:#.*)?")
_KEY = re.compile(r"\s*(?:- +)*[A-Za-z_]\w* *:(?:\s.*)?|\s*#.*")


def explain(error: yaml.MarkedYAMLError, text: str) -> tuple[Fault, str | None]:
    """Return what is wrong where YAML stopped, and the text with that value in quotes where this mends it."""
    lines = text.split("\n")
    mark = error.problem_mark or error.context_mark
    number = min(mark.line if mark else 0, len(lines) - 1)
    begun = error.context_mark.line + 1 if error.context_mark else number + 1
    match = _FIELD.fullmatch(lines[number].rstrip("\r"))
    problem = error.problem or ""
    if _BLOCK.fullmatch(lines[number].rstrip("\r")) and mark and (at := _opened(text[: mark.index])) is not None:
        return _to_close(text, at), None
    if match and not _BLOCK.fullmatch(lines[number].rstrip("\r")):
        value = match["value"]
        path = (match["name"],) if not lines[number].startswith((" ", "-")) else ()
        if braced := _braced(match, lines[number].rstrip("\r")):
            message, better = braced
            return Fault(number + 1, message, path=path), "\n".join([*lines[:number], better, *lines[number + 1 :]])
        colon = "mapping values" in problem and ": " in f"{value} " and value[0] not in "'\"{["
        if value[0] in _STARTERS or colon:
            why = "a text with a ':' in it" if colon else f"a text that begins with {value[0]}"
            quoted = "'" + value.replace("'", "''") + "'"
            shown = clip(quoted) if '"' in value or "\\" in value else f'"{clip(value)}"'
            instead = f"{match['name']}: {shown}"
            if match["name"] == "sql":
                instead = "`sql: |` and the query on the lines below it, indented."
            message = f"'{clip(value)}' needs quotes, as does every {why[2:]}. Write {instead}"
            better = "\n".join([*lines[:number], f"{match['head']}{quoted}{match['rest']}", *lines[number + 1 :]])
            return Fault(number + 1, message, path=path), None if value[0] in _BLOCKS else better
    if unclosed := _unclosed(lines, number):
        return unclosed, None
    if outside := _outside(lines, number):
        return outside, None
    context = error.context or ""
    at = _opened(text[: mark.index]) if mark and "flow node" in context else None
    if at is not None:
        return _to_close(text, at), None
    begins = any(words in context for words in ("quoted scalar", "simple key", "flow sequence", "flow mapping"))
    line = begun if begins else min(number + 1, text.count("\n") or 1)
    return Fault(line, _plainly(f"{context} {problem}", begun)), None


def _braced(field: re.Match[str], line: str) -> tuple[str, str] | None:
    """Return what is wrong with a group in one line that lacks a { or both braces, or has one } more; and the line without."""
    value, start = field["value"], field.start("name")
    if value.endswith("}") and value.count("{") < value.count("}"):
        if value[0] == "{" and value.endswith("}}"):
            better = f"{field['head']}{value[:-1]}{field['rest']}"
            return f"there is one }} too many. Write {clip(better.strip())}", better
        at = field.start("value") if _GROUP.fullmatch(value) else start
        better = f"{line[:at]}{{{line[at:]}"
        return f"the }} has no {{. Write {clip(better[start:])}", better
    if field["name"] in _GROUPS and _GROUP.fullmatch(value) and "}" not in value:
        better = f"{field['head']}{{{value}}}{field['rest']}"
        return f"a group in one line needs {{ and }} around it. Write {clip(better[start:].strip())}", better
    return None


def _opened(text: str) -> int | None:
    """Return where the last [ or { stands that nothing closes."""
    closed = 0
    for at in range(len(text) - 1, -1, -1):
        if text[at] in "]}":
            closed += 1
        elif text[at] in "[{":
            if not closed:
                return at
            closed -= 1
    return None


def _to_close(text: str, at: int) -> Fault:
    close = "]" if text[at] == "[" else "}"
    return Fault(text.count("\n", 0, at) + 1, f"the {text[at]} is not closed. Write its {close}.")


def _unclosed(lines: Sequence[str], number: int) -> Fault | None:
    """Return the fault of a quote that is closed by the next one only, which was to open another text."""
    quote = next((one for one in "\"'" if one in lines[number]), None)
    if quote is None:
        return None
    begun = next((line for line in range(number - 1, -1, -1) if quote in lines[line]), None)
    field = (
        re.fullmatch(rf"\s*(?:- +)*([A-Za-z_]\w*) *: +{quote}[^{quote}]*", lines[begun]) if begun is not None else None
    )
    if field is None or begun is None:
        return None
    message = f"the text that begins with {quote} here goes on to line {number + 1}. Close it with {quote} on its line."
    return Fault(begun + 1, message, path=(field[1],) if not lines[begun].startswith((" ", "-")) else ())


def _outside(lines: Sequence[str], number: int) -> Fault | None:
    """Return the fault of a line before which a block of text ends, since the line is not indented as the text is."""
    begun = next((line for line in range(number, -1, -1) if _BLOCK.fullmatch(lines[line].rstrip("\r"))), None)
    if begun is None:
        return None
    header = _BLOCK.fullmatch(lines[begun].rstrip("\r"))
    assert header  # noqa: S101 - it was found by the same expression
    least = len(header["head"]) + 1
    written = [line for line in range(begun + 1, number + 1) if lines[line].strip()]
    spaces = {line: len(lines[line]) - len(lines[line].lstrip(" ")) for line in written}
    indent = max(least, spaces[written[0]]) if written else least
    line = next((line for line in written if spaces[line] < indent), None)
    if line is None or _KEY.fullmatch(lines[line].rstrip("\r")):
        return None
    more = max(indent, least + 1)
    message = (
        f"this line is outside the text of `{header['name']}: |`, which begins on line {begun + 1}. "
        f"Begin it with {more} spaces or more, as every line of the text."
    )
    return Fault(line + 1, message, path=(header["name"],) if not header["head"] else ())


def tabs(text: str) -> Fault | None:
    """Find tabs that indent; inside `|` texts too, where editors mix them with spaces unseen."""
    numbered = enumerate(text.splitlines() if "\t" in text else (), start=1)
    lines = [number for number, line in numbered if re.match(r" *\t *[^\s#]", line)]
    if not lines:
        return None
    more = f", one of {len(lines)} such lines" if len(lines) > 1 else ""
    return Fault(lines[0], f"this line is indented with a tab{more}. YAML indents with spaces only: replace it.")


def unfinished(values: dict[str, Any]) -> dict[str, Any] | None:
    """Return the last check of a table where it has a name and nothing that is checked, and what `sql` there is is a text."""
    checks = values.get("checks")
    last = checks[-1] if isinstance(checks, tuple) and checks else None
    return last if isinstance(last, dict) and set(last) == {"name"} and "sql" in values else None


def _plainly(problem: str, begun: int) -> str:
    """Say in an analyst's words what a YAML parser says in its own."""
    words = {
        "quoted scalar": "the quote that opens here is never closed. Close it with the same quote.",
        "flow mapping": f"the {{ of line {begun} is not closed, or a comma is missing. {COMMA}",
        "flow node": "a value is expected here, or a [ or { above is not closed. Write its ] or }.",
        "flow sequence": f"the [ of line {begun} is not closed, or a comma is missing.",
        "mapping values": "a ':' is out of place. Text with a ':' in it needs quotes, and the fields of one group "
        "the same number of spaces before them.",
        "block mapping": f"this line belongs to no field. Give it as many spaces as the group that begins on line {begun}.",
        "block collection": f"this line belongs to no list. Give it as many spaces as the list that begins on line {begun}.",
        "document start": "this line has fewer spaces before it than the fields above, which belong to the same table. "
        "Give all of them the same number.",
        "simple key": "this line is no `field: value`. Write the ':', or put the whole text in quotes.",
        "alias": "a '*' begins an alias in YAML. Put the text in quotes.",
        "anchor": "a '&' begins an anchor in YAML. Put the text in quotes.",
        "cannot start": "this character cannot begin a value in YAML. Put the text in quotes.",
    }
    return next((text for sign, text in words.items() if sign in problem), f"is not YAML: {problem.strip()}.")
