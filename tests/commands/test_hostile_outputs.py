"""What files, data and servers put into an output stays text: no forged lines, no orders to a terminal."""

import json

import pytest

from tests.shop import Shop

ESCAPE = "\x1b[2J\x1b[31m"
FORGED = "core.orders: nothing to do, all is well"
EVIL = f"x{ESCAPE}\n{FORGED}\r\u202egnp.exe\x9b1m"
COPIED = """
description: Things.
owner: data@example.com
schedule: "0 * * * *"
strategy: replace
source: {kind: files, path: things.jsonl, max_bad_rows: BAD}
columns:
  - {name: id, type: INT64}
  - {name: v, type: STRING, checks: [{accepted_values: [good], severity: SEVERITY}]}
"""


def project(folder, lines, *, bad=0, severity="fail"):
    """Return a project that copies these records."""
    (folder / "tables/core").mkdir(parents=True)
    text = COPIED.replace("BAD", str(bad)).replace("SEVERITY", severity)
    (folder / "tables/core/things.yaml").write_text(text)
    (folder / "things.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Shop(folder)


def assert_tame(done):
    """Each character that a terminal would obey is shown, and no line is what a value made of it."""
    for text in (done.stdout, done.stderr):
        assert not {char for char in text if (ord(char) < 32 and char not in "\n\t") or 126 < ord(char) < 160}
        assert "\u202e" not in text
        assert not any(line.startswith(FORGED) for line in text.splitlines())
    return done.stdout + done.stderr


@pytest.mark.parametrize("severity", ["fail", "warn"])
@pytest.mark.parametrize("command", [("ingest", "core.things"), ("run",)])
def test_rows_that_break_a_check(tmp_path, severity, command):
    """They are shown, whether the check fails or warns."""
    done = project(tmp_path, [{"id": 1, "v": EVIL}], severity=severity).command(*command)
    assert "\\x1b[2J\\x1b[31m\\ncore.orders" in assert_tame(done)


@pytest.mark.parametrize("bad", [0, 9])
def test_rows_in_quarantine(tmp_path, bad):
    """The run, the list and the second try show them as text; for programs they are whole."""
    shop = project(tmp_path, [{"id": EVIL, "v": "good"}, {"id": 2, "v": "good"}], bad=bad)
    assert_tame(shop.command("ingest", "core.things"))
    listed = shop.command("ingest", "core.things", "--quarantine")
    assert "2J" in assert_tame(listed)
    assert_tame(shop.command("ingest", "core.things", "--replay"))
    found = json.loads(shop.command("ingest", "core.things", "--quarantine", "--json").stdout)
    assert "2J" in found[0]["raw"]


@pytest.mark.parametrize(
    "command",
    [("check",), ("run",), ("deploy", "--write"), ("check", "--json")],
)
def test_names_of_files(tmp_path, command):
    """A file may be called anything."""
    shop = project(tmp_path, [])
    (tmp_path / "tables/core" / f"{EVIL.replace('/', '')}.yaml").write_text("description: x\n")
    (tmp_path / "tables" / f"{EVIL}").mkdir()
    (tmp_path / "tables" / f"{EVIL}" / "x.yaml").write_text("description: x\n")
    assert_tame(shop.command(*command))


@pytest.mark.parametrize(
    "field",
    ["description: ", "owner: ", "schedule: ", "strategy: ", "nonsense: ", "sql: "],
)
def test_values_of_files(tmp_path, field):
    """A fault shows the value that was given."""
    shop = project(tmp_path, [])
    evil = json.dumps(EVIL)
    (tmp_path / "tables/core/evil.yaml").write_text(f"{field}{evil}\n{evil}: {evil}\n")
    assert_tame(shop.command("check"))
    assert_tame(shop.command("check", "core.evil"))
    assert_tame(shop.command("run"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("derive", EVIL),
        ("ingest", f"core.{EVIL}"),
        ("ingest", "core.things", "--from", EVIL),
        ("ingest", "--new", EVIL, EVIL),
        ("check", EVIL),
    ],
)
def test_what_a_program_passes_on(tmp_path, arguments):
    """A name that comes from elsewhere is no order to the terminal either."""
    done = project(tmp_path, []).command(*arguments)
    assert done.returncode in {1, 2}
    assert ESCAPE not in done.stdout + done.stderr
