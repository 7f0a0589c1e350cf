"""Right on every database of a suite: against the official verdicts, and where suites are odd."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from real_spider import real_spider

from spider_opt.benchmarks import load
from spider_opt.errors import DatasetError, GoldError
from spider_opt.evaluation.running import evaluate
from spider_opt.evaluation.scoring_files import score
from spider_opt.scoring import PairScorer, judge, rules_for, suite
from spider_opt.scoring import report as report_module
from spider_opt.scoring import score as judged
from spider_opt.scoring.suite_files import DESCRIPTION, at_hand, suite_files, suite_name
from spider_opt.scoring.table import SUITES
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import Outcome

ROWS = {
    "shop.sqlite": "('a', 1), ('a', 2), ('b', 3)",
    "shop_2.sqlite": "('a', 5), ('a', 5), ('c', 0)",
    "shop_10.sqlite": "('b', NULL)",
}
COST_3 = "SELECT name FROM item WHERE price = 3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three databases of one schema, the main one first; and what lies about beside them."""
    folder = tmp_path / "suites" / "shop"
    folder.mkdir(parents=True)
    for name, rows in ROWS.items():
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.executescript(
                f"CREATE TABLE item (name TEXT, price INTEGER); INSERT INTO item VALUES {rows}; PRAGMA user_version=1"
            )
    for name in ("shop.sqlite-journal", "shop.sqlite-wal", "shop.sqlite-shm", ".shop.sqlite.part", "notes.txt"):
        (folder / name).write_bytes(b"")
    return folder


@pytest.fixture
def ask(folder):
    with closing(PairScorer(1.0)) as scorer:

        def asked(gold: str, sql: str, name: str = "suite", files=None):
            files = [str(folder / file) for file in (ROWS if files is None else files)]
            return scorer(name, folder / "shop.sqlite", gold, sql, "shop", files)

        yield asked


def test_the_official_verdicts_of_the_recorded_systems(shared, tmp_path):
    benchmark = real_spider("dev", shared)
    told = sorted((shared / "conformance" / "suite" / "verdicts").glob("*.jsonl"))
    assert len(told) == 8
    rules = rules_for(["suite"], suite=shared / "conformance" / "suite")
    for path in told:
        run = score(shared / "predictions" / f"{path.stem}.txt", benchmark, mode=rules)
        official = {
            entry["dev_index"]: bool(entry["suite"]) for entry in map(json.loads, path.read_text().splitlines())
        }
        assert {scored.index: scored.metrics["suite"] for scored in run.verdicts} == official, path.stem


def test_it_is_right_on_all_databases_or_wrong(ask):
    assert ask(COST_3, "SELECT name FROM item WHERE price > 2", "official").correct
    verdict = ask(COST_3, "SELECT name FROM item WHERE price > 2")
    assert (verdict.outcome, verdict.detail[:20]) == (Outcome.WRONG_ROWS, "on shop_2.sqlite: mo")
    verdict = ask(COST_3, "SELECT name FROM item WHERE price = 6 / 2")
    assert (verdict.correct, verdict.detail) == (True, "the same 0 rows on 3 databases")
    assert ask(COST_3, COST_3).detail == "the same query as gold on 3 databases"
    assert ask(COST_3, "SELECT nope").detail.startswith("on shop.sqlite: ")
    assert ask(COST_3, "").outcome is Outcome.NO_SQL


def test_each_says_what_the_official_evaluator_says_on_each_database(ask, official, folder):
    """The reference, database by database, over golds and predictions that are alike here and there."""
    queries = [
        COST_3,
        "SELECT name FROM item WHERE price > 2",
        "SELECT DISTINCT name FROM item",
        "SELECT name FROM item GROUP BY name",
        "SELECT name, price FROM item ORDER BY price",
        "SELECT price, name FROM item ORDER BY price, name",
        "SELECT count(*) FROM item",
        "SELECT count(price) FROM item",
        "SELECT max(price) FROM item",
        "SELECT price FROM item ORDER BY price DESC LIMIT 1",
        "SELECT nope FROM item",
        "SELECT name FROM item WHERE price = (SELECT max(price) FROM item)",
    ]
    seen = set()
    for gold, sql in itertools.product(queries, repeat=2):
        for name, keep_distinct in (("suite", False), ("suite-distinct", True)):
            if "nope" in gold:
                with pytest.raises(GoldError):
                    ask(gold, sql, name)
                continue
            said = [official.judge(str(folder / file), gold, sql, keep_distinct) for file in ROWS]
            assert ask(gold, sql, name).correct == all(said), (gold, sql, name, said)
            seen.add(tuple(map(bool, said)))
    assert len(seen) > 4


