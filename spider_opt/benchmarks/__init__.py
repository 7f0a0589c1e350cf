"""Questions in: Spider in its official layout, and the bundled benchmark."""

from spider_opt.benchmarks.bundled import load_bundled
from spider_opt.benchmarks.catalog import load_benchmark, spider_dir
from spider_opt.benchmarks.spider import describe_missing, load_spider

__all__ = ["describe_missing", "load_benchmark", "load_bundled", "load_spider", "spider_dir"]
