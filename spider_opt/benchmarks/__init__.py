"""Questions in: Spider in its official layout, and the bundled benchmark."""

from spider_opt.benchmarks.loading import describe_missing, load_spider
from spider_opt.benchmarks.spider_mini import load_bundled
from spider_opt.benchmarks.table import load_benchmark, spider_dir

__all__ = ["describe_missing", "load_benchmark", "load_bundled", "load_spider", "spider_dir"]
