"""Compare `check` with `dbt parse` on one project of thousands of tables.

python benchmarks/scale.py 2000    2,000 derived tables over 200 core tables, each reading 2 to 4 others; and 10,000
python benchmarks/scale.py 2000 --no-growth --no-dbt

dbt-core and dbt-duckdb are installed into an environment of their own, in the cache folder.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

REPOSITORY = Path(__file__).parent.parent
DBT = ("dbt-core==1.12.6", "dbt-duckdb==1.11.1")
# A dependency of dbt-core that is built from source, which needs more than Python; `dbt parse` works without it.
NOT_BUILT = 'dbt-core-experimental-parser; sys_platform == "never"\n'
TIMES = 3
GROWTH = 5
SEED = 8
BARE = "import duckdb, sqlglot, yaml"
MEASURES = ("amount", "quantity", "discount", "shipping")
COUNTS = "COUNT(*) AS events"


@dataclass(frozen=True, slots=True)
class Run:
    """How long a command took, and how much memory its processes had together at most."""

    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Derived:
    """A derived table with what it reads."""

    name: str
    reads: tuple[str, ...]


def main() -> None:
    """Make the project, time both, and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("tables", type=int, nargs="?", default=2_000, help="how many derived tables")
    parser.add_argument("--no-dbt", action="store_true", help="leave dbt out")
    parser.add_argument("--no-growth", action="store_true", help=f"leave out the project {GROWTH} times as large")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="derived-scale-") as folder:
        root = Path(folder, "project")
        tables = make_project(root, arguments.tables)
        print(f"{arguments.tables // 10:,} core and {arguments.tables:,} derived tables, medians of {TIMES}\n")
        bare = median([time_of([sys.executable, "-c", BARE], root) for _ in range(TIMES)])
        ours = time_derived(root, tables)
        dbt = {} if arguments.no_dbt else time_dbt(Path(folder, "dbt"), tables)
        print_table(ours, dbt, bare)
        if not arguments.no_growth:
            large = Path(folder, "large")
            many = make_project(large, arguments.tables * GROWTH)
            grown = median([cold(large) for _ in range(TIMES)])
            print(
                f"\n{len(many):,} tables, check cold: {shown(grown)}, {grown.seconds / ours['cold'].seconds:.2f} times"
            )


