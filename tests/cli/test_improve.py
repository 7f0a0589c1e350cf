"""``spider-opt improve`` on the bundled benchmark, with a training that learns nothing and a model that is none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.cli import main
from spider_opt.models.adapters import adapters_dir, find_adapter
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.paths import locked
from spider_opt.training.dataset import Item
from spider_opt.training.spec import TuneSpec
from spider_opt.types import ModelInfo, Request

GOLDS = {example.question.text: example.gold_sql for example in load("spider-mini:train").examples}
IDS = [example.question.id for example in load("spider-mini:train").examples]
Improve = Callable[..., Result]


@pytest.fixture
def specs(monkeypatch: pytest.MonkeyPatch) -> list[TuneSpec]:
    """How it was tuned; the first adapter answers nothing right, every other one what is short."""
    seen: list[TuneSpec] = []

    def tune(
        training: Sequence[Item], validation: Any, databases: Any, folder: Path, spec: TuneSpec, **_: Any
    ) -> object:
        seen.append(spec)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder.name.encode()
        (folder / "adapter.gguf").write_bytes(file)
        card = {
            "name": folder.name, "sha256": hashlib.sha256(file).hexdigest(), "target": spec.form,
            "base": {"name": DEFAULT_MODEL, "sha256": CATALOG[DEFAULT_MODEL].sha256}, "look": {"values": 0},
            "settings": {"rank": spec.settings.rank},
            "data": {"db_ids": sorted({item.question.db_id for item in training})},
        }  # fmt: skip
        (folder / "card.json").write_text(json.dumps(card))
        return card

    def opened(model: str, *, adapters: Sequence[str], **_: Any) -> FakeModel:
        [name] = adapters

        def answer(request: Request) -> str:
            gold = next(
                gold for text, gold in GOLDS.items() if f" {text}" in request.text or f"\n{text}" in request.text
            )
            return gold if len(gold) < 100 and not name.endswith("round-0") else "SELECT 'no'"

        sha256 = find_adapter(name).sha256
        return FakeModel(answer, info=ModelInfo(model, CATALOG[DEFAULT_MODEL].sha256, sha256))

    monkeypatch.setattr("spider_opt.training.tune.tune", tune)
    monkeypatch.setattr("spider_opt.models.torch.base.import_transformers", lambda: None)
    monkeypatch.setattr("spider_opt.models.open", opened)
    return seen


@pytest.fixture
def improve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Improve:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    return lambda *options: CliRunner().invoke(main, ["improve", "--context", "none", *options])


def test_a_round_and_one_more(improve: Improve, specs: list[TuneSpec]) -> None:
    first = improve("--rounds", "1", "--rank", "4", "--epochs", "0.5")
    assert first.exit_code == 0, first.output
    assert "no training database is held out by its name" in first.stderr
    row = first.stdout.splitlines()[2].split(" | ")
    assert (row[0], row[6], row[-1]) == ("| 1", "0.0", "yes |")
    assert first.stdout.splitlines()[-1] == "next: spider-opt eval --method finetune:adapter=improved"
    assert Path("improve/improved/rounds.md").read_text() in first.stdout
    assert {(spec.settings.rank, spec.settings.epochs, spec.form) for spec in specs} == {(4, 0.5, "from-first")}
    assert [spec.start and spec.start.name for spec in specs] == [None, None, None, "improved.round-0"]
    second = improve("--rounds", "2", "--rank", "4", "--epochs", "0.5")
    assert second.exit_code == 0, second.output
    assert len(specs) == 5
    assert second.stdout.splitlines()[3].endswith("| +0.0 (+0.0 to +0.0) | no |")


def test_what_cannot_be_meant(improve: Improve, specs: list[TuneSpec], make_adapter: Any) -> None:
    make_adapter("hosted", base_url="https://example.org", model="ft:x")
    make_adapter("begun", settings={"rank": 2})
    Path("silent.jsonl").write_text(f'{{"id": "{next(iter(IDS))}", "sql": ""}}\n')
    Path("review.jsonl").write_text('{"id": "train-nothing", "drop": true}\n')
    for options, said in (
        (("--start", "begun", "--rank", "4"), "--rank is as in the adapter that --start names"),
        (("--start", "begun", "--model", "x"), "--model is as in the adapter that --start names"),
        (("--start", "nothing"), "There is no adapter 'nothing'"),
        (("--start", "hosted"), "'hosted' is no adapter that was tuned on a machine like this"),
        (("--model", "nonsense"), "--model nonsense is no embedded model"),
        (("--name", "a/b"), "An adapter cannot be called 'a/b'"),
        (("--name", "spider"), "The adapter 'spider' comes with spider-opt"),
        (("--review", "review.jsonl"), "is about train-nothing, which is none of the questions that are learnt"),
        (("--review", "silent.jsonl"), "silent.jsonl says nothing"),
        (("--temperature", "nan"), "--temperature is nan, which is no number"),
        (("--epochs", "inf"), "--epochs is inf, which is no number"),
        (("--context", "fewshot"), "shows training examples, and here training questions are asked"),
        (("--start", "./begun"), "--start ./begun is a path: name an adapter"),
        (("--folds", "1"), "1 is not in the range"),
        (("--folds", "9"), "9 folds need training questions over at least 9 databases"),
    ):
        result = improve(*options)
        assert result.exit_code in (1, 2), options
        assert said in result.stderr, result.stderr
    assert not specs
    assert not Path("improve").exists()
    assert not list(adapters_dir().glob("improved*"))


def test_the_rounds_that_were_done_are_told_before_the_last(
    improve: Improve, specs: list[TuneSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spider_opt.training import tune as tuning

    tunes = tuning.tune

    def tune(training: Any, validation: Any, databases: Any, folder: Path, spec: TuneSpec, **more: Any) -> object:
        if folder.name == "improved.round-2":
            raise KeyboardInterrupt
        return tunes(training, validation, databases, folder, spec, **more)

    monkeypatch.setattr(tuning, "tune", tune)
    result = improve("--rounds", "2")
    assert result.exit_code == 130
    assert Path("improve/improved/rounds.md").read_text().splitlines()[-1].startswith("| 1 |")


def test_two_at_once_in_one_folder(improve: Improve, specs: list[TuneSpec]) -> None:
    Path("improve/improved").mkdir(parents=True)
    with locked(Path("improve/improved")):
        result = improve()
    assert result.exit_code == 1
    assert "is in use by another spider-opt" in result.stderr
    assert not specs
