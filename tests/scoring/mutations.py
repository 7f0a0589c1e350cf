"""What can happen to a query between a gold and a prediction: small changes, most of them harmless, some not.

Each mutation takes (rng, sql, pool) and returns another query; ``pool`` holds other golds on the same database.
"""

from __future__ import annotations

import re

SPACES = ["  ", "\t", "\n", " \n ", "\r\n", "\xa0", "\x0b", "\x0c", "\u3000", "\u200b", "\x1c", "\x85", "\ufeff"]
COMMENTS = ["/* c */", "/**/", "-- c\n", "--\n", "/* distinct */", "/* ; */", "-- it's\n", "# c\n", "/* ' */"]
ENDINGS = [
    ";",
    " ;",
    ";;",
    "; ;",
    ";--x",
    "; SELECT 1",
    ";\n",
    "; x",
    ";/* c */",
    ";\xa0",
    "\xa0",
    "; DROP TABLE x",
    ";)",
]
ENDINGS += [
    "-- c",
    "/* c",
    " /* c */",
    " -- distinct",
    " # c",
    "--",
    " /*",
    " -- ; x",
    " ORDER BY 1",
    " ORDER BY 2 DESC, 1",
]
ENDINGS += [
    " LIMIT 1",
    " LIMIT 0",
    " LIMIT -1",
    " LIMIT 3 OFFSET 0",
    " LIMIT 1, 1",
    " ORDER BY NULL",
    " ORDER BY 1 DESC LIMIT 3",
]
BEGINNINGS = [
    "/* c */",
    "-- c\n",
    "  \n",
    ";",
    "; ",
    "(",
    "-- c ; d\n",
    "#c\n",
    "\ufeff",
    "sql ",
    "EXPLAIN ",
    "EXPLAIN QUERY PLAN ",
]
DISTINCT = [
    "DISTINCT",
    "distinct",
    "Distinct",
    "ALL",
    "distinct distinct",
    "'distinct',",
    '"distinct",',
    "di\u017ftinct",
    "D\u0130STINCT",
]
NAMES = ["value_t", '"T 1"', "distinct_t", "go", "GO", "[t]", "`t`", "Value", "begin", "end_", "order_by", '"order by"']
OPERATORS = ["=", "!=", "<>", ">", "<", ">=", "<=", "> =", "< =", "! =", "==", " LIKE ", " IS ", " IS NOT "]
JOINS = ["LEFT JOIN", "INNER JOIN", "CROSS JOIN", "NATURAL JOIN", "FULL JOIN", ",", "RIGHT JOIN"]
COLUMNS = [
    "CAST({} AS REAL)",
    "({})*1.0",
    "{} || ''",
    "{} + 0",
    "CAST({} AS TEXT)",
    "upper({})",
    "trim({})",
    "-0.0 * {}",
]
COLUMNS += [
    "coalesce({}, 0)",
    "max({})",
    "{} COLLATE NOCASE",
    "count({})",
    "avg({})",
    "group_concat({})",
    "CAST({} AS BLOB)",
]
COLUMNS += [
    "{}, {}",
    "1, {}",
    "{} AS value",
    "{} AS [distinct]",
    "DISTINCT({})",
    "DISTINCT\t{}",
    "round({})",
    "{} AS 'q'",
]
COUNTS = [
    "count(1)",
    "COUNT(value)",
    "COUNT ( * )",
    "sum(1)",
    "total(1)",
    "count(DISTINCT 1)",
    "COUNT(*) + 0.0",
    "count(ALL 1)",
]
NUMBERS = [
    "{}.0",
    "'{}'",
    '"{}"',
    "-{}",
    "{}e0",
    "0x{}",
    "YEAR(CURDATE())",
    "Year ( curdate() ) ",
    "YEAR(DISTINCT CURDATE())",
]
NUMBERS += ["value", "'value'", "1", "({})", "?", ":a"]
IN_LITERALS = [
    "\\",
    "''x",
    "$$",
    "%",
    "é",
    ";",
    "--",
    "/*",
    "distinct",
    " order by ",
    " ",
    ":a",
    "@b",
    "#",
    "`",
    "[",
    "value",
]
WRAPS = [
    "SELECT * FROM ({0})",
    "WITH q AS ({0}) SELECT * FROM q",
    "{0} UNION {0}",
    "{0} UNION ALL {0}",
    "({0})",
    "{0}; {1}",
]
WRAPS += [
    "{0} INTERSECT {1}",
    "{0} EXCEPT {1}",
    "{0} UNION {1}",
    "SELECT DISTINCT * FROM ({0}) AS value",
    "BEGIN; {0}; END",
]
WRAPS += ["WITH value AS ({0}) SELECT * FROM value", "SELECT * FROM ({0}) ORDER BY 1", "SELECT * FROM ({0}) LIMIT 1"]
WRAPS += [
    "CREATE TABLE zz AS {0}",
    "INSERT INTO nope {0}",
    "SELECT *, 1 FROM ({0})",
    "SELECT CASE WHEN 1 THEN 1 END; {0}",
]
OTHER_STATEMENTS = [
    *(
        "PRAGMA table_info({t})",
        "PRAGMA user_version",
        "PRAGMA foreign_keys",
        "PRAGMA nope",
        "VALUES (1)",
        "VALUES (0), (1)",
    ),
    *(
        "SELECT 0",
        "SELECT 1",
        "SELECT NULL WHERE 0",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT a",
        "RELEASE a",
        "VACUUM",
        "REINDEX",
    ),
    *(
        "CREATE TABLE zz(a)",
        "CREATE TEMP TABLE zz(a)",
        "DROP TABLE {t}",
        "DROP TABLE nope",
        "-- c",
        "/* c */",
        ";",
        ";;",
    ),
    *("x", "value", "distinct", "SELECT", "SELECT ;", "EXPLAIN SELECT 1", "SELECT count(*) FROM sqlite_master WHERE 0"),
    *(
        "SELECT count(*) FROM pragma_table_info('{t}')",
        "SELECT name FROM pragma_table_info('{t}')",
        "SELECT ?",
        "SELECT 1 GO",
    ),
    *("DELETE FROM {t}", "DELETE FROM {t} WHERE 0 RETURNING *", "DELETE FROM {t} RETURNING count(*)", "DROP VIEW nope"),
    *(
        "INSERT INTO {t} DEFAULT VALUES",
        "INSERT INTO {t} DEFAULT VALUES RETURNING 1",
        "UPDATE {t} SET rowid = rowid RETURNING 1",
    ),
    *(
        "WITH a AS (SELECT 1) DELETE FROM {t} WHERE 0",
        "ALTER TABLE {t} RENAME TO q",
        "CREATE VIEW zz AS SELECT * FROM {t}",
    ),
    *(
        "SELECT value FROM json_each('[0]')",
        "SELECT load_extension('x')",
        "SELECT -0.0",
        "SELECT 1e999",
        "SELECT x'00'",
    ),
    *("ATTACH ':memory:' AS z", "ATTACH ':memory:' AS main", "attach ':memory:' as [Temp];", "DETACH main", "DETACH z"),
    *("PRAGMA busy_timeout = 5", "PRAGMA cache_size = 3", "PRAGMA journal_mode = OFF", "PRAGMA data_version"),
    *(f"CREATE VIRTUAL TABLE zz USING {module}" for module in ("nope(a)", "fts5(a)", "FTS4", "rtree(a)", "json_each")),
    *("SELECT printf('%d', 6) || '%d'", "SELECT printf(\"%d\", 6) || '%d'", "SELECT x '41' FROM {t}", "SELECT x'41'"),
    *("", " ", "SELECT 1;;", "SELECT 0 WHERE 0; ;", "EXPLAIN DELETE FROM {t}", "DELETE FROM {t} RETURNING *"),
    *("SELECT CAST(x'ff41' AS TEXT)", "SELECT char(0)", "SELECT 9223372036854775808", "I do not know", "SELECT\x001"),
]
CHARACTERS = [*"'\"`[](),;.\\$@#:?-/*% \t\nSEa1_", "é", "\U0001f600", "\x00", "GO", "distinct", "value", "\udcff"]


