"""KaggleDBQA: questions over eight databases from the web, as they are, with what their documentation says of columns.

Each database has a file of questions that are asked, ``examples/DB_test.json`` (its plain testing), and one of others
about it, ``examples/DB_fewshot.json``, the split ``train``: nothing is retrieved from that, since what is asked would
then be about the databases of what is shown. Not read: the normalized names of columns, which are not for plain
testing, the overviews of databases and the lists of their values, whose form was not told.
Source: Chia-Hsuan-Lee/KaggleDBQA, README (commit 562ff742).
"""

from __future__ import annotations

from spider_opt.benchmarks.source import Download, Source, Split

DATABASES = (
    "GeoNuclearData", "GreaterManchesterCrime", "Pesticide", "StudentMathScore", "TheHistoryofBaseball", "USWildFires",
    "WhatCDHipHop", "WorldSoccerDataBase",
)  # fmt: skip
_PAGE = "https://github.com/Chia-Hsuan-Lee/KaggleDBQA"


def _split(part: str) -> Split:
    questions = tuple(f"examples/{name}_{part}.json" for name in DATABASES)
    return Split(questions, "KaggleDBQA_tables.json", "databases/{db_id}/{db_id}.sqlite")


KAGGLE_DBQA = Source(
    title="KaggleDBQA",
    about="272 questions over eight databases from Kaggle, with what their columns hold (Lee et al. 2021).",
    licence="CC BY-SA 4.0",
    splits={"test": _split("test"), "train": _split("fewshot")},
    default="test",
    page=_PAGE,
    download=Download("https://dbqapublic.blob.core.windows.net/dbqa/kaggle-dbqa-20210726.zip", _PAGE),
    variable="KAGGLE_DBQA_DIR",
    signs=("KaggleDBQA_tables.json",),
)
