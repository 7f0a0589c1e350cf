r"""A GBNF grammar (llama.cpp's) of SQLite queries over one schema.

Covered: SELECT [DISTINCT] with aggregates, arithmetic, CASE, CAST and the usual functions, joins, WHERE, GROUP BY,
HAVING, ORDER BY, LIMIT, compounds, subqueries anywhere; at most one semicolon, then nothing; or all of it in a code
fence. Names as the schema spells them or in lower case, keywords in capitals or lower case.

Not covered: WITH, window functions, names for columns (``AS total``), JOIN without ON, USING, comments, blank lines,
references to an outer query but in EXISTS.

A query of one table has columns of that table only: its rules are there once for each table. Which table it is shows
when FROM is reached, so up to there a query is read as one of each table that has the columns read so far, and as a
join. Lists are bounded, nesting is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from typing import Literal

from spider_opt.sql.names import quoted
from spider_opt.types import Schema

Names = Literal["bare", "pairs"]

# Words in capitals are keywords; s is space that must be, w space that may be, c a comma. Each alternative that is
# open costs time with every token, so those that begin alike share their beginning.
_QUERY = r"""
root ::= "```sql\n" query ";"? "\n```" | query ";"?
exists ::= SELECT s item-join s FROM s source join{0,7} s WHERE s cond-join
item-join ::= "*" | owner ".*" | expr-join
from-join ::= table as join{1,7} | inner as join{0,7}
source ::= (table | inner) as
join ::= c source | s CROSS s JOIN s source | s ((INNER | LEFT (s OUTER)?) s)? JOIN s source s ON s cond-join
inner ::= "(" w query w ")"
set ::= UNION (s ALL)? | INTERSECT | EXCEPT
limit ::= s LIMIT s [0-9]{1,4} (s OFFSET s [0-9]{1,4})?
compare ::= "=" "="? | "!=" | "<" [=>]? | ">" "="?
op ::= [+*/%-] | "||"
text ::= "'" ([^'\n] | "''"){0,80} "'" | "\"" [^"\n]{0,80} "\""
number ::= [0-9]{1,12} ("." [0-9]{1,6})?
type ::= INTEGER | INT | REAL | FLOAT | TEXT | NUMERIC
s ::= " " | "\n" " "{0,8}
w ::= s?
c ::= "," w
"""
_NAMES: Mapping[Names, str] = {
    "bare": """
as ::= (s (AS s)? alias)?
owner ::= table | alias
alias ::= [Tt] [1-9]
""",
    "pairs": """
as ::= ""
owner ::= table
""",
}
# A query over one table, or over a join: @ stands for which.
_SCOPE = r"""
rest@ ::= item@ (c item@){0,11} s FROM s from@ (s WHERE s cond@)? group@? (order@? limit? | s set s query)
group@ ::= s GROUP s BY s expr@ (c expr@){0,3} (s HAVING s cond@)?
order@ ::= s ORDER s BY s key@ (c key@){0,3}
key@ ::= expr@ (s (ASC | DESC))?
cond@ ::= test@ (s (AND | OR) s test@){0,9}
test@ ::= (NOT s)? (EXISTS w "(" w exists w ")" | "(" w cond@ w ")" | expr@ (w compare w value@ | s is@))
is@ ::= IS s (NOT s)? NULL | (NOT s)? (IN w "(" w in@ w ")" | LIKE s value@ | BETWEEN s value@ s AND s value@)
in@ ::= query | value@ (c value@){0,19}
expr@ ::= term@ (w op w operand@){0,3}
value@ ::= "-"? operand@ (w op w operand@){0,3}
operand@ ::= term@ | text
term@ ::= number | "(" w (query | expr@) w ")" | word@
count@ ::= "(" w ("*" | arg@) w ")"
sum@ ::= "(" w arg@ w ")"
arg@ ::= (DISTINCT s)? value@ | DISTINCT w "(" w value@ w ")"
cast@ ::= "(" w value@ s AS s type w ")"
call@ ::= "(" w value@ (c value@){0,2} w ")"
case@ ::= s (WHEN s cond@ s THEN s value@ s){1,6} (ELSE s value@ s)? END
"""
_CALLS: Mapping[str, str] = {
    "count": "count",
    **dict.fromkeys(("sum", "avg", "min", "max"), "sum"),
    "cast": "cast",
    "case": "case",
    **dict.fromkeys(("abs", "coalesce", "ifnull", "length", "lower", "round", "strftime", "substr", "upper"), "call"),
}
Words = Sequence[tuple[str, str]]
"""Words, each with what follows it."""


def select_grammar(schema: Schema, names: Names) -> str:
    """Return the grammar of queries whose tables and columns are the schema's.

    In a query of one table columns are written ``column`` or ``table.column``. In a join: with ``bare`` they are
    ``column``, ``table.column`` or ``T1.column``, and tables may have the aliases ``T1`` to ``T9``; with ``pairs``
    they are ``table.column``, without aliases, so there is no self-join. ``table.column`` is one that the schema has.
    """
    spellings: dict[str, set[str]] = {}
    for t in schema.tables:
        for name in (t.name, *(column.name for column in t.columns)):
            spellings.setdefault(_lower(name), {quoted(_lower(name))}).add(quoted(name))
    tables = [spellings[_lower(t.name)] for t in schema.tables]
    columns = [[(s, "") for c in t.columns for s in spellings[_lower(c.name)]] for t in schema.tables]
    pairs = [[(f"{s}.", f"of-{i}") for s in table] for i, table in enumerate(tables)]
    every, joined = list(chain(*columns)), list(chain(*pairs))
    scopes = [f"-{i}" for i in range(len(tables))]
    rules = [
        _QUERY + _NAMES[names],
        "query ::= SELECT s (DISTINCT s)? (" + " | ".join(f"rest{scope}" for scope in (*scopes, "-join")) + ")",
    ]
    keywords = sorted(set(re.findall(r"\b[A-Z]{2,}\b", _SCOPE + "".join(rules))))
    rules += [f'{word} ::= "{word}" | "{word.lower()}"' for word in keywords]
    rules.append(f"table ::= {any_of([(s, '') for s in chain(*tables)])}")
    if names == "bare":
        rules.append(f"name ::= {any_of(every)}")
        joined += [*every, *_aliases("[1-9]", "name")]
    rules += _scope("-join", joined)
    for scope, table, own, pair in zip(scopes, tables, columns, pairs, strict=True):
        alias = _aliases('"1"', f"of{scope}") if names == "bare" else []
        rules += [
            f"of{scope} ::= {any_of(own)}",
            f'item{scope} ::= "*" | expr{scope}',
            f"from{scope} ::= ({any_of([(s, '') for s in table])})" + (' (s AS s [Tt] "1")?' if alias else ""),
            *_scope(scope, [*own, *pair, *alias]),
        ]
    return "".join(rule.strip() + "\n" for rule in rules)


def _scope(scope: str, columns: Words) -> Sequence[str]:
    calls = [(s, after + scope) for word, after in _CALLS.items() for s in (word, word.upper())]
    return _SCOPE.replace("@", scope), f"word{scope} ::= {any_of([*columns, *calls])}"


def _aliases(number: str, column: str) -> Words:
    return [(t, f'{number} "." {column}') for t in "Tt"]


def _lower(name: str) -> str:
    """Lower the letters that SQLite takes for the same, which are ASCII's."""
    return re.sub("[A-Z]+", lambda found: found[0].lower(), name)


def any_of(words: Words) -> str:
    """Return what reads any of the words and then what follows it; equal beginnings are shared."""
    ways = []
    for first, group in groupby(sorted(set(words)), key=lambda word: word[0][:1]):
        alike = list(group)
        if not first:
            ways += [after or '""' for _, after in alike]
            continue
        least, most = alike[0][0], alike[-1][0]
        begin = next(least[:n] for n in range(len(least), 0, -1) if most.startswith(least[:n]))
        rest = any_of([(word[len(begin) :], after) for word, after in alike])
        ways.append(_literal(begin) + (f" ({rest})" if len(alike) > 1 else "" if rest == '""' else f" {rest}"))
    return " | ".join(ways) or '""'


def _literal(text: str) -> str:
    escaped = (rf"\u{ord(c):04X}" if ord(c) < 32 else f"\\{c}" if c in '\\"' else c for c in text)
    return f'"{"".join(escaped)}"'
