"""The names that a core table's file gives in documents, compared with those that documents have."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flows.model.errors import did_you_mean
from flows.model.paths import path_to, steps
from flows.sources.values.documents import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flows.model.table import Table
    from flows.model.types import Type


_DEEPEST = 8
"""How many names one below the other are looked through for one that is meant."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A name that the file gives, and that no document has."""

    column: str
    """The column that reads it."""
    names: tuple[str, ...]
    """Where it would stand, as names one below the other."""
    wanted: tuple[str, ...]
    """What the file looks for below it, with it."""
    others: tuple[str, ...]
    """Names that documents have there and the file does not give."""
    known: tuple[tuple[str, ...], ...] = ()
    """Where documents have any value, as names one below the other."""
    inside: str = ""
    """The field of the column's STRUCT that would hold it; empty where it is the column itself."""

    @property
    def what(self) -> str:
        """What is NULL without it: `column city`, `field zip of column address`."""
        return f"field {self.inside} of column {self.column}" if self.inside else f"column {self.column}"

    @property
    def path(self) -> str:
        """Where it would stand, for people."""
        return path_to(self.names)

    @property
    def near(self) -> str:
        """`Did you mean 'item.price'?` where a name is near; empty where none is."""
        beside = [path_to((*self.names[:-1], name)) for name in self.others]
        every = [path_to(path) for path in self.known if len(path) == len(self.names) and path[:-1] == self.names[:-1]]
        return elsewhere(self.wanted, self.known) or did_you_mean(self.path, beside) or did_you_mean(self.path, every)


def elsewhere(names: tuple[str, ...], known: Iterable[tuple[str, ...]]) -> str:
    """Return `Did you mean 'address.zip'?` where what is looked for as `zip` or `address_zip` stands there."""
    wanted, last = _spelt(names), _spelt(names[-1:])
    places = sorted((path for path in known if path != names), key=lambda path: (len(path), path))
    alike = [path for path in places if _spelt(path) == wanted] or [
        path for path in places if _spelt(path[-1:]) == last
    ]
    return f" Did you mean '{path_to(alike[0])}'?" if alike else ""


def _spelt(names: Iterable[str]) -> str:
    return "".join(names).replace("_", "").replace(".", "").casefold()


def _paths(values: Iterable[Any], place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Give every place of documents that a path can name; what stands in arrays has none."""
    for value in values:
        if isinstance(value, dict) and len(place) < _DEEPEST:
            for name, inner in value.items():
                yield (*place, name)
                yield from _paths([inner], (*place, name))


@dataclass
class Named:
    """The names that the file gives at one level of documents."""

    column: str = ""
    """The first column that reads something there."""
    inside: str = ""
    """Which field of its STRUCT that is."""
    whole: bool = False
    """Whether a column takes what stands there as it is, with all names."""
    below: dict[str, Named] = field(default_factory=dict)

    def only(self) -> Iterator[str]:
        """Give the names below, as long as there is one alone."""
        for name, below in self.below.items() if len(self.below) == 1 else ():
            yield name
            yield from below.only()

    def compare(self, documents: Iterable[Any]) -> tuple[list[Absent], list[str]]:
        """Return the names that none of the documents has, and the paths that the file does not read."""
        absent: list[Absent] = []
        unread: list[str] = []
        values = list(documents)
        self._compare(values, (), absent, unread)
        known = tuple(dict.fromkeys(_paths(values, ()))) if absent else ()
        return [replace(one, known=known) for one in absent], unread

    def _compare(self, values: list[Any], place: tuple[str, ...], absent: list[Absent], unread: list[str]) -> None:
        documents = [value for value in _flat(values) if isinstance(value, dict)]
        if not documents:
            return
        seen = dict.fromkeys(name for document in documents for name in document)
        others = tuple(name for name in seen if name not in self.below)
        if not self.whole:
            unread += [path_to((*place, name)) for name in others]
        for name, below in self.below.items():
            if name not in seen:
                wanted = (*place, name, *below.only())
                absent.append(Absent(below.column, (*place, name), wanted, others, inside=below.inside))
            elif below.below:
                below._compare(  # noqa: SLF001 - its own class
                    [document[name] for document in documents if name in document], (*place, name), absent, unread
                )


def named(table: Table) -> Named:
    """Return the names that a table's file gives: in paths, and in STRUCTs."""
    top = Named()
    for column in table.columns:
        path = column.source_path or column.name
        node = top
        for name in () if path == WHOLE else steps(path):
            node = node.below.setdefault(name, Named(column.name))
        _add(node, column.type, column.name, "")
    return top


def _add(node: Named, type_: Type, column: str, inside: str) -> None:
    while type_.element is not None:
        type_ = type_.element
    if type_.name != "STRUCT":
        node.whole = True
    for name, inner in type_.fields:
        within = f"{inside}.{name}" if inside else name
        _add(node.below.setdefault(name, Named(column, within)), inner, column, within)


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
