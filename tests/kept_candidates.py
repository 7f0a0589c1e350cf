"""Runs over four questions about boats whose samples are known, so that what choosing among them brings is, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fake_model import FakeModel
from few_questions import ROWS, asked, folder

from spider_opt.benchmarks import load
from spider_opt.evaluation.running import evaluate
from spider_opt.runs import Run
from spider_opt.types import Benchmark, Completion, ModelInfo, Request

# The greedy sample, then those that are drawn: in what order, and how many the vote needs before it is settled.
SAMPLES: Mapping[str, Sequence[str]] = {
    "How many boats are there?": ["count(*)"] * 4,  # agree, right; settled by three
    "Which boats are there?": ["length", "name", "name", "name"],  # differ, right by vote
    "How long are they all?": ["name", "name", "sum(length)", "oops"],  # differ, wrong by vote
    "What is the longest?": ["17"] * 4,  # agree, wrong; settled by three
}
OTHERS: Mapping[str, Sequence[str]] = {
    **SAMPLES, "How long are they all?": ["sum(length)"] * 4, "What is the longest?": ["17", "max(length)", "17", "17"]
}  # fmt: skip


def boats() -> Benchmark:
    return load("spider:dev", data=folder(asked()))


def model(samples: Mapping[str, Sequence[str]] = SAMPLES, logprobs: bool = False) -> FakeModel:
    def answer(request: Request) -> list[Completion]:
        columns = next(samples[question] for question in ROWS if question in request.text)
        several = columns[1 : 1 + request.n] if request.temperature else columns[:1]
        return [Completion(f"SELECT {c} FROM boat", logprob=-len(c) / 10 if logprobs else None) for c in several]

    return FakeModel(answer, info=ModelInfo("fake", "ab" * 32), cache_tag=str(sorted(samples.items())) + str(logprobs))


def voted(
    benchmark: Benchmark,
    out: str | Path = "voted",
    samples: Mapping[str, Sequence[str]] = SAMPLES,
    *,
    method: str = "vote:n=4",
    logprobs: bool = False,
) -> Run:
    return evaluate(method, benchmark, model=model(samples, logprobs), out=out, progress=False)
