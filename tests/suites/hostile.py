"""Databases that are hard to fill: what makes them, and queries about them, by name."""

from __future__ import annotations

HOSTILE = {
    "composite keys": (
        """
        CREATE TABLE room (house TEXT, number INTEGER, beds INTEGER NOT NULL, PRIMARY KEY (house, number));
        CREATE TABLE stay (guest TEXT NOT NULL, house TEXT, number INTEGER, nights INTEGER CHECK (nights > 0),
            UNIQUE (guest, house), FOREIGN KEY (house, number) REFERENCES room (house, number));
        INSERT INTO room VALUES ('north', 1, 2), ('north', 2, 3), ('south', 1, 1);
        INSERT INTO stay VALUES ('Ann', 'north', 1, 3), ('Bob', 'south', 1, 2), ('Ann', 'south', 1, 4);
        """,
        [
            "SELECT guest FROM stay JOIN room ON stay.house = room.house AND stay.number = room.number WHERE beds > 1",
            "SELECT house, count(*) FROM stay GROUP BY house HAVING count(*) >= 2",
        ],
    ),
    "a table that refers to itself": (
        """
        CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, boss INTEGER REFERENCES person (id), pay REAL);
        INSERT INTO person VALUES (1, 'Ann', NULL, 9.5), (2, 'Bob', 1, 3.25), (3, 'Cid', 1, 7.1), (4, 'Dan', 2, 1.0);
        """,
        [
            "SELECT a.name FROM person AS a JOIN person AS b ON a.boss = b.id WHERE b.name = 'Ann'",
            "SELECT name FROM person WHERE boss IS NULL",
            "SELECT name FROM person ORDER BY pay DESC LIMIT 1",
        ],
    ),
    "a cycle of foreign keys": (
        """
        CREATE TABLE club (id INTEGER PRIMARY KEY, name TEXT, captain INTEGER NOT NULL REFERENCES player (id));
        CREATE TABLE player (id INTEGER PRIMARY KEY, name TEXT, club INTEGER NOT NULL REFERENCES club (id), goals INT);
        INSERT INTO club VALUES (1, 'Reds', 10), (2, 'Blues', 11);
        INSERT INTO player VALUES (10, 'Ann', 1, 4), (11, 'Bob', 2, 6), (12, 'Cid', 1, 0);
        """,
        ["SELECT club.name, sum(goals) FROM club JOIN player ON player.club = club.id GROUP BY club.id"],
    ),
    "odd names": (
        """
        CREATE TABLE "order" ("group" TEXT, "first name" TEXT, "it's" INTEGER, "größe" REAL, "a""b" TEXT);
        CREATE VIEW "big ones" AS SELECT "first name", "größe" FROM "order" WHERE "größe" > 2;
        INSERT INTO "order" VALUES ('x', 'Zoë', 1, 1.5, 'q"'), ('y', 'Łukasz', 2, 2.5, ''), ('y', '', 3, 4, NULL);
        """,
        [
            'SELECT "first name" FROM "order" WHERE "größe" > 2',
            'SELECT "group", avg("it\'s") FROM "order" GROUP BY "group"',
            'SELECT count(*) FROM "big ones"',
        ],
    ),
    "views, triggers, computed columns": (
        """
        CREATE TABLE sale (id INTEGER PRIMARY KEY AUTOINCREMENT, price REAL, pieces INTEGER DEFAULT 1,
            total REAL GENERATED ALWAYS AS (price * pieces) STORED, half AS (pieces / 2));
        CREATE TABLE log (said TEXT);
        CREATE TRIGGER told AFTER INSERT ON sale BEGIN INSERT INTO log VALUES ('sold'); END;
        CREATE TRIGGER never BEFORE DELETE ON sale BEGIN SELECT RAISE(ABORT, 'kept'); END;
        CREATE VIEW large AS SELECT id, total FROM sale WHERE total > 5;
        INSERT INTO sale (price, pieces) VALUES (1.5, 2), (4.0, 3), (2.25, 4);
        """,
        ["SELECT id FROM sale WHERE total > 5", "SELECT count(*) FROM large", "SELECT max(price) FROM sale"],
    ),
    "tables without rows": (
        "CREATE TABLE a (id INTEGER PRIMARY KEY, t TEXT, d DATE); CREATE TABLE b (a INTEGER REFERENCES a, n INT);",
        ["SELECT t FROM a JOIN b ON a.id = b.a WHERE n > 3", "SELECT t FROM a WHERE d > '2020-01-01'"],
    ),
    "without rowid": (
        """
        CREATE TABLE code (code TEXT PRIMARY KEY COLLATE NOCASE, name TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE used (code TEXT REFERENCES code (code), year INTEGER);
        INSERT INTO code VALUES ('a1', 'first'), ('B2', 'second');
        INSERT INTO used VALUES ('a1', 1999), ('b2', 2004), ('a1', 2004);
        """,
        ["SELECT name FROM code JOIN used ON code.code = used.code WHERE year = 2004"],
    ),
    "values of other types": (
        """
        CREATE TABLE mess (n INTEGER, t TEXT, b BLOB, d DATE, e, big INTEGER, x VARCHAR(20));
        INSERT INTO mess VALUES ('null', 12, x'00ff', '2019-02-28', 1.5, 9223372036854775807, 'now'),
            (3, 'a', x'', '2020-02-29 10:00:00', 'e', -9223372036854775808, 'A'),
            (4.5, NULL, NULL, 20200101, NULL, 0, '');
        """,
        ["SELECT t FROM mess WHERE n > 3", "SELECT count(*) FROM mess WHERE d >= '2020-02-29'", "SELECT b FROM mess"],
    ),
    "checks that hold together": (
        """
        CREATE TABLE span (low INTEGER NOT NULL, high INTEGER NOT NULL, kind TEXT CHECK (kind IN ('in', 'out')),
            CHECK (low < high));
        INSERT INTO span VALUES (1, 5, 'in'), (2, 3, 'out'), (0, 9, 'in');
        """,
        ["SELECT count(*) FROM span WHERE kind = 'in'", "SELECT high - low FROM span WHERE low > 0"],
    ),
    "keys that nobody can follow": (
        """
        CREATE TABLE a (x TEXT REFERENCES nowhere (y), z INTEGER REFERENCES b (absent), PRIMARY KEY (x, z));
        CREATE TABLE b (id INTEGER UNIQUE, part INTEGER);
        CREATE UNIQUE INDEX even ON b (part) WHERE part % 2 = 0;
        CREATE UNIQUE INDEX sum ON b (id + part);
        INSERT INTO a VALUES ('p', 1), ('q', 2); INSERT INTO b VALUES (1, 2), (5, 3);
        """,
        ["SELECT x FROM a WHERE z = 1", "SELECT id FROM b WHERE part > 2"],
    ),
    "full-text search": (
        """
        CREATE VIRTUAL TABLE page USING fts4(title, body);
        CREATE TABLE plain (title TEXT, n INTEGER);
        INSERT INTO page VALUES ('one', 'some words'); INSERT INTO plain VALUES ('one', 3), ('two', 5);
        """,
        ["SELECT title FROM plain WHERE n > 3"],
    ),
}
