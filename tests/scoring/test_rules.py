"""Which scorers are asked, and what a run notes of it."""

from __future__ import annotations

import pytest

from spider_opt.errors import ScorerError
from spider_opt.scoring import Rules, rules_for


def test_the_first_is_ex_and_each_is_asked_once():
    rules = rules_for(["strict", "official", "strict"], timeout_s=3)
    assert rules == Rules("strict", timeout_s=3, metrics=("official", "strict"))
    assert (rules.main, rules.scorers) == ("strict", ("strict", "official"))


@pytest.mark.parametrize(
    "rules",
    [
        Rules(keep_distinct=True),
        Rules("official-distinct"),
        rules_for(["official"], keep_distinct=True),
        rules_for(["official-distinct"]),
    ],
)
def test_official_with_distinct_is_one_thing_however_it_is_asked_for(rules):
    assert rules == Rules("official", True)
    assert rules.scorers == ("official-distinct",)
    assert rules.distinct_counts
    noted = {"mode": "official", "keep_distinct": True, "timeout_s": 10.0, "version": "1"}
    assert rules.noted() == noted


def test_what_is_noted_of_one_scorer_is_what_it_always_was():
    assert Rules().noted() == {"mode": "official", "keep_distinct": False, "timeout_s": 10.0, "version": "1"}
    assert not Rules().distinct_counts
    assert Rules("strict").distinct_counts


def test_further_metrics_are_noted():
    assert rules_for(["official", "strict"]).noted()["metrics"] == ["official", "strict"]


def test_no_other_scorer_has_the_option():
    assert rules_for(["strict"], keep_distinct=True) == Rules("strict")


def test_a_scorer_that_is_none_is_refused_before_anything_is_asked():
    with pytest.raises(ScorerError, match="no scorer 'nope'"):
        rules_for(["official", "nope"])
