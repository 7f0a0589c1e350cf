"""How fast do questions get their answers, against the plain loop?

    python benchmarks/generation.py [--spider DIR] [--split dev] [--questions N] [--model NAME]

The plain loop asks one question after the other in the order of a shuffled file, computes every prompt anew, in the
batches that llama.cpp takes by default, and asks for samples one by one. Against it, in the same run and on the same
questions: questions ordered by database with the prompt's shared beginning reused, and samples of one prompt decoded
side by side. Answers come from the embedded model, nothing from the response cache.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt.cli.benchmark_options import Chosen
from spider_opt.databases import DatabasePool
from spider_opt.methods import parse_method
from spider_opt.models import EmbeddedModel, weights
from spider_opt.models.llamacpp import server
from spider_opt.processors import processor_name
from spider_opt.runs.concurrency import by_database
from spider_opt.types import Completion, Example, Request, Task, Tools

DEFAULT_BATCH = 512


class Plain(EmbeddedModel):
    """The embedded model asked by somebody who knows no better."""

    def complete(self, request: Request) -> list[Completion]:
        done = []
        for i in range(request.n):
            self._started().forget()
            done += super().complete(replace(request, n=1, seed=request.seed + i))
        return done


def seconds(model: EmbeddedModel, method: str, examples: Sequence[Example], tools: Tools) -> float:
    generator = parse_method(method).build(tools)
    model.complete(Request("SELECT", max_tokens=1))  # the server starts with the first call
    started = time.perf_counter()
    for example in examples:
        generator(Task(example.question, model))
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--questions", type=int, default=24, help="how many, twelve on a database")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--methods", nargs="*", default=["zero-shot", "vote:n=8"])
    options = parser.parse_args()
    benchmark = Chosen(spider=Path(options.spider) if options.spider else None, split=options.split).load()
    rng = random.Random(1)
    db_ids = rng.sample(sorted(benchmark.paths), max(1, min(len(benchmark.paths), options.questions // 12)))
    pool = [example for example in benchmark.examples if example.question.db_id in db_ids]
    shuffled = rng.sample(pool, min(len(pool), options.questions))
    path = weights.fetch(options.model)
    tools = Tools(databases=DatabasePool(benchmark.paths))
    print(f"{benchmark.name} {benchmark.split}: {len(shuffled)} questions on {len(db_ids)} databases, {options.model}, "
          f"{os.cpu_count()} processors, {processor_name()}\n")  # fmt: skip
    print(f"{'':44}{'s/question':>12}{'per minute':>12}{'ratio':>8}")
    for method in options.methods:
        block, server.BLOCK = server.BLOCK, DEFAULT_BATCH
        with Plain(path) as model:
            plain = seconds(model, method, shuffled, tools) / len(shuffled)
        server.BLOCK = block
        with EmbeddedModel(path) as model:
            ours = seconds(model, method, by_database(shuffled), tools) / len(shuffled)
        for label, taken in (("the plain loop", plain), ("ordered, reused, side by side", ours)):
            print(f"{method + ', ' + label:44}{taken:12.2f}{60 / taken:12.1f}{plain / taken:8.1f}", flush=True)


if __name__ == "__main__":
    main()
