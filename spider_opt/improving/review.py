"""What people say of training questions: a query that is better than the gold one, or that a question is to go.

A review file has a JSON object a line: ``id``, and ``sql`` (the right query) or ``drop`` (true). Further fields are
not looked at, so that the file of suspected questions that a round writes is edited and handed back.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import PredictionsError
from spider_opt.paths import write_whole
from spider_opt.rows import jsonl_rows, read_text

_DUE = 'an object with an "id", and "sql" or "drop": true'


@dataclass(frozen=True, slots=True)
class Label:
    """What a person said of a question: the right query, None to leave the question out."""

    sql: str | None


def read_review(path: Path, known: Iterable[str]) -> dict[str, Label]:
    """Return the labels of a review file by question id; what has neither ``sql`` nor ``drop`` says nothing.

    ``known`` are the ids of the questions that may be learnt.

    Raises:
        PredictionsError: the file cannot be read, or a line is none, names no known question, or one twice.
    """

    def refuse(why: str) -> PredictionsError:
        return PredictionsError(f"{path}: {why}")

    ids, labels = set(known), {}
    for row in jsonl_rows(read_text(path, PredictionsError), refuse):
        said = row.value
        if not isinstance(said, dict) or not isinstance(said.get("id"), str):
            raise refuse(f"{row.place} is not {_DUE}")
        sql, drop = said.get("sql"), said.get("drop", False)
        if not isinstance(sql, str | None) or not isinstance(drop, bool) or (sql and sql.strip() and drop):
            raise refuse(f"{row.place} is not {_DUE}")
        if said["id"] not in ids:
            raise refuse(f"{row.place} is about {said['id']}, which is none of the questions that are learnt")
        if said["id"] in labels:
            raise refuse(f"{row.place} is about {said['id']}, and so is an earlier one")
        if drop or (sql and sql.strip()):
            labels[said["id"]] = Label(None if drop else sql)
    return labels


def write_suspects(path: Path, suspects: Iterable[Mapping[str, Any]]) -> None:
    """Write questions to be looked at, one a line, whole or not at all."""
    write_whole(path, "".join(json.dumps(suspect, ensure_ascii=False) + "\n" for suspect in suspects))
