"""The table of benchmarks, by the name that ``--benchmark`` and ``load`` know.

More come from the entry-point group ``spider_opt.benchmarks``: an installed package can add its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from spider_opt.benchmarks.source import Source
from spider_opt.errors import DatasetError
from spider_opt.plugins import Names

BENCHMARKS = {
    "archer": "spider_opt.benchmarks.archer:ARCHER",
    "archer-zh": "spider_opt.benchmarks.archer:ARCHER_ZH",
    "bird": "spider_opt.benchmarks.bird:BIRD",
    "dr-spider": "spider_opt.benchmarks.dr_spider:DR_SPIDER",
    "kaggle-dbqa": "spider_opt.benchmarks.kaggle_dbqa:KAGGLE_DBQA",
    "spider": "spider_opt.benchmarks.spider:SPIDER",
    "spider2-sqlite": "spider_opt.benchmarks.spider2:SPIDER2_SQLITE",
    "spider-dk": "spider_opt.benchmarks.spider_variants:SPIDER_DK",
    "spider-mini": "spider_opt.benchmarks.spider_mini:SPIDER_MINI",
    "spider-realistic": "spider_opt.benchmarks.spider_variants:SPIDER_REALISTIC",
    "spider-syn": "spider_opt.benchmarks.spider_variants:SPIDER_SYN",
}
ENTRY_POINTS = "spider_opt.benchmarks"
_NAMES = Names("benchmark", BENCHMARKS, ENTRY_POINTS, "spider-opt data list", DatasetError, ours_stay=True)


def benchmark_names() -> Mapping[str, tuple[str, ...]]:
    """Return the places (``module:attribute``) of all benchmarks by name: ours, then those of installed packages."""
    return _NAMES.import_paths()


def source_named(name: str) -> Source:
    """Return what a benchmark is made of. A package whose benchmark is broken harms nobody who does not ask for it.

    Raises:
        DatasetError: there is no such benchmark, two packages claim the name, or it cannot be loaded or is none.
    """
    place, source = _NAMES.load(name)
    if not isinstance(source, Source):
        raise DatasetError(f"benchmark {name!r} ({place}) is no benchmark: it must be a spider_opt.benchmarks.Source")
    return source
