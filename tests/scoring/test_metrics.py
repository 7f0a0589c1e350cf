"""Several metrics in one pass: each says what it says alone, and none costs another its verdict."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from spider_opt.benchmarks import load
from spider_opt.databases import Sandbox
from spider_opt.errors import GoldError, SpiderOptError
from spider_opt.scoring import PairScorer, Rules, read_verdicts, rules_of, score, worker, write_verdicts
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import Outcome

ALL = ("official", "strict", "official-distinct")
PLUGIN = """
import os, time

def hang(gold, prediction, database):
    if "hang" in prediction:
        time.sleep(60)
    return Verdict(Outcome.CORRECT, "")

def die(gold, prediction, database):
    if "die" in prediction:
        os._exit(1)
    return Verdict(Outcome.CORRECT, "")

def raises(gold, prediction, database):
    raise ZeroDivisionError

def share(gold, prediction, database):
    n = len(database.run(prediction).rows)
    print("not on stdout")
    return Verdict(Outcome.WRONG_ROWS, f"{n} rows", 1 / (1 + n))
"""


@pytest.fixture(scope="module")
def benchmark():
    return load("spider-mini:test")


@pytest.fixture(scope="module")
def pairs(benchmark):
    """Each gold as it is, without its DISTINCT, of the question before, and what is no query."""
    examples = benchmark.examples
    lists = (
        [(e, e.gold_sql) for e in examples],
        [(e, e.gold_sql.replace("DISTINCT ", "").replace("distinct ", "")) for e in examples],
        [(e, o.gold_sql) for e, o in zip(examples, [*examples[1:], examples[0]], strict=True)],
        list(zip(examples, ("", "DELETE FROM t", "SELECT nope", "SELECT 1; SELECT 2"), strict=False)),
    )
    return [pair for pairs in lists for pair in pairs]


@pytest.fixture
def plugin(install_scorers):
    names = ("hang", "die", "raises", "share")
    install_scorers("metrics_plugin", PLUGIN, **dict(zip(names, names, strict=True)))


def test_each_says_what_it_says_alone(benchmark, pairs):
    together = judge_all(pairs, benchmark.paths, rules_of(ALL))
    assert [list(verdicts) for verdicts in together] == [list(ALL)] * len(pairs)
    for name in ALL:
        alone = judge_all(pairs, benchmark.paths, rules_of([name]))
        assert [verdicts[name] for verdicts in alone] == [verdicts[name] for verdicts in together]
    assert len({tuple(v.outcome for v in verdicts.values()) for verdicts in together}) > 3


def test_a_query_runs_once_for_all_of_them(shop, monkeypatch):
    seen = []
    original = Sandbox.run

    def run(self, sql, **options):
        seen.append(sql)
        return original(self, sql, **options)

    monkeypatch.setattr(Sandbox, "run", run)
    scorer = PairScorer()
    for name in ALL:
        assert scorer(name, shop, "SELECT name FROM item", "SELECT t.name FROM item AS t").correct
    scorer.close()
    assert seen == ["SELECT name FROM item", "SELECT t.name FROM item AS t"]


def test_metrics_are_kept(benchmark, pairs, tmp_path):
    report = score(benchmark, pairs, rules_of(ALL))
    assert [s.correct for s in report.scored] == [s.metrics["official"] for s in report.scored]
    assert any(s.metrics["official"] != s.metrics["strict"] for s in report.scored)
    once = [replace(scored, index=i) for i, scored in enumerate(report.scored)]
    write_verdicts(once, tmp_path / "verdicts.jsonl")
    assert read_verdicts(tmp_path / "verdicts.jsonl") == once
    summary = report.summary()
    assert list(summary["metrics"]) == list(ALL)
    for name in ALL:
        alone = score(benchmark, pairs, rules_of([name])).summary()
        assert summary["metrics"][name] == alone["metrics"][name]
        assert (alone["ex"], alone["n"]) == (alone["metrics"][name]["value"], alone["metrics"][name]["n"])
        assert 0 < summary["metrics"][name]["se"] < 10
    assert summary["ex"] == summary["metrics"]["official"]["value"]


def test_what_earlier_versions_wrote_of_one_scorer_has_its_metric(benchmark, pairs, tmp_path):
    report = score(benchmark, pairs, Rules())
    write_verdicts([replace(s, metrics={}, index=i) for i, s in enumerate(report.scored)], tmp_path / "verdicts.jsonl")
    for line in (tmp_path / "verdicts.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == ["index", "db_id", "correct", "outcome", "detail", "hardness", "cluster"]
    read = replace(report, scored=tuple(read_verdicts(tmp_path / "verdicts.jsonl")))
    assert read.metrics() == report.metrics() == {"official": report.metrics()["official"]}


def test_a_gold_that_fails_for_one_counts_for_the_others(benchmark, pairs, caplog):
    odd = replace(pairs[0][0], gold_sql="SELECT 1 /*; */; SELECT 2")  # what follows is nothing to the official rules
    answers = [(odd, "SELECT 1"), *pairs[1:3]]
    report = score(benchmark, answers, rules_of(["official", "strict"]))
    assert report.summary()["metrics"]["official"]["n"] == 3
    assert report.summary()["metrics"]["strict"]["n"] == 2
    assert report.scored[0].metrics.keys() == {"official"}
    assert f"question {odd.index} left out of strict: gold query fails" in caplog.text
    report = score(benchmark, answers, rules_of(["strict", "official"]))
    assert [index for index, _ in report.failed_golds] == [odd.index]
    assert report.summary()["metrics"]["official"]["n"] == 2


def test_no_answers_have_no_metrics(benchmark):
    summary = score(benchmark, [], rules_of(["official", "strict"])).summary()
    assert summary["metrics"]["strict"] == {"n": 0, "value": None, "se": None}


# --- scorers of other packages -------------------------------------------------------------------


def test_a_number_is_a_mean_also_alone_and_where_queries_fail(benchmark, pairs, plugin, tmp_path, capfd):
    example = pairs[0][0]
    answers = [(example, sql) for sql in ("SELECT 1", "SELECT 1 WHERE 0", "SELECT nope", "SELECT 2 UNION SELECT 1")]
    report = score(benchmark, answers, rules_of(["share"]))
    assert [s.metrics for s in report.scored] == [{"share": v} for v in (0.5, 1.0, 0.0, pytest.approx(1 / 3))]
    assert [s.outcome for s in report.scored][2] is Outcome.QUERY_ERROR
    summary = report.summary()
    assert summary["metrics"]["share"]["value"] == pytest.approx(100 * (0.5 + 1 + 0 + 1 / 3) / 4, abs=1e-3)
    assert (summary["ex"], summary["mode"]) == (0, "share")
    assert re.fullmatch("2.5 code [0-9a-f]{10}", summary["scorer_version"])
    once = [replace(scored, index=i) for i, scored in enumerate(report.scored)]
    write_verdicts(once, tmp_path / "verdicts.jsonl")
    assert read_verdicts(tmp_path / "verdicts.jsonl") == once
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("forked", [True, False], ids=["forked", "started"])
@pytest.mark.parametrize(("name", "outcome"), [("hang", Outcome.TIMEOUT), ("die", Outcome.LIMIT)])
def test_a_scorer_that_never_answers_costs_no_other_its_verdict(
    benchmark, pairs, plugin, monkeypatch, name, outcome, forked
):
    monkeypatch.setattr(worker, "can_fork", lambda: forked)
    monkeypatch.setattr(worker, "QUERIES_PER_SCORER", 0)
    monkeypatch.setattr(worker, "GRACE_S", 2.0 if forked else 5.0)  # an interpreter takes a while to start
    some = pairs[:60]
    alone = judge_all(some, benchmark.paths, Rules())
    marked = [(e, f"{sql} -- {name}" if i in (3, 41) else sql) for i, (e, sql) in enumerate(some)]
    found = judge_all(marked, benchmark.paths, rules_of(["official", name, "strict"]), n_workers=2)
    assert {i for i, verdicts in enumerate(found) if verdicts[name].outcome is outcome} == {3, 41}
    assert [v["official"].correct for v in found] == [v["official"].correct for v in alone]
    assert all(v["strict"].correct for v in found)


def test_a_scorer_that_raises_ends_it_in_a_sentence(benchmark, pairs, plugin):
    with pytest.raises(SpiderOptError, match=r"scorer 'raises' fails on a question of \w+: ZeroDivisionError\(\)"):
        score(benchmark, pairs[:9], rules_of(["official", "raises"]))


def test_a_gold_error_is_one_whatever_the_scorer(benchmark, pairs):
    broken = replace(pairs[0][0], gold_sql="SELECT nope FROM nowhere")
    [verdicts] = judge_all([(broken, "SELECT 1")], benchmark.paths, rules_of(ALL))
    assert all(isinstance(verdict, GoldError) for verdict in verdicts.values())
