"""Right answers in other words, and corrected golds: what is learnt beside gold, and in its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.benchmarks.corrections import Correction, Corrections, gold_hash
from spider_opt.benchmarks.leaks import gold_of
from spider_opt.errors import CorrectionsError, LeakError
from spider_opt.evaluation.running import evaluate
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.sql.normal import normalized
from spider_opt.training.corrected import corrected
from spider_opt.training.dataset import Item
from spider_opt.training.otherwise import otherwise, right_among, with_others
from spider_opt.types import Completion, Request

BENCHMARK = load("spider-mini:train")
FIRST = BENCHMARK.examples[:4]
GOLDS = {example.question.text: example.gold_sql for example in FIRST}
ITEMS = [Item(example.question, example.gold_sql) for example in FIRST]


def answer(request: Request) -> list[Completion]:
    """Say gold, twice gold in other words, once that otherwise again, and something wrong."""
    gold = next(sql for text, sql in GOLDS.items() if text in request.text)
    wrapped = f"SELECT * FROM ({gold})"
    said = [gold, wrapped, wrapped, f"SELECT * FROM ({wrapped})", "SELECT 'no such result', 1"]
    return [Completion(said[(request.seed + i) % 5]) for i in range(request.n)]


@pytest.fixture
def vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_rows: None) -> Path:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    evaluate(
        "vote:n=5,greedy=no+zero-shot", BENCHMARK, model=FakeModel(answer), limit=3, out=tmp_path / "vote",
        progress=False,
    )  # fmt: skip
    return tmp_path / "vote"


def nobody(sql: str) -> bool:
    return False


def test_behind_each_question_stands_its_most_frequent_right_answer_in_other_words(vote: Path) -> None:
    found = with_others(ITEMS, [vote], BENCHMARK, BENCHMARK.examples, is_asked=nobody)
    assert [item.question.id for item in found] == [
        ITEMS[0].question.id, ITEMS[0].question.id, ITEMS[1].question.id, ITEMS[1].question.id,
        ITEMS[2].question.id, ITEMS[2].question.id, ITEMS[3].question.id,
    ]  # fmt: skip
    assert [item for item in found if item in ITEMS] == ITEMS
    for item, other in zip(found[:6:2], found[1:6:2], strict=True):
        assert other.sql.upper().count("SELECT") == item.sql.upper().count("SELECT") + 1
        assert other.question == item.question
        example = next(example for example in FIRST if example.question == item.question)
        assert right_among([(example, other.sql)], BENCHMARK) == {(item.question.id, other.sql)}


LUCKY = {
    "How many books have more than 300 pages?": "SELECT count(*) FROM book WHERE pages >= 300",
    "How many reservations are there?": "SELECT count(*) FROM loan WHERE loan_id < 0",  # of an empty table
}


@pytest.mark.usefixtures("vote")
@pytest.mark.parametrize("text", LUCKY)
def test_a_query_that_is_right_by_luck_is_not_learnt(text: str) -> None:
    example = next(example for example in BENCHMARK.examples if example.question.text == text)
    pairs = [(example, LUCKY[text]), (example, f"SELECT * FROM ({example.gold_sql})")]
    verdicts = judge_all(pairs, BENCHMARK.paths, Rules("strict"))
    assert [verdict["strict"].correct for verdict in verdicts] == [True, True]  # type: ignore[union-attr]
    assert right_among(pairs, BENCHMARK) == {(example.question.id, pairs[1][1])}


def test_what_is_kept_for_scoring_is_not_learnt(vote: Path) -> None:
    found = with_others(ITEMS, [vote], BENCHMARK, BENCHMARK.examples, is_asked=nobody)
    other = next(item for item in found if item not in ITEMS)
    kept = normalized(other.sql)
    rest = with_others(ITEMS, [vote], BENCHMARK, BENCHMARK.examples, is_asked=lambda sql: normalized(sql) == kept)
    assert other.sql not in {item.sql for item in rest}
    assert [item for item in rest if item in ITEMS] == ITEMS


def test_what_is_gold_elsewhere_but_for_names_of_results_is_not_learnt(vote: Path) -> None:
    """Such names are not learnt, so the answer would be that gold one to the letter."""
    example = next(one for one in BENCHMARK.examples if one.question.text == "How many books have more than 300 pages?")
    asked = replace(example, gold_sql="SELECT count(*) FROM book WHERE NOT pages <= 300")
    said = "SELECT COUNT(*) AS n FROM book WHERE NOT pages <= 300"
    evaluate(
        "zero-shot", replace(BENCHMARK, examples=(example,)), model=FakeModel(said), out=vote / "n", progress=False
    )
    item = Item(example.question, example.gold_sql)
    learnt = with_others([item], [vote / "n"], BENCHMARK, [example], is_asked=nobody)
    assert [one.sql for one in learnt] == [example.gold_sql, said]
    assert with_others([item], [vote / "n"], BENCHMARK, [example], is_asked=gold_of([asked])) == [item]


def test_the_most_frequent_one_is_taken() -> None:
    once, twice = (f"SELECT {column} FROM item" for column in ("a", "b"))
    counts = {once: 1, twice: 2, ITEMS[0].sql: 5, "SELECT wrong": 9}
    found = otherwise(ITEMS[0], counts, lambda _, sql: sql != "SELECT wrong")
    assert found is not None
    assert (found.question, found.sql) == (ITEMS[0].question, twice)
    assert otherwise(ITEMS[0], counts, lambda _, sql: sql == ITEMS[0].sql) is None


def test_a_query_that_the_corrected_gold_has_not_is_not_right(vote: Path) -> None:
    others = [replace(example, gold_sql="SELECT 'something else'") for example in BENCHMARK.examples]
    assert with_others(ITEMS, [vote], BENCHMARK, others, is_asked=nobody) == ITEMS


def test_of_a_run_without_samples_its_answer_counts(vote: Path, tmp_path: Path) -> None:
    wrapped = FakeModel(lambda request: [Completion(f"SELECT * FROM ({answer(replace(request, seed=0))[0].text})")])
    evaluate("zero-shot", BENCHMARK, model=wrapped, limit=1, out=tmp_path / "single", progress=False)
    found = with_others(ITEMS, [tmp_path / "single"], BENCHMARK, BENCHMARK.examples, is_asked=nobody)
    assert [item.question.id for item in found[:3]] == [ITEMS[0].question.id] * 2 + [ITEMS[1].question.id]


def test_of_a_model_that_learnt_the_questions_nothing_is_learnt(vote: Path) -> None:
    info = json.loads((vote / "run.json").read_text())
    (vote / "run.json").write_text(json.dumps(info | {"learnt_databases": 2}))
    with pytest.raises(LeakError, match="had learnt from 2 of the databases"):
        with_others(ITEMS, [vote], BENCHMARK, BENCHMARK.examples, is_asked=nobody)


def test_of_a_model_that_may_have_learnt_them_nothing_is_learnt(vote: Path) -> None:
    info = json.loads((vote / "run.json").read_text())
    (vote / "run.json").write_text(json.dumps(info | {"learnt_unknown": "mine"}))
    with pytest.raises(LeakError, match="the card of mine does not say which databases it learnt from"):
        with_others(ITEMS, [vote], BENCHMARK, BENCHMARK.examples, is_asked=nobody)


def correction(place: int, said: str, *golds: str) -> Correction:
    example = BENCHMARK.examples[place]
    return Correction(example.index, example.question.db_id, gold_hash(example), said, "", golds)  # type: ignore[arg-type]


def test_corrected_golds_are_learnt_in_place_of_wrong_ones() -> None:
    said = (
        correction(0, "wrong", "SELECT 1", "SELECT 2"), correction(2, "several", "SELECT 3"), correction(3, "right")
    )  # fmt: skip
    found, n_mended = corrected(BENCHMARK, Corrections("mine", said))
    first, *rest = BENCHMARK.examples
    assert found == [replace(first, gold_sql="SELECT 1"), *rest]
    assert n_mended == 1


def test_corrections_of_other_golds_are_refused() -> None:
    with pytest.raises(CorrectionsError, match="look at it again"):
        corrected(BENCHMARK, Corrections("mine", (replace(correction(0, "wrong"), hash="0" * 16),)))
