"""A suite for two databases of the real Spider."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from real_spider import real_spider
from suites.rewritings import rewritings

import spider_opt as so
from spider_opt.scoring import PairScorer
from spider_opt.scoring.suite_files import suite_files

TWO = ("real_estate_properties", "singer")


def test_golds_and_what_means_the_same_are_right_and_mutants_are_killed(shared, tmp_path):
    whole = real_spider("dev", shared)
    benchmark = replace(
        whole,
        examples=tuple(one for one in whole.examples if one.question.db_id in TWO),
        paths={db_id: whole.paths[db_id] for db_id in TWO},
    )
    made = so.build_suite(benchmark, tmp_path / "s", checks=300, jobs=1)
    assert made.kill_rate >= 0.97
    assert all(20 <= one.instances <= 100 and one.n_bytes < 3_000_000 for one in made.databases)
    files = suite_files(benchmark.paths, tmp_path / "s")
    wrong = []
    with closing(PairScorer()) as scorer:
        for example in benchmark.examples:
            db_id, gold = example.question.db_id, example.gold_sql
            on = [str(file) for file in files[db_id]]
            assert scorer("suite", on[0], gold, gold, db_id, on).correct
            for kind, sql in rewritings(gold):
                if not scorer("suite", on[0], gold, sql, db_id, on[1:]).correct:
                    wrong.append((kind, sql))
    assert wrong == []
