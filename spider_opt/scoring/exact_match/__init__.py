"""The official exact set match, quirks included: queries are read and compared part by part, and not run."""

from spider_opt.scoring.exact_match.matcher import exact_match_parts
from spider_opt.scoring.exact_match.parts import PARTS, Accuracy, Part, partial_accuracies
from spider_opt.scoring.exact_match.scorer import match

__all__ = ["PARTS", "Accuracy", "Part", "exact_match_parts", "match", "partial_accuracies"]
