"""One mistake in a table file has one fault, where it stands, whatever stands around it.

DERIVED_FUZZ_YAML is how many of each kind are tried in each file.
"""

import os
from collections import defaultdict

import pytest

from flows.project.faults import examine, face_of
from flows.project.files import content, scan
from flows.project.table_file import describe, with_names
from tests.project.yaml_mistakes import mistakes
from tests.shop import REPOSITORY

MOST = int(os.environ.get("DERIVED_FUZZ_YAML", "3"))
FILES = ("derived.revenue_by_item", "derived.purchases_by_user", "core.orders")
FURTHER = {"first field without indent", "uneven indent", "other fields without indent"}
"""Kinds that begin below the line that is changed."""


@pytest.fixture(scope="module")
def folder():
    """Give the repository's tables."""
    return scan(REPOSITORY)


@pytest.fixture(scope="module")
def faces(folder):
    """Give what tables see of each other."""
    return {name: face_of(read(place, content(place.path))) for name, place in folder.places.items()}


def read(place, text):
    return with_names(describe(place.file, place.dataset, place.name, text))


@pytest.mark.parametrize("name", FILES)
def test_a_mistake_has_one_fault(folder, faces, name):
    """Of each kind, spread over the file."""
    place = folder.places[name]
    by_kind = defaultdict(list)
    for kind, line, text in mistakes(content(place.path).decode()):
        by_kind[kind].append((line, text))
    wrong = []
    for kind, tried in by_kind.items():
        for line, text in tried[:: max(1, -(-len(tried) // MOST))]:
            file, found = examine(read(place, text.encode()), faces, folder)
            faults = sorted({*file.faults, *found.faults})
            is_there = not faults or kind in FURTHER or abs(faults[0].line - line) <= 1 or "which begins" in str(faults)
            # A check whose SQL stands among the table's fields leaves a check without SQL, and a table with two.
            if (len(faults) > 1 and "is not a check" not in str(faults)) or not is_there:
                wrong.append((kind, line, list(map(str, faults))))
    assert not wrong
