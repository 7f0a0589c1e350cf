"""A benchmark from outside: questions in ``ask.json`` with hints and levels, databases as files beside it."""

from __future__ import annotations

from spider_opt.benchmarks import Fields, Source, Split

TOY = Source(
    title="Toy",
    about="As small a benchmark as can be.",
    licence="Apache-2.0",
    splits={"test": Split(("ask.json",), "", "{db_id}.db"), "train": Split(("learn.json",), "", "{db_id}.db")},
    default="test",
    training="train",
    fields=Fields(db_id="about", question="ask", query="answer", notes="hint", metadata={"difficulty": "level"}),
    variable="TOY_DIR",
)
