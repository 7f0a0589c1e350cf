"""People and judges: sheets that people judge answers on, models that judge, and whether they agree with EX.

``write_sheet`` and ``read_sheets`` are for people, ``ask_judge_about`` and ``judge_pairs`` for models; ``summarise``
says what the labels in the folders of runs come to, ``proposals`` what follows for golds.
"""

from spider_opt.review.golds import proposals, write_corrections, write_review
from spider_opt.review.judging import JudgeAsked, ask_judge_about
from spider_opt.review.pairwise import judge_pairs
from spider_opt.review.reading import read_sheets
from spider_opt.review.sheet import write_sheet
from spider_opt.review.summary import summarise

__all__ = [
    "JudgeAsked",
    "ask_judge_about",
    "judge_pairs",
    "proposals",
    "read_sheets",
    "summarise",
    "write_corrections",
    "write_review",
    "write_sheet",
]
