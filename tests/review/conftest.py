"""Two runs on eight questions about boats, see ``boats.py``."""

from boats import benchmark, boats, fill, runs

__all__ = ["benchmark", "boats", "fill", "runs"]
