"""The tables of scorers and benchmarks."""

from __future__ import annotations

from spider_opt.benchmarks import source_named
from spider_opt.benchmarks.table import BENCHMARKS
from spider_opt.scoring import find_scorer
from spider_opt.scoring.table import SCORERS


def scorers() -> str:
    """Return a table of our own scorers with the first line of their docstrings."""
    lines = ["| scorer | what it does |", "|---|---|"]
    for name in SCORERS:
        lines.append(f"| `{name}` | {(find_scorer(name).__doc__ or '').strip().splitlines()[0].rstrip('.')} |")
    return "\n".join(lines) + "\n"


def benchmarks() -> str:
    """Return a table of our own benchmarks: what they are, which splits they have, what their files call the parts."""
    lines = ["| name | what it is | splits | fields of a question | licence |", "|---|---|---|---|---|"]
    for name in BENCHMARKS:
        source = source_named(name)
        splits = ", ".join(f"**{split}**" if split == source.default else split for split in source.splits)
        fields = source.fields
        parts = [fields.db_id, fields.question, fields.query, fields.notes, *fields.metadata.values()]
        said = ", ".join(f"`{part}`" for part in parts if part)
        lines.append(f"| `{name}` | {source.about.rstrip('.')} | {splits} | {said} | {source.licence} |")
    return "\n".join(lines) + "\n"
