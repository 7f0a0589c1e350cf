"""A page to look at: the ladder as a table and as a picture."""

from spider_opt.report.ladder import RUNGS, Ladder, climb, recorded_systems

__all__ = ["RUNGS", "Ladder", "climb", "recorded_systems"]
