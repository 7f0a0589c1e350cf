"""Reads files of corrections: JSON as ours are, JSONL, or CSV with a row for each right gold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from spider_opt import arguments
from spider_opt.benchmarks.corrections.entries import VERDICTS, Correction, Corrections
from spider_opt.errors import CorrectionsError
from spider_opt.rows import csv_rows, json_rows, jsonl_rows, name_of, read_text
from spider_opt.sql.statement import is_query
from spider_opt.wording import argument

_HERE = Path(__file__).resolve().parent
_FIELDS = {
    "index": ("index", "position"), "db_id": ("db_id",), "hash": ("hash",), "verdict": ("verdict",),
    "reason": ("reason",), "golds": ("golds", "gold", "sql", "query"),
}  # fmt: skip
"""What each part of an entry may be called, compared by ``rows.name_of``."""


def shipped() -> dict[str, Path]:
    """Return the corrections that come with this package, by name."""
    return {path.stem: path for path in sorted(_HERE.glob("*.json"))}


def read_corrections(corrections: str | Path) -> Corrections:
    """Read corrections by the name of those that come with this package (``spider-dev``), or from a file.

    A JSON file is a list of entries, or an object with one: each has ``index`` (the position in the split's file, from
    0), ``db_id``, ``hash`` (see ``gold_hash``), ``verdict`` (``wrong``, ``several`` or ``right``), ``reason``, and
    ``golds``, a list of queries or one. JSONL has an entry a line. A CSV file has the same columns, and a row for each
    gold.

    Raises:
        UsageError: the argument is of another kind than is due.
        CorrectionsError: there is no such file, or it says something else, or twice.
    """
    path = arguments.path(corrections, "corrections")
    ours = shipped()
    if not path.exists() and str(path) in ours:
        path = ours[str(path)]
    if not path.is_file():
        raise CorrectionsError(
            f"there are no corrections {path}: {argument('corrections')} takes a file, or the name of those that come "
            f"with spider-opt: {', '.join(ours)}"
        )

    def refuse(why: str, place: str = "") -> CorrectionsError:
        return CorrectionsError(f"{path} {place}{why}")

    text = read_text(path, CorrectionsError)
    if path.suffix.lower() == ".csv":
        known = {name for names in _FIELDS.values() for name in names}
        rows = csv_rows(text, known.__contains__, refuse)
    else:
        rows = jsonl_rows(text, refuse) if path.suffix.lower() == ".jsonl" else json_rows(text, refuse)
    entries: dict[int, Correction] = {}
    for row in rows:
        entry = _entry(row.value, partial(refuse, place=f"{row.place}: "))
        before = entries.get(entry.index)
        if before is not None:
            if path.suffix.lower() != ".csv":
                raise refuse(f"{row.place}: question {entry.index} stands twice")
            if (before.db_id, before.hash, before.said) != (entry.db_id, entry.hash, entry.said):
                raise refuse(f"{row.place}: question {entry.index} stood before with another db_id, hash or verdict")
            golds = (*before.golds, *entry.golds)
            reason = before.reason or entry.reason
            entry = Correction(entry.index, entry.db_id, entry.hash, entry.said, reason, golds)
        entries[entry.index] = entry
    if not entries:
        raise refuse("corrects nothing")
    return Corrections(path.stem, tuple(entries[index] for index in sorted(entries)))


def _entry(value: Any, refuse: Callable[[str], CorrectionsError]) -> Correction:
    if not isinstance(value, Mapping):
        raise refuse("no object with index, db_id, hash, verdict, reason and golds")
    given = {name_of(str(key)): said for key, said in value.items()}
    found = {field: next((given[n] for n in names if n in given), None) for field, names in _FIELDS.items()}
    index = found["index"]
    if isinstance(index, str) and index.strip().isdecimal():
        index = int(index)
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise refuse(f"index is {found['index']!r}, and is the question's position in the split's file, from 0")
    texts = {}
    for field, due in (("db_id", True), ("hash", True), ("verdict", True), ("reason", False)):
        said = found[field]
        said = "" if said is None else said
        if not isinstance(said, str) or (due and not said.strip()):
            hint = ", as data doubt prints it" if field == "hash" else ""
            raise refuse(f"{field} is {found[field]!r}, and must be text{hint} (question {index})")
        texts[field] = said.strip()
    verdict = next((one for one in VERDICTS if one == texts["verdict"].lower()), None)
    if verdict is None:
        raise refuse(f"verdict is {texts['verdict']!r}, and must be one of {', '.join(VERDICTS)} (question {index})")
    golds = found["golds"]
    golds = [] if golds is None or golds == "" else [golds] if isinstance(golds, str) else golds
    if not isinstance(golds, list) or not all(isinstance(gold, str) and gold.strip() for gold in golds):
        raise refuse(f"golds of question {index} are no query, nor a list of queries")
    if other := next((gold for gold in golds if not is_query(gold)), None):
        raise refuse(
            f"golds of question {index} are to be queries, with SELECT, WITH or VALUES first, and one is {other[:60]!r}"
        )
    if (verdict == "right") == bool(golds):
        raise refuse(
            f"question {index} is called right, and has other golds: is it wrong, or are several right?"
            if golds
            else f"question {index} is called {verdict}, and has no golds: write what is right"
        )
    return Correction(index, texts["db_id"], texts["hash"].lower(), verdict, texts["reason"], tuple(golds))
