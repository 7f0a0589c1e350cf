"""A tuned model is not asked, without a word, about what it learnt."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fake_model import FakeModel
from real_spider import real_spider

from spider_opt import models
from spider_opt.benchmarks import load
from spider_opt.benchmarks.learnt import question_hashes
from spider_opt.benchmarks.validation import is_held_out
from spider_opt.cli import main
from spider_opt.errors import LeakError
from spider_opt.evaluation.running import evaluate
from spider_opt.models.adapters import SHIPPED, adapters_dir, find_adapter, read_adapter, write_learnt
from spider_opt.runs import RunInfo
from spider_opt.runs.conditions import conditions
from spider_opt.types import ModelInfo

BENCH = load("spider-mini:test")
DB_IDS = sorted(BENCH.paths)
LOOK = {"schema": "ddl", "keys": True, "rows": 0, "values": 2, "form": "chat", "rules": False}
SAYS_NOTHING = "does not say which databases it learnt from"
Tuned = Callable[..., FakeModel]


@pytest.fixture
def tuned(make_adapter: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tuned:
    """tuned(db_ids, texts) makes the adapter mine, which learnt that, and returns what is opened with it."""
    monkeypatch.chdir(tmp_path)

    def tuned(db_ids: Any = None, texts: list[str] | None = None) -> FakeModel:
        data = {} if db_ids is None else {"db_ids": db_ids}
        folder = make_adapter("mine", look=LOOK, target="plain", data=data)
        write_learnt(folder, None if texts is None else question_hashes(texts))
        model = FakeModel("SELECT 1", info=ModelInfo("qwen2.5-coder-0.5b"))
        monkeypatch.setattr(models, "open", lambda *_, **__: model)
        return model

    return tuned


def ask(**options: Any) -> Any:
    return evaluate("finetune:adapter=mine", BENCH, out="run", progress=False, tell=said.append, **options)


said: list[str] = []


@pytest.fixture(autouse=True)
def nothing_said() -> None:
    said.clear()


@pytest.mark.parametrize("spelled", [str, str.upper])
def test_databases_that_were_learnt_are_refused_before_a_model_is_opened(
    tuned: Tuned, monkeypatch: pytest.MonkeyPatch, spelled: Callable[[str], str]
) -> None:
    tuned(["elsewhere", *map(spelled, DB_IDS[1:])])
    monkeypatch.setattr(models, "open", lambda *_, **__: pytest.fail("a model was opened"))
    n = sum(example.question.db_id in DB_IDS[1:] for example in BENCH.examples)
    with pytest.raises(LeakError) as caught:
        ask()
    assert str(caught.value).startswith("The adapter 'mine' learnt from ")
    assert f"which {n} of the {len(BENCH.examples)} questions are about: what it gets right there" in str(caught.value)
    assert str(caught.value).endswith("or say that it is meant: allow_learnt=True")
    assert not Path("run").exists()


def test_they_are_asked_where_that_is_meant_and_the_run_says_of_how_many(tuned: Tuned) -> None:
    tuned(DB_IDS[1:])
    assert ask(allow_learnt=True).n == len(BENCH.examples)
    info = RunInfo.read(Path("run"))
    assert (info.learnt_databases, info.learnt_unknown) == (len(DB_IDS) - 1, "")
    assert said[:-1] == []


def test_only_what_is_asked_counts(tuned: Tuned) -> None:
    first = BENCH.examples[0].question.db_id
    tuned([db_id for db_id in DB_IDS if db_id != first])
    assert ask(limit=3).n == 3
    ids = [example.question.id for example in BENCH.examples if example.question.db_id == first]
    assert evaluate("finetune:adapter=mine", BENCH, ids=ids, progress=False).info.learnt_databases == 0


def test_a_method_without_the_adapter_is_not_asked_for_its_card(tuned: Tuned) -> None:
    tuned(DB_IDS)
    assert evaluate("zero-shot", BENCH, limit=2, progress=False).n == 2


@pytest.mark.parametrize("unknown", [None, "all", {"a": 1}])
def test_a_card_that_says_nothing_is_said(tuned: Tuned, unknown: object) -> None:
    tuned(unknown)
    info = ask().info
    assert (info.learnt_databases, RunInfo.read(Path("run")).learnt_unknown) == (0, "mine")
    assert conditions(info)["databases it learnt from"] == ""
    assert sum(SAYS_NOTHING in sentence for sentence in said) == 1


def test_a_card_that_lists_none_of_them_is_silent(tuned: Tuned) -> None:
    tuned(["elsewhere"], ["What is not asked here?"])
    ask()
    assert not [sentence for sentence in said if "adapter" in sentence]


def test_questions_that_were_learnt_word_for_word_are_named(tuned: Tuned) -> None:
    texts = [example.question.text.upper() for example in BENCH.examples[:5]]
    tuned(["elsewhere"], texts)
    ask()
    ids = [example.question.id for example in BENCH.examples[:3]]
    assert said[0] == (
        "5 questions that are asked were learnt word for word by the adapter 'mine', maybe of other databases: "
        f"{', '.join(ids)} and 2 more"
    )


def test_in_the_shell(tuned: Tuned) -> None:
    tuned(DB_IDS)
    command = ["eval", "--method", "finetune:adapter=mine", "--out", "run"]
    result = CliRunner().invoke(main, command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith("or say that it is meant: --allow-learnt\n")
    assert "which all questions are about" in result.stderr
    assert CliRunner().invoke(main, [*command, "--allow-learnt", "--limit", "3"]).exit_code == 0


def test_a_ladder_asks_nothing_where_one_rung_would_be_refused(tuned: Tuned) -> None:
    model = tuned(DB_IDS)
    command = ["ladder", "--run", "--benchmark", "spider-mini", "--rung", "zero-shot"]
    command += ["--rung", "finetune:adapter=mine", "--out", "ladder"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 1
    assert result.stderr.endswith("or say that it is meant: --allow-learnt\n")
    assert model.requests == []


def test_training_questions_that_cannot_be_asked_are_refused_before_a_model_is_opened(
    tuned: Tuned, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned()
    monkeypatch.setattr(models, "open", lambda *_, **__: pytest.fail("a model was opened"))
    with pytest.raises(LeakError, match="of training questions ask only those of held-out databases, which"):
        evaluate("fewshot", load("spider-mini:train"), progress=False)


def test_the_shipped_adapter_says_what_it_learnt() -> None:
    adapter = read_adapter(SHIPPED / "spider")
    data = adapter.card["data"]
    db_ids, questions = adapter.learnt_databases, adapter.learnt_questions
    assert db_ids
    assert questions
    assert len(db_ids) == data["databases"]
    assert data["questions"] * 0.9 < len(questions) <= data["questions"]  # some are asked of several databases
    assert not [db_id for db_id in db_ids if is_held_out(db_id)]
    assert not db_ids & set(BENCH.paths)


def test_the_shipped_adapter_learnt_from_spiders_training_half(shared: Path, caplog: pytest.LogCaptureFixture) -> None:
    adapter = find_adapter("spider")
    train = real_spider("train", shared)
    assert adapter.learnt_databases
    assert adapter.learnt_databases == {db_id for db_id in train.paths if not is_held_out(db_id)}
    assert adapter.learnt_questions
    assert adapter.learnt_questions <= question_hashes(example.question.text for example in train.examples)
    with caplog.at_level(logging.WARNING), pytest.raises(LeakError, match="The adapter 'spider' learnt from"):
        evaluate("finetune", train, progress=False)
    dev = real_spider("dev", shared)
    assert not adapter.learnt_databases & set(dev.paths)
    assert not adapter.learnt_questions & question_hashes(example.question.text for example in dev.examples)


def test_what_is_made_here_stands_where_adapters_are_kept(tuned: Tuned) -> None:
    tuned(["b", "a"], ["How many?"])
    card = json.loads((adapters_dir() / "mine" / "card.json").read_text())
    assert card["data"] == {"db_ids": ["b", "a"]}
    assert find_adapter("mine").learnt_questions == question_hashes(["how  many"])
