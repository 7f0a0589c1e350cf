"""Which scorers are asked, and what a run notes of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from spider_opt.benchmarks import load
from spider_opt.errors import ScorerError, UsageError
from spider_opt.scoring import Rules, judge, rules_for, rules_of
from spider_opt.wording import in_shell


@pytest.fixture(scope="module")
def benchmark():
    return load("spider-mini:test")


def test_the_first_that_python_names_is_ex_and_each_is_asked_once():
    rules = rules_of(["strict", "official", "strict"])
    assert (rules.main, rules.scorers) == ("strict", ("strict", "official"))


def test_metrics_are_asked_beside_the_benchmarks_own_rule(benchmark):
    rules = rules_for(["strict", "suite", "strict"], timeout_s=3)
    assert rules.on(benchmark).scorers == ("official", "strict", "suite")
    assert rules.on(replace(benchmark, scorer="strict")).scorers == ("strict", "suite")
    assert rules.on(benchmark).timeout_s == 3
    assert rules.on(benchmark).on(replace(benchmark, scorer="strict")) == rules.on(benchmark)


def test_by_default_official_and_strict_are_asked_and_suite_where_there_are_suites(benchmark, tmp_path):
    assert rules_for().on(benchmark).scorers == ("official", "strict")
    db_id, path = next(iter(benchmark.paths.items()))
    for name in (f"{db_id}.sqlite", f"{db_id}_1.sqlite"):
        (tmp_path / name).write_bytes(path.read_bytes())
    beside = replace(benchmark, paths={**benchmark.paths, db_id: tmp_path / f"{db_id}.sqlite"})
    assert rules_for().on(beside).scorers == ("official", "strict", "suite")
    assert rules_for(suite=tmp_path).on(benchmark).scorers == ("official", "strict", "suite")
    (tmp_path / f"{db_id}_1.sqlite").rename(tmp_path / f"{db_id}.sqlite-journal")
    assert rules_for().on(beside).scorers == ("official", "strict")


def test_a_benchmark_with_a_rule_of_its_own_is_judged_by_no_other(benchmark, monkeypatch):
    own = replace(benchmark, scorer="mine")
    assert rules_for().on(own).scorers == ("mine",)
    assert rules_for(mode="strict").on(own).scorers == ("strict",)


def test_a_mode_is_asked_alone(benchmark):
    assert rules_for(mode="strict").on(benchmark).scorers == ("strict",)
    assert rules_for(["official"], mode="strict").on(benchmark).scorers == ("strict", "official")


@pytest.mark.parametrize(
    "rules",
    [
        Rules(keep_distinct=True),
        Rules("official-distinct"),
        rules_for(mode="official", keep_distinct=True),
        rules_for(mode="official-distinct"),
    ],
)
def test_official_with_distinct_is_one_thing_however_it_is_asked_for(rules):
    assert rules == Rules("official", True)
    assert rules.scorers == ("official-distinct",)
    assert rules.distinct_counts
    noted = {"mode": "official", "keep_distinct": True, "timeout_s": 10.0, "version": "1"}
    assert rules.noted() == noted


@pytest.mark.parametrize(
    ("keep_distinct", "plug_value", "scorer"),
    [
        (False, False, "suite"),
        (True, False, "suite-distinct"),
        (False, True, "suite-plug-value"),
        (True, True, "suite-distinct-plug-value"),
    ],
)
def test_suite_is_another_scorer_with_each_option_under_its_own_name(benchmark, keep_distinct, plug_value, scorer):
    rules = rules_for(["suite"], keep_distinct, plug_value=plug_value).on(benchmark)
    assert rules.asked == {"official-distinct" if keep_distinct else "official": rules.main, "suite": scorer}


def test_what_is_noted_of_one_scorer_is_what_it_always_was():
    assert Rules().noted() == {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"}
    assert not Rules().distinct_counts
    assert Rules("strict").distinct_counts


@pytest.mark.parametrize("keep_distinct", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        *("official", "official-plug-value", "official-value-kept", "official-value-spaced", "old-spider", "match"),
        *("suite", "suite-distinct", "suite-plug-value", "suite-distinct-plug-value", "strict", "official-distinct"),
    ],
)
def test_that_distinct_counts_is_said_of_scorers_to_which_it_does(tmp_path, name, keep_distinct):
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as shop:
        shop.executescript("CREATE TABLE item (kind TEXT); INSERT INTO item VALUES ('a'), ('a')")
    rules = Rules(name, keep_distinct)
    pair = ("SELECT DISTINCT kind FROM item", "SELECT kind FROM item")
    verdict = judge(*pair, tmp_path / "shop.sqlite", mode=next(iter(rules.asked.values())))
    assert verdict.correct is not rules.distinct_counts


def test_further_metrics_are_noted():
    assert rules_of(["official", "strict"]).noted()["metrics"] == ["official", "strict"]


def test_no_other_scorer_has_the_option():
    assert rules_for(mode="strict", keep_distinct=True).scorers == Rules("strict").scorers


@pytest.mark.parametrize("named", [["official", "nope"], ["nope"], [""]])
def test_a_scorer_that_is_none_is_refused_before_anything_is_asked(named):
    with pytest.raises(ScorerError, match="no scorer"):
        rules_for(named)


@pytest.mark.parametrize("given", [{"suite": "somewhere"}, {"plug_value": True}])
def test_what_is_for_suites_is_refused_where_none_is_judged_by(given):
    with pytest.raises(UsageError, match=f"{next(iter(given))} is for the metric suite: .* with metrics"):
        rules_for(["strict"], **given)
    with in_shell(), pytest.raises(UsageError, match=r"^--\S+ is for the metric suite: .* with --metric "):
        rules_for(mode="strict", **given)


def test_a_keep_distinct_that_changes_nothing_is_noted_nowhere(benchmark):
    assert rules_for(mode="strict", keep_distinct=True).on(benchmark) == rules_for(mode="strict").on(benchmark)
    assert rules_for(["match"], True, mode="strict").on(benchmark) == rules_for(["match"], mode="strict").on(benchmark)
    assert rules_for(["suite"], True, mode="strict").on(benchmark).keep_distinct


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"timeout_s": "1"}, r"Rules\.timeout_s"),
        ({"timeout_s": -1}, r"Rules\.timeout_s"),
        ({"corrections": "spider-dev"}, r"Rules\.corrections .* what so\.corrections returns"),
        ({"metrics": "suite"}, r"Rules\.metrics .* a tuple"),
        ({"metrics": ("nope",)}, "no scorer 'nope'"),
        ({"mode": None}, r"Rules\.mode"),
        ({"keep_distinct": 1}, r"Rules\.keep_distinct"),
    ],
)
def test_rules_made_by_hand_are_looked_at(fields, sentence):
    with pytest.raises((UsageError, ScorerError), match=sentence):
        rules_of(Rules(**fields))


def test_rules_leave_nothing_else_to_say():
    with pytest.raises(UsageError, match="metrics and suite"):
        rules_of(Rules(), {"metrics": ["strict"], "suite": "x", "plug_value": False})
