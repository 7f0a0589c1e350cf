"""What other tools answered: text files with a query a line, JSON, JSONL and CSV."""

from spider_opt.runs.prediction_files.fit import misfit
from spider_opt.runs.prediction_files.reading import Predicted, field_of, is_of_a_run, read_predictions

__all__ = ["Predicted", "field_of", "is_of_a_run", "misfit", "read_predictions"]
