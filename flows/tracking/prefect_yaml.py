"""`prefect.yaml`, written from deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE = "prefect.yaml"
HEADER = """\
# Written from tables/ by: python -m flows.deploy --write
# Change a table's file and run that again; a change made here is lost.
#
# python -m flows.deploy makes the same deployments, only those that changed, and deletes those of tables that are gone;
# `prefect deploy --all` makes all of them, and leaves schedules behind whose times have changed.
# Both need the work pool of the name below. Where it is missing: python -m flows.deploy --pool
# or, without a cluster: python -m flows.deploy --pool --process
"""
# libyaml's, where it is there, is ten times as fast.
_Base: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc] # one of two classes
    """Writes text of several lines as a person would."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library asks
        """Repeat what is the same in two places."""
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def render(deployments: Iterable[dict[str, Any]]) -> str:
    """Return the text of prefect.yaml."""
    content = {
        "name": "derived",
        "pull": [],  # without it Prefect adds a step that changes to the folder of whoever deploys
        "deployments": list(deployments),
    }
    return HEADER + yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
