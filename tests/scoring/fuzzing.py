"""Mutated queries, judged by the scorer and by the reference: where do they differ?

``test_against_reference.py`` tries a few hundred, ``benchmarks/fuzzing.py`` as many as one likes.
"""

from __future__ import annotations

import random
from collections import defaultdict

from spider_opt.errors import GoldError
from spider_opt.scoring import PairScorer
from spider_opt.scoring.gold_cache import GoldCache

LARGEST_BYTES = 400_000
ODD_ROWS = """
CREATE TABLE x(a, b, c, d, e);
INSERT INTO x VALUES (1, 1.0, '1', x'31', NULL), (0, -0.0, '0', x'', ''), (1e999, -1e999, 'inf', 'Inf', 1e308),
    (9223372036854775807, 9223372036854775807.0, '9223372036854775807', 9.223372036854775e18, 9007199254740993),
    (CAST(x'ff41' AS TEXT), 'A', CAST(x'41ff' AS TEXT), CAST(x'eda080' AS TEXT), 'é'), (10, 10.0, '10', '1e1', 1e1),
    (2, 10, 'a', 'B', 'b'), (0.1, 0.30000000000000004, 0.3, 1e-300, 123456789012345678), (1, 10, 100, 1000, 10000),
    ('it''s', 'say "x"', 'distinct', 'value', 'order by'), (10, 1, 1000, 100, 10000);
CREATE TABLE n(id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE);
INSERT INTO n(name) VALUES ('a'), ('A'), ('b'), (NULL);
CREATE TABLE empty(a, b);
CREATE VIEW seen AS SELECT a, upper(c) AS value FROM x;
"""
ODD_GOLDS = [
    *(
        "SELECT * FROM x",
        "SELECT a, b FROM x",
        "SELECT b, a FROM x ORDER BY a",
        "SELECT DISTINCT a FROM x",
        "SELECT c, d FROM x",
    ),
    *(
        "SELECT count(*), a FROM x GROUP BY a",
        "SELECT a FROM empty",
        "SELECT name, count(*) FROM n GROUP BY name",
        "SELECT 1, 10",
    ),
    *(
        "SELECT DISTINCT name FROM n",
        "SELECT * FROM seen",
        "SELECT value FROM seen",
        "SELECT e, d, c FROM x ORDER BY e",
    ),
    *("SELECT a, b, c FROM x UNION SELECT b, a, c FROM x", "SELECT a FROM x WHERE a > = 1", "SELECT a, a, c FROM x"),
    *("SELECT max(a), min(b) FROM x WHERE c != 'order by'", "SELECT count(*) FROM x WHERE c = 'distinct'"),
]


def disagreements(official, mutations, seed, n, golds, paths, folder):
    """Try ``n`` mutated queries with both flags; list those on which scorer and reference differ."""
    rng = random.Random(seed)
    found = []
    db_ids = sorted(golds)
    n_right = 0
    while n > 0:
        db_id = rng.choice(db_ids)
        path, pool = paths[db_id], golds[db_id]
        copy = folder / f"{db_id}.sqlite"
        content = path.read_bytes()
        cache = GoldCache(folder / "gold.sqlite")
        scorer = PairScorer(cache=cache)
        for _ in range(25):
            gold = rng.choice(pool)
            if rng.random() < 0.15:
                gold = f"SELECT {rng.choice(['*', 'count(*)'])} FROM ({gold.rstrip('; ')}) WHERE 0"
            elif rng.random() < 0.2:
                mutated = mutations.mutate(rng, gold, pool)
                reads = mutated.lstrip()[:4].lower() in ("sele", "with", "valu")
                if reads and not any(word in mutated.lower() for word in ("pragma", "delete", "insert")):
                    gold = mutated
            pred = mutations.mutate(rng, gold, pool)
            for keep_distinct, name in ((False, "official"), (True, "official-distinct")):
                n -= 1
                copy.write_bytes(content)
                try:
                    expected = official.judge(str(copy), gold, pred, keep_distinct)
                except official.GoldFails:
                    expected = "gold fails"
                except official.NoVerdict:
                    continue
                try:
                    verdict = scorer(name, path, gold, pred).correct
                except GoldError:
                    verdict = "gold fails"
                n_right += expected is True
                if verdict != expected:
                    found.append((db_id, keep_distinct, gold, pred, expected, verdict))
        scorer.close()
        cache.close()
        assert path.read_bytes() == content
    assert n_right > 20  # the mutations leave something to agree on
    return found


def by_database(benchmark):
    golds = defaultdict(list)
    for example in benchmark.examples:
        if benchmark.paths[example.question.db_id].stat().st_size < LARGEST_BYTES:
            golds[example.question.db_id].append(example.gold_sql)
    return golds
