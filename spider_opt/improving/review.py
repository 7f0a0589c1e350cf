"""What people say of training questions: a query that is better than the gold one, or that a question is to go.

A review file has a JSON object a line: ``id``, and ``sql`` (the right query) or ``drop`` (true). Further fields are
not looked at, so that the file of suspected questions that a round writes is edited and handed back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spider_opt.errors import LeakError, PredictionsError, QueryError
from spider_opt.paths import write_whole
from spider_opt.rows import jsonl_rows, read_text
from spider_opt.training.dataset import Item
from spider_opt.types import Database

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
        if said.keys() >= {"label", "by", "answer"}:
            raise refuse(
                "these are labels of a run: spider-opt review RUN --review-out FILE writes what follows from them"
            )
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


def check_review(labels: Mapping[str, Label], items: Iterable[Item], databases: Mapping[str, Database]) -> None:
    """Make sure that each query that people gave runs.

    Raises:
        PredictionsError: one does not, or is no reading query.
    """
    for item in items:
        label = labels.get(item.question.id)
        if label is not None and label.sql is not None:
            try:
                databases[item.question.db_id].run(label.sql)
            except QueryError as error:
                raise PredictionsError(
                    f"the query that the review gives {item.question.id} does not run on {item.question.db_id} "
                    f"({error}): mend it in the file, or leave it out"
                ) from error


def check_apart(
    labels: Mapping[str, Label], is_asked: Callable[[str], bool], what_for: str = "kept for scoring"
) -> None:
    """Make sure that no query that people gave ``is_asked``: the gold one of a question that is kept for something.

    Raises:
        LeakError: one is.
    """
    for id, label in labels.items():
        if label.sql is not None and is_asked(label.sql):
            raise LeakError(
                f"the query that the review gives {id} is the gold query of a question that is {what_for}: "
                "leave that question out of the file, or drop it"
            )


def write_suspects(path: Path, suspects: Iterable[Mapping[str, Any]]) -> None:
    """Write questions to be looked at, one a line, whole or not at all."""
    write_whole(path, "".join(json.dumps(suspect, ensure_ascii=False) + "\n" for suspect in suspects))
