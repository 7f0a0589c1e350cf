"""Spider 1.0 in its official layout. Not read: token lists, parses, ``*_gold.sql``, ``schema.sql``."""

from __future__ import annotations

from spider_opt.benchmarks.source import Download, Source, Split

_ABOUT = "database/{db_id}/database_description"  # of one's own: Spider has none
_FILE_ID = "1403EGqzIDoHMdQF4c9Bkyl7dZLZ5Wt6J"  # linked from https://yale-lily.github.io/spider

SPIDER = Source(
    title="Spider",
    about="10,181 questions over 200 databases; train, dev and test are about different ones (Yu et al. 2018).",
    licence="CC BY-SA 4.0",
    splits={
        "dev": Split(("dev.json",), descriptions=_ABOUT),
        "train": Split(("train_spider.json", "train_others.json"), descriptions=_ABOUT),
        "train_spider": Split(("train_spider.json",), descriptions=_ABOUT),
        "train_others": Split(("train_others.json",), descriptions=_ABOUT),
        "test": Split(("test.json",), "test_tables.json", "test_database/{db_id}/{db_id}.sqlite"),
    },
    default="dev",
    training="train",
    page="https://yale-lily.github.io/spider",
    download=Download(
        f"https://drive.usercontent.google.com/download?id={_FILE_ID}&export=download&confirm=t",
        f"https://drive.google.com/file/d/{_FILE_ID}/view",
        # Yale publishes none. This is what three projects independently report for spider_data.zip (205,800,266 bytes).
        "00636695dabed6b5f4b8328a16b13e069a2f16591d5efcce57660669c85b121b",
        "about 200 MB to download, about 2 GB unpacked",
    ),
    variable="SPIDER_DIR",
)
