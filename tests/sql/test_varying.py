"""What a query depends on beside the database that it is asked of."""

from __future__ import annotations

import pytest

from spider_opt.sql.varying import depends_on

ELSE = """
SELECT random()
SELECT hex(randomblob(4))
SELECT a FROM t ORDER BY RANDOM() LIMIT 1
SELECT date('now')
SELECT DATE ( 'NOW' )
SELECT julianday ( "NOW" )
SELECT "date"('now')
SELECT [datetime](' now ')
SELECT CURRENT_TIMESTAMP
SELECT a FROM t WHERE d < current_date
SELECT date()
SELECT unixepoch()
SELECT strftime('%Y')
SELECT unixepoch('subsec')
SELECT timediff('now', '2020-01-01')
SELECT datetime('2020-01-01', 'localtime')
SELECT datetime('2020-01-01', 'LOCALTIME')
SELECT datetime(d, 'utc') FROM t
SELECT strftime('%H', d, '+1 day', 'localtime') FROM t
SELECT time(d, /* here */ 'localtime') FROM t
SELECT datetime(d, "localtime") FROM t
SELECT datetime(d, 'local' || 'time') FROM t
SELECT datetime(d, m) FROM t
SELECT datetime(d, lower('UT' || 'C')) FROM t
SELECT date('no' || 'w')
SELECT date(char(110, 111, 119))
SELECT date(replace('n_w', '_', 'o'))
SELECT date(a) FROM (SELECT 'now' AS a)
SELECT date(a) FROM (SELECT 'no' || 'w' AS a)
SELECT (SELECT count(*) FROM t WHERE julianday('now') - julianday(d) > 7)
SELECT last_insert_rowid()
SELECT changes(), total_changes()
SELECT * FROM pragma_database_list
PRAGMA database_list
SELECT count(*) FROM sqlite_stmt
"""
DATA = """
SELECT strftime('%Y', d) FROM t
SELECT date(d, '+1 day', 'start of month') FROM t
SELECT julianday(a) - julianday(b) FROM t
SELECT date(substr(d, 1, 10)) FROM t
SELECT timediff(a, b) FROM t
SELECT date((SELECT max(d) FROM t))
"""
NOTHING = """
SELECT current_address FROM know
SELECT snow, date FROM t
SELECT a FROM t WHERE date = '2020-01-01' AND time < 5
SELECT a FROM t WHERE random = 1
SELECT a AS "localtime" FROM t
SELECT date('2020-01-01'), strftime('%Y', 1577836800, 'unixepoch')
SELECT datetime('2020-01-01 10:00', '-3 days', 'weekday 0')
SELECT utc, now FROM clock
SELECT a FROM t WHERE b = 'now' AND c = 'localtime'
SELECT count(*) FROM time, changes
"""


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (line, what)
        for lines, what in ((ELSE, "else"), (DATA, "data"), (NOTHING, ""))
        for line in lines.strip().splitlines()
    ],
)
def test_what_a_query_depends_on(sql: str, what: str) -> None:
    assert depends_on(sql) == what
