r"""A GBNF grammar (llama.cpp's) of queries over one schema in the form of ``from_first``, and in no other spelling.

Since FROM comes first, the tables are known when columns are written. In a query over one table only its own columns
can be, bare. In a join of tables that keys connect only columns of these tables, each under its own; in any other join
columns of all tables of the schema, each under its own.

Covered: SELECT [DISTINCT] with aggregates, arithmetic, CASE, CAST and the usual functions, joins, self-joins with T1
and T2, WHERE, GROUP BY, HAVING, ORDER BY, LIMIT, set operations, subqueries anywhere. In self-joins, over a subquery
in FROM and in EXISTS any column can stand anywhere.

Not covered: WITH, window functions, names for columns, USING, other references to the query around, text as an
output column, ORDER BY of a set operation but by number or what could stand in its last query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from spider_opt.sql.grammar import any_of
from spider_opt.sql.implied_joins import SELECTED
from spider_opt.sql.keys import implied_keys
from spider_opt.sql.names import quoted
from spider_opt.types import Schema

# The text is read again with each request, so what costs room is done only where there is room.
MAX_CHARS = 60_000
_MAX_JOINED = 4
_QUERY = r"""
root ::= query
query ::= "FROM " from
exists ::= "EXISTS(FROM " table alias? others-any ")"
more ::= (" UNION " "ALL "? | " INTERSECT " | " EXCEPT ") query
limit ::= " LIMIT " [0-9]{1,4} (" OFFSET " [0-9]{1,4})?
join ::= (" LEFT" " OUTER"?)? " JOIN "
alias ::= " AS T" [1-9]
compare ::= "=" | "!=" | "<" "="? | ">" "="?
op ::= " " ([+*/%-] | "||") " "
text ::= "'" ([^'\n] | "''"){0,80} "'"
number ::= "-"? [0-9]{1,12} ("." [0-9]{1,6})?
type ::= "INTEGER" | "REAL" | "TEXT"
others-any ::= (join table alias? on-any?){0,5} select-any
"""
_OTHER_JOINS = """
and-join ::= on-join? (join table on-join?){0,5} select-join | alias on-any? others-any
"""
# @ stands for the tables in FROM.
_SCOPE = r"""
select@ ::= " SELECT " "DISTINCT "? item@ (", " item@){0,9} (" WHERE " cond@)? group@? (more | order@? limit?)
item@ ::= "*" | expr@
group@ ::= " GROUP BY " expr@ (", " expr@){0,3} (" HAVING " cond@)?
order@ ::= " ORDER BY " key@ (", " key@){0,3}
key@ ::= expr@ (" ASC" | " DESC")?
cond@ ::= test@ ((" AND " | " OR ") test@){0,9}
test@ ::= "NOT "? ("(" cond@ ")" | exists | expr@ is@)
is@ ::= " " compare " " value@ | " IS" " NOT"? " NULL" | " NOT"? (" IN (" (query | list@) ")" | " LIKE " value@ | " BETWEEN " value@ " AND " value@)
list@ ::= value@ (", " value@){0,19}
expr@ ::= term@ (op operand@){0,3}
value@ ::= operand@ (op operand@){0,3}
operand@ ::= term@ | text
term@ ::= column@ | number | "(" (query | expr@) ")" | call ("DISTINCT "? value@ | value@ (", " value@){1,2}) ")" | other@
other@ ::= "COUNT(*)" | "CAST(" value@ " AS " type ")" | "CASE" (" WHEN " cond@ " THEN " value@){1,6} (" ELSE " value@)? " END"
"""  # noqa: E501
_ON = """
on@ ::= " ON " column@ " = " column@ ((" AND " | " OR ") column@ " = " column@){0,3}
"""
# Where the form leaves out what can be put back.
_CROSS = ('(" LEFT" " OUTER"?)?', '(" LEFT" " OUTER"? | " CROSS")?')
_SELECTED = ('expr@ (", " expr@){0,3} (" HAVING', f'("{SELECTED}" | expr@ (", " expr@){{0,3}}) (" HAVING')
_CALLS = (
    "ABS", "AVG", "COALESCE", "COUNT", "LENGTH", "LOWER", "MAX", "MIN", "ROUND", "STRFTIME", "SUBSTRING", "SUM", "TRIM",
    "UPPER",
)  # fmt: skip


def from_first_grammar(schema: Schema, max_chars: int = MAX_CHARS, *, implied: bool = False) -> str:
    """Return the grammar of from-first queries whose tables and columns are the schema's.

    With ``implied`` they may leave out what ``implied_joins`` puts back.

    As many sets of joined tables have rules of their own as go into ``max_chars``; each single table always has.
    """
    tables = [quoted(table.name) for table in schema.tables]
    pairs = [(f"{table}.", f"of-{i}") for i, table in enumerate(tables)]
    every = [(quoted(column.name), "") for table in schema.tables for column in table.columns]
    scope = _SCOPE.replace(*_SELECTED) if implied else _SCOPE
    rules = [_QUERY.replace(*_CROSS) if implied else _QUERY]
    rules += [f"call ::= {any_of([(f'{name}(', '') for name in _CALLS])}"]
    rules += [f"table ::= {any_of([(table, '') for table in tables])}"]
    rules += [f"name ::= {any_of(every)}"]
    rules += [f"from ::= {any_of([*((t, f'from-{i}') for i, t in enumerate(tables)), ('(', 'inner')])}"]
    rules += ['inner ::= query ")" alias? others-any']
    for i, table in enumerate(schema.tables):
        rules += [f"of-{i} ::= {any_of([(quoted(column.name), '') for column in table.columns])}"]
        rules += [f"from-{i} ::= in-{i} | alias others-any", f"column-{i} ::= of-{i}", scope.replace("@", f"-{i}")]
    rules += _joined("-any", [*pairs, *every, ("T", '[1-9] "." name')], scope)
    room = max_chars - sum(map(len, rules))
    sets = {frozenset((i,)): f"-{i}" for i in range(len(tables))}
    for joined in _sets(schema):
        name = "".join(f"-{i}" for i in sorted(joined))
        room -= sum(map(len, _joined(name, pairs, scope))) + 100 + sum(len(table) + 30 for table in tables)
        if room < 0:
            break
        sets[joined] = name
    for here, name in sets.items():
        more = [(t, f"and{sets.get(here | {i}, '-join')}") for i, t in enumerate(tables) if i not in here]
        rules += [f"in{name} ::= select{name}" + (f" | join ({any_of(more)})" if more else "")]
        if len(here) > 1:
            rules += _joined(name, [pairs[i] for i in sorted(here)], scope)
            rules += [f"and{name} ::= on{name}? in{name} | alias on-any? others-any"]
    if any("and-join" in rule for rule in rules):
        rules += [_OTHER_JOINS, *_joined("-join", pairs, scope)]
    return "".join(rule.strip() + "\n" for rule in rules)


def _joined(name: str, columns: Sequence[tuple[str, str]], scope: str) -> list[str]:
    return [f"column{name} ::= {any_of(columns)}", (_ON + scope).replace("@", name)]


def _sets(schema: Schema) -> Iterator[frozenset[int]]:
    """Yield the sets of tables that keys connect, small ones first, then the other pairs."""
    places = {table.name.lower(): i for i, table in enumerate(schema.tables)}
    keys = [(k.table.lower(), k.ref_table.lower()) for k in (*schema.foreign_keys, *implied_keys(schema))]
    links = [(places[a], places[b]) for key in keys for a, b in (key, key[::-1]) if {a, b} <= places.keys()]
    level = [frozenset((i,)) for i in range(len(places))]
    done: set[frozenset[int]] = set()
    for _ in range(_MAX_JOINED - 1):
        level = list(dict.fromkeys(here | {b} for here in level for a, b in links if a in here and b not in here))
        done.update(level)
        yield from level
    yield from (pair for pair in map(frozenset, combinations(range(len(places)), 2)) if pair not in done)
