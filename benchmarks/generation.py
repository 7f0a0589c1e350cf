"""How fast do questions get their answers, against the plain loop?

    python benchmarks/generation.py [--spider DIR] [--split dev] [--questions N] [--model NAME] [--adapter NAME]

The plain loop asks one question after the other in the order of a shuffled file, computes every prompt anew, in the
batches that llama.cpp takes by default, and asks for samples one by one. Against it, in the same run and on the same
questions: questions ordered by database with the prompt's shared beginning reused, and samples of one prompt decoded
side by side. With an adapter, which is put into the weights first, so are several questions; the plain loop has the
same weights then. Answers come from the embedded model, nothing from the response cache.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from spider_opt.cli.benchmark_options import Chosen
from spider_opt.databases import DatabasePool
from spider_opt.methods import parse_method
from spider_opt.models import EmbeddedModel, weights
from spider_opt.models.adapters import find_adapter
from spider_opt.models.llamacpp import server
from spider_opt.models.torch.engine import SIDE_BY_SIDE
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


def seconds(model: EmbeddedModel, method: str, examples: Sequence[Example], tools: Tools, n_threads: int = 1) -> float:
    generator = parse_method(method).build(tools)
    model.complete(Request("SELECT", max_tokens=1))  # the server starts with the first call
    started = time.perf_counter()
    with ThreadPoolExecutor(n_threads) as threads:
        list(threads.map(lambda example: generator(Task(example.question, model)), examples))
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--questions", type=int, default=24, help="how many, twelve on a database")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--adapter", help="the plain loop's and ours: spider, say")
    parser.add_argument("--methods", nargs="*", help="default: zero-shot and vote:n=8, with an adapter finetune+rag")
    options = parser.parse_args()
    methods = options.methods or (["finetune+rag"] if options.adapter else ["zero-shot", "vote:n=8"])
    lora = find_adapter(options.adapter).path if options.adapter else None
    adapters = [lora] if lora else []
    n_threads = SIDE_BY_SIDE if adapters else 1
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
    for method in methods:
        block, server.BLOCK = server.BLOCK, DEFAULT_BATCH
        with Plain(path, adapters=adapters) as model:
            plain = seconds(model, method, shuffled, tools) / len(shuffled)
        server.BLOCK = block
        with EmbeddedModel(path, adapters=adapters) as model:
            ours = seconds(model, method, by_database(shuffled), tools, n_threads) / len(shuffled)
        for label, taken in (("the plain loop", plain), ("ordered, reused, side by side", ours)):
            print(f"{method + ', ' + label:44}{taken:12.2f}{60 / taken:12.1f}{plain / taken:8.1f}", flush=True)


if __name__ == "__main__":
    main()
