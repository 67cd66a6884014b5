"""Bytes to a document; what YAML would silently read as something else is a fault."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from flows.model.errors import Fault
from flows.project.document import Document, Path
from flows.project.files import MOST_BYTES
from flows.project.text import clip
from flows.project.yaml_documents import one_document
from flows.project.yaml_faults import COMMA, explain, tabs, unfinished

DEEPEST = 20
MOST_VALUES = 60_000
LONGEST_NUMBER = 100
MOST_MENDS = 50
NOT_TEXT = {"bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date", "null": "empty"}

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_DECIMAL = re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?")
_MOMENTS = {("start",), ("end",), ("min",), ("max",)}


def parse(content: bytes, file: str, dataset: str, name: str) -> Document:
    """Parse a file; faults that can be mended are mended, so that those behind them are found too.

    Args:
        content: the file's bytes.
        file: its path relative to the project.
        dataset: the folder's name.
        name: the file's name.
    """
    values, faults, builder = _mended(content)
    flawed = frozenset({fault.path for fault in faults} | (builder.flawed if builder else set())) - {()}
    lines, written, blocks = (builder.lines, builder.written, builder.blocks) if builder else ({}, {}, {})
    values = {"dataset": dataset, "name": name} | values
    document = Document(file, dataset, name, values, (), flawed, lines, written, blocks)
    named = (replace(fault, file=file, field=document.dotted(fault.path)) for fault in faults)
    return replace(document, faults=tuple(named))


def _mended(content: bytes) -> tuple[dict[str, Any], list[Fault], _Builder | None]:
    """Return the values, what is wrong, and what was built; nothing where the whole file cannot be read."""
    if len(content) > MOST_BYTES:
        message = f"is {len(content):,} bytes long. A table file may have {MOST_BYTES:,}."
        return {}, [Fault(1, message)], None
    text = _decode(content)
    if isinstance(text, Fault):
        return {}, [text], None
    indented = tabs(text)
    if indented is not None:
        return {}, [indented], None
    text, divided = one_document(text)
    mended = [divided] if divided else []
    while True:
        builder = _Builder(text)
        try:
            values = builder.document()
        except yaml.MarkedYAMLError as error:
            fault, better = explain(error, text)
            mended.append(fault)
            if better is None or len(mended) > MOST_MENDS:
                return {}, mended, None
            text = better
            continue
        except yaml.reader.ReaderError as error:
            message = f"holds a control character (number {error.character!r}), which no text needs. Remove it."
            return {}, [Fault(1, message)], None
        except _TooMuchError as error:
            return {}, [Fault(error.line, str(error))], None
        return values, mended + builder.faults, builder


def _decode(content: bytes) -> str | Fault:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content:
        return Fault(1, "is not UTF-8 text (UTF-16, perhaps). Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        perhaps = content[error.start : error.start + 1].decode("cp1252", "replace")
        return Fault(
            line,
            f"is not UTF-8 text: byte 0x{content[error.start]:02X} ('{perhaps}' in Windows-1252). Save it as UTF-8.",
        )


class _TooMuchError(Exception):
    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


class _Builder:
    """Makes values from YAML's events, which never recurse, expand nothing and carry lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
        self.constructor = SafeConstructor()
        self.faults: list[Fault] = []
        self.flawed: set[Path] = set()
        self.count = 0
        self.aliases: list[tuple[int, Path, str]] = []
        self.lines: dict[Path, int] = {}
        self.written: dict[Path, str] = {}
        self.blocks: dict[Path, int] = {}
        self.empty: dict[Path, Fault] = {}

    def document(self) -> dict[str, Any]:
        self.loader.get_event()
        if self.loader.check_event(yaml.StreamEndEvent):
            self.fault(1, (), "is empty. Begin with `description:`, `owner:` and `schedule:`; docs/table.md shows one.")
            return {}
        self.loader.get_event()
        values, _ = self.value((), 0)
        for number, (line, path, name) in enumerate(self.aliases):
            more = f", one of {len(self.aliases)} in this file" if len(self.aliases) > 1 else ""
            message = f"'*{name}' is an alias{more}, which table files do not use. Write the value itself."
            if number:
                self.flawed.add(path)
            else:
                self.fault(line, path, message)
        self.loader.get_event()
        self.loader.peek_event()  # what stands behind its end is an error
        if isinstance(values, dict):
            return values
        if not self.faults:
            what = "a list" if isinstance(values, tuple) else "empty" if values is None else "one text"
            self.fault(1, (), f"is {what}, not the fields of a table. Begin with `description: ...`.")
        return {}

    def fault(self, line: int, path: Path, message: str) -> None:
        self.faults.append(Fault(line, message, path=path))

    def value(self, path: Path, depth: int) -> tuple[Any, bool]:
        """Return the next value, and whether it is one: what has a flaw is not."""
        event = self.loader.get_event()
        line = event.start_mark.line + 1
        if depth > DEEPEST:
            raise _TooMuchError(
                line, f"groups stand in groups more than {DEEPEST} deep. A table needs no more than six."
            )
        self.count += 1
        if self.count > MOST_VALUES:
            raise _TooMuchError(line, f"holds more than {MOST_VALUES:,} values. No table needs so many.")
        if isinstance(event, yaml.ScalarEvent) and event.anchor is event.tag is None:
            return self.scalar(event, path)
        if isinstance(event, yaml.AliasEvent):
            self.aliases.append((line, path, event.anchor or ""))
            return None, False
        known = len(self.faults)
        if event.anchor is not None:
            self.fault(line, path, f"'&{event.anchor}' is an anchor, which table files do not use. Remove it.")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.fault(
                line, path, f"'{clip(tag)}' is a tag, which table files do not use. Remove it; put text in quotes."
            )
        sound = len(self.faults) == known
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(path, depth), sound
        if isinstance(event, yaml.MappingStartEvent):
            return self.mapping(path, depth), sound
        if not sound:
            return None, False
        return self.scalar(event, path)

    def sequence(self, path: Path, depth: int) -> tuple[Any, ...]:
        items: list[Any] = []
        while not self.loader.check_event(yaml.SequenceEndEvent):
            place = (*path, len(items))
            self.lines[place] = self.loader.peek_event().start_mark.line + 1
            item, _ = self.value(place, depth + 1)
            items.append(item)
        self.loader.get_event()
        return tuple(items)

    def mapping(self, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        twice = alone = False
        while not self.loader.check_event(yaml.MappingEndEvent):
            event = self.loader.peek_event()
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                self.skip(depth)
                self.skip(depth)
                self.fault(line, path, "a name of a field is expected here. Text that begins with { or [ needs quotes.")
                continue
            self.loader.get_event()
            key = event.value
            place = (*path, key)
            if key == "<<" and not event.style:
                self.lines[place] = line
                self.skip(depth)
                self.fault(line, path, "'<<' merges groups, which table files do not use. Write the fields themselves.")
                continue
            known, self.lines[place] = self.lines.get(place), line
            if known is not None and self.again(place, values, (known, line), depth, told=twice):
                twice = True
                continue
            twice = known is not None
            if self.stands_alone(event):
                self.loader.get_event()
                if not alone:
                    self.alone(line, path, key, values)
                alone = True
                continue
            value, sound = self.value(place, depth + 1)
            if sound:
                values[key] = value
        self.loader.get_event()
        return values

    def again(self, place: Path, values: dict[str, Any], lines: tuple[int, int], depth: int, *, told: bool) -> bool:
        """Read a field that is written twice, on these lines; say whether its value is read too."""
        known, line = lines
        if place == ("sql",) and (check := unfinished(values)) is not None:
            # One of the two is the check's: that which stands behind the list.
            is_last = next(reversed(values)) == "checks"
            sql, own, of_check = self.value(place, depth + 1)[0], *(lines if is_last else (line, known))
            check["sql"], values["sql"] = (sql, values["sql"]) if is_last else (values["sql"], sql)
            self.lines |= {place: own, ("checks", len(values["checks"]) - 1, "sql"): of_check}
            said = f"is written twice, and check '{check['name']}' has none. Begin the line below that name."
            self.fault(of_check, place, said)
            return True
        if not told:
            # Of several in a row that are, what begins them is told: another item of the list, perhaps.
            self.fault(line, place, f"is written twice; the first is on line {known}. Remove one of them.")
        if (empty := self.empty.pop(place, None)) is None:
            self.lines[place] = known
            self.flawed.add(place)
            self.skip(depth)
            return True
        self.faults.remove(empty)
        return False

    def skip(self, depth: int) -> None:
        """Pass over a value of which only one thing is worth saying."""
        known, aliases = len(self.faults), len(self.aliases)
        self.value(("?",), depth + 1)
        del self.faults[known:], self.aliases[aliases:]

    def alone(self, line: int, path: Path, key: str, values: dict[str, Any]) -> None:
        """Note the fault of a key without a value: a field whose ':' is missing, or what is left of a text."""
        from flows.project.words import fields_of, model_at  # noqa: PLC0415 - only where there is a fault

        model, words = model_at(path, values), re.fullmatch(r"(\w+)\s*[:=;]?\s*(\S.*)", key)
        if model and words and words[1] in fields_of(model):
            self.flawed.add((*path, words[1]))
            self.fault(line, (*path, key), f"'{clip(key)}' lacks its ': '. Write {words[1]}: {clip(words[2])}")
        else:
            self.fault(line, (*path, key), f"'{clip(key)}' stands alone. {COMMA}")

    def stands_alone(self, key: Any) -> bool:  # noqa: ANN401 - a YAML event
        """Say whether a comma inside { } has cut a text, so that what follows it reads as a key without a value."""
        value: Any = self.loader.peek_event()
        if not isinstance(value, yaml.ScalarEvent) or value.value or value.style:
            return False
        return ":" not in self.text[key.end_mark.index : value.end_mark.index + 1]  # type: ignore[union-attr]

    def scalar(self, event: Any, path: Path) -> tuple[Any, bool]:  # noqa: ANN401 - a YAML event
        line = event.start_mark.line + 1
        self.lines.setdefault(path, line)
        if event.style:
            return self.plain_text(event, path)
        tag = _tag_of(event.value)
        if tag == "null" and path[-1:] == ("on_error",) and event.value.lower() == "null":
            return "null", True
        if tag not in NOT_TEXT:
            return self.plain_text(event, path)
        self.written[path] = event.value
        if tag == "null":
            said = "is empty" if not event.value else f"'{event.value}' is nothing in YAML"
            if path:
                needed = None if event.value else _needed(path)
                or_not = "Write a value, or remove it; put it in quotes where it is a text."
                self.fault(line, path, f"{said}. {needed or or_not}")
                if not event.value:
                    self.empty[path] = self.faults[-1]
            return None, False
        try:
            # Python makes numbers of any length, in a time that grows with its square.
            value = None if len(event.value) > LONGEST_NUMBER else self.construct(tag, event.value)
        except (ValueError, OverflowError):
            value = None
        if value is None:
            instead = "Write one that does." if path[-1:] in _MOMENTS else "Put text in quotes."
            self.fault(line, path, f"'{clip(event.value)}' is not {NOT_TEXT[tag]} that exists. {instead}")
            return None, False
        if tag == "int" and not re.fullmatch(r"[-+]?(0|[1-9]\d*)", event.value):
            shown = clip(event.value)
            self.fault(
                line, path, f'YAML reads {shown} as the number {clip(value)}. Write that, or "{shown}" for a text.'
            )
            return None, False
        return value, True

    def plain_text(self, event: Any, path: Path) -> tuple[Any, bool]:  # noqa: ANN401 - a YAML event
        line = event.start_mark.line + 1
        if control := _CONTROL.search(event.value):
            number = ord(control[0])
            self.fault(line, path, f"holds a control character (number {number}), which no text needs. Remove it.")
            return None, False
        if event.style == "|":
            self.blocks[path] = line + 1
        if path and not isinstance(path[-1], int) and not event.value.strip():
            self.fault(line, path, f"is empty. {_needed(path) or 'Write a value, or remove the field.'}")
            self.empty[path] = self.faults[-1]
            return None, False
        return event.value, True

    def construct(self, tag: str, text: str) -> Any:  # noqa: ANN401 - a number, a moment, true or false
        if tag == "float" and _DECIMAL.fullmatch(text):
            # A double would keep some 16 of its digits.
            return Decimal(text)
        return getattr(self.constructor, f"construct_yaml_{tag}")(yaml.ScalarNode(tag, text))


def _needed(path: Path) -> str | None:
    """Say what to write into a field that a file cannot leave out; None for another one."""
    from flows.project.words import example_of, fields_of, model_at  # noqa: PLC0415 - only where there is a fault

    model = model_at(path[:-1], None)
    info = fields_of(model).get(str(path[-1])) if model else None
    if info is None or not info.is_required() or path in (("dataset",), ("name",)):
        return None
    return f"Write it, for example `{path[-1]}: {example_of(model, path[-1])}`."


@lru_cache(maxsize=4096)
def _tag_of(text: str) -> str:
    """Return what YAML takes a text without quotes for."""
    loader: Any = yaml.SafeLoader("")
    return str(loader.resolve(yaml.ScalarNode, text, (True, False))).removeprefix("tag:yaml.org,2002:")
