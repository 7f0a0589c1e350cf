"""The main job end to end, on recorded answers of the embedded model: prompts, extraction, scoring."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_model import FakeModel

from spider_opt.analysis.regression import check
from spider_opt.answering.candidates import own
from spider_opt.answering.choosing import chosen
from spider_opt.cli import main
from spider_opt.models.adapters import FILE, find_adapter
from spider_opt.runs.answers import read_answers
from spider_opt.steps import ALIASES, STEPS
from spider_opt.types import ModelInfo, Request, Usage

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
# All of the bundled test questions: what was recorded, and the committed run that it gives.
WHOLE = {"zero-shot": "zero-shot", "finetune+rag": "rag+finetune"}
# Of the embedded model as it is, and with the adapter that is shipped.
RECORDINGS = [FIXTURES / "steps.jsonl", FIXTURES / "finetune.jsonl"]
ANSWERS = {(path, method): answers for path in RECORDINGS
           for method, answers in json.loads(path.with_suffix(".json").read_text()).items()}  # fmt: skip
NOT_RECORDED = {"zero-shot"}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize("method", WHOLE)
def test_the_recording_gives_the_committed_run(method: str, tmp_path: Path) -> None:
    recording = FIXTURES / f"{method}-spider-mini-test.jsonl"
    run = ROOT / "results" / "runs" / f"{WHOLE[method]}-qwen2.5-coder-0.5b-spider-mini-test"
    arguments = ["eval", "--method", method, "--replay", str(recording), "--out", str(tmp_path / "run"), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    again, committed = (lines(folder / "predictions.jsonl") for folder in (tmp_path / "run", run))
    # A committed line may be from before the raw answer was kept, and before ids said what is asked.
    kept = [{key: now[key] for key in then} | {"id": then["id"]} for now, then in zip(again, committed, strict=True)]
    assert kept == committed
    assert all(now["answer"] for now in again)
    assert json.loads(result.stdout)["outcomes"]["correct"] == sum(v["correct"] for v in lines(run / "verdicts.jsonl"))
    assert check(tmp_path / "run", run, every=True).n == 125


@pytest.mark.parametrize(("recording", "method"), ANSWERS, ids=[method for _, method in ANSWERS])
def test_each_step_answers_as_recorded(recording: Path, method: str, tmp_path: Path) -> None:
    """Also the steps that retrieve: prompts with other demos or values would have no recorded answer."""
    answers = ANSWERS[recording, method]
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(answers))
    where = ["--ids", str(ids), "--out", str(tmp_path / "run"), "--replay", str(recording), "--embedder", "hashing"]
    result = CliRunner().invoke(main, ["eval", "--method", method, *where])
    assert result.exit_code == 0, result.output
    told = read_answers(tmp_path / "run" / "predictions.jsonl")
    assert {answer.id: answer.prediction.sql for answer in told} == answers
    if "vote" in method:  # counted again from what is kept, with no model and no database
        for answer in told:
            candidates = own(answer.prediction.candidates)
            assert candidates[chosen(candidates)].sql == answers[answer.id]


def test_every_step_is_recorded() -> None:
    used = {name for _, method in ANSWERS for name, *_ in (step.partition(":") for step in method.split("+"))}
    assert used >= {*STEPS, *ALIASES} - NOT_RECORDED


# --- with an adapter of four bytes -------------------------------------------------------------


class Tuned(FakeModel):
    """Answers FROM first, with the first table that it is shown."""

    def __init__(self, *_: Any, adapters: Sequence[str], **__: Any) -> None:
        info = ModelInfo("tiny", "ab" * 32, "+".join(find_adapter(name).sha256 for name in adapters))
        super().__init__(self._count, info=info, usage=Usage(1, 100, 50, 10, 0.125))

    def _count(self, request: Request) -> str:
        table = re.search(r'CREATE TABLE (\w+|"[^"]+")', request.messages[-1].content)  # type: ignore[union-attr]
        assert table
        return f"FROM {table[1]} SELECT COUNT(*)"


def ask(method: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["eval", "--method", method, "--limit", "6", "--embedder", "hashing", *arguments])


@pytest.mark.parametrize("steps", ["", "rag+", "grammar+rag+", "hyde+", "vote:n=2+"])
def test_a_tuned_model_is_replayed(
    steps: str, make_adapter: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_adapter("fake")
    method = f"{steps}finetune:adapter=fake"
    recording = str(tmp_path / "said.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("spider_opt.models.open", Tuned)
        first = ask(method, "--out", str(tmp_path / "one"), "--record", recording)
    assert first.exit_code == 0, first.output
    again = ask(method, "--out", str(tmp_path / "two"), "--replay", recording, "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["n"] == 6
    one, two = (lines(tmp_path / out / "predictions.jsonl") for out in ("one", "two"))
    assert one == two
    assert all(answer["sql"].startswith("SELECT COUNT(*) FROM ") for answer in one)
    description = json.loads((tmp_path / "two" / "run.json").read_text())
    assert description["adapter_sha256"] == hashlib.sha256(b"lora").hexdigest()
    assert "finetune:adapter=fake" in description["method"]


def test_another_adapter_is_another_run(
    make_adapter: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make_adapter("fake")
    monkeypatch.setattr("spider_opt.models.open", Tuned)
    out = ("--out", str(tmp_path / "run"))
    assert "; 6 model calls, 0 answered from the cache" in ask("finetune:adapter=fake", *out).stderr
    shutil.rmtree(folder)
    make_adapter("fake", file=b"more")
    other = ask("finetune:adapter=fake", *out)
    assert other.exit_code == 1
    assert "holds another run (adapter_sha256 is " in other.stderr
    elsewhere = ask("finetune:adapter=fake", "--out", str(tmp_path / "else"))
    assert "; 6 model calls, 0 answered from the cache" in elsewhere.stderr
    (folder / FILE).write_bytes(b"LORA")
    broken = ask("finetune:adapter=fake", *out)
    assert (broken.exit_code, "has not the bytes that its card says" in broken.stderr) == (1, True)
    none = ask("finetune:adapter=none", *out)
    assert none.exit_code == 2
    assert "There is no adapter 'none' (there are: spider, spider-1.5b, fake" in none.stderr
