from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.benchmarks.leaks import gold_of
from spider_opt.errors import LeakError, PredictionsError
from spider_opt.improving.review import Label, check_apart, read_review, write_suspects
from spider_opt.types import Example, Question, Schema

KNOWN = ["train-1", "train-2", "train-3", "train-4"]


def test_what_is_said_and_what_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "review.jsonl"
    file.write_text(
        '{"id": "train-1", "sql": "SELECT 1", "gold": "SELECT 2", "drop": false}\n\n'
        '{"id": "train-2", "drop": true, "sql": ""}\n{"id": "train-3", "sql": "", "drop": false}\n'
        '{"id": "train-4", "sql": null}\n'
    )
    assert read_review(file, KNOWN) == {"train-1": Label("SELECT 1"), "train-2": Label(None)}


def test_suspects_can_be_handed_back(tmp_path: Path) -> None:
    file = tmp_path / "suspected.jsonl"
    write_suspects(file, [{"id": "train-1", "question": "Größe?", "sql": "", "drop": False}])
    assert read_review(file, KNOWN) == {}
    file.write_text(file.read_text().replace('"sql": ""', '"sql": "SELECT 3"'))
    assert read_review(file, KNOWN) == {"train-1": Label("SELECT 3")}
    write_suspects(file, [])
    assert read_review(file, KNOWN) == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "train-9", "drop": true}', "is about train-9, which is none of the questions that are learnt"),
        ('{"id": "train-1", "drop": true}\n{"id": "train-1", "sql": "SELECT 1"}', "and so is an earlier one"),
        ('{"id": 1, "drop": true}', 'is not an object with an "id", and "sql" or "drop": true'),
        ('{"id": "train-1", "drop": "yes"}', "is not an object"),
        ('{"id": "train-1", "sql": ["SELECT 1"]}', "is not an object"),
        ('{"id": "train-1", "sql": "SELECT 1", "drop": true}', "is not an object"),
        ('["train-1"]', "is not an object"),
        ('{"id": "train-1", "by": "anna", "label": "right", "answer": "a"}', "spider-opt review RUN --review-out FILE"),
        ('{"id": ', "JSON"),
        ('{"id": "train-1", "id": "train-2"}', "twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "review.jsonl"
    file.write_text(line + "\n")
    with pytest.raises(PredictionsError) as error:
        read_review(file, KNOWN)
    assert said in str(error.value)
    assert str(error.value).startswith(str(file))


def test_no_query_that_is_kept_for_scoring() -> None:
    labels = {"train-1": Label("select NAME from singer"), "train-2": Label(None)}
    asked = [Example(0, Question("dev-0", "?", Schema("s", ())), "SELECT age FROM singer")]
    check_apart(labels, gold_of(asked))
    with pytest.raises(LeakError, match="the review gives train-1 is the gold query of a question that is kept"):
        check_apart(labels, gold_of([*asked, replace(asked[0], gold_sql="SELECT name FROM singer")]))
