"""What do answers side by side cost, and what do they save?

    python benchmarks/decoding.py [--spider DIR] [--split dev] [--prompts N] [--samples N] [--adapter NAME]

Draws N samples of each of some questions of one database, as `vote` does, by torch, each time on the same prompts and
seeds and in a process of its own: by a model that another thread opened than the one that computes (as it was first),
the same where one thread does both, with samples that say the same computed once, and last with the adapter's weights
scaled and cast once and no longer for each token. Beside the seconds stand those of the processors, which other work
on the machine changes less. Meant for processors.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from spider_opt.cli.benchmark_options import Chosen
from spider_opt.databases import DatabasePool
from spider_opt.methods import parse_method
from spider_opt.processors import processor_name
from spider_opt.types import Completion, ModelInfo, Request, Task, Tools

Draws = list[tuple[int, float, int]]
TEMPERATURE = 0.7
APART, ALONE, TOGETHER = "opened by another thread", "by one thread", "the same computed once"
SETTLED = "the adapter made once"


class _Asked:
    """Takes what a method asks a model for, and answers nothing."""

    info = ModelInfo("nobody")

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def complete(self, request: Request) -> list[Completion]:
        self.messages.append(request.messages)
        return [Completion("SELECT 1")]


def prompts_of(options: argparse.Namespace) -> list[Any]:
    """Return what `finetune+schema` asks about questions of the database that most questions are about."""
    benchmark = Chosen(spider=Path(options.spider) if options.spider else None, split=options.split).load()
    db_id, _ = Counter(example.question.db_id for example in benchmark.examples).most_common(1)[0]
    generator = parse_method(f"schema+finetune:adapter={options.adapter}").build(
        Tools(databases=DatabasePool(benchmark.paths))
    )
    asked = _Asked()
    examples = [example for example in benchmark.examples if example.question.db_id == db_id]
    for example in examples[: options.prompts]:
        generator(Task(example.question, asked))
    return asked.messages


def seconds(decode: Callable[..., Any], prompts: Sequence[Any], draws: Draws) -> tuple[float, float, list[list[int]]]:
    started, spent = time.perf_counter(), time.process_time()
    said = decode(prompts, draws, 200, lambda: True, [None] * len(prompts))
    return time.perf_counter() - started, time.process_time() - spent, said


def measured(how: str, options: argparse.Namespace) -> tuple[str, float, float, list[list[int]]]:
    """Open the model, draw the samples, and return what computes, the seconds and the samples."""
    from spider_opt.models.torch.base import tokens_of
    from spider_opt.models.torch.engine import open_torch
    from spider_opt.models.torch.lora import Lora

    if how != SETTLED:
        Lora.settle = lambda self: None  # type: ignore[method-assign]
    chats = prompts_of(options)
    model = open_torch([options.adapter])
    with ThreadPoolExecutor(1) as one:
        opened = model._open() if how == APART else one.submit(model._open).result()
        prompts = [tokens_of(opened.tokenizer, chat) for chat in chats]
        draws = [(i, TEMPERATURE, seed) for i in range(len(prompts)) for seed in range(options.samples)]
        one.submit(seconds, opened.decode, prompts[:1], draws[:1]).result()
        if how not in (
            TOGETHER,
            SETTLED,
        ):  # a prompt that stands there once for each sample is another prompt each time
            prompts = [prompts[i] for i, _, _ in draws]
            draws = [(i, heat, seed) for i, (_, heat, seed) in enumerate(draws)]
        return (model.info.engine, *one.submit(seconds, opened.decode, prompts, draws).result())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--split")
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--samples", type=int, default=7)
    parser.add_argument("--adapter", default="spider")
    parser.add_argument("--ways", nargs="*", choices=[APART, ALONE, TOGETHER, SETTLED], help="by default all")
    options = parser.parse_args()
    first: tuple[float, float, list[list[int]]] | None = None
    for how in options.ways or (APART, ALONE, TOGETHER, SETTLED):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            engine, taken, spent, said = process.submit(measured, how, options).result()
        if first is None:
            first = taken, spent, said
            print(f"{len(said)} samples, {options.samples} of each prompt, {engine}, {os.cpu_count()} processors, "
                  f"{processor_name()}\n")  # fmt: skip
            print(f"{'':28}{'s':>8}{'ratio':>8}{'cpu s':>8}{'ratio':>8}{'the same samples':>20}")
        same = sum(a == b for a, b in zip(said, first[2], strict=True))
        ratios = f"{taken:8.1f}{first[0] / taken:8.2f}{spent:8.1f}{first[1] / spent:8.2f}"
        print(f"{how:28}{ratios}{same:>13} of {len(said)}", flush=True)


if __name__ == "__main__":
    main()
