"""Runs: a method's answers to a benchmark, in a folder on disk, and what can be read from it."""

from spider_opt.runs.answers import Answer
from spider_opt.runs.info import RunInfo, ScoredBy
from spider_opt.runs.run import Run, find_runs

__all__ = ["Answer", "Run", "RunInfo", "ScoredBy", "find_runs"]
