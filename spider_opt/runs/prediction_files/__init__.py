"""What other tools answered: text files with a query a line, JSON, JSONL and CSV, folders with a file of SQL each."""

from spider_opt.runs.prediction_files.fit import FEW, misfit, strangers
from spider_opt.runs.prediction_files.reading import Predicted, field_of, is_of_a_run, read_predictions
from spider_opt.runs.prediction_files.sql_files import is_of_sql_files

__all__ = [
    "FEW", "Predicted", "field_of", "is_of_a_run", "is_of_sql_files", "misfit", "read_predictions", "strangers",
]  # fmt: skip