def one_of(rng, pattern, change, sql):
    """Change one match of ``pattern``, if there is any."""
    found = list(re.finditer(pattern, sql, re.IGNORECASE | re.DOTALL))
    if not found:
        return sql
    match = rng.choice(found)
    return sql[: match.start()] + change(match[0]) + sql[match.end() :]


def pieces(sql):
    return re.findall(r"'[^']*'|\"[^\"]*\"|\w+|\s+|.", sql, re.DOTALL)


def case(rng, sql, pool):
    change = rng.choice([str.upper, str.lower, str.swapcase, str.title])
    return change(sql) if rng.random() < 0.3 else "".join(p if p[0] in "'\"" else change(p) for p in pieces(sql))


def space(rng, sql, pool):
    fresh = rng.choice(SPACES)
    return sql.replace(" ", fresh) if rng.random() < 0.3 else one_of(rng, " ", lambda _: fresh, sql)


def space_at_punctuation(rng, sql, pool):
    return one_of(rng, r"\s*[(),=<>]\s*", lambda m: rng.choice(["", " "]) + m.strip() + rng.choice(["", " "]), sql)


def comment(rng, sql, pool):
    return one_of(rng, " ", lambda _: f" {rng.choice(COMMENTS)} ", sql)


def ending(rng, sql, pool):
    return sql + rng.choice(ENDINGS)


def beginning(rng, sql, pool):
    return rng.choice(BEGINNINGS) + sql


def less_distinct(rng, sql, pool):
    return re.sub(r"(?i)\bdistinct\b", "", sql)


