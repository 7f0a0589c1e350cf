"""The oracle: asks a run's model its questions again, with a part of gold in the prompt.

This is the one place where gold shapes a prompt. It is for diagnosis alone, and kept apart: what goes into a prompt is
an ``OracleContext`` and what comes back an ``OracleAnswer``, neither of which any run, scorer or leaderboard takes;
they are written into a file of their own form, which readers of predictions refuse by its mark.
"""

from spider_opt.analysis.diagnosis.oracle.answers import OracleAnswer
from spider_opt.analysis.diagnosis.oracle.findings import Control, OracleFindings
from spider_opt.analysis.diagnosis.oracle.ladder import ask_oracle, read_oracle

__all__ = ["Control", "OracleAnswer", "OracleFindings", "ask_oracle", "read_oracle"]