def test_a_gold_that_fails_on_one_of_them_is_told_with_its_file_also_where_the_prediction_is_wrong(ask, folder):
    with closing(sqlite3.connect(folder / "shop_10.sqlite")) as connection:
        connection.execute("ALTER TABLE item RENAME COLUMN price TO cost")
    for sql in (COST_3, "SELECT name FROM item WHERE price > 9", "", "SELECT nope"):
        with pytest.raises(GoldError, match=r"gold query fails on shop_10\.sqlite: no such column: price"):
            ask(COST_3, sql)


@pytest.mark.parametrize(
    ("gold", "sql", "right"),
    [
        ("SELECT name FROM item WHERE price = 3", "SELECT name FROM item WHERE price = 1", True),
        ("SELECT name FROM item WHERE price = 3", "SELECT name FROM item WHERE price > 1", False),
        ("SELECT count(*) FROM item WHERE name = 'a'", 'SELECT count(*) FROM item WHERE name = "value"', True),
        (
            "SELECT 1 FROM item WHERE price > 1 AND name = 'a'",
            "SELECT 1 FROM item WHERE name = 'x' AND price > 0",
            True,
        ),
        ("SELECT name FROM item", "SELECT name FROM item WHERE price = 3", False),
        ("SELECT DISTINCT name FROM item WHERE price = 5", "SELECT DISTINCT name FROM item WHERE price = 7", True),
        ("SELECT name FROM item WHERE price = 3", "SELECT nope FROM item WHERE price = 1", False),
        ("SELECT T1.name FROM item AS T1 WHERE T1.price < 2.5", "SELECT T1.name FROM item T1 WHERE T1.price<9", True),
    ],
)
def test_golds_values_are_tried_in_each_slot(ask, gold, sql, right):
    assert not ask(gold, sql).correct
    verdict = ask(gold, sql, "suite-plug-value")
    assert verdict.correct == right
    assert verdict.detail.startswith("with gold's values ") == right


def test_what_is_right_as_it_stands_needs_no_values(ask):
    assert not ask(COST_3, "SELECT name FROM item WHERE price = 4 - 1", "suite-plug-value").detail.startswith("with")


def test_too_many_ways_to_put_values_in_end_and_are_told(ask, monkeypatch):
    monkeypatch.setattr(suite, "MAX_PLUGGED", 50)
    gold = "SELECT name FROM item WHERE price IN ( 1 , 2 , 3 , 4 )"
    sql = f"SELECT name, price FROM item WHERE price IN ( {' , '.join('9' * 8)} )"
    verdict = ask(gold, sql, "suite-plug-value")
    assert not verdict.correct
    assert verdict.detail.endswith("nor with gold's values, of which the first 50 of 65,536 ways were tried")


def test_a_suite_that_changes_counts_from_then_on(folder):
    files = [str(folder / name) for name in ROWS]
    with closing(PairScorer(1.0, watch=True)) as scorer:
        sql = "SELECT count(*) FROM item WHERE price = 5"
        first = scorer("suite", folder / "shop.sqlite", "SELECT count(*) FROM item WHERE price > 3", sql, "shop", files)
        with closing(sqlite3.connect(folder / "shop_10.sqlite")) as connection, connection:
            connection.execute("UPDATE item SET price = 4")
        again = scorer("suite", folder / "shop.sqlite", "SELECT count(*) FROM item WHERE price > 3", sql, "shop", files)
    assert (first.correct, again.correct) == (True, False)


def test_files_of_a_suite_are_those_of_the_official_tool_the_main_one_first(folder):
    paths = {"shop": folder / "shop.sqlite"}
    beside = suite_files(paths, None)
    assert [path.name for path in beside["shop"]] == list(ROWS)
    assert suite_files(paths, folder.parent) == beside
    (folder.parent.parent / "database").symlink_to(folder.parent)
    assert [p.name for p in suite_files(paths, folder.parent.parent)["shop"]] == list(ROWS)
    assert at_hand(paths)
    lone = {"shop": folder.parent / "shop.sqlite"}
    lone["shop"].write_bytes(paths["shop"].read_bytes())
    assert (at_hand(lone), suite_files(lone, None)) == (False, {"shop": (lone["shop"],)})


def _empty(folder):
    for name in ROWS:
        (folder / name).unlink()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda folder: (folder / "shop_2.sqlite").write_text("no"), r"shop_2\.sqlite is not a SQLite database"),
        (lambda folder: (folder / "old.sqlite").mkdir(), r"old\.sqlite is no file: a test suite's folders have"),
        (lambda folder: (folder / "shop_3.sqlite").symlink_to("gone"), r"shop_3\.sqlite is a link to nothing"),
        (_empty, r"no databases for 1 of 1 database .* \(shop\): .*suites.shop"),
        (lambda folder: folder.rename(folder.with_name("shops")), "no databases for 1 of 1"),
        (lambda folder: folder.parent.rename(folder.parent.with_name("other")), "there is no folder .*suites: suite "),
    ],
)
def test_a_folder_that_is_no_suite_is_refused(folder, harm, sentence):
    paths = {"shop": folder / "shop.sqlite"}
    harm(folder)
    with pytest.raises(DatasetError, match=sentence):
        suite_files(paths, folder.parent)


