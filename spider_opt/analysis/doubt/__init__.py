"""Gold queries that are doubtful: by rules on the query and its database, and by what several systems agree on."""

from spider_opt.analysis.doubt.finding import RULES, Doubt, doubt
from spider_opt.analysis.doubt.text import COLUMNS, cells, to_csv

__all__ = ["COLUMNS", "RULES", "Doubt", "cells", "doubt", "to_csv"]
