"""How much cheaper is an example when many questions share one schema, and when frozen layers are whole numbers?

    python benchmarks/training.py [--spider DIR] [--examples N] [--pack N] [--model NAME] [--compute HOW]

The same prompts and answers are trained on (forward and backward, no update) one by one, the usual way, and as packs
whose schema is computed once; packs and single examples take turns, so that other work on the machine hits both.
Then one pack in float32, in 8-bit whole numbers, with another attention, and with the MLP that transformers has; beside
the seconds stands what autograd keeps for the way back. Packing should save 3.5 times the tokens and the seconds, at
least. The share of the peak is what the frozen layers' products would take at the speed of one large product, in the
same numbers and in bfloat16, of the processor seconds that were taken.
Without ``--spider`` and SPIDER_DIR it takes the bundled training half.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import time
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from spider_opt.answering.drafts import Look
from spider_opt.cli.benchmark_options import Chosen
from spider_opt.databases import DatabasePool
from spider_opt.models.torch.base import keep_memory, open_base
from spider_opt.models.torch.shared_prefix import Pack, laid
from spider_opt.training.dataset import Item, split
from spider_opt.training.packer import Packer
from spider_opt.training.tune import TARGETS


class Taken(NamedTuple):
    """Wall and processor seconds, and the summed loss."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    loss: float = 0.0

    def and_(self, other: Taken) -> Taken:
        return Taken(*(a + b for a, b in zip(self, other, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spider", type=Path, default=os.environ.get("SPIDER_DIR"), help="Spider's folder")
    parser.add_argument("--examples", type=int, default=32, help="how many at least, in whole packs")
    parser.add_argument("--pack", type=int, default=16, help="questions that share a schema")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--compute", default="auto", choices=["auto", "int8", "float32", "bfloat16"])
    options = parser.parse_args()
    import torch

    from spider_opt.models.torch.compute import chosen_compute

    device = "cuda" if torch.cuda.is_available() else "cpu"
    benchmark = Chosen(spider=Path(options.spider) if options.spider else None, split="train").load()
    training, _ = split(
        [Item(e.question, e.gold_sql) for e in benchmark.examples if e.question.db_id in benchmark.paths]
    )
    dtype, int8 = chosen_compute(options.compute, device)
    model, tokenizer = tunable(options.model, dtype, int8, device)
    keep_memory()
    packer = Packer(tokenizer, DatabasePool(benchmark.paths), look=Look(values=2), target=TARGETS["from-first"],
                    n=options.pack)  # fmt: skip
    packs: list[Pack] = []
    for group in packer.order(training, random.Random(0)):
        if sum(len(pack.rests) for pack in packs) < options.examples:
            packs.append(packer.pack(group))
    n = sum(len(pack.rests) for pack in packs)
    print(f"{benchmark.name} {benchmark.split}: {n} examples in {len(packs)} packs, {options.model} in "
          f"{'whole numbers' if int8 else str(dtype).removeprefix('torch.')} on {device}\n", flush=True)  # fmt: skip

    for pack in packs:  # the first of each length takes longer: its memory is cleared by the system
        run(model, pack, device)
    apart, together = Taken(), Taken()
    for pack in packs:
        together = together.and_(run(model, pack, device))
        for single in alone(pack):
            apart = apart.and_(run(model, single, device))
    tokens_apart = sum(len(single) for pack in packs for single in alone(pack))
    tokens = sum(map(len, packs))
    print(f"{'per example':36}{'tokens':>8}{'wall s':>8}{'cpu s':>8}")
    for label, count, taken in (("one by one", tokens_apart, apart), ("packed", tokens, together)):
        print(f"{label:36}{count / n:8.1f}{taken.wall_s / n:8.2f}{taken.cpu_s / n:8.2f}")
    print(f"{'times less':36}{tokens_apart / tokens:8.1f}{apart.wall_s / together.wall_s:8.1f}"
          f"{apart.cpu_s / together.cpu_s:8.1f}")  # fmt: skip
    print(f"summed loss: {apart.loss:.3f} one by one, {together.loss:.3f} packed", flush=True)
    if device == "cpu":
        needed = sum(operations(model, pack) for pack in packs)
        for kind in dict.fromkeys(("int8" if int8 else str(dtype).removeprefix("torch."), "bfloat16")):
            rate = peak(kind)
            print(f"share of the peak in {kind} ({rate / 1e9:,.0f} G operations in a processor second): "
                  f"{needed / rate / together.cpu_s:.0%}")  # fmt: skip
        print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")
        del model
        compare(options.model, packs[0])


def operations(model: Any, pack: Pack) -> float:
    """Return how many operations the products of frozen layers need, there and back."""
    from spider_opt.models.torch.lora import Lora

    layers = [layer.base for layer in model.modules() if isinstance(layer, Lora)]
    n_weights = sum(layer.in_features * layer.out_features for layer in layers)
    vocabulary = model.get_output_embeddings()
    found: float = (
        4.0 * n_weights * len(pack) + 2.0 * pack.n_answer_tokens * vocabulary.in_features * vocabulary.out_features
    )
    return found


def peak(kind: str) -> float:
    """Return the operations in a processor second of a product of 2,048 x 4,096 x 4,096."""
    import torch

    x, y = (torch.ones(n, 4096).to(getattr(torch, kind)) for n in (2048, 4096))
    multiply = torch._int_mm if kind == "int8" else torch.mm
    best = 0.0
    for _ in range(5):
        start = sum(os.times()[:2])
        multiply(x, y.t())
        best = max(best, 2.0 * 2048 * 4096 * 4096 / max(sum(os.times()[:2]) - start, 0.01))
    return best


def compare(name: str, pack: Pack) -> None:
    """Print what one pack takes in float32 and in whole numbers, and with two of its parts as others have them."""
    import torch

    from spider_opt.models.torch import int8 as whole_numbers
    from spider_opt.models.torch import lora, mlp
    from spider_opt.models.torch.attention import attend, attend_masked

    usual = mlp._ROWS
    kinds: tuple[tuple[str, bool, dict[str, Any], int], ...] = (
             ("float32", False, {"attend": attend}, usual),
             ("frozen layers in whole numbers", True, {"attend": attend}, usual),
             ("the same, half as many rows at once", True, {"attend": attend}, usual // 2),
             ("the same, attention with a mask", True, {"attend": attend_masked}, usual),
             ("the same, MLP as transformers has it", True, {"GatedMlp": lambda mlp: mlp}, usual))  # fmt: skip
    print(f"\n{'a pack of ' + str(len(pack)) + ' tokens':44}{'wall s':>8}{'cpu s':>8}{'loss':>10}{'MB kept':>9}")
    first = Taken()
    for label, int8, instead, rows in kinds:
        with (
            patch.multiple(lora, **instead),
            patch.object(whole_numbers, "_ROWS", rows),
            patch.object(mlp, "_ROWS", rows),
        ):
            model, _ = tunable(name, torch.float32, int8, "cpu")
            n_kept = kept(model, pack)
            taken = run(model, pack, "cpu")
        first = first if first.wall_s else taken
        print(f"{label:44}{taken.wall_s:8.2f}{taken.cpu_s:8.2f}{taken.loss:10.3f}{n_kept / 1e6:9,.0f}"
              f"   {first.wall_s / taken.wall_s:.1f} times as fast as the first", flush=True)  # fmt: skip


def kept(model: Any, pack: Pack) -> int:
    """Return the bytes that are kept for the way back."""
    import torch

    from spider_opt.training.loss import summed_loss

    frozen = {weight.untyped_storage().data_ptr() for weight in (*model.parameters(), *model.buffers())}
    sizes: dict[int, int] = {}

    def keep(x: Any) -> Any:
        sizes[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = summed_loss(model, laid(pack, "cpu"))
    loss.backward()  # type: ignore[no-untyped-call]
    return sum(size for place, size in sizes.items() if place not in frozen)


def tunable(name: str, dtype: Any, int8: bool, device: str) -> tuple[Any, Any]:
    import torch

    from spider_opt.models.torch.lora import add_lora

    base = open_base(name, dtype=torch.bfloat16 if int8 else dtype, device=device)
    add_lora(base.model, rank=16, alpha=32.0, seed=0, int8=int8)
    return base.model, base.tokenizer


def alone(pack: Pack) -> list[Pack]:
    """Return a pack's examples as packs of one, token by token the same."""
    return [Pack(pack.shared, (rest,), (start,)) for rest, start in zip(pack.rests, pack.answers, strict=True)]


def run(model: Any, pack: Pack, device: str) -> Taken:
    import torch

    from spider_opt.training.loss import summed_loss

    cpu, start = sum(os.times()[:2]), time.perf_counter()
    loss = summed_loss(model, laid(pack, device))
    loss.backward()  # type: ignore[no-untyped-call]
    if device == "cuda":
        torch.cuda.synchronize()
    taken = Taken(time.perf_counter() - start, sum(os.times()[:2]) - cpu, loss.item())
    for weight in model.parameters():
        weight.grad = None
    return taken


if __name__ == "__main__":
    main()
