from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spider_opt.errors import RunError, UsageError
from spider_opt.report.page.choosing import folders_of, names_of
from spider_opt.runs import Run

Make = Callable[..., Path]


def test_of_a_folder_of_runs_those_of_one_benchmark(make_run: Make, tmp_path: Path) -> None:
    one, two = make_run("runs/one", "+-"), make_run("runs/two", "++")
    other = make_run("runs/other", "+", benchmark="bird")
    said: list[str] = []
    assert folders_of([tmp_path / "runs"], tell=said.append) == [one, two]
    assert said == [f"left out: {other} was asked bird dev (databases f), this page is about spider dev"]
    assert folders_of([tmp_path / "runs"], "bird") == [other]


def test_runs_named_themselves_must_fit(make_run: Make) -> None:
    one, other = make_run("one", "+-"), make_run("other", "+", fingerprint="g")
    with pytest.raises(UsageError, match=f"one page is about one benchmark: {one} was asked spider dev"):
        folders_of([one, other])


def test_unfinished_runs(make_run: Make, tmp_path: Path) -> None:
    whole, half = make_run("runs/whole", "+"), make_run("runs/half", "+", without="scorer")
    said: list[str] = []
    assert folders_of([tmp_path / "runs"], tell=said.append) == [whole]
    assert said == [f"left out: the run in {half} is unfinished: run its eval command again"]
    with pytest.raises(RunError, match="is unfinished"):
        folders_of([half])


def test_no_run(tmp_path: Path, make_run: Make) -> None:
    with pytest.raises(RunError, match="no run in"):
        folders_of([tmp_path])
    make_run("runs/one", "+")
    with pytest.raises(RunError, match="no finished run of bird in"):
        folders_of([tmp_path / "runs"], "bird")


def test_runs_are_called_so_that_they_can_be_told_apart(make_run: Make) -> None:
    folders = [
        make_run("a", "+"), make_run("b", "+", model="other"), make_run("c", "+", method="rag"), make_run("d", "+"),
    ]  # fmt: skip
    found = names_of([Run.read(folder) for folder in folders])
    assert found == ["zero-shot · fake · a", "zero-shot · other", "rag", "zero-shot · fake · d"]
    assert len(set(found)) == 4
