"""What is known beside a question reaches every prompt that shows it; what only scoring sees reaches none."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_model import FakeModel

from spider_opt.benchmarks import load
from spider_opt.databases import DatabasePool
from spider_opt.methods import parse_method
from spider_opt.retrieval import open_library
from spider_opt.steps import STEPS
from spider_opt.types import Task, Tools

METHODS = {
    "cot": "cot",
    "cot in three calls": "cot:calls=3",
    "difficulty": "difficulty",
    "fewshot": "fewshot",
    "finetune": "finetune",
    "first-valid": "first-valid:n=3",
    "grammar": "grammar",
    "hyde": "hyde:n=2",
    "repair": "repair",
    "retry": "retry",
    "schema": "schema:tables=2",
    "vote": "vote:n=3",
    "zero-shot": "zero-shot",
    "zero-shot prefilled": "zero-shot:form=prefill",
    "zero-shot completed": "zero-shot:form=completion",
}


def test_every_step_is_tried() -> None:
    assert {name.partition(" ")[0] for name in METHODS} == set(STEPS)


@pytest.mark.parametrize("name", METHODS)
def test_notes_reach_the_prompts_and_metadata_does_not(name: str) -> None:
    benchmark = load("spider-mini:test")
    example = replace(benchmark.examples[0], metadata={"difficulty": "formidable"})
    library = open_library(benchmark, [example], "hashing")
    generator = parse_method(METHODS[name]).build(Tools(DatabasePool(benchmark.paths), library))
    model = FakeModel("SELECT nothing FROM nowhere")
    generator(Task(replace(example.question, notes="late means after\nten"), model))
    assert model.prompts
    assert all(prompt.count("Note: late means after ten\n") == 1 for prompt in model.prompts)
    assert not any("formidable" in prompt for prompt in model.prompts)
