"""What answers that do not fit a benchmark may be for: another one, whose folder was not named."""

from __future__ import annotations

from spider_opt.benchmarks.loading import DEFAULT
from spider_opt.benchmarks.splits import folder_of
from spider_opt.types import Benchmark
from spider_opt.wording import either

_SIZES = {
    1034: ("Spider's dev and Spider-Syn have", "spider"),
    2147: ("Spider's test has", "spider"),
    508: ("Spider-Realistic has", "spider-realistic"),
    535: ("Spider-DK has", "spider-dk"),
    1534: ("BIRD's dev has", "bird"),
    500: ("BIRD's mini-dev has", "bird"),
}
"""How many questions are asked of well-known splits, as they were published."""


def elsewhere(benchmark: Benchmark, n: int) -> str:
    """Return the end of a sentence on ``n`` answers that do not fit: whose they may be; '' where nothing tells it."""
    whose, name = _SIZES.get(n, ("", ""))
    if n in (benchmark.n_total, len(benchmark.examples)):
        return ""
    if whose:
        over = "" if name in ("spider", "bird") else "spider"
        return f". {whose} {n:,} questions: where these are meant, name the folder, {folder_of(name, over)}"
    if benchmark.name == DEFAULT:
        how = either("load(data=DIR)", "--spider DIR, or --benchmark NAME --data DIR")
        return f". {DEFAULT} is asked where no other benchmark is named: {how}"
    return ""
