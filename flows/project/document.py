"""What a table file gives, be it good or bad: each value on its own, whatever its neighbours are, with its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from flows.model.checks import check_kind
from flows.model.errors import Fault, did_you_mean
from flows.model.fields import parse_moment
from flows.model.table import Strategy
from flows.model.types import Type, parse_type
from flows.model.window import Size
from flows.project.text import clip, listed, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime


Path = tuple[str | int, ...]
"""Where a value stands: keys, and positions in lists from 0."""


def value_at(path: Path, values: Any) -> Any:  # noqa: ANN401 - what a file gives can be anything
    """Return the value at a path, or None."""
    for part in path:
        if type(values) is dict:
            values = values.get(part)
        elif type(values) is tuple and type(part) is int and part < len(values):
            values = values[part]
        else:
            return None
    return values


@dataclass(frozen=True)
class Document:
    """A file's values by path, groups as dicts, lists as tuples; what is missing or has another shape is None."""

    file: str
    """Path relative to the project, with `/`."""
    dataset: str
    """The folder's name."""
    name: str
    """The file's name."""
    values: dict[str, Any]
    """A value that has a fault as YAML is left out."""
    faults: tuple[Fault, ...] = ()
    """What is wrong with the file as YAML."""
    flawed: frozenset[Path] = frozenset()
    """Where a value was left out."""
    lines: dict[Path, int] = field(default_factory=dict)
    """Lines of keys and of list items, from 1."""
    written: dict[Path, str] = field(default_factory=dict)
    """Values that YAML does not read as text, as the file spells them."""
    blocks: dict[Path, int] = field(default_factory=dict)
    """Texts of several lines after `|`: the line of their first one."""

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest group around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: Path, message: str) -> Fault:
        """Return a fault of a field."""
        return Fault(self.line(path), shortened(message), self.dotted(path), self.file, path)

    def dotted(self, path: Path) -> str:
        """Return a path for people: columns and checks by their names, other items counted from 1."""
        words: list[str] = []
        value: Any = self.values
        for part in path:
            value = value.get(part) if isinstance(value, dict) else value[part] if isinstance(value, tuple) else None  # type: ignore[index]
            if isinstance(part, str):
                words += [part] if not words or words[-1] != part else []
            elif not words:
                break
            elif words[-1] == "columns" and isinstance(value, dict) and isinstance(value.get("name"), str):
                words.append(clip(value["name"]))
            else:
                words.append(check_kind(value) or str(part + 1) if words[-1] == "checks" else str(part + 1))
        return ".".join(words)

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - what a file gives can be anything
        """Return the value at a path, or None."""
        return self._by_path.get(path)

    def has(self, *path: str | int) -> bool:
        """Say whether the file gives the field, be it well or badly."""
        return self.get(*path) is not None or path in self.flawed

    def text(self, *path: str | int) -> str | None:
        """Return the text at a path."""
        value = self._by_path.get(path)
        return value if isinstance(value, str) else None

    def texts(self, *path: str | int) -> Iterator[tuple[Path, str]]:
        """Give the texts of the list at a path, each with its own."""
        value = self.get(*path)
        for index, item in enumerate(value if isinstance(value, tuple) else ()):
            if isinstance(item, str):
                yield (*path, index), item

    def items(self, *path: str | int) -> Iterator[tuple[Path, Any]]:
        """Give the items of the list at a path, each with its own."""
        value = self._by_path.get(path)
        if isinstance(value, tuple):
            for index, item in enumerate(value):
                yield (*path, index), item

    @cached_property
    def _by_path(self) -> dict[Path, Any]:
        """All values, groups and lists too: they are asked for far more often than there are values."""
        found: dict[Path, Any] = {(): self.values}
        groups: list[Path] = [()]
        for path in groups:
            group = found[path]
            for part, value in group.items() if type(group) is dict else enumerate(group):
                place = (*path, part)
                found[place] = value
                if type(value) is dict or type(value) is tuple:
                    groups.append(place)
        return found

    @property
    def strategy(self) -> str | None:
        """The strategy, where it is one."""
        given = self.text("strategy")
        return given if given in get_args(Strategy) else None

    @property
    def is_core(self) -> bool:
        """Whether the rows come from a source."""
        return self.has("source") and not self.has("sql")

    @property
    def is_derived(self) -> bool:
        """Whether the rows come from a query."""
        return self.has("sql") and not self.has("source")

    @cached_property
    def columns(self) -> dict[str, Type | None]:
        """Types by the columns' names, of the first of each name; None for a type that is none."""
        found: dict[str, Type | None] = {}
        for path, _ in self.items("columns"):
            name = self.text(*path, "name")
            if name is not None and name not in found:
                found[name] = self.type(*path)
        return found

    @cached_property
    def all_named(self) -> bool:
        """Whether every column has a name; a name that is missing or no text may be any that others look for."""
        return all(self.text(*path, "name") is not None for path, _ in self.items("columns"))

    def type(self, *path: str | int) -> Type | None:
        """Return the type of the column at a path."""
        type_: Type | None = self._parsed(parse_type, *path, "type")
        return type_

    @cached_property
    def size(self) -> Size | None:
        """The windows' size."""
        size: Size | None = self._parsed(Size.parse, "window", "size")
        return size

    def moment(self, *path: str | int) -> datetime | None:
        """Return the moment at a path."""
        value = self.get(*path)
        try:
            return parse_moment(value)
        except ValueError:
            return None

    def _parsed(self, parse: Callable[[str], Any], *path: str | int) -> Any:  # noqa: ANN401 - as `parse` gives it
        value = self.text(*path)
        try:
            return None if value is None else parse(value)
        except (ValueError, RecursionError):
            return None

    def unknown_column(self, path: Path, name: str) -> Iterator[Fault]:
        """Say that a name is not a column, unless it is one."""
        if name not in self.columns and self.columns and self.all_named:
            near = did_you_mean(name, self.columns)
            message = f"'{name}' is not a column of this table.{near or f' Its columns are {listed(self.columns)}.'}"
            yield self.fault(path, message)

    @property
    def owns_rows(self) -> bool:
        """Whether a derived row belongs to one window: its partition column says to which."""
        partition = self.text("partition", "column")
        return self.strategy == "append" or partition in {name for _, name in self.texts("key")}
