from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from kept_candidates import boats, model

from spider_opt.evaluation.running import evaluate
from spider_opt.report.page.prompts import Prompts
from spider_opt.report.page.writing import _against
from spider_opt.runs import Run
from spider_opt.types import Benchmark


@pytest.fixture
def benchmark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Benchmark:
    monkeypatch.chdir(tmp_path)
    return boats()


def said(prompt: str) -> list[str]:
    return [line for line in prompt.splitlines() if line and line not in ("[system]", "[user]")]


@pytest.mark.parametrize(
    "method", ["zero-shot", "schema+zero-shot", "vote:n=3", "retry:k=1", "zero-shot:form=completion"]
)
def test_the_first_prompt_is_what_the_model_was_asked(benchmark: Benchmark, method: str) -> None:
    asked = model()
    run = evaluate(method, benchmark, model=asked, cache=False, out="run", progress=False)
    prompts = Prompts(run, benchmark)
    for example in benchmark.examples:
        found = prompts.first(example)
        assert found is not None
        of_it = [prompt for prompt in asked.prompts if example.question.text in prompt]
        assert said(found[0]) == said(of_it[0])
        assert example.gold_sql not in found[0]
    assert prompts.why_not == ""


def test_what_retrieval_found_stands_beside(benchmark: Benchmark) -> None:
    run = evaluate("schema+zero-shot", benchmark, model=model(), out="run", progress=False)
    example = benchmark.examples[0]
    asking = replace(example, question=replace(example.question, text="How long is Elsa?"))
    found = Prompts(run, benchmark).first(asking)
    assert found is not None
    assert found[1].values == (("boat", "name", "Elsa"),)


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ("fewshot:k=3+zero-shot", "fewshot needs the training examples"),
        ("not-installed", "not-installed"),
        ("finetune:adapter=nobodys", "nobodys"),
        ("", "they were asked elsewhere"),
    ],
)
def test_why_a_prompt_is_not_made_again(benchmark: Benchmark, steps: str, why: str) -> None:
    run = evaluate("zero-shot", benchmark, model=model(), out="run", progress=False)
    other: Run = replace(run, info=replace(run.info, steps=steps))
    prompts = Prompts(other, benchmark)
    assert prompts.first(benchmark.examples[0]) is None
    assert why in prompts.why_not
    assert Prompts(run, None).why_not == "the benchmark is not at hand"


def test_prompts_that_begin_alike_are_written_once() -> None:
    schema = "CREATE TABLE t (a, b)\n" * 50
    prompts = [f"{schema}Question: {i} \U0001f600 {i * 'x'}" for i in range(40)]
    bases: list[str] = []
    told = [_against(bases, prompt) for prompt in prompts]
    assert len(bases) == 1
    assert [bases[base][:n] + rest for base, n, rest in told] == prompts
    assert sum(len(rest) for _, _, rest in told) < 3_000
    assert _against(bases, "something else entirely")[0] == 1
