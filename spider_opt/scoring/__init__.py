"""Right or wrong: execution accuracy, as the official evaluator has it and as the question deserves."""

from spider_opt.scoring.official import ExecutionScorer, Rules
from spider_opt.scoring.report import Scored, ScoreReport, read_verdicts, score, write_verdicts

__all__ = ["ExecutionScorer", "Rules", "ScoreReport", "Scored", "read_verdicts", "score", "write_verdicts"]
