"""A benchmark, a method and a model to a run: what the commands call, and what Python does."""

from spider_opt.evaluation.folders import default_folder
from spider_opt.evaluation.pipeline import Pipeline
from spider_opt.evaluation.running import evaluate
from spider_opt.evaluation.scoring_files import score

__all__ = ["Pipeline", "default_folder", "evaluate", "score"]
