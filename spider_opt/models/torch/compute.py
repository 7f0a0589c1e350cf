"""In which numbers a model is computed: bfloat16 on a GPU, on a processor whichever it multiplies fastest."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from spider_opt.paths import cache_dir, write_whole

if TYPE_CHECKING:
    import torch


def chosen_compute(
    asked: str, device: str, seconds_of: Callable[[str], float] | None = None
) -> tuple[torch.dtype, bool]:
    """Return the type that a model is computed in, and whether its frozen layers are computed in 8-bit whole numbers.

    ``auto`` is bfloat16 on a GPU. Processors differ by a factor of ten in which type is fast, so there each is timed.
    """
    import torch

    if asked == "auto":
        timed = seconds_of or _seconds_of
        asked = "bfloat16" if device != "cpu" else min(("float32", "bfloat16", "int8"), key=timed)
    return (torch.float32, True) if asked == "int8" else (getattr(torch, asked), False)


def _seconds_of(name: str) -> float:
    """Return what a product takes one thread; what it spends waiting for the processor does not count."""
    import torch

    from spider_opt.models.torch.int8 import Int8Linear

    spent = []
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several would wait for each other where something else runs, most often those of int8
    try:
        x, weight = torch.ones(1024, 896), torch.ones(4864, 896)
        layer = Int8Linear(weight)
        if name != "int8":
            x, weight = x.to(getattr(torch, name)), weight.to(getattr(torch, name))
        for _ in range(4):
            start = time.thread_time()
            layer.times(x) if name == "int8" else x @ weight.t()
            spent.append(time.thread_time() - start)
    finally:
        torch.set_num_threads(n_threads)
    return min(spent)


@cache
def multiplies_bfloat16() -> bool:
    """Return whether this processor has instructions for products in bfloat16, faster than those in float32."""
    import torch

    has = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in has)


def numbers_here(device: str) -> str:
    """Return in which numbers this machine computes, by what it found out the first time.

    The next time something else may run beside, and a run must go on with the numbers that it began with.
    """
    import torch

    if device != "cpu":
        return "bfloat16"
    path = cache_dir() / "training" / "compute.json"
    here = f"{platform.node()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    try:
        found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        if found[here] in ("int8", "float32", "bfloat16"):
            return found[here]
    except (OSError, ValueError, KeyError, TypeError):
        found = {}
    dtype, int8 = chosen_compute("auto", device)
    found[here] = "int8" if int8 else str(dtype).removeprefix("torch.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(found, indent=1) + "\n")
    return found[here]
