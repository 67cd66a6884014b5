"""A table file that may have faults, as the rules look at it: each value on its own, whatever its neighbours are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

from flows.model.errors import did_you_mean
from flows.model.fields import parse_moment
from flows.model.table import Strategy
from flows.model.types import Type, parse_type
from flows.model.window import Size
from flows.project.words import value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from flows.project.document import Document, Path

Note = tuple["Path", str]
"""Where in the file something is wrong, and what."""


@dataclass(frozen=True)
class Draft:
    """The values of a file by path; what is missing or has another shape is None."""

    dataset: str
    """The folder's name."""
    name: str
    """The file's name."""
    document: Document

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - what a file gives can be anything
        """Return the value at a path, or None."""
        return value_at(path, self.document.values)

    def has(self, *path: str | int) -> bool:
        """Say whether the file gives the field, be it well or badly."""
        return self.get(*path) is not None or any(flaw.path == path for flaw in self.document.flaws)

    def text(self, *path: str | int) -> str | None:
        """Return the text at a path."""
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def texts(self, *path: str | int) -> Iterator[tuple[Path, str]]:
        """Give the texts of the list at a path, each with its own."""
        value = self.get(*path)
        for index, item in enumerate(value if isinstance(value, tuple) else ()):
            if isinstance(item, str):
                yield (*path, index), item

    def items(self, *path: str | int) -> Iterator[tuple[Path, Any]]:
        """Give the items of the list at a path, each with its own."""
        value = self.get(*path)
        for index, item in enumerate(value if isinstance(value, tuple) else ()):
            yield (*path, index), item

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
                found[name] = self._parsed(parse_type, *path, "type")
        return found

    @cached_property
    def all_named(self) -> bool:
        """Whether every column has a name; a name that is missing or no text may be any that others look for."""
        return all(self.text(*path, "name") is not None for path, _ in self.items("columns"))

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

    def unknown_column(self, path: Path, name: str) -> Iterator[Note]:
        """Say that a name is not a column, unless it is one."""
        if name not in self.columns and self.columns and self.all_named:
            near = did_you_mean(name, self.columns)
            yield path, f"'{name}' is not a column of this table.{near or f' Its columns are {self.listed_columns}.'}"

    @property
    def listed_columns(self) -> str:
        """The columns' names for a message."""
        names = list(self.columns)
        return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")  # noqa: PLR2004 - as many as fit a line

    @property
    def owns_rows(self) -> bool:
        """Whether a derived row belongs to one window: its partition column says to which."""
        partition = self.text("partition", "column")
        return self.strategy == "append" or partition in {name for _, name in self.texts("key")}
