"""Tell runs in Kubernetes what became of their pods, where Prefect does not see it: a small deployment of k8s/.

python -m flows.watchdog --namespace derived --pool kubernetes
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from flows.commands.ending import ending
from flows.commands.launch import launch
from flows.commands.terminal import out
from flows.model.errors import UsageError
from flows.wiring import api_configured


def main(
    namespace: Annotated[str, typer.Option(help="Where the pods are.")] = "derived",
    pool: Annotated[str, typer.Option(help="The work pool of the runs.")] = "kubernetes",
    patience: Annotated[
        int, typer.Option(min=5, help="Seconds that a pod may wait for a node, an image or a free quota.")
    ] = 600,
    every: Annotated[int, typer.Option(min=1, help="Seconds between two looks.")] = 10,
    most_memory: Annotated[
        str, typer.Option(help="The most that a run gets that needed more than its limit.")
    ] = "16Gi",
) -> None:
    """Watch the pods of runs until this is stopped."""
    with ending(commits=False):
        if not api_configured():
            raise UsageError("No Prefect API is configured. Set PREFECT_API_URL.")
        from flows.tracking.watchdog import Watchdog  # noqa: PLC0415 - Prefect is slow to import

        watchdog = Watchdog(namespace, pool, timedelta(seconds=patience), most_memory, out)
        asyncio.run(watchdog.watch(every))


if __name__ == "__main__":
    launch(main)
