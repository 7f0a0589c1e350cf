"""Questions in: a table of benchmarks, by name."""

from spider_opt.benchmarks.loading import describe_missing, load, load_source, training_half
from spider_opt.benchmarks.source import Download, Fields, Source, Split
from spider_opt.benchmarks.table import benchmark_names, source_named

__all__ = [
    "Download",
    "Fields",
    "Source",
    "Split",
    "benchmark_names",
    "describe_missing",
    "load",
    "load_source",
    "source_named",
    "training_half",
]
