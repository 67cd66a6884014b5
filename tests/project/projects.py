"""Projects that tests write."""

from pathlib import Path
from textwrap import indent

from flows.project.project import load_project


def derived(root: Path, name: str, sql: str, columns: str = "{name: order_id, type: INT64}", more: str = "") -> Path:
    """Write a table that is replaced as a whole."""
    path = root / f"tables/derived/{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = "".join(f"  - {column}\n" for column in columns.split("; "))
    text = "description: A table.\nowner: data@example.com\nschedule: '0 * * * *'\nstrategy: replace\n"
    path.write_text(f"{text}columns:\n{columns}{more}sql: |\n{indent(sql, '  ')}\n")
    return path


def faults(root: Path) -> list[str]:
    """Return all faults of a project as a person sees them."""
    return [str(fault) for fault in load_project(root).faults]


def only_fault(root: Path) -> str:
    """Return the fault of a project that has one."""
    (message,) = faults(root)
    return message
