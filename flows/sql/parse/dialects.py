"""What other dialects write, and what GoogleSQL has instead: found in the words of a query, before they are parsed."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import Token, TokenType

from flows.model.errors import Fault, SqlError
from flows.model.types import parse_type
from flows.sql.parse.grammar import brackets, misplaced
from flows.sql.parse.spelling import ENDS_VALUE, TEXTS, clipped, is_extreme, spelt_before
from flows.sql.parse.templates import outside_quotes
from flows.sql.parse.words import RESERVED, UNITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# One line each: the words by which a query shows it, in capitals, as a pattern of what is not quoted; what the form is called, with
# a ! where GoogleSQL has it and Derived does not; what to write. A form is looked for where its first word stands in a query.
_FORMS = r"""
TOTALS: WITH TOTALS\b | WITH TOTALS | GROUP BY ROLLUP (columns), which gives the totals as rows with NULL
ROLLUP: WITH ROLLUP\b | WITH ROLLUP | GROUP BY ROLLUP (columns), which gives the totals as rows with NULL
SYMMETRIC: BETWEEN SYMMETRIC (?!AND\b|[.+*/-]) | BETWEEN SYMMETRIC | BETWEEN LEAST(one, other) AND GREATEST(one, other)
ASYMMETRIC: BETWEEN ASYMMETRIC (?!AND\b|[.+*/-]) | BETWEEN ASYMMETRIC | BETWEEN
ROWS: ROWS (?:UNBOUNDED|CURRENT|\S+) (?:PRECEDING|FOLLOWING|ROW) AND\b | two bounds without BETWEEN | ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
RANGE: RANGE (?:UNBOUNDED|CURRENT|\S+) (?:PRECEDING|FOLLOWING|ROW) AND\b | two bounds without BETWEEN | RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
ROWS: ROWS BETWEEN (?:UNBOUNDED PRECEDING|CURRENT ROW|\S+ (?:PRECEDING|FOLLOWING)) (?!AND\b) | frames by BETWEEN without AND | the other end too, as in ROWS BETWEEN 3 PRECEDING AND CURRENT ROW
RANGE: RANGE BETWEEN (?:UNBOUNDED PRECEDING|CURRENT ROW|\S+ (?:PRECEDING|FOLLOWING)) (?!AND\b) | frames by BETWEEN without AND | the other end too, as in RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
WITHIN: WITHIN GROUP \( | WITHIN GROUP | the order inside the call, as in STRING_AGG(text, ',' ORDER BY text)
SORT: SORT BY\b | SORT BY | ORDER BY
CLUSTER: CLUSTER BY\b | CLUSTER BY | ORDER BY
DISTRIBUTE: DISTRIBUTE BY\b | DISTRIBUTE BY | ORDER BY
MINUS: MINUS (?:ALL |DISTINCT )?\(?SELECT\b | MINUS | EXCEPT DISTINCT
IGNORE: \) IGNORE NULLS (?!ORDER\b|LIMIT\b|\)) | IGNORE NULLS after a call | it inside the brackets, as in FIRST_VALUE(value IGNORE NULLS)
RESPECT: \) RESPECT NULLS (?!ORDER\b|LIMIT\b|\)) | RESPECT NULLS after a call | it inside the brackets, as in FIRST_VALUE(value RESPECT NULLS)
IGNORE: IGNORE NULLS (?:RESPECT|IGNORE) NULLS\b | IGNORE NULLS beside another | one of IGNORE NULLS and RESPECT NULLS
RESPECT: RESPECT NULLS (?:RESPECT|IGNORE) NULLS\b | RESPECT NULLS beside another | one of IGNORE NULLS and RESPECT NULLS
SIMILAR: SIMILAR TO\b | SIMILAR TO | REGEXP_CONTAINS(text, r'^pattern$')
ESCAPE: ESCAPE  | LIKE ... ESCAPE | a backslash before % and _ that are meant themselves: LIKE '50\\%'
ANY: (?:=|<|>) ANY \( | '= ANY' | value IN UNNEST(array), or value IN (SELECT ...)
SOME: (?:=|<|>) SOME \( | '= SOME' | value IN UNNEST(array), or value IN (SELECT ...)
ALL: (?:=|<|>) ALL \( | comparisons with ALL | (SELECT MAX(x) ...) or (SELECT MIN(x) ...) in place of ALL, or NOT IN
APPLY: (?:CROSS|OUTER) APPLY\b | APPLY | CROSS JOIN UNNEST(array) AS item, or LEFT JOIN
LATERAL: LATERAL VIEW\b | LATERAL VIEW | CROSS JOIN UNNEST(array) AS item
LATERAL: LATERAL (?:FLATTEN )?\( | LATERAL | CROSS JOIN UNNEST(array) AS item, or a subquery in SELECT
FLATTEN: TABLE \( FLATTEN\b | FLATTEN | CROSS JOIN UNNEST(array) AS item
TOP: SELECT (?:DISTINCT |ALL )?TOP (?:\d|\() | TOP | ORDER BY and LIMIT at the end
ALL: LIMIT ALL\b | LIMIT ALL | no LIMIT at all
PERCENT: LIMIT \S+ PERCENT\b | LIMIT in PERCENT | QUALIFY PERCENT_RANK() OVER (ORDER BY value) <= 0.1
ORDINALITY: WITH ORDINALITY\b(?! AS\b) | WITH ORDINALITY | WITH OFFSET AS place, which counts from 0
FILL: WITH FILL\b(?! AS\b) | WITH FILL | a LEFT JOIN behind UNNEST(GENERATE_ARRAY(...)), which gives what is missing
TIES: WITH TIES\b | WITH TIES | QUALIFY RANK() OVER (ORDER BY value) <= 10
NOLOCK: \( NOLOCK \) | (NOLOCK) | the table alone
INTO: INTO [#\w]* | SELECT INTO | the SELECT alone: its rows go to the table that the file names
FILTER: \) FILTER \( | FILTER | COUNTIF(condition), or SUM(IF(condition, value, NULL))
INDEX: (?:USE|FORCE|IGNORE) INDEX\b | hints of indexes | the table alone
SEPARATOR: (?:\w|[')\]]) SEPARATOR ' | SEPARATOR | STRING_AGG(text, ',' ORDER BY text)
ZONE: WITH (?:LOCAL )?TIME ZONE\b | TIMESTAMP WITH TIME ZONE | TIMESTAMP, which is a moment
ZONE: WITHOUT TIME ZONE\b | TIMESTAMP WITHOUT TIME ZONE | DATETIME
USING: CONVERT \(.*? USING\b | CONVERT USING | the text alone, which is UTF-8
LEADING: TRIM \( LEADING\b | TRIM(LEADING ...) | LTRIM(text, 'x')
TRAILING: TRIM \( TRAILING\b | TRIM(TRAILING ...) | RTRIM(text, 'x')
BOTH: TRIM \( BOTH\b | TRIM(BOTH ...) | TRIM(text, 'x')
PLACING: (?:\w|[')\]]) PLACING ' | OVERLAY | CONCAT(LEFT(text, 1), 'x', SUBSTR(text, 3))
TO: (?:CEIL|FLOOR|ROUND) \( (?:\w|[. ])+ TO [A-Z]+ \) | CEIL(... TO ...) | TIMESTAMP_TRUNC(ts, DAY)
SAMPLE: (?:USING SAMPLE\b|SAMPLE \() | SAMPLE | WHERE MOD(id, 10) = 0, which takes the same rows on every retry
CONVERSION: ON CONVERSION ERROR\b | ON CONVERSION ERROR | IFNULL(SAFE_CAST(value AS TYPE), other)
DEFAULT: AS [A-Z][A-Z0-9]* DEFAULT ' | DEFAULT in a cast | IFNULL(SAFE_CAST(value AS TYPE), other)
TABLESAMPLE: TABLESAMPLE\b | !TABLESAMPLE | WHERE MOD(id, 10) = 0, which takes the same rows on every retry
SYSTEM_TIME: FOR SYSTEM_TIME\b | !FOR SYSTEM_TIME | the table alone: windows are made again when it changes
AT: AT \( TIMESTAMP => | AT (TIMESTAMP => ...) | the table alone: windows are made again when it changes
BEFORE: BEFORE \( TIMESTAMP => | BEFORE (TIMESTAMP => ...) | the table alone: windows are made again when it changes
STATEMENT: (?:AT|BEFORE) \( STATEMENT => | BEFORE (STATEMENT => ...) | the table alone: windows are made again when it changes
MATCH_RECOGNIZE: MATCH_RECOGNIZE \( | !MATCH_RECOGNIZE | LAG and LEAD with QUALIFY
GRAPH_TABLE: GRAPH_TABLE \( | !GRAPH_TABLE | JOINs of the tables that hold its nodes and edges
GAP_FILL: GAP_FILL \( | !GAP_FILL | UNNEST(GENERATE_TIMESTAMP_ARRAY(...)) AS ts LEFT JOIN table
APPENDS: APPENDS \( TABLE\b | !APPENDS | WHERE with @window_start and @window_end
CHANGES: CHANGES \( TABLE\b | !CHANGES | WHERE with @window_start and @window_end
VECTOR_SEARCH: VECTOR_SEARCH \( | !VECTOR_SEARCH | CROSS JOIN and ORDER BY COSINE_DISTANCE(one, other) LIMIT 10
MODEL: \( MODEL [\w'] | !MODEL | a core table that holds what the model gave
TABLE: \( TABLE \w+ \. \w | !TABLE as an argument | a query of the table alone
DIFFERENTIAL_PRIVACY: SELECT WITH DIFFERENTIAL_PRIVACY\b | !DIFFERENTIAL_PRIVACY | SELECT alone, with HAVING COUNT(DISTINCT id) > 10
ANONYMIZATION: SELECT WITH ANONYMIZATION\b | !ANONYMIZATION | SELECT alone, with HAVING COUNT(DISTINCT id) > 10
AGGREGATION_THRESHOLD: SELECT WITH AGGREGATION_THRESHOLD\b | !AGGREGATION_THRESHOLD | HAVING COUNT(DISTINCT id) > 10
RENAME: \* RENAME \( | * RENAME | * EXCEPT (old), old AS new
ILIKE: \* ILIKE  | * ILIKE | the columns by name
COLUMNS: COLUMNS \( (?:'|\)) | COLUMNS(...) | the columns by name
SEMI: (?:LEFT |RIGHT )?SEMI JOIN\b | SEMI JOIN | WHERE EXISTS (SELECT 1 FROM other WHERE ...)
ANTI: (?:LEFT |RIGHT )?ANTI JOIN\b | ANTI JOIN | WHERE NOT EXISTS (SELECT 1 FROM other WHERE ...)
POSITIONAL: POSITIONAL JOIN\b | POSITIONAL JOIN | JOIN ... ON with numbers of ROW_NUMBER() OVER (ORDER BY ...)
NATURAL: NATURAL (?:LEFT |RIGHT |FULL |INNER |OUTER )*JOIN\b | NATURAL JOIN | JOIN ... USING (columns)
ASOF: ASOF (?:LEFT )?JOIN\b | ASOF JOIN | JOIN ... ON
CONNECT: CONNECT BY\b | CONNECT BY | a join for each level that there can be
DISTINCTROW: SELECT DISTINCTROW  | DISTINCTROW | DISTINCT
UNIQUE: SELECT UNIQUE [\w(] | SELECT UNIQUE | SELECT DISTINCT
STRAIGHT_JOIN: STRAIGHT_JOIN\b | STRAIGHT_JOIN | JOIN
PREWHERE: PREWHERE [\w(]+ [=<>.(] | PREWHERE | WHERE
SETTINGS: SETTINGS \w+ = | SETTINGS | the query alone
OPTION: OPTION \( [A-Z ]+\) | OPTION (...) | the query alone
FOR: FOR (?:JSON|XML) (?:PATH|AUTO|RAW)\b | FOR JSON or FOR XML | TO_JSON_STRING(value), or STRING_AGG
FOR: FOR (?:UPDATE|SHARE)\b | FOR UPDATE or FOR SHARE | the query alone
LOCK: LOCK IN SHARE MODE\b | LOCK IN SHARE MODE | the query alone
ONLY: FROM ONLY \w | ONLY | the table alone
CURRENT_USER: CURRENT_USER\b(?! [.=<>]) | CURRENT_USER | nothing in its place: the ledger records who ran what
IGNORE: (?:\w|[')\]]) IGNORE (?!NULLS\b|INDEX\b) | IGNORE as a name | it in backticks: `ignore`
PARTITION: PARTITION \( | PARTITION (...) | WHERE with a condition on the partition column
OVERLAPS: OVERLAPS\b(?! [,.=<>)]) | OVERLAPS | start_one < end_other AND start_other < end_one
COLLATE: COLLATE\b | !COLLATE | LOWER(text) to compare without case
ARRAY: ARRAY \( (?!(?:\( )*(?:SELECT|WITH)\b) | ARRAY(one, other) | [one, other]
DISTINCT: GROUP BY DISTINCT\b | !GROUP BY DISTINCT | each set once, without DISTINCT
OF: EXTRACT \( (?:DAY OF (?:WEEK|YEAR))\b | DAY OF WEEK | EXTRACT(DAYOFWEEK FROM ts)
EXCLUDE: \* EXCLUDE\b | * EXCLUDE | * EXCEPT (columns)
MATERIALIZED: AS (?:NOT )?MATERIALIZED \( | [NOT] MATERIALIZED | WITH name AS (SELECT ...)
UNNEST: SELECT (?:DISTINCT )?UNNEST \( | UNNEST in SELECT | CROSS JOIN UNNEST(array) AS item behind FROM
"""

_WORD = re.compile(r"[A-Z_]+")
_NO_SIGNS = {*TEXTS, TokenType.IDENTIFIER}
_INFIXES = {
    "DIV": "DIV({left}, {right})",
    "MOD": "MOD({left}, {right})",
    "XOR": "({left}) <> ({right})",
    "GLOB": "REGEXP_CONTAINS({left}, r'...')",
    "RLIKE": "REGEXP_CONTAINS({left}, r{right})",
    "REGEXP": "REGEXP_CONTAINS({left}, r{right})",
    "NOTNULL": "IS NOT NULL",
    "ISNULL": "IS NULL",
}
_POSTFIXES = {"NOTNULL", "ISNULL"}
_INSTEAD_OF_TYPOGRAPHY = {
    **dict.fromkeys("\u2018\u2019\u201a\u201c\u201d\u201e\u00b4", "a straight quote: ' around a text, ` around a name"),
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "<>",
    "\u00d7": "*",
    "\u00f7": "/",
    "\u2026": "three dots, or what they stand for",
}
_TYPOGRAPHY = re.compile(f"[{''.join(_INSTEAD_OF_TYPOGRAPHY)}]")
_PLURALS = {f"{unit}S" for unit in UNITS}
_SIGNS = re.compile(r"\*\*|//|&&|@>|:=|=<|=!|==|\(\+\)|:(?=[A-Za-z_])|\^@|\|/|->>?|#>>?|<=>|~~\*?|!~\*?|~\*?")
_INSTEAD_OF_SIGNS = {
    "**": "POW({left}, 2)",
    "//": "DIV({left}, 2), or -- before a comment",
    "&&": "AND between conditions, or EXISTS (SELECT 1 FROM UNNEST(one) AS x WHERE x IN UNNEST(other)) for arrays",
    "@>": "x IN UNNEST({left})",
    ":=": "AS for a name, or WITH for a value",
    "=<": "<=",
    "=!": "<>",
    "==": "=",
    ":": "{left}.name for a field of JSON",
    "(+)": "LEFT JOIN",
    "^@": "STARTS_WITH({left}, 'x')",
    "|/": "SQRT(x)",
    "->": "{left}.name or JSON_QUERY({left}, '$.name')",
    "->>": "JSON_VALUE({left}, '$.name')",
    "#>": "JSON_QUERY({left}, '$.a.b')",
    "#>>": "JSON_VALUE({left}, '$.a.b')",
    "<=>": "IS NOT DISTINCT FROM",
    "~~": "LIKE",
    "~~*": "LOWER({left}) LIKE '...'",
    "~": "REGEXP_CONTAINS({left}, r'...')",
    "~*": "REGEXP_CONTAINS({left}, r'(?i)...')",
    "!~": "NOT REGEXP_CONTAINS({left}, r'...')",
    "!~*": "NOT REGEXP_CONTAINS({left}, r'(?i)...')",
}


def refuse_foreign(sql: str, tokens: Sequence[Token]) -> None:
    """Refuse what is no single SELECT, and what the parser would quietly take for GoogleSQL. Raises SqlError."""
    if not sql.isascii():
        _refuse_typography(sql)
    _refuse_start(tokens)
    # Most queries hold nothing that looks like any of these, which a look at the text says before one at each word.
    spelt = sql.upper()
    if any(sign in spelt for sign in ("FETCH", "?")):
        _refuse_statement(tokens)
    words = set(_WORD.findall(spelt))
    faults = [
        *(_foreign_types(tokens) if "CAST" in words or "ARRAY" in words else ()),
        *(_foreign_casts(sql, tokens) if "::" in sql else ()),
        *(_foreign_signs(sql, tokens) if _SIGNS.search(spelt) else ()),
        *(_foreign_intervals(tokens) if "INTERVAL" in words else ()),
        *(_foreign_infixes(sql, tokens) if not words.isdisjoint(_INFIXES) else ()),
        *_foreign_forms(words, tokens),
    ] or list(misplaced(sql, tokens, words))
    if faults:
        raise SqlError(list(brackets(sql, tokens)) or faults)


def _refuse_typography(sql: str) -> None:
    """Refuse the signs that word processors put in the place of SQL's."""
    for match in _TYPOGRAPHY.finditer(outside_quotes(sql)):
        line = sql.count("\n", 0, match.start()) + 1
        raise SqlError([Fault(line, f"'{match[0]}' is no sign of SQL. Write {_INSTEAD_OF_TYPOGRAPHY[match[0]]}.")])


def _refuse_start(tokens: Sequence[Token]) -> None:
    first = next((token for token in tokens if token.token_type != TokenType.L_PAREN), tokens[0])
    if first.text.upper() not in {"SELECT", "WITH"}:
        raise SqlError([Fault(first.line, no_select(tokens))])


def no_select(tokens: Sequence[Token]) -> str:
    """Say that words start no SELECT, and what to write in place of a function of one's own or of a variable."""
    first = next((token for token in tokens if token.token_type != TokenType.L_PAREN), tokens[0]).text
    instead = "Write exactly one SELECT"
    if first.upper() == "CREATE" and any(token.text.upper() == "FUNCTION" for token in tokens[1:5]):
        return f"functions of your own are not supported. {instead}, with what they compute where they are called."
    if first.upper() in {"DECLARE", "SET"}:
        return f"'{first}' starts no SELECT. {instead}, with values, or columns of a WITH, in place of variables."
    return f"'{first}' starts no SELECT. {instead}."


def _refuse_statement(tokens: Sequence[Token]) -> None:
    for before, token in zip([tokens[0], *tokens], tokens, strict=False):
        if token.token_type == TokenType.FETCH and before.token_type != TokenType.DOT:
            raise SqlError([Fault(token.line, "GoogleSQL has no FETCH. Write LIMIT.")])
        if token.token_type == TokenType.PLACEHOLDER:
            message = "a positional parameter (?) has no value here. Write @window_start or @window_end."
            raise SqlError([Fault(token.line, message)])


def _foreign_types(tokens: Sequence[Token]) -> Iterator[Fault]:
    casts: list[bool] = []
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.token_type == TokenType.L_PAREN:
            casts.append(before.text.upper() in {"CAST", "SAFE_CAST"})
        elif token.token_type == TokenType.R_PAREN and casts:
            casts.pop()
        in_cast = token.token_type == TokenType.ALIAS and casts and casts[-1]
        in_array = token.token_type == TokenType.LT and before.text.upper() == "ARRAY"
        if (in_cast or in_array) and after.text.upper() not in {"ARRAY", "STRUCT"}:
            fault = _type_fault(after.text)
            if fault:
                yield Fault(after.line, fault)


def _type_fault(name: str) -> str | None:
    try:
        parse_type(name, in_query=True)
    except ValueError as error:
        return str(error)
    return None


def _foreign_casts(sql: str, tokens: Sequence[Token]) -> Iterator[Fault]:
    for place, token in enumerate(tokens):
        if token.token_type == TokenType.DCOLON:
            cast = tokens[place + 1].text.upper() if place + 1 < len(tokens) else "DATE"
            near = re.search(r"Did you mean '(.*)'", _type_fault(cast) or "")
            value = spelt_before(sql, tokens, place)
            yield Fault(token.line, f"GoogleSQL has no '::'. Write CAST({value} AS {near[1] if near else cast}).")


def _foreign_signs(sql: str, tokens: Sequence[Token]) -> Iterator[Fault]:
    """Give a fault for each operator of another dialect, which may be several tokens here."""
    ends = 0
    for place, token in enumerate(tokens):
        sign = _SIGNS.match(sql, token.start)
        if sign is None or token.start < ends or token.token_type in _NO_SIGNS:
            continue
        ends = sign.end()
        if sign[0] in {"~", "~*"} and not (place and tokens[place - 1].token_type in ENDS_VALUE):
            continue
        if sign[0] == "->" and any(one.text.upper().startswith("ARRAY_") for one in tokens[:place]):
            continue
        if sign[0] == ":" and (tokens[place - 1].token_type not in ENDS_VALUE or tokens[place - 2].text == ":"):
            continue
        behind_value = place and tokens[place - 1].token_type in ENDS_VALUE
        value = spelt_before(sql, tokens, place) if behind_value else "x"
        yield Fault(token.line, f"GoogleSQL has no '{sign[0]}'. Write {_INSTEAD_OF_SIGNS[sign[0]].format(left=value)}.")


def _foreign_infixes(sql: str, tokens: Sequence[Token]) -> Iterator[Fault]:
    """Give a fault for each word between two values that is an operator elsewhere, and a name here."""
    for place in range(1, len(tokens)):
        token, left = tokens[place], tokens[place - 1]
        word = token.text.upper()
        if token.token_type in _NO_SIGNS or word not in _INFIXES or is_extreme(tokens, place - 1):
            continue
        if [one.text.upper() for one in tokens[max(place - 3, 0) : place]] == ["SELECT", "AS", "VALUE"]:
            continue
        negated = left.text.upper() == "NOT"
        if not negated and (left.token_type not in ENDS_VALUE or left.text.upper() in RESERVED):
            continue
        value = spelt_before(sql, tokens, place - negated)
        if word in _POSTFIXES:
            yield Fault(token.line, f"GoogleSQL has no {word}. Write {value} {_INFIXES[word]}.")
        elif place + 1 < len(tokens) and _begins_value(tokens[place + 1]):
            other = clipped(sql[tokens[place + 1].start : tokens[place + 1].end + 1])
            instead = _INFIXES[word].format(left=value, right=other)
            yield Fault(token.line, f"GoogleSQL has no {word} between values. Write {'NOT ' * negated}{instead}.")


def _begins_value(token: Token) -> bool:
    return token.token_type in ENDS_VALUE | TEXTS | {TokenType.L_PAREN, TokenType.PARAMETER} and (
        token.token_type == TokenType.IDENTIFIER or token.text.upper() not in RESERVED
    )


@lru_cache(maxsize=1)
def _forms() -> dict[str, list[tuple[re.Pattern[str], str, str]]]:
    """Return the forms of other dialects by the word that shows them."""
    found: dict[str, list[tuple[re.Pattern[str], str, str]]] = {}
    for line in _FORMS.strip().splitlines():
        word, _, rest = line.partition(": ")
        pattern, name, instead = rest.rsplit(" | ", 2)
        starts = r"(?<![.] )\b" if pattern[0].isalpha() or re.match(r"\(\?:[A-Z]", pattern) else ""
        found.setdefault(word, []).append((re.compile(starts + pattern), name, instead))
    return found


def _foreign_forms(words: set[str], tokens: Sequence[Token]) -> Iterator[Fault]:
    keys = [key for key in _forms() if key in words]
    if not keys:
        return
    spelt = ["'" if token.token_type in _NO_SIGNS else " ".join(token.text.upper().split()) for token in tokens]
    text = " ".join(spelt)
    for key in keys:
        for pattern, name, instead in _forms()[key]:
            for match in pattern.finditer(text):
                starts = list(accumulate((len(one) + 1 for one in spelt), initial=0))
                token = tokens[bisect_right(starts, text.index(key, match.start())) - 1]
                refused = f"{name[1:]} is not supported." if name[0] == "!" else f"GoogleSQL has no {name}."
                yield Fault(token.line, f"{refused} Write {instead}.")


def _foreign_intervals(tokens: Sequence[Token]) -> Iterator[Fault]:
    for token, amount, unit in zip(tokens, tokens[1:], [*tokens[2:], None], strict=False):
        if token.token_type != TokenType.INTERVAL:
            continue
        text = amount.text
        if amount.token_type == TokenType.NUMBER and unit is not None:
            text += f" {unit.text}"
        match = re.fullmatch(r"\s*(-?\d+)\s*([A-Za-z]+)\s*", text)
        if match and (amount.token_type == TokenType.STRING or match[2].upper() in _PLURALS):
            written = f"'{amount.text}'" if amount.token_type == TokenType.STRING else text
            part = match[2].upper().removesuffix("S")
            yield Fault(token.line, f"'INTERVAL {written}' is not GoogleSQL. Write INTERVAL {match[1]} {part}.")
