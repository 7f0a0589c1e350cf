from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from wrong_answers import answered, music

import spider_opt as so
from spider_opt.analysis.diagnosis.examining import examine
from spider_opt.analysis.diagnosis.next_step import added, command, larger, next_steps, step_names_of, tuned
from spider_opt.analysis.diagnosis.text import examined_to_markdown, to_json
from spider_opt.methods import parse_method
from spider_opt.types import Benchmark


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return music()


def test_without_an_oracle_examples_are_not_proposed(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    assert "fewshot" not in {step.step for step in next_steps(found)}
    told = to_json(examine(found, benchmark))
    assert "oracle" not in told
    assert told["next"][0]["command"] == "spider-opt eval --method repair --model fake --benchmark own --data DIR"


def test_of_a_function_no_step_is_said(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    zero_shot = found.run.info.steps
    for method, steps in [
        ("mine", "mine ab4755983cc5"), ("theirs", "some-package's+zero-shot"), ("some-package's+zero-shot", zero_shot)
    ]:  # fmt: skip
        other = replace(found, run=replace(found.run, info=replace(found.run.info, method=method, steps=steps)))
        examined = examine(other, benchmark)
        assert (examined.steps, examined.standing.next_text) == ((), "")
        assert "asks the model again" not in examined_to_markdown(examined)
    assert "asks the model again" in examined_to_markdown(examine(found, benchmark))


def test_what_is_proposed_is_a_method(benchmark: Benchmark) -> None:
    found = so.diagnose(answered(benchmark))
    for method in ("zero-shot:values=0", "repair:values=no", "schema:values=1+repair", "vote:n=3+repair", "finetune"):
        info = replace(found.run.info, method=method, steps=parse_method(method).spelled_out)
        for step in next_steps(replace(found, run=replace(found.run, info=info))):
            assert parse_method(step.method)
    own = replace(found.run.info, benchmark="my own; ls")
    assert "--benchmark 'my own; ls'" in command(own, "repair", "m")


def test_methods_texts() -> None:
    assert added("repair+finetune", "rag") == "rag+finetune"
    assert added("zero-shot", "vote:n=8") == "vote:n=8"
    assert tuned("schema+repair+zero-shot:rows=3") == "schema+repair+finetune"
    assert tuned("rag") == "rag+finetune"
    assert step_names_of("rag+finetune:adapter=spider") == {"schema", "repair", "finetune"}
    assert larger("qwen2.5-coder-1.5b") == ""
