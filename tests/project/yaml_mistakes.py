"""Mistakes that people make in YAML, one at a time, in a file that is right."""

import re

MARKS = "[]{}\"',"


def mistakes(text):
    """Give the kind of each mistake, the line on which it stands, and the text that has it."""
    lines = text.splitlines()
    sql = next((number for number, line in enumerate(lines) if line.startswith("sql:")), len(lines))

    def instead(number, *new, rest=1):
        return number + 1, "\n".join([*lines[:number], *new, *lines[number + rest :], ""])

    for number, line in enumerate(lines):
        bare = line.lstrip(" ")
        yield "mark ---", *instead(number, line, "---")
        if number < sql:
            yield "mark ...", *instead(number, line, "...")
        if bare != line:
            yield "no indent", *instead(number, bare)
            yield "less indent", *instead(number, line[1:])
            yield "tab", *instead(number, f"\t{bare}")
        if bare != line or number <= sql:
            yield "more indent", *instead(number, f" {line}")
            yield "much more indent", *instead(number, f"  {line}")
        if number <= sql and not bare.startswith("#"):
            for kind, *new in _of_field(line):
                yield kind, *instead(number, *new)
    if sql < len(lines):
        first = lines[sql + 1].strip()
        yield "text beside |", *instead(sql, f"sql: | {first}", rest=2)
        yield "sql without |", *instead(sql, "sql |")
        yield "open [ before a text", *instead(sql, "cluster: [item_id", "sql: |")
        yield "open { before a text", *instead(sql, "resources: {cpu: 2", "sql: |")
        yield "text without indent", *instead(sql, lines[sql], *map(str.strip, lines[sql + 1 :]), rest=len(lines))


def _of_field(line):
    """Give mistakes in one line, each with the lines that have it."""
    if ":" in line:
        yield from ((f"'{mark}' for ':'", line.replace(":", mark, 1)) for mark in ("", " =", "::"))
        yield from ((f"'{mark}' for ': '", line.replace(": ", mark, 1)) for mark in (":", "; "))
    yield "twice", line, line
    for found in re.finditer(f"[{re.escape(MARKS)}]", line):
        yield f"no {found[0]}", line[: found.start()] + line[found.end() :]
        if found[0] != ",":
            yield f"{found[0]} twice", line[: found.end()] + found[0] + line[found.end() :]
    if ", " in line:
        yield "; for a comma", line.replace(", ", "; ", 1)
    yield from _of_item(line) if line.lstrip().startswith("- ") else _of_group(line)


def _of_item(line):
    yield "no dash", line.replace("- ", "  ", 1)
    yield "dash without its space", line.replace("- ", "-", 1)
    column = re.match(r"( *)- \{name: *(\w+), *type: *(\w+)", line)
    if column:
        indent, name, type_ = column.groups()
        for item in (f"{name}: {type_}", f"{name} {type_}", name, f"[{name}, {type_}]"):
            yield f"item {item.replace(name, 'v').replace(type_, 'T')}", f"{indent}- {item}"
        yield "field for an item", f"{indent}{name}: {type_}"
        yield "two items of one", f"{indent}- name: {name}", f"{indent}- type: {type_}"
        yield "field below an item", f"{indent}- name: {name}", f"{indent}type: {type_}"


def _of_group(line):
    name, _, value = line.partition(": ")
    if not re.fullmatch(r"\w+", name) or name == "sql":
        return
    yield "list for a value", f"{name}: [{value}]"
    yield "item for a field", f"- {line}"
    yield "nothing", f"{name}:"
    yield "group for a value", f"{name}: {{{value}}}"
    yield from ((f"open {mark}", f"{name}: {mark}{value}") for mark in "\"'[{")
    yield "close ]", f"{name}: {value}]"
    if value.startswith("{") and value.endswith("}"):
        first, *others = parts = value[1:-1].split(", ")
        yield "group without indent", f"{name}:", *parts
        yield "first field without indent", f"{name}:", first, *(f"  {part}" for part in others)
        yield "other fields without indent", f"{name}:", f"  {first}", *others
        yield "list of fields", f"{name}:", *(f"  - {part}" for part in parts)
        yield "group without braces", f"{name}: {value[1:-1]}"
        yield "uneven indent", f"{name}:", f"  {first}", *(f"   {part}" for part in others)
