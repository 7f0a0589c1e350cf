"""BIRD in its official layouts: dev, mini-dev and train, each with its databases.

The questions' own numbers are not read: mini-dev has some of them twice. Not read: what is for MySQL and PostgreSQL,
and ``dev_tied_append.json``.
"""

from __future__ import annotations

from spider_opt.benchmarks.source import Download, Fields, Source, Split

_DEV = ("dev_databases/{db_id}/{db_id}.sqlite", ("mini_dev_sqlite_tables.json", "mini_dev_tables.json"))

BIRD = Source(
    title="BIRD",
    about="Questions over large databases, with what one must know beside them (Li et al. 2023): dev, mini-dev, train.",
    licence="CC BY-SA 4.0",
    splits={
        "dev": Split(("dev.json",), "dev_tables.json", *_DEV, "dev.sql", "dev_databases/{db_id}/database_description"),
        "mini-dev": Split(
            ("mini_dev_sqlite.json",),
            "dev_tables.json",
            *_DEV,
            "mini_dev_sqlite_gold.sql",
            "dev_databases/{db_id}/database_description",
        ),
        "train": Split(
            ("train.json",),
            "train_tables.json",
            "train_databases/{db_id}/{db_id}.sqlite",
            golds="train_gold.sql",
            descriptions="train_databases/{db_id}/database_description",
        ),
    },
    default="dev",
    or_else=("mini-dev",),
    fields=Fields(query="SQL", notes="evidence", metadata={"difficulty": "difficulty"}),
    training="train",
    page="https://bird-bench.github.io",
    download=Download(
        "https://bird-bench.oss-cn-beijing.aliyuncs.com/minidev.zip",
        "https://github.com/bird-bench/mini_dev",
        size="mini-dev",
    ),
    variable="BIRD_DIR",
    scorer="bird",
    signs=("dev_databases", "train_databases", "mini_dev_sqlite.json"),
)
