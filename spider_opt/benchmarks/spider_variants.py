"""Other questions over Spider's databases: Spider-Syn and Spider-Realistic ask dev otherwise, Spider-DK for knowledge.

Each comes as files without Spider's databases, so Spider's folder is what is named, with the file of questions beside
it or what was downloaded put in it; databases and ``tables.json`` beside the questions are found too. Examples are
learnt from Spider's training questions. Not read: Spider-Syn's own
training questions and its worst cases.
Source: github.com/ygan/Spider-Syn, 829587a; github.com/ygan/Spider-DK, 5e16fa1; zenodo.org/record/5205322.
"""

from __future__ import annotations

from spider_opt.benchmarks.source import Download, Fields, Source, Split

ORIGINAL = "original"
"""What ``metadata`` calls the question that another is a paraphrase of: as near to what is learnt as the question."""

_SYN = "829587ac3cfb632bd599a9291dc6b0f35a43c1eb"
_DK = "5e16fa1f8cdbb401f3b55d2afb5a7c7435360590"

SPIDER_SYN = Source(
    title="Spider-Syn",
    about="Spider's dev with synonyms in place of the schema's words, over its databases (Gan et al. 2021).",
    licence="MIT",
    splits={
        "dev": Split(
            ("Spider-Syn/dev.json",),
            or_questions=("spider-syn/dev.json", "Spider-Syn/Spider-Syn/dev.json", "dev.json"),
            sign='"SpiderSynQuestion"',
        )
    },
    default="dev",
    fields=Fields(question="SpiderSynQuestion", metadata={ORIGINAL: "SpiderQuestion"}),
    training="spider:train",
    page="https://github.com/ygan/Spider-Syn",
    download=Download(f"https://github.com/ygan/Spider-Syn/archive/{_SYN}.zip", "https://github.com/ygan/Spider-Syn"),
    variable="SPIDER_DIR",
    over="spider",
)

SPIDER_REALISTIC = Source(
    title="Spider-Realistic",
    about="508 questions of Spider's dev that do not name columns, over its databases (Deng et al. 2021).",
    licence="CC BY-SA 4.0",
    splits={
        "dev": Split(("spider-realistic.json",), or_questions=("spider-realistic/spider-realistic.json",)),
    },
    default="dev",
    training="spider:train",
    page="https://zenodo.org/record/5205322",
    variable="SPIDER_DIR",
    over="spider",
)

SPIDER_DK = Source(
    title="Spider-DK",
    about="535 questions that need knowledge of a domain, over Spider's databases and three of its own (Gan et al. "
    "2021).",
    licence="MIT",
    splits={
        "dev": Split(
            ("Spider-DK.json",),
            or_questions=("Spider-DK/Spider-DK.json", "spider-dk/Spider-DK.json"),
            other_databases=("../database/{db_id}/{db_id}.sqlite",),
        )
    },
    default="dev",
    fields=Fields(metadata={"type": "type"}),
    training="spider:train",
    page="https://github.com/ygan/Spider-DK",
    download=Download(f"https://github.com/ygan/Spider-DK/archive/{_DK}.zip", "https://github.com/ygan/Spider-DK"),
    variable="SPIDER_DIR",
    over="spider",
    signs=("Spider-DK.json",),
)
