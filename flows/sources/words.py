"""Words that sources and reports share."""


def left_out(count: int) -> str:
    """Say what becomes of that many rows that no window holds."""
    one, many = "it belongs to no window and is left out", "they belong to no window and are left out"
    return one if count == 1 else many


def outside(count: int) -> str:
    """Say what becomes of that many rows whose cursor, which was named, no window of the table reaches."""
    return (
        "lies before the table's start or after its end: left out; "
        f"to have {'it' if count == 1 else 'them'} write another start or end into `window`"
    )