def test_its_name_tells_who_made_it_and_changes_with_any_row(folder):
    files = suite_files({"shop": folder / "shop.sqlite"}, folder.parent)
    name = suite_name(files, folder.parent)
    assert name.startswith("given ")
    assert suite_name(files, None) == name
    (folder.parent / DESCRIPTION).write_text("{}")
    assert suite_name(files, folder.parent) == name.replace("given", "own")
    with closing(sqlite3.connect(folder / "shop_10.sqlite")) as connection, connection:
        connection.execute("UPDATE item SET price = 4")
    assert suite_name(files, None) not in (name, "")


def _on_the_shop(folder):
    """Return two questions that want COST_3, and a benchmark of them."""
    mini = load("spider-mini:test")
    schema = replace(mini.examples[0].question.schema, db_id="shop")
    asked = [replace(example.question, schema=schema) for example in mini.examples[:2]]
    examples = [replace(mini.examples[i], gold_sql=COST_3, question=question) for i, question in enumerate(asked)]
    return examples, replace(mini, examples=tuple(examples), paths={"shop": folder / "shop.sqlite"}, missing={})


def test_a_benchmark_is_judged_by_the_files_beside_its_databases(folder):
    examples, benchmark = _on_the_shop(folder)
    answers = [(examples[0], COST_3), (examples[1], "SELECT name FROM item WHERE price > 2")]
    report = judged(benchmark, answers, rules_for(), use_cache=False)
    assert [scored.metrics for scored in report.scored] == [
        {"official": True, "strict": True, "suite": True},
        {"official": True, "strict": True, "suite": False},
    ]
    summary = report.summary()
    assert (summary["ex"], summary["metrics"]["suite"]["value"], summary["plug_value"]) == (100, 50, False)
    assert summary["suite"].startswith("given ")
    by_values = judged(benchmark, answers, rules_for(["suite"], plug_value=True), use_cache=False).summary()
    assert (list(by_values["metrics"]), by_values["plug_value"]) == (["official", "suite"], True)


def test_an_instance_that_is_damaged_costs_no_other_metric_its_questions(folder, caplog):
    page = bytearray((folder / "shop_10.sqlite").read_bytes())
    page[4096:] = b"\xff" * (len(page) - 4096)
    (folder / "shop_10.sqlite").write_bytes(page)
    examples, benchmark = _on_the_shop(folder)
    report = judged(benchmark, [(examples[0], "SELECT name FROM item WHERE price > 2")], rules_for(), use_cache=False)
    assert [scored.metrics for scored in report.scored] == [{"official": True, "strict": True}]
    assert "left out of suite: the suite's database cannot be read: " in caplog.text
    assert "shop_10.sqlite" in caplog.text


def test_a_suite_that_changes_while_it_is_judged_is_told(folder, monkeypatch):
    examples, benchmark = _on_the_shop(folder)

    def judge_and_write(*given, **options):
        with closing(sqlite3.connect(folder / "shop_10.sqlite")) as connection, connection:
            connection.execute("INSERT INTO item VALUES ('b', 3)")
        return judge_all(*given, **options)

    monkeypatch.setattr(report_module, "judge_all", judge_and_write)
    with pytest.raises(DatasetError, match=r"the test suite has changed while it was judged \(from given .* to given "):
        judged(benchmark, [(examples[0], COST_3)], rules_for(["suite"]), use_cache=False)


def test_a_suite_that_is_not_there_is_told_before_a_model_is_asked(folder, tmp_path):
    def answer(question, database):
        raise AssertionError("asked")

    with pytest.raises(DatasetError, match="no databases for 5 of 5 databases"):
        evaluate(answer, load("spider-mini:test"), metrics=["suite"], suite=folder.parent, progress=False)


def test_databases_without_further_instances_are_told(caplog):
    mini = load("spider-mini:test")
    judged(mini, [(e, e.gold_sql) for e in mini.examples], rules_for(["suite"]), use_cache=False)
    assert (
        f"suite: {len(mini.paths)} of {len(mini.paths)} databases with no instance but the benchmark's own"
        in caplog.text
    )
    assert "named by suite=DIR" in caplog.text


def test_one_pair_is_judged_by_the_files_beside_its_database(folder):
    sql = "SELECT name FROM item WHERE price > 2"
    assert judge(COST_3, sql, folder / "shop.sqlite").correct
    verdict = judge(COST_3, sql, folder / "shop.sqlite", mode="suite")
    assert (verdict.correct, verdict.detail[:17]) == (False, "on shop_2.sqlite:")
    assert judge(COST_3, COST_3, folder / "shop.sqlite", mode="suite", keep_distinct=True).correct


def test_all_of_them_judge_suites():
    assert all(name.startswith("suite") for name in SUITES)
