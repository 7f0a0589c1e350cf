"""Context or behaviour: why a run's wrong answers are wrong, and what to try next."""

from spider_opt.analysis.diagnosis.diagnosing import Count, Diagnosis, WrongAnswer, diagnose
from spider_opt.analysis.diagnosis.reasons import ABOUT, Kind, Reason

__all__ = ["ABOUT", "Count", "Diagnosis", "Kind", "Reason", "WrongAnswer", "diagnose"]
