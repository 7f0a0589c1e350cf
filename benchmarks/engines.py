"""How fast are questions answered by torch, and by llama.cpp, which asks untuned models one after the other?

    python benchmarks/engines.py [--spider DIR] [--split dev] [--questions N] [--methods METHOD ...]

Both compute the same weights, with the adapter that a method asks for, on the same questions in the same order, twelve
on a database, nothing from the response cache. Opening the model is timed apart. At the end stands how many of the
queries are the same.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from spider_opt import models
from spider_opt.cli.benchmark_options import Chosen
from spider_opt.databases import DatabasePool
from spider_opt.methods import parse_method
from spider_opt.models.torch.engine import SIDE_BY_SIDE
from spider_opt.processors import processor_name
from spider_opt.runs.concurrency import ask_all, by_database
from spider_opt.types import ChatModel, Example, Prediction, Request, Tools


def answered(
    model: ChatModel, method: str, examples: Sequence[Example], tools: Tools, concurrency: int
) -> tuple[float, float, dict[int, str]]:
    generator = parse_method(method).build(tools)
    started = time.perf_counter()
    model.complete(Request("SELECT", max_tokens=1))  # both are opened by the first call
    opened = time.perf_counter()
    said = {}
    for example, prediction in ask_all(examples, generator, model, 0, concurrency):
        assert isinstance(prediction, Prediction), prediction
        said[example.index] = prediction.sql
    return opened - started, time.perf_counter() - opened, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--questions", type=int, default=48, help="how many, twelve on a database")
    parser.add_argument("--methods", nargs="*", default=["finetune+rag", "vote:n=8+finetune+rag"])
    options = parser.parse_args()
    benchmark = Chosen(spider=Path(options.spider) if options.spider else None, split=options.split).load()
    rng = random.Random(1)
    db_ids = rng.sample(sorted(benchmark.paths), max(1, min(len(benchmark.paths), options.questions // 12)))
    pool = [example for example in benchmark.examples if example.question.db_id in db_ids]
    examples = by_database(rng.sample(pool, min(len(pool), options.questions)))
    tools = Tools(databases=DatabasePool(benchmark.paths))
    print(f"{benchmark.name} {benchmark.split}: {len(examples)} questions on {len(db_ids)} databases, "
          f"{os.cpu_count()} processors, {processor_name()}\n")  # fmt: skip
    print(f"{'':44}{'to open, s':>12}{'s/question':>12}{'ratio':>8}")
    for method in options.methods:
        adapters = parse_method(method).adapters
        one, other = (models.open(engine=engine, adapters=adapters) for engine in get_args(models.Engine))
        alone = answered(one, method, examples, tools, SIDE_BY_SIDE if adapters else 1)
        one.close()  # type: ignore[attr-defined]
        beside = answered(other, method, examples, tools, SIDE_BY_SIDE)
        other.close()  # type: ignore[attr-defined]
        for label, (opening, taken, _) in (("llama.cpp", alone), (other.info.engine, beside)):
            ratio = alone[1] / taken
            print(f"{method + ', ' + label:44}{opening:12.1f}{taken / len(examples):12.2f}{ratio:8.1f}", flush=True)
        same = sum(alone[2][i] == sql for i, sql in beside[2].items())
        print(f"the same query: {same} of {len(examples)}\n", flush=True)


if __name__ == "__main__":
    main()
