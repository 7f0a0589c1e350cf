from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import RunError
from spider_opt.runs import RunInfo, ScoredBy, describing
from spider_opt.runs.identity import differences
from spider_opt.runs.info import REQUIRED

the_commit = describing.commit  # for the other tests there is no git
Fabricate = Callable[..., Path]


def test_what_stands_in_the_file_is_read_and_written_again_as_it_was(fabricate: Fabricate) -> None:
    folder = fabricate()
    before = (folder / "run.json").read_bytes()
    info = RunInfo.read(folder)
    assert (info.method, info.seed, info.missing, info.asked) == ("zero-shot", 3, {"gone": 1}, "spider dev")
    assert info.scorer == ScoredBy("official", False, 10.0, "1")
    assert (info.engine, info.embedder, info.training) == ("", "all-minilm-l6-v2", "")
    info.write(folder)
    assert (folder / "run.json").read_bytes() == before


def test_what_a_later_version_says_stays(fabricate: Fabricate) -> None:
    folder = fabricate(mood={"good": True}, engine="torch int8", embedder="hashing", training="cafe")
    info = RunInfo.read(folder)
    assert (info.others, info.engine, info.embedder) == ({"mood": {"good": True}}, "torch int8", "hashing")
    replace(info, n=2).write(folder)
    said = json.loads((folder / "run.json").read_text())
    assert (said["mood"], said["n"], said["training"]) == ({"good": True}, 2, "cafe")


def test_an_embedder_that_stood_behind_the_steps_is_one(fabricate: Fabricate) -> None:
    old = RunInfo.read(fabricate(steps="fewshot:k=3+zero-shot:rows=0 (embedder hashing)"))
    assert (old.steps, old.embedder) == ("fewshot:k=3+zero-shot:rows=0", "hashing")
    now = replace(old, steps="fewshot:k=3+zero-shot:rows=0", embedder="hashing", training="cafe")
    assert differences(old, now) == []
    assert differences(old, replace(now, embedder="all-minilm-l6-v2")) == [
        "embedder is 'hashing' there, 'all-minilm-l6-v2' now"
    ]


def test_by_what_another_run_is_another(fabricate: Fabricate) -> None:
    info = RunInfo.read(fabricate())
    assert differences(info, replace(info, version="9", commit="x", n=1, started="later")) == []
    assert differences(info, replace(info, seed=4, engine="torch int8")) == [
        "seed is 3 there, 4 now", "engine is '' there, 'torch int8' now"
    ]  # fmt: skip
    assert differences(info, replace(info, steps="zero-shot:rows=1")) == [
        "steps is 'zero-shot:rows=0' there, 'zero-shot:rows=1' now"
    ]
    assert len(differences(info, replace(info, steps="repair+zero-shot", method="repair"))) == 1
    known = replace(info, training="cafe")
    assert differences(known, replace(known, training="babe")) == []  # the first format hashed them otherwise
    second = replace(known, format=2)
    assert differences(second, replace(second, training="babe")) == ["the training examples are others now"]


def test_unfinished_is_without_what_scoring_adds(fabricate: Fabricate) -> None:
    assert not {"n", "scorer"} & set(RunInfo.read(fabricate()).unfinished().to_json())


@pytest.mark.parametrize("key", REQUIRED)
def test_a_run_json_that_lacks_something_is_one_sentence(fabricate: Fabricate, key: str) -> None:
    folder = fabricate(without=key)
    with pytest.raises(RunError, match=rf"run\.json does not describe a run: it lacks {key}$") as caught:
        RunInfo.read(folder)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seed": "0"}, "its seed is '0'"),
        ({"seed": True}, "its seed is True"),
        ({"method": None}, "its method is None"),
        ({"missing": []}, r"its missing is \[\]"),
        ({"scorer": {"mode": "official"}}, "missing .* required"),
        ({"scorer": "official"}, "its scorer is 'official'"),
    ],
)
def test_a_value_of_another_kind_is_one_sentence(fabricate: Fabricate, change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RunError, match=rf"run\.json does not describe a run: .*{sentence}"):
        RunInfo.read(fabricate(**change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"n": 1, "n": 2}'])
def test_a_broken_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json does not describe a run"):
        RunInfo.read(tmp_path)


# --- for the record ----------------------------------------------------------------------------


def test_commit_is_that_of_our_own_tree_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "somebody" / "venv" / "spider_opt"
    (package / "runs").mkdir(parents=True)
    for name in ("__init__.py", "runs/info.py", "other.py"):
        (package / name).write_text("")
    monkeypatch.setattr(describing, "__file__", str(package / "runs" / "info.py"))
    assert the_commit() == ""

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=x", "-c", "user.email=x@x")
        command = ["git", "-C", str(tmp_path / "somebody"), *identity, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q")
    (tmp_path / "somebody" / "own.py").write_text("")
    git("add", "own.py")
    git("commit", "-qm", "x")
    assert the_commit() == ""  # installed inside somebody's tree: that tree's commit says nothing about us
    git("add", ".")
    git("commit", "-qm", "y")
    assert the_commit() == git("rev-parse", "--short=12", "HEAD")
    (package / "other.py").write_text("# changed")
    assert the_commit() == git("rev-parse", "--short=12", "HEAD") + "+"
    monkeypatch.setenv("PATH", "/nowhere")
    assert the_commit() == ""


def test_the_same_questions_in_a_folder_of_another_name_are_the_same_run() -> None:
    info = RunInfo("m", "m", "fake", "", "", "spider", "dev", "", "f", 0)
    assert differences(info, replace(info, benchmark="own")) == []
    assert differences(info, replace(info, benchmark="own", fingerprint="g")) == [
        "benchmark is 'spider' there, 'own' now", "fingerprint is 'f' there, 'g' now",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"n_total": 1034}, "spider"),
        ({"n_total": 12}, "own-spider"),
        ({"n_total": 0}, "spider"),
        ({"n_total": 253, "sample": "choosing"}, "spider"),
        ({"n_total": 8659, "split": "train"}, "spider"),
        ({"n_total": 100, "split": "train"}, "own-spider"),
        ({"n_total": 12, "split": "questions"}, "spider"),
        ({"n_total": 12, "benchmark": "shop"}, "shop"),
    ],
)
def test_what_an_earlier_version_called_spider_is_called_what_it_is(told: dict[str, Any], name: str) -> None:
    entry = RunInfo("m", "m", "fake", "", "", "spider", "dev", "", "f", 0).to_json() | told
    assert RunInfo.from_json(entry | {"format": 1}).benchmark == name
    assert RunInfo.from_json(entry).benchmark == entry["benchmark"]  # this version knows what it asks


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "verdicts.jsonl").write_text("")
    with pytest.raises(RunError, match=r"verdicts.jsonl is a file, and no run folder"):
        RunInfo.read(tmp_path / "verdicts.jsonl")
