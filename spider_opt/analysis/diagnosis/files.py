"""What a diagnosis keeps on disk: all of it as JSON, and a row for each question as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from spider_opt.analysis.diagnosis.examining import Examination
from spider_opt.analysis.diagnosis.text import to_json
from spider_opt.paths import write_all_whole

JSON_FILE, CSV_FILE = "diagnosis.json", "diagnosis.csv"
COLUMNS = (
    "index", "id", "db_id", "hardness", "correct", "primary", "reasons", "what", "lacking", "may_be_context",
    "may_be_behaviour", "neither", "oracle",
)  # fmt: skip


def write(
    examined: Examination, folder: Path, pictures: Mapping[str, str | bytes] = MappingProxyType({})
) -> list[Path]:
    """Write both files, and pictures beside them by their names, all of them or none, and return them."""
    texts = {JSON_FILE: json.dumps(to_json(examined), indent=1) + "\n", CSV_FILE: to_csv(examined), **pictures}
    files = {folder / name: text for name, text in texts.items()}
    folder.mkdir(parents=True, exist_ok=True)
    write_all_whole(files)
    return list(files)


def to_csv(examined: Examination) -> str:
    """Return a row for each question that counts; those answered rightly have no reasons."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    wrong, oracle = examined.found.by_index, examined.oracle
    for answer, scored in examined.found.run.judged:
        row: dict[str, Any] = {
            "index": answer.index,
            "id": answer.id,
            "db_id": answer.db_id,
            "hardness": scored.hardness or "",
            "correct": int(scored.correct),
        }
        if found := wrong.get(answer.index):
            row |= {
                "primary": found.primary.kind.value,
                "reasons": "; ".join(dict.fromkeys(reason.kind.value for reason in found.reasons)),
                "what": "; ".join(reason.what for reason in found.reasons),
                "lacking": "; ".join(sorted(found.lacking)),
                "may_be_context": int(found.may_be_context()),
                "may_be_behaviour": int(found.may_be_behaviour),
                "neither": int(found.is_neither),
            }
            if oracle is not None and not found.is_neither:
                row["oracle"] = oracle.mended.get(answer.index, "behaviour")
        writer.writerow(row)
    return text.getvalue()
