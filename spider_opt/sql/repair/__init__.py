"""Mends a query that names a column or table which its FROM does not have, from the schema alone."""

from spider_opt.sql.repair.search import Mend, mends

__all__ = ["Mend", "mends"]