def more_distinct(rng, sql, pool):
    return one_of(rng, r"\bselect\b|\bcount\s*\(|\bunion\b", lambda m: f"{m} {rng.choice(DISTINCT)} ", sql)


def columns(rng, sql, pool):
    head = re.match(r"(?is)(\s*select\s+(?:distinct\s+)?)(.*?)(\s+from\b.*)", sql)
    if not head:
        return sql
    found = re.split(r",(?![^()]*\))", head[2])
    at = rng.randrange(len(found))
    if rng.random() < 0.5:
        rng.shuffle(found)
    elif rng.random() < 0.8:
        found[at] = rng.choice(COLUMNS).replace("{}", found[at].strip())
    else:
        found.pop(at)
    return head[1] + " , ".join(column.strip() for column in found) + head[3]


def no_order(rng, sql, pool):
    return re.sub(r"(?is)\s+order\s+by\s+.*?(?=limit|\)|intersect|union|except|$)", " ", sql)


def order_spelled_otherwise(rng, sql, pool):
    return re.sub(r"(?i)order by", rng.choice(["order  by", "ORDER\nBY", "order\tby", "ORDER/**/BY"]), sql)


def direction(rng, sql, pool):
    return one_of(
        rng, r"\bdesc\b|\basc\b", lambda _: rng.choice(["ASC", "DESC", "", "COLLATE NOCASE", "NULLS LAST"]), sql
    )


def operator(rng, sql, pool):
    return one_of(rng, r"!=|<>|>=|<=|=|>|<|\blike\b", lambda _: rng.choice(OPERATORS), sql)


def connective(rng, sql, pool):
    return one_of(rng, r"\band\b|\bor\b", lambda _: rng.choice(["AND", "OR", "and not", ","]), sql)


def gaps(rng, sql, pool):
    return sql.replace(">=", "> =").replace("<=", "< =").replace("!=", "! =")


def table_alias(rng, sql, pool):
    name = rng.choice(NAMES)
    return re.sub(r"(?i)\bT1\b", lambda _: name, sql)


def column_alias(rng, sql, pool):
    return one_of(rng, r"\b\w+\s*\([^()]*\)|(?<=select )\w+", lambda m: f"{m} AS {rng.choice(NAMES)}", sql)


def quoted_name(rng, sql, pool):
    quote = rng.choice(["`{}`", '"{}"', "[{}]", "'{}'"])
    return one_of(rng, r"(?<=\.)\w+|(?<=select )\w+|(?<=from )\w+", quote.format, sql)


def quote(rng, sql, pool):
    if rng.random() < 0.5:
        return sql.replace('"', "'") if rng.random() < 0.5 else sql.replace("'", '"')
    return one_of(rng, "['\"]", lambda _: rng.choice(["", "''", '""', "\\'", "\u2019", "`", "\xb4"]), sql)


def literal(rng, sql, pool):
    return one_of(rng, r"'[^']*'|\"[^\"]*\"", lambda m: m[:-1] + rng.choice(IN_LITERALS) + m[-1], sql)


def wrap(rng, sql, pool):
    return rng.choice(WRAPS).format(sql.rstrip("; \n"), rng.choice(pool).rstrip("; \n"))


def another_gold(rng, sql, pool):
    return rng.choice(pool)


def another_statement(rng, sql, pool):
    table = re.search(r"(?i)\bfrom\s+(\w+)", sql)
    return rng.choice(OTHER_STATEMENTS).replace("{t}", table[1] if table else "nope")


def count(rng, sql, pool):
    return re.sub(r"(?i)count\s*\(\s*\*\s*\)", rng.choice(COUNTS), sql)


def join(rng, sql, pool):
    return one_of(rng, r"\bjoin\b", lambda _: rng.choice(JOINS), sql)


def number(rng, sql, pool):
    return one_of(rng, r"\b\d+\b", lambda m: rng.choice(NUMBERS).replace("{}", m), sql)


def character(rng, sql, pool):
    at = rng.randrange(len(sql) + 1)
    return sql[:at] + rng.choice(["", *CHARACTERS]) + sql[at + rng.choice([0, 1]) :]


def twice(rng, sql, pool):
    found = pieces(sql)
    at = rng.randrange(len(found) + 1)
    return "".join(found[:at] + found[max(0, at - 1) :])


def cut(rng, sql, pool):
    return sql[: rng.randrange(len(sql) + 1)]


MUTATIONS = [
    *(case, space, space_at_punctuation, comment, ending, beginning, less_distinct, more_distinct, columns, no_order),
    *(order_spelled_otherwise, direction, operator, connective, gaps, table_alias, column_alias, quoted_name, quote),
    *(literal, wrap, another_gold, another_statement, count, join, number, character, twice, cut),
]


def mutate(rng, sql, pool):
    """Change a query 0 to 3 times."""
    for _ in range(rng.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        sql = rng.choice(MUTATIONS)(rng, sql, pool)
    return sql
