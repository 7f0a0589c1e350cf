"""Archer: questions that need arithmetic, commonsense and suppositions, English and Chinese, over Spider's databases.

Its three downloads are unpacked beside each other: ``en_data/``, ``zh_data/`` and ``database/``. What a question says
that one must know (``commonsense_knowledge``) is not shown, since the annotators wrote it to explain the gold query.
Its EX is here the official evaluator's; the paper's own comparison (its algorithm 1) is not at hand.
Source: sig4kg.github.io/archer-bench; fields as in the files that winelve/ustc-Genuine-NL2DSL2SQL keeps (9045485).
"""

from __future__ import annotations

from spider_opt.benchmarks.source import Fields, Source, Split

_DATABASES = "database/{db_id}/{db_id}.sqlite"


def _split(language: str, part: str) -> Split:
    file = f"{language}_data/{part}.json"
    return Split((file,), "", _DATABASES, or_questions=(f"data/{file}",))


def _source(title: str, language: str, words: str) -> Source:
    return Source(
        title=title,
        about=f"Questions in {words} that need arithmetic, commonsense or suppositions (Zheng et al. 2024).",
        licence="MIT",
        splits={"dev": _split(language, "dev"), "train": _split(language, "train")},
        default="dev",
        fields=Fields(metadata={"reasoning": "reasoning_type"}),
        training="train",
        page="https://sig4kg.github.io/archer-bench/",
        variable="ARCHER_DIR",
        signs=(f"{language}_data", f"data/{language}_data"),
    )


ARCHER = _source("Archer", "en", "English")
ARCHER_ZH = _source("Archer in Chinese", "zh", "Chinese")
