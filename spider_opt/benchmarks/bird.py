"""BIRD in its official layouts: dev, mini-dev and train, each with its databases."""

from __future__ import annotations

from spider_opt.benchmarks.source import Fields, Source, Split

_DEV = "dev_databases/{db_id}/{db_id}.sqlite"

BIRD = Source(
    title="BIRD",
    about="Questions over large databases, with what one must know beside them (Li et al. 2023): dev, mini-dev, train.",
    licence="CC BY-SA 4.0",
    splits={
        "dev": Split(("dev.json",), "dev_tables.json", _DEV),
        "mini-dev": Split(("mini_dev_sqlite.json",), "dev_tables.json", _DEV),
        "train": Split(("train.json",), "train_tables.json", "train_databases/{db_id}/{db_id}.sqlite"),
    },
    default="dev",
    fields=Fields(query="SQL", notes="evidence", metadata={"difficulty": "difficulty"}),
    training="train",
    page="https://bird-bench.github.io",
)