def make_project(root: Path, count: int) -> list[Derived]:
    """Write a project and return its derived tables, each after those that it reads."""
    chance = random.Random(SEED)  # noqa: S311 - no secret
    cores = [f"core.events_{number:04}" for number in range(max(4, count // 10))]
    for name in cores:
        write(root, name, core_file())
    tables: list[Derived] = []
    for number in range(count):
        known = cores + [f"derived.{table.name}" for table in tables]
        reads = tuple(sorted(chance.sample(known[-400:] if chance.random() < 0.5 else known, chance.randint(2, 4))))
        tables.append(Derived(f"facts_{number:05}", reads))
        write(root, f"derived.{tables[-1].name}", derived_file(tables[-1]))
    return tables


def write(root: Path, identity: str, text: str) -> None:
    """Write one table file."""
    path = root / f"tables/{identity.replace('.', '/')}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def columns_of(measures: tuple[str, ...]) -> str:
    """Return the columns that all tables have, as a table file lists them."""
    return "".join(
        f"  - {{name: {name}, type: {type_}, description: {about}{checks}}}\n"
        for name, type_, about, checks in (
            ("day", "DATE", "Day of the event (UTC)", ", checks: [not_null]"),
            ("user_id", "INT64", "Whose event it is", ", checks: [not_null]"),
            ("country", "STRING", "Where it happened", ""),
            *((measure, "NUMERIC", f"Sum of {measure} in euros", "") for measure in measures),
            ("events", "INT64", "How many there were", ", checks: [{range: {min: 0}}]"),
        )
    )


def core_file() -> str:
    """Return the file of a core table."""
    return (
        "description: Events as the service keeps them.\nowner: data@example.com\nschedule: '5 * * * *'\n"
        "window: {size: 1 day, start: 2026-01-01}\nstrategy: append\npartition: {column: day, by: day}\n"
        "source: {kind: files, path: 'exports/events-*.jsonl', cursor: day}\n"
        f"columns:\n{columns_of(MEASURES)}"
    )


def derived_file(table: Derived) -> str:
    """Return the file of a derived table."""
    return (
        f"description: Facts per day and user, from {len(table.reads)} tables.\nowner: data@example.com\n"
        "schedule: '10 * * * *'\nwindow: {size: 1 day, start: 2026-01-01}\nstrategy: append\n"
        f"partition: {{column: day, by: day}}\ncluster: [user_id]\ncolumns:\n{columns_of(MEASURES)}"
        f"sql: |\n{indent(sql_of(table.reads, windowed=True), '  ')}"
    )


def sql_of(reads: tuple[str, ...], *, windowed: bool) -> str:
    """Return the query of a table; without bounds and with dbt's references where it is dbt's."""
    first, *others = reads
    place = (lambda name: name) if windowed else reference
    bound = "{0}.day >= DATE(@window_start) AND {0}.day < DATE(@window_end)"
    joins = "".join(
        f"LEFT JOIN {place(name)} AS t{number}\n  ON t{number}.user_id = f.user_id AND t{number}.day = f.day\n"
        + (f"  AND {bound.format(f't{number}')}\n" if windowed else "")
        for number, name in enumerate(others)
    )
    sums = ",\n  ".join(
        f"SUM(COALESCE(f.{measure}, 0) + COALESCE(t0.{measure}, 0)) AS {measure}" for measure in MEASURES
    )
    where = f"WHERE {bound.format('f')}\n  AND f.events > 0\n" if windowed else "WHERE f.events > 0\n"
    return (
        f"SELECT\n  f.day,\n  f.user_id,\n  UPPER(f.country) AS country,\n  {sums},\n  {COUNTS}\n"
        f"FROM {place(first)} AS f\n{joins}{where}GROUP BY f.day, f.user_id, country\n"
    )


def reference(identity: str) -> str:
    """Return how dbt names a table."""
    dataset, name = identity.split(".")
    return f"{{{{ source('core', '{name}') }}}}" if dataset == "core" else f"{{{{ ref('{name}') }}}}"


def time_derived(root: Path, tables: list[Derived]) -> dict[str, Run]:
    """Time the commands on a project."""
    check = [sys.executable, "-m", "flows.check"]
    last = tables[-1].name
    one = [*check, f"derived.{last}"]
    plan = [sys.executable, "-m", "flows.derive", f"derived.{last}", "--dry-run"]
    return {
        "cold": median([cold(root) for _ in range(TIMES)]),
        "nothing changed": median([time_of(check, root) for _ in range(TIMES)]),
        "one file changed": median(
            [time_of(check, root) for _ in range(TIMES) if change(root / f"tables/derived/{tables[0].name}.yaml")]
        ),
        "one table": median([time_of(one, root) for _ in range(TIMES)]),
        "derive --dry-run": median([time_of(plan, root) for _ in range(TIMES)]),
    }


def cold(root: Path) -> Run:
    """Time a check without what earlier ones kept."""
    shutil.rmtree(root / ".derived", ignore_errors=True)
    return time_of([sys.executable, "-m", "flows.check"], root)


def change(path: Path) -> bool:
    """Change a query, so that it means something else."""
    text = path.read_text()
    path.write_text(text.replace("f.events > ", "f.events > 1 + ", 1))
    return True


def time_dbt(root: Path, tables: list[Derived]) -> dict[str, Run]:
    """Time `dbt parse` on the same tables."""
    command = install_dbt()
    make_dbt_project(root, tables)
    parse = [command, "--no-send-anonymous-usage-stats", "parse", "--profiles-dir", "."]

    def once(*, partial: bool) -> Run:
        if not partial:
            shutil.rmtree(root / "target", ignore_errors=True)
        return time_of(parse, root)

    return {
        "cold": median([once(partial=False) for _ in range(TIMES)]),
        "nothing changed": median([once(partial=True) for _ in range(TIMES)]),
        "one file changed": median(
            [once(partial=True) for _ in range(TIMES) if change(root / f"models/{tables[0].name}.sql")]
        ),
    }


def install_dbt() -> str:
    """Install dbt into an environment of its own and return its command."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "derived-benchmarks" / "-".join(DBT)
    if not (home / "bin/dbt").exists():
        overrides = home.with_suffix(".overrides")
        overrides.parent.mkdir(parents=True, exist_ok=True)
        overrides.write_text(NOT_BUILT)
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True)
        install = [uv, "pip", "install", "--quiet", "--python", str(home / "bin/python"), "--override", str(overrides)]
        subprocess.run([*install, *DBT], check=True)
    return str(home / "bin/dbt")


def make_dbt_project(root: Path, tables: list[Derived]) -> None:
    """Write the same tables as dbt's models and sources, with the same columns and descriptions."""
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text("name: scale\nversion: '1.0.0'\nprofile: scale\nmodel-paths: [models]\n")
    (root / "profiles.yml").write_text(
        "scale: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:', threads: 2}}}\n"
    )
    cores = sorted({name for table in tables for name in table.reads if name.startswith("core.")})
    columns = "".join(
        f"      - {{name: {name}, data_type: {type_}, description: {about}}}\n"
        for name, type_, about in (
            ("day", "DATE", "Day of the event (UTC)"),
            ("user_id", "INT64", "Whose event it is"),
            ("country", "STRING", "Where it happened"),
            *((measure, "NUMERIC", f"Sum of {measure} in euros") for measure in MEASURES),
            ("events", "INT64", "How many there were"),
        )
    )
    sources = "".join(
        f"  - name: {name.partition('.')[2]}\n      description: Events as the service keeps them.\n      columns:\n"
        + indent(columns, "  ")
        for name in cores
    )
    (root / "models/sources.yml").write_text(
        "sources:\n- name: core\n  tables:\n" + sources.replace("  - name: events", "    - name: events")
    )
    for table in tables:
        (root / f"models/{table.name}.sql").write_text(sql_of(table.reads, windowed=False))
        (root / f"models/{table.name}.yml").write_text(
            f"models:\n  - name: {table.name}\n    description: Facts per day and user.\n    columns:\n{columns}"
        )


def time_of(command: list[str], root: Path) -> Run:
    """Run a command to its end and watch it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DERIVED_")}
    environment["PYTHONPATH"] = str(REPOSITORY)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is compared with it was compiled when it was installed
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        peak = Peak(run.pid)
        peak.start()
        output, _ = run.communicate()
        seconds = time.perf_counter() - started
        peak.join()
    if run.returncode:
        sys.exit(f"{' '.join(command)} ended with {run.returncode}:\n{output.decode()[-2000:]}")
    return Run(seconds, peak.megabytes)


class Peak(threading.Thread):
    """Watches the memory of a process and those below it, pages that they share counted once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.megabytes = 0.0

    def run(self) -> None:
        """Look again and again, until the process has ended."""
        while Path(f"/proc/{self.pid}").exists():
            self.megabytes = max(self.megabytes, sum(map(memory_of, family(self.pid))))
            time.sleep(0.1)


def family(pid: int) -> list[int]:
    """Return a process and all below it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def memory_of(pid: int) -> float:
    """Return the MB of a process, its share of what it shares."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def median(runs: list[Run]) -> Run:
    """Return the run in the middle by time, with the greatest memory of all."""
    return Run(statistics.median(run.seconds for run in runs), max(run.megabytes for run in runs))


def shown(run: Run) -> str:
    """Return a run for people."""
    return f"{run.seconds:.2f} s, {run.megabytes:.0f} MB"


def print_table(ours: dict[str, Run], dbt: dict[str, Run], bare: Run) -> None:
    """Print the figures side by side."""
    print("| | Derived | dbt parse | ratio | to bare imports |\n| --- | ---: | ---: | ---: | ---: |")
    for name, run in ours.items():
        other = dbt.get(name)
        ratio = f"{run.seconds / other.seconds:.3f}" if other else ""
        beside = shown(other) if other else ""
        print(f"| {name} | {shown(run)} | {beside} | {ratio} | {run.seconds / bare.seconds:.1f} |")
    print(f"| bare imports | {shown(bare)} | | | |")


if __name__ == "__main__":
    main()
