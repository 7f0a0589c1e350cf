from __future__ import annotations

import pytest

from spider_opt.databases.formats import formats_are_plain


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a FROM t",
        "SELECT printf('%d', a) FROM t",
        "SELECT PRINTF ( /* so */ '%5.2f%%' -- so\n, a) FROM t",
        "SELECT \"printf\"('%d', a), [format]('%s', b) FROM t",
        "SELECT printf(('%d'), a), printf('no arguments')",
        "SELECT printf('it''s %d, 100000 * 2', a)",
        "SELECT printf('%%12345', a), printf('** %d **', a)",
        "SELECT a, 'printf(x' FROM t WHERE printf('%d', a) = '1'",
        "SELECT printf(\"%d\", 6) || '%d'",
        "SELECT '%d' || printf(\"%d\", 6)",
        "SELECT printf(\"%d\", a), printf(\"%d\", b), '%d' FROM t WHERE b LIKE '%d' OR b IN ('%d', \"%d\")",
        'SELECT CASE WHEN printf("%d", a) = "%d" THEN \'%d\' ELSE "%d" END FROM t',
        "SELECT a FROM t WHERE printf('%.9999c', b) = ''",
        "SELECT printf FROM t",
    ],
)
def test_what_is_written_out(sql: str) -> None:
    assert formats_are_plain(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT printf(a) FROM t",
        "SELECT printf('%d' || b, a) FROM t",
        "SELECT printf(upper('%d'), a) FROM t",
        "SELECT printf('%.*c', 2000000000, 'x')",
        "SELECT printf('%*d', 2000000000, 1)",
        "SELECT printf('%-*d', 2000000000, 1)",
        "SELECT printf('%.20000c', 'x')",
        "SELECT printf('%%%020000d', 1)",
        "SELECT printf('%d', 1), printf([%d], 1)",
        "SELECT printf('%d', 1), format(b, 1) FROM t",
        "SELECT printf(",
        'SELECT printf("%d", 1) FROM (SELECT \'%.2000000000c\' AS "%d")',
        "SELECT printf(\"%d\", 1) FROM (SELECT '%.2000000000c' AS '%D')",
        "SELECT printf(\"%d\", 1) FROM (SELECT '%.2000000000c' '%d')",
        'SELECT printf("%d", 1) FROM (SELECT (b) [%d] FROM t)',
        'SELECT printf("x", 1) FROM (SELECT b x FROM t)',
        'WITH q("%d") AS (SELECT b FROM t) SELECT printf("%d", 1) FROM q',
        "WITH q('%d') AS (SELECT b FROM t) SELECT printf(\"%d\", 1) FROM q",
    ],
)
def test_what_may_be_anything(sql: str) -> None:
    assert not formats_are_plain(sql)


def test_it_takes_no_time_however_many_there_are() -> None:
    assert formats_are_plain("SELECT " + ", ".join(["printf('%d', 1)"] * 5_000))
