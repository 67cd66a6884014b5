"""A table file without faults, and what `check` says of another."""

GOOD = """\
description: Payments per day.
owner: team@example.com
schedule: "10 * * * *"
window: {size: 1 day, start: 2026-01-01}
strategy: append
partition: {column: day, by: day}
columns:
  - {name: day, type: DATE}
  - {name: paid, type: NUMERIC}
sql: |
  SELECT DATE(p.captured_at) AS day, SUM(p.amount) AS paid
  FROM core.payments AS p
  WHERE p.captured_at >= @window_start AND p.captured_at < @window_end
  GROUP BY day
"""


def check(project, text, name="bad"):
    """Return what check prints for a table with this text."""
    data = text if isinstance(text, bytes) else text.encode()
    (project.root / f"tables/derived/{name}.yaml").write_bytes(data)
    done = project.command("check")
    assert "Traceback" not in done.stdout + done.stderr
    return done
