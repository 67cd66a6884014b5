"""What reads what, as names alone: what has no order, the way around a circle, and what comes after what."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def unordered(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what lies on a circle, or between or after circles: all for which there is no order."""
    waits = {name: len(set(ups)) for name, ups in graph.items()}
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for name, ups in graph.items():
        for up in set(ups):
            readers[up].append(name)
    ready = [name for name, count in waits.items() if not count]
    for name in ready:
        for reader in readers[name]:
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    return sorted(graph.keys() - set(ready))


def circles(graph: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return for each table that in the end reads itself the shortest way back, both ends included.

    Of equally short ways it is the first by name.
    """
    found = ((name, _way_back(graph, name)) for name in unordered(graph))
    return {name: way for name, way in found if way is not None}


def _way_back(graph: Mapping[str, Sequence[str]], start: str) -> list[str] | None:
    came_from: dict[str, str] = {}
    queue = [start]
    for name in queue:
        for up in sorted(graph[name]):
            if up == start:
                way = [start]
                while name != start:
                    way.append(name)
                    name = came_from[name]  # noqa: PLW2901 - walking back
                return [start, *reversed(way)]
            if up not in came_from:
                came_from[up] = name
                queue.append(up)
    return None


def order(reads: Mapping[str, Sequence[str]], mentioned: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return for each table those to bring up to date before it: all that it mentions, unless that closes a circle.

    Args:
        reads: what each table's SQL reads, without circles.
        mentioned: the same with what its checks name.
    """
    tangled = set(unordered({name: [up for up in ups if up in mentioned] for name, ups in mentioned.items()}))
    return {name: tuple((reads if name in tangled else mentioned)[name]) for name in reads}
