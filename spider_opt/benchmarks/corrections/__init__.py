"""Corrections of golds: files that say which gold queries are wrong or not the only right ones, and what is right."""

from spider_opt.benchmarks.corrections.entries import VERDICTS, Correction, Corrections, gold_hash
from spider_opt.benchmarks.corrections.reading import read_corrections, shipped

__all__ = ["VERDICTS", "Correction", "Corrections", "gold_hash", "read_corrections", "shipped"]
