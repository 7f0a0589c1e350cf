"""Doubtful golds as other tools read them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from spider_opt.analysis.doubt.finding import Doubt

COLUMNS = ("index", "db_id", "hash", "reasons", "systems", "n_systems", "sql")


def cells(doubt: Doubt) -> dict[str, str | int]:
    """Return a doubt flat, by ``COLUMNS``."""
    reasons = "; ".join(f"{name}: {why}" for name, why in doubt.reasons.items())
    told = (doubt.index, doubt.db_id, doubt.hash, reasons, " ".join(doubt.systems), len(doubt.systems), doubt.sql)
    return dict(zip(COLUMNS, told, strict=True))


def to_csv(doubts: Sequence[Doubt]) -> str:
    """Return doubts as CSV, a row for each gold."""
    text = io.StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    rows.writerows(map(cells, doubts))
    return text.getvalue()
