"""One document of YAML, where a file has marks of several."""

from __future__ import annotations

import re

from flows.model.errors import Fault

_MARK = re.compile(r"(---|\.\.\.)(\s.*)?")
_FIELD = re.compile(r"([A-Za-z_]\w*) *:(?:\s.*)?")
_BEFORE = ("#", "%")
"""What may stand before a document begins."""


def one_document(text: str) -> tuple[str, Fault | None]:
    """Return a file's text without what divides it into documents, and the fault of that.

    What comes behind such a line belongs to the same table, unless it has fields that come before it too.
    """
    if "\n---" not in text and "\n..." not in text:
        return text, None
    lines = text.split("\n")
    begun, marks = False, []
    for number, line in enumerate(lines):
        if _MARK.fullmatch(line):
            marks += [number] if begun else []
            begun = True
        elif line.strip() and not line.startswith(_BEFORE):
            begun = True
    rest = lines[marks[-1] + 1 :] if marks else []
    if all(not line.strip() or line.lstrip().startswith("#") for line in rest):
        marks = [number for number in marks if not lines[number].startswith("...")]
    if not marks:
        return text, None
    mark = lines[marks[0]].split()[0]
    before, behind = (
        {found[1] for line in part if (found := _FIELD.fullmatch(line.rstrip("\r")))}
        for part in (lines[: marks[0]], lines[marks[0] + 1 :])
    )
    if before & behind:
        message = f"a second document begins here ({mark}). A file holds one table: move it to its own file."
        return "\n".join([*lines[: marks[0]], ""]), Fault(marks[0] + 1, message)
    for number in marks:
        lines[number] = ""
    message = f"'{mark}' divides the file into two documents, and a file holds one table. Remove this line."
    return "\n".join(lines), Fault(marks[0] + 1, message)
