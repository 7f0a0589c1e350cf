"""Several right golds: right by any, by every scorer, in every process; the first tells hardness and cluster."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError, GoldError
from spider_opt.scoring import rules_of, score
from spider_opt.scoring.report import cluster_of
from spider_opt.scoring.several_golds import best_of
from spider_opt.scoring.table import SCORERS
from spider_opt.types import Benchmark, Outcome, Verdict

FIRST, SECOND = "SELECT name FROM item WHERE price > 2 ORDER BY name", "SELECT name, price FROM item WHERE price > 2"
RIGHT, WRONG = Verdict(Outcome.CORRECT, "2 rows"), Verdict(Outcome.WRONG_ROWS, "3 rows")
ALL = [name for name in SCORERS if name != "r-ves"]


def made(folder: Path, query: object) -> Benchmark:
    (folder / "database/shop").mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / "database/shop/shop.sqlite")) as connection:
        connection.executescript(
            "DROP TABLE IF EXISTS item; CREATE TABLE item (name TEXT, price REAL);"
            "INSERT INTO item VALUES ('pen', 1.5), ('ink', 4.0), ('pad', 2.5);"
        )
    entries = [{"db_id": "shop", "question": "What costs more than 2?", "query": query}]
    entries.append({"db_id": "shop", "question": "How many?", "query": "SELECT count(*) FROM item"})
    (folder / "dev.json").write_text(json.dumps(entries))
    return load(data=folder)


def test_a_list_is_several_golds(tmp_path: Path) -> None:
    several, one = made(tmp_path / "a", [FIRST, SECOND, FIRST]), made(tmp_path / "b", FIRST)
    assert several.examples[0].golds == (FIRST, SECOND)
    assert (several.examples[0].gold_sql, several.examples[0].other_golds) == (FIRST, (SECOND,))
    assert several.examples[1].golds == ("SELECT count(*) FROM item",)
    assert several.fingerprint != one.fingerprint, "other numbers may come of it"
    assert made(tmp_path / "c", [FIRST]).fingerprint == one.fingerprint
    assert cluster_of(several.examples[0]) == cluster_of(one.examples[0])


@pytest.mark.parametrize("query", [["SELECT", "name"], [FIRST, ""], [FIRST, None], [FIRST, 3], [[FIRST]]])
def test_a_list_of_anything_else_is_refused(tmp_path: Path, query: object) -> None:
    with pytest.raises(DatasetError, match="or a list of whole queries that are all right"):
        made(tmp_path, query)


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(("answer", "right"), [(FIRST, True), (SECOND, True), ("SELECT price FROM item", False)])
def test_right_by_any_gold_is_right_by_every_scorer(tmp_path: Path, metric: str, answer: str, right: bool) -> None:
    benchmark = made(tmp_path, [FIRST, SECOND])
    asked = [(benchmark.examples[0], answer), (benchmark.examples[1], "SELECT count(*) FROM item")]
    calls: list[int] = []
    report = score(benchmark, asked, rules_of([metric]), use_cache=False, on_verdict=lambda: calls.append(1))
    assert len(calls) == len(report.scored) == 2
    assert [(s.correct, s.metrics[metric] == 1) for s in report.scored] == [(right, right), (True, True)]
    # a column more does not count to the scorers of columns
    by_second = answer == SECOND and not metric.startswith("columns")
    assert ("(by gold 2 of 2)" in report.scored[0].detail) == by_second
    assert report.summary()["n"] == 2


def test_golds_that_fail_do_not_count_and_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for golds, n in (([FIRST, "SELECT nothing FROM nowhere"], 1), (["SELECT a FROM b", "SELECT c FROM d"], 0)):
        benchmark = made(tmp_path / str(n), golds)
        for answer in (FIRST, "SELECT 1"):
            caplog.clear()
            with caplog.at_level(logging.WARNING):
                report = score(benchmark, [(benchmark.examples[0], answer)], rules_of(["official", "strict"]))
            assert (len(report.scored), report.skipped) == (n, 1 - n), "whatever was answered"
            assert caplog.text.count("question 0: its gold 2 does not count") == n


def test_which_verdict_counts() -> None:
    failing = GoldError("it fails")
    assert best_of([RIGHT]) is RIGHT
    assert best_of([WRONG, WRONG]) is WRONG
    assert best_of([RIGHT, RIGHT]) is RIGHT
    assert best_of([WRONG, RIGHT]) == replace(RIGHT, detail="2 rows (by gold 2 of 2)")
    assert best_of([failing, WRONG]) == replace(WRONG, detail="3 rows (by gold 2 of 2)")
    assert best_of([failing, failing]) is failing
    numbers = [Verdict(Outcome.WRONG_ROWS, "", value) for value in (0.2, 0.7, 0.5)]
    assert best_of(numbers) == replace(numbers[1], detail=" (by gold 2 of 3)")
