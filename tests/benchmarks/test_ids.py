"""A question's id says what it asks, not where it stands."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spider_opt.benchmarks import load
from spider_opt.benchmarks.ids import content_of, numbered, position_of
from spider_opt.benchmarks.subsets import examples_of, only
from spider_opt.errors import DatasetError
from spider_opt.types import Benchmark

QUESTIONS = st.lists(st.tuples(st.sampled_from(["zoo", "farm"]), st.sampled_from(["a?", "b?", "c d?"])), max_size=12)


@given(QUESTIONS, st.sampled_from(["dev", "train-0001", "my.own-set"]))
def test_ids_are_each_once_and_say_their_content(questions: list[tuple[str, str]], split: str) -> None:
    ids = numbered(split, questions)
    assert len(set(ids)) == len(questions)
    for (db_id, text), id in zip(questions, ids, strict=True):
        assert id.startswith(f"{split}-")
        first = numbered("x", [(db_id, text)])[0]
        assert content_of(id).partition(".")[0] == content_of(first)  # type: ignore[union-attr]
        assert position_of(id) is None


@given(QUESTIONS, st.randoms())
def test_another_order_gives_the_same_ids(questions: list[tuple[str, str]], random: object) -> None:
    mixed = list(questions)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert sorted(numbered("dev", mixed)) == sorted(numbered("dev", questions))


@pytest.mark.parametrize(
    "id", ["dev-0007", "train_spider-0000", "my-set-123456", "q1", "", "dev-", "dev-12345678", "é"]
)
def test_what_says_no_content(id: str) -> None:
    assert content_of(id) is None


@pytest.fixture(scope="module")
def mini() -> Benchmark:
    return load("spider-mini")


def test_what_the_split_is_called_does_not_count(mini: Benchmark) -> None:
    example = mini.examples[5]
    id = "elsewhere-" + example.question.id.removeprefix("test-")
    assert examples_of(mini, [id, "test-0005", "dev-0005", "test-9999", "test-0123456789"]) == {
        id: example, "test-0005": example
    }  # fmt: skip


def test_positions_of_earlier_versions_are_said(mini: Benchmark, caplog: pytest.LogCaptureFixture) -> None:
    new = mini.examples[7].question.id
    with caplog.at_level(logging.WARNING, "spider_opt"):
        assert [e.index for e in only(mini, [new], "ids.txt").examples] == [7]
        assert caplog.text == ""
        assert [e.index for e in only(mini, ["test-0007", "test-0003"], "ids.txt").examples] == [3, 7]
    assert "ids.txt names questions by their positions (test-0007), as earlier versions did" in caplog.text
    with pytest.raises(DatasetError, match="names what is no question of spider-mini test here: test-9999"):
        only(mini, ["test-9999"], "ids.txt")


def test_a_question_that_moved_keeps_its_id_and_the_demos_that_are_drawn_for_it(mini: Benchmark) -> None:
    moved = replace(mini, examples=tuple(replace(e, index=124 - e.index) for e in reversed(mini.examples)))
    id = mini.examples[3].question.id
    assert examples_of(moved, [id])[id].question == mini.examples[3].question
