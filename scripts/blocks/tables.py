"""The tables of scorers and of benchmarks."""

from __future__ import annotations

from spider_opt.benchmarks.listing import markdown_table
from spider_opt.scoring import find_scorer
from spider_opt.scoring.table import SCORERS


def scorers() -> str:
    """Return a table of our own scorers with the first line of their docstrings."""
    lines = ["| scorer | what it does |", "|---|---|"]
    for name in SCORERS:
        lines.append(f"| `{name}` | {(find_scorer(name).__doc__ or '').strip().splitlines()[0].rstrip('.')} |")
    return "\n".join(lines) + "\n"


def benchmarks() -> str:
    """Return a table of our own benchmarks, their splits and what their files are called."""
    return markdown_table()
