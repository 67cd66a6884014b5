"""Values as other tools write them into SQL: {{ ds }}, ${start}, $start, :start, %(start)s."""

from __future__ import annotations

import re

from flows.model.errors import Fault, SqlError

PARAMETERS = ("window_start", "window_end")
_CLOSED = re.compile(
    r"""'''(?:\\.|[^\\])*?'''|\"{3}(?:\\.|[^\\])*?\"{3}|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`[^`\n]*`|/\*.*?\*/|--[^\n]*|\#[^\n]*""",
    re.DOTALL,
)
_TEMPLATE = re.compile(
    r"\{%.*?%\}|\{\{.*?\}\}|\$?\{[^{}\n]{0,80}\}|(?<![\w$])\$+\w*|(?<![:\w]):[A-Za-z_]\w*|%\(\w+\)s|(?<=[=<>(,] )%s\b",
    re.DOTALL,
)
_GOES_ON = re.compile(r"\{%[-+]?\s*(?:end|el)\w+")
_MARKS = re.compile(r"[{$%:]")
_STARTS = {"start", "begin", "beginning", "from", "since", "ds", "execution", "logical"}
_ENDS = {"end", "stop", "finish", "to", "until", "next", "tomorrow"}
_TABLES = {"ref", "source", "this"}


def meant(name: str) -> str | None:
    """Return the window's parameter that another name for a moment most likely means."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return "window_end" if words & _ENDS else "window_start" if words & _STARTS else None


def outside_quotes(sql: str) -> str:
    """Return a query with blanks in place of all that is quoted or a comment; lines and places stay."""
    return _CLOSED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), sql)


def refuse_templates(sql: str) -> None:
    """Refuse what other tools would fill in before a query runs. Raises SqlError."""
    if not _MARKS.search(sql):
        return
    bare = outside_quotes(sql)
    faults = [
        Fault(bare.count("\n", 0, match.start()) + 1, _refusal(sql[match.start() : match.end()]))
        for match in _TEMPLATE.finditer(bare)
        if not _GOES_ON.match(match[0])
    ]
    if faults:
        raise SqlError(faults)


def quoted(text: str) -> str:
    """Return what to write instead of a text that somebody means to be filled in; nothing where it is none."""
    if text.startswith("@") and text[1:] in PARAMETERS:
        return f" Write {text}, without quotes."
    return (
        f" It is filled in by nobody here. Write {_parameter(text)}, without quotes."
        if _TEMPLATE.fullmatch(text)
        else ""
    )


def _parameter(written: str) -> str:
    words = re.findall(r"[A-Za-z_]\w*", written)
    name = next((meaning for word in reversed(words) if (meaning := meant(word))), None)
    return f"@{name}" if name else "@window_start or @window_end"


def _refusal(written: str) -> str:
    shown = " ".join(written.split())
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004 - what fits a line
    words = re.findall(r"[A-Za-z_]\w*", written)
    if written.startswith("{%"):
        return f"'{shown}' is a template, which nobody fills in here. Write the SELECT itself."
    if _TABLES.intersection(words[:1]):
        return f"'{shown}' is a template, which nobody fills in here. Write the table as dataset.name."
    return f"'{shown}' is filled in by nobody here. Write {_parameter(written)}."
