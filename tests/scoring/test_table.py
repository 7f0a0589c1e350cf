"""Scorers by name: ours, those of other packages, and those that are broken."""

from __future__ import annotations

import re

import pytest

from spider_opt.errors import ScorerError
from spider_opt.scoring import PairScorer, find_scorer, scorer_names, table
from spider_opt.scoring.table import SCORERS, VERSION, scorer_version
from spider_opt.types import Outcome

SAME_TEXT = """
def same_text(gold, prediction, database):
    return Verdict(Outcome.CORRECT if gold == prediction else Outcome.WRONG_ROWS, "the text")
"""


@pytest.mark.parametrize("name", SCORERS)
def test_each_of_ours_is_one(name, shop):
    scorer = PairScorer()
    assert scorer(name, shop, "SELECT name FROM item", "select name from item").outcome is Outcome.CORRECT
    assert scorer(name, shop, "SELECT name FROM item", "SELECT price FROM item").outcome is Outcome.WRONG_ROWS
    assert scorer_version(name) == VERSION
    scorer.close()


def test_a_scorer_is_a_file_and_a_line(monkeypatch, shop, install_scorers):
    """What adding one of our own takes: the function, and its place in the table."""
    install_scorers("same_text_scorer", SAME_TEXT)
    monkeypatch.setitem(table.SCORERS, "same-text", "same_text_scorer:same_text")
    scorer = PairScorer()
    assert scorer("same-text", shop, "SELECT 1", "SELECT 1").correct
    assert not scorer("same-text", shop, "SELECT 1", "select 1").correct
    scorer.close()


def test_a_scorer_of_another_package(shop, install_scorers):
    install_scorers("same_text_scorer", SAME_TEXT, **{"same-text": "same_text"})
    assert scorer_names().keys() == {*SCORERS, "same-text"}
    assert re.fullmatch("2.5 code [0-9a-f]{10}", scorer_version("same-text"))
    assert find_scorer("same-text")("SELECT 1", "SELECT 1", None).correct


def test_two_packages_with_one_name(install_scorers):
    install_scorers("one_scorer", SAME_TEXT, mine="same_text")
    install_scorers("two_scorer", SAME_TEXT, mine="same_text")
    with pytest.raises(ScorerError, match=r"two packages claim the scorer 'mine' \((one|two)_scorer:same_text and "):
        find_scorer("mine")


def test_our_names_cannot_be_taken(install_scorers):
    install_scorers("thief_scorer", "raise SystemExit", official="same_text")
    assert find_scorer("official").__module__ == "spider_opt.scoring.official"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("", "cannot be loaded: AttributeError"),
        ("raise RuntimeError('no GPU')", "cannot be loaded: RuntimeError('no GPU')"),
        ("def", "cannot be loaded: SyntaxError"),
        ("bad = 3", "cannot be loaded: TypeError('it is no function of (gold, prediction, database)')"),
        ("def bad(gold, prediction): ...", "it is no function of (gold, prediction, database)"),
        ("def bad(gold, prediction, database, more): ...", "it is no function of (gold, prediction, database)"),
    ],
)
def test_a_broken_scorer_is_named_and_harms_nobody_else(install_scorers, source, sentence):
    install_scorers("bad_scorer", source, bad="bad", good="bad")
    with pytest.raises(ScorerError) as caught:
        find_scorer("bad")
    assert "scorer 'bad' (bad_scorer:bad) " in str(caught.value)
    assert sentence in str(caught.value)
    assert find_scorer("strict")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("offical", "no scorer 'offical' (did you mean 'official'?); see: spider-opt score --help"),
        ("", "no scorer '' (there are: bird, bird-f1, columns, columns-earlier, match, official, "),
    ],
)
def test_a_name_that_means_none(install_scorers, name, sentence):
    with pytest.raises(ScorerError) as caught:
        find_scorer(name)
    assert sentence in str(caught.value)
