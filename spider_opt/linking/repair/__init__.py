"""Mends a query that names a column or table which its FROM does not have, or a text that its column does not hold."""

from spider_opt.linking.repair.search import Mend, mends, value_mends

__all__ = ["Mend", "mends", "value_mends"]
