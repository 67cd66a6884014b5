"""Text that comes from files, data and servers, as it may stand in Markdown, which may hold HTML."""

from __future__ import annotations

import re

from flows.model.safe_text import one_line, printable

_MEANS = re.compile(r"[\\`*_{}\[\]()#+!|~^$:@-]")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def for_markdown(text: object) -> str:
    r"""Return text as one line that is no markup.

    >>> for_markdown("a|b <script> [x](y)")
    'a\\|b &lt;script&gt; \\[x\\]\\(y\\)'
    """
    line = re.sub(r"[&<>]", lambda found: _HTML[found[0]], one_line(text))
    # A character of an entity that was just made stays, as none of them has a meaning in Markdown.
    return _MEANS.sub(r"\\\g<0>", line)


def fenced(text: object) -> str:
    """Return lines of text as a block that no line of it can close."""
    lines = printable(str(text))
    longest = max((len(run) for run in re.findall("`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{lines}\n{fence}"
