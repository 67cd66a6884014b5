"""Whatever changes at any moment, readers see rows of one definition, and what is left is what a first run makes."""

import os
from contextlib import closing

import pytest

from tests.simulator.story import Story

FEW = 4
STORIES = int(os.environ.get("DERIVED_TEST_STORIES", FEW))
"""How many stories are told; each is of its number."""
STEPS = 14


@pytest.mark.parametrize("number", range(STORIES))
def test_a_story_ends_as_if_all_were_made_anew(tmp_path, processes, number):
    """`make soak` tells many more."""
    with closing(Story(tmp_path, number, processes)) as story:
        for _ in range(STEPS):
            story.step()
        story.end()
