from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from spider_opt.errors import RunError, UsageError
from spider_opt.paths import locked
from spider_opt.runs import Run
from spider_opt.runs.labels import FILE, Label, answer_hash, keep_labels, labels, read_labels

ONE = Label(1, "dev-0001", "anna", "right", answer_hash("SELECT 1"), "=half \ud83d", "SELECT 2")


@pytest.fixture
def folder(make_run: Callable[..., Path]) -> Path:
    return make_run("a", "++-")


def test_what_is_kept_comes_back(folder: Path) -> None:
    judge = replace(ONE, judge=True, said="wrong", gold_shown=True, drawn="wrong")
    keep_labels(folder, [judge, ONE])
    assert read_labels(folder) == [ONE, judge]
    assert labels(folder) == labels(Run.read(folder)) == (ONE, judge)
    assert labels(Run.read(folder).only([0])) == ()
    keep_labels(folder, [replace(ONE, said="unsure")], [(1, True, "anna")])
    assert [label.said for label in labels(str(folder))] == ["unsure"]


def test_a_run_without_labels_or_folder_has_none(folder: Path) -> None:
    assert labels(folder) == ()
    assert labels(replace(Run.read(folder), folder=None)) == ()
    with pytest.raises(UsageError):
        labels(3)  # type: ignore[arg-type]


def test_labels_of_other_answers_are_left_out(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    keep_labels(folder, [ONE, replace(ONE, index=2, id="dev-0002", answer=answer_hash("SELECT 7"))])
    with caplog.at_level(logging.WARNING):
        assert labels(folder) == (ONE,)
    assert "1 label of" in caplog.text
    assert "others now, and left out" in caplog.text
    assert answer_hash("select  1 ;") == answer_hash("SELECT 1") != answer_hash("SELECT 'a'")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "JSON"),
        ("[]", "line 1 is no label (it is no object)"),
        ("{}", "it has no answer"),
        (json.dumps(ONE.to_json() | {"label": "maybe"}), "its label is 'maybe'"),
        (json.dumps(ONE.to_json() | {"drawn": "x"}), "drawn from 'x'"),
        (json.dumps(ONE.to_json() | {"index": -1}), "its index is -1"),
        (json.dumps(ONE.to_json() | {"judge": 1}), "its judge is 1"),
        (json.dumps(ONE.to_json()) + "\n" + json.dumps(ONE.to_json()), "two labels of question 1 by anna"),
    ],
)
def test_a_broken_file_is_told_and_kept(folder: Path, line: str, said: str) -> None:
    (folder / FILE).write_text(line + "\n")
    for use in (labels, read_labels, lambda path: keep_labels(path, [ONE])):
        with pytest.raises(RunError) as error:
            use(folder)
        assert said in str(error.value)
    assert (folder / FILE).read_text() == line + "\n"


def test_two_at_once_do_not_lose_each_others(folder: Path) -> None:
    with locked(folder), pytest.raises(RunError, match="is in use by another command"):
        keep_labels(folder, [ONE])
