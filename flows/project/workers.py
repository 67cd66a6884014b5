"""Work on many files on all cores, in processes of their own: a process that is lost costs its file and no other.

python -m flows.project.workers CREW FD...    serves one end of a pair of sockets for each process (not for people)
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from flows.model.errors import Fault
from flows.project.faults import Face, Findings, examine
from flows.project.table_file import TableFile, describe, with_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from types import TracebackType

    from flows.project.files import Folder

FEW = 64
"""Up to as many files are done here: starting processes takes longer."""
MOST_PROCESSES = 8
BATCH = 16
BATCHES_A_COLLECTION = 8
LOST = (
    "Derived itself failed over this file: the process that read it ended, for lack of memory perhaps. Send this line "
    "and the file to the platform team; other tables go on."
)
LOADED_FIRST = {
    "yaml": (
        "flows.project.rules",
        "flows.project.check_rules",
        "flows.project.shape",
        "flows.project.yaml_file",
    ),
    "sql": (
        "flows.sql.compile.compiler",
        "flows.sql.reach",
        "flows.sql.row_times",
        "flows.sql.seams",
    ),
}
"""By crew what its processes share, since it is loaded before they part."""
_CODE = Path(__file__).parents[2]


class Workers:
    """Does work on files: here where they are few, and otherwise in processes that are started once.

    Two crews of them load what they need side by side: the one reads YAML while the other still loads what reads SQL.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._yaml, self._sql = (_Crew(name) for name in LOADED_FIRST)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._yaml.end()
        self._sql.end()

    def prepare(self, files: int) -> None:
        """Start the processes that this many files will need, which takes as long as reading them from the disk."""
        if files > FEW:
            self._yaml.start(_processes())
            self._sql.start(_processes())

    def describe(self, jobs: Sequence[tuple[str, str, str, bytes | str]]) -> list[TableFile]:
        """Return what each file gives by itself, but for what its SQL names."""
        done = self._yaml.spread("describe", jobs, None)
        return [
            found or TableFile(job[0], f"{job[1]}.{job[2]}", (Fault(1, LOST, file=job[0]),))
            for job, found in zip(jobs, done, strict=True)
        ]

    def names(self, files: Sequence[TableFile]) -> list[TableFile]:
        """Return the files with what their SQL names."""
        done = self._sql.spread("names", files, None)
        return [found or _lost(file) for file, found in zip(files, done, strict=True)]

    def examine(self, files: Sequence[TableFile], faces: Mapping[str, Face]) -> list[tuple[TableFile, Findings]]:
        """Return the files with what their SQL names, and what shows beside the tables that they name."""
        done = self._sql.spread("examine", files, (faces, self._folder))
        return [found or (_lost(file), Findings()) for file, found in zip(files, done, strict=True)]


class _Crew:
    """Processes that have loaded the same."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._connections: list[Connection[Any, Any]] = []

    def spread(self, kind: str, jobs: Sequence[Any], context: object) -> list[Any]:
        """Return the answer to each job; None where the process that worked on it was lost."""
        if len(jobs) <= FEW:
            return [_WORK[kind](job, context) for job in jobs]
        answers: list[Any] = [None] * len(jobs)
        waiting = deque(range(start, min(start + BATCH, len(jobs))) for start in range(0, len(jobs), BATCH))
        busy: dict[Connection[Any, Any], range] = {}
        news = dict.fromkeys(self._connections or self.start(_processes()), context)
        while waiting or busy:
            for connection in self._connections or self.start(1):
                if waiting and connection not in busy:
                    busy[connection] = waiting.popleft()
                    part = [jobs[index] for index in busy[connection]]
                    with suppress(OSError):  # a lost process is noticed where its answer is taken
                        connection.send((kind, news.pop(connection, None), part))
            for connection in self._answering(busy):
                batch = busy.pop(connection)
                try:
                    found = connection.recv()
                except (EOFError, OSError):
                    self._connections.remove(connection)
                    # Whichever file it was, the next time it is alone.
                    waiting.extend(range(index, index + 1) for index in batch if len(batch) > 1)
                    continue
                for index, answer in zip(batch, found, strict=True):
                    answers[index] = answer
        return answers

    def _answering(self, busy: Iterable[Connection[Any, Any]]) -> list[Connection[Any, Any]]:
        """Wait until processes have an answer, or are lost."""
        from multiprocessing.connection import wait  # noqa: PLC0415 - a few files need no processes

        ready = wait(list(busy))
        return [connection for connection in self._connections if connection in ready]

    def start(self, count: int) -> list[Connection[Any, Any]]:
        """Start processes in the place of those that were there."""
        from multiprocessing.connection import Connection  # noqa: PLC0415 - as above

        self.end()
        pairs = [socket.socketpair() for _ in range(count)]
        ends = [theirs.fileno() for _, theirs in pairs]
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-P", "-m", "flows.project.workers", self._name, *map(str, ends)],
            pass_fds=ends,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(_CODE), *filter(None, sys.path)])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the program that a person started, and these end with it
        )
        for ours, theirs in pairs:
            theirs.close()
            self._connections.append(Connection(ours.detach()))
        return self._connections

    def end(self) -> None:
        """End the processes, whatever they are at."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)  # they hold nothing, and whoever is lost may hang
            self._process.wait()
            self._process = None


def _processes() -> int:
    return min(MOST_PROCESSES, os.cpu_count() or 1)


def _lost(file: TableFile) -> TableFile:
    return TableFile(file.file, file.identity, (Fault(1, LOST, file=file.file),))


_WORK: dict[str, Callable[[Any, Any], Any]] = {
    "describe": lambda job, _: describe(*job),
    "names": lambda file, _: with_names(file),
    "examine": lambda file, context: examine(file, *context),
}


def serve(crew: str, ends: Iterable[int]) -> None:
    """Work at each end of a pair in a process of its own, until the other end is closed."""
    for module in LOADED_FIRST[crew]:
        importlib.import_module(module)
    # Trees of queries are taken apart, and little else has circles: it is enough to look for those between some
    # batches, at nothing that was there before.
    gc.collect()
    gc.freeze()
    gc.disable()
    first, *others = ends
    for number, end in enumerate(others):
        if not os.fork():
            for other in (first, *others[:number], *others[number + 1 :]):
                os.close(other)
            _work(end)
            os._exit(0)
    for other in others:
        os.close(other)
    _work(first)


def _work(end: int) -> None:
    context: Any = None
    done = 0
    from multiprocessing.connection import Connection  # noqa: PLC0415 - as above

    with Connection(end) as connection:
        while True:
            try:
                kind, news, jobs = connection.recv()
            except (EOFError, OSError):
                return
            context = context if news is None else news
            found = []
            for job in jobs:
                found.append(_WORK[kind](job, context))
                if kind != "describe":
                    _forget()
            connection.send(found)
            done += 1
            if not done % BATCHES_A_COLLECTION:
                gc.collect()


def _forget() -> None:
    from flows.sql import forget  # noqa: PLC0415 - slow to import, and only those need it that have read SQL

    forget()


if __name__ == "__main__":
    serve(sys.argv[1], [int(end) for end in sys.argv[2:]])
