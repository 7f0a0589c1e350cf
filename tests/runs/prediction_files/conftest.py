"""A small split without one of its databases, and what files of answers to it say."""

from __future__ import annotations

import functools
import logging

import pytest
from answer_files import DB_IDS, GOLDS, SCHEMAS, WORDS

from spider_opt.runs.prediction_files import read_predictions
from spider_opt.sql import extract
from spider_opt.types import Benchmark, Example, Question


@pytest.fixture
def benchmark():
    examples = tuple(
        Example(i, Question(f"dev-{i:04d}", words, SCHEMAS[db_id]), gold)
        for i, (db_id, words, gold) in enumerate(zip(DB_IDS, WORDS, GOLDS, strict=True))
        if db_id in SCHEMAS
    )
    return Benchmark("spider", "dev", examples, {}, {"gone": 1}, len(DB_IDS), "f" * 16)


@pytest.fixture
def pair(benchmark, tmp_path):
    """pair(content, name) -> {index: query} of a file with that content, as the official evaluator reads it."""

    def pair(content, name="answers.txt", *, strict=False, of=benchmark, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        found = read_predictions(of, path, whole_lines=strict, **options)
        return {p.example.index: p.sql if strict else p.cut for p in found}

    return pair


@pytest.fixture(autouse=True)
def _warnings_are_caught(caplog):
    caplog.set_level(logging.WARNING, logger="spider_opt")


_extract_once = functools.cache(extract.extract_sql)


@pytest.fixture(autouse=True)
def _no_text_is_searched_twice(monkeypatch):
    """Files of many kinds hold the same few answers; what is found in a text is always the same."""
    monkeypatch.setattr(extract, "extract_sql", _extract_once)
