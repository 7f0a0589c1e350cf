"""What do answers side by side cost, and what do they save?

    python benchmarks/decoding.py [--spider DIR] [--split dev] [--prompts N] [--samples N] [--adapter NAME]

Draws N samples of each of some questions of one database, as `vote` does, by torch, three times on the same prompts and
seeds: by a model that another thread opened than the one that computes (as it was first), the same where one thread
does both, and last with samples that say the same computed once. Needs a processor, not a GPU.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from spider_opt.benchmarks import load_benchmark
from spider_opt.databases import DatabasePool
from spider_opt.methods import parse_method
from spider_opt.types import Completion, ModelInfo, Task, Tools

Draws = list[tuple[int, float, int]]
TEMPERATURE = 0.7


class _Asked:
    """Takes what a method asks a model for, and answers nothing."""

    info = ModelInfo("nobody")

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def complete(self, messages: Any, **_: Any) -> list[Completion]:
        self.messages.append(messages)
        return [Completion("SELECT 1")]


def prompts_of(options: argparse.Namespace) -> list[Any]:
    """Return what `finetune+schema` asks about questions of the database that most questions are about."""
    benchmark = load_benchmark(Path(options.spider) if options.spider else None, options.split)
    db_id, _ = Counter(example.question.db_id for example in benchmark.examples).most_common(1)[0]
    generator = parse_method(f"schema+finetune:adapter={options.adapter}").build(
        Tools(databases=DatabasePool(benchmark.paths))
    )
    asked = _Asked()
    examples = [example for example in benchmark.examples if example.question.db_id == db_id]
    for example in examples[: options.prompts]:
        generator(Task(example.question, asked))
    return asked.messages


def seconds(decode: Callable[..., Any], prompts: Sequence[Any], draws: Draws) -> tuple[float, list[list[int]]]:
    started = time.perf_counter()
    said = decode(prompts, draws, 200, lambda: True, [None] * len(prompts))
    return time.perf_counter() - started, said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--samples", type=int, default=7)
    parser.add_argument("--adapter", default="spider")
    options = parser.parse_args()

    from spider_opt.models.adapters import with_adapters
    from spider_opt.training.engine import open_torch
    from spider_opt.training.packs import tokens_of

    chats = prompts_of(options)
    name, _ = with_adapters([options.adapter])
    model = open_torch([options.adapter], name)
    opened = model._open()  # by this thread
    prompts = [tokens_of(opened.tokenizer, chat) for chat in chats]
    n, m = len(prompts), options.samples
    draws = [(i, TEMPERATURE, seed) for i in range(n) for seed in range(m)]
    # A prompt that stands there once for each sample is another prompt each time.
    alone, each = [prompts[i] for i, _, _ in draws], [(i, TEMPERATURE, seed) for i, (_, _, seed) in enumerate(draws)]
    print(f"{n} prompts, {m} samples each, {model.info.engine}, {os.cpu_count()} processors\n")
    rows = []
    with ThreadPoolExecutor(1) as other:
        other.submit(seconds, opened.decode, prompts[:1], draws[:1]).result()
        rows.append(("opened by another thread", *other.submit(seconds, opened.decode, alone, each).result()))
    del opened
    with ThreadPoolExecutor(1) as one:
        decode = one.submit(model._open).result().decode
        one.submit(seconds, decode, prompts[:1], draws[:1]).result()
        rows.append(("by one thread", *one.submit(seconds, decode, alone, each).result()))
        rows.append(("the same computed once", *one.submit(seconds, decode, prompts, draws).result()))
    print(f"{'':28}{'s':>8}{'ratio':>8}{'the same samples':>20}")
    for label, taken, said in rows:
        same = sum(a == b for a, b in zip(said, rows[0][2], strict=True))
        print(f"{label:28}{taken:8.1f}{rows[0][1] / taken:8.2f}{same:>13} of {len(draws)}")


if __name__ == "__main__":
    main()
