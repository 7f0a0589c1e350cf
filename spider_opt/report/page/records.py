"""One question on the page: what was asked, what each run answered, and what the queries give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spider_opt.databases import Limits, Sandbox
from spider_opt.errors import DatasetError, QueryError
from spider_opt.report.page.queries import differences, laid_out, with_own_names
from spider_opt.report.page.results import MOST_COMPARED, beside, cut, shown
from spider_opt.runs import Run
from spider_opt.runs.answers import QUESTION, Answer
from spider_opt.scoring.report import Scored
from spider_opt.scoring.several_golds import gold_met
from spider_opt.sql.used import used
from spider_opt.types import Candidate, Example, Outcome, Result, Schema

MOST_TEXT = 20_000
"""Characters of one text on the page: a question, a query, a raw answer."""
MOST_CANDIDATES = 64
GIVES_ROWS = (Outcome.CORRECT, Outcome.WRONG_ROWS)
LIMITS = Limits(timeout_s=3.0)


class Records:
    """Makes the records of questions; holds one database open at a time.

    ``runs`` are those of the page. Without an ``example`` there is no text of the benchmark, and nothing is run.
    """

    def __init__(self, runs: Sequence[Run], paths: Mapping[str, Path]) -> None:
        self._paths = paths
        self._answers = [{answer.index: answer for answer in run.answers} for run in runs]
        self._verdicts = [{scored.index: scored for scored in run.verdicts} for run in runs]
        self._failed = [dict(run.failed_golds) for run in runs]
        self._open: Sandbox | None = None

    def close(self) -> None:
        """Close the database that is open."""
        if self._open is not None:
            self._open.close()

    def record(self, index: int, example: Example | None) -> dict[str, Any]:
        """Return all that the page shows of a question, JSON-able."""
        told: dict[str, Any] = {"index": index}
        golds: tuple[str, ...] = ()
        results: dict[int, Result | None] = {}
        if example is not None:
            question, golds = example.question, example.golds
            told |= {"question": cut(question.text, MOST_TEXT), "notes": cut(question.notes, MOST_TEXT)}
            told["golds"] = [{"sql": cut(sql, MOST_TEXT), "used": _used(sql, question.schema)} for sql in golds]
        queries: dict[tuple[str, bool, int], int] = {}
        told["queries"], told["answers"] = [], []
        for answers, verdicts, failed in zip(self._answers, self._verdicts, self._failed, strict=True):
            if (answer := answers.get(index)) is None:
                told["answers"].append(None)
                continue
            scored = verdicts.get(index)
            runs_it = scored is None or scored.outcome in GIVES_ROWS
            met = gold_met(scored.detail, len(golds)) if scored else 0
            if golds and met not in results:
                results[met] = self._add_result(told["golds"][met], golds[met], answer.db_id)
            key = answer.prediction.sql, runs_it, met
            if key not in queries:
                queries[key] = len(told["queries"])
                told["queries"].append(self._query(*key, example, results.get(met), answer.db_id))
            told["answers"].append(_answer(answer, scored, failed.get(index, ""), queries[key], example))
        return told

    def _add_result(self, gold: dict[str, Any], sql: str, db_id: str) -> Result | None:
        """Put what a gold gives into what the page is told of it, and return its rows."""
        fetched = self._run(sql, db_id)
        if isinstance(fetched, str):
            gold["error"] = fetched
            return None
        if fetched is not None:
            gold["result"] = _shown(fetched)
        return fetched

    def _query(
        self, sql: str, runs_it: bool, met: int, example: Example | None, gold: Result | None, db_id: str
    ) -> dict[str, Any]:
        """Return what the page shows of a query beside the gold that its verdict is by, ``met`` by its position."""
        told: dict[str, Any] = {"sql": cut(sql, MOST_TEXT), "gold": met}
        if example is None:
            told["pieces"] = [None, [[cut(laid_out(sql) or sql, MOST_TEXT), 0]]]
            return told
        schema, wanted = example.question.schema, example.golds[met] if example.golds else ""
        told["used"] = _used(sql, schema)
        told["pieces"], told["own_names"] = _pieces(wanted, sql, schema)
        if not runs_it or not sql.strip():
            return told
        fetched = self._run(sql, db_id)
        if isinstance(fetched, str):
            told["error"] = fetched
        elif fetched is not None:
            told["result"] = _shown(fetched)
            if gold is not None:
                told["beside"] = beside(gold, fetched, ordered="order by" in wanted.lower()).to_json()
        return told

    def _run(self, sql: str, db_id: str) -> Result | str | None:
        path = self._paths.get(db_id)
        if path is None:
            return None
        if self._open is None or self._open.path != path:
            self.close()
            self._open = Sandbox(path, limits=LIMITS, forgiving=True)
        try:
            return self._open.run(sql, stop_after_rows=MOST_COMPARED + 1)
        except (QueryError, DatasetError) as error:
            return cut(str(error), 500)


def _shown(result: Result) -> dict[str, Any]:
    n = len(result.rows)
    return shown(result, n if n <= MOST_COMPARED else None)


def _used(sql: str, schema: Schema) -> list[str] | None:
    found = used(sql, schema) if len(sql) <= MOST_TEXT else None
    if found is None:
        return None
    return sorted([*found.tables, *(f"{table}.{column}" for table, column in found.columns)])


def _pieces(gold: str, sql: str, schema: Schema) -> tuple[list[Any], bool]:
    """Return gold and the query in pieces, marked where they differ, and whether names were made alike for it."""
    if gold:
        left, right = with_own_names(gold, schema), with_own_names(sql, schema)
        if left is not None and right is not None:
            return [*differences(left, right)], True
    left, right = laid_out(gold) or cut(gold, MOST_TEXT), laid_out(sql) or cut(sql, MOST_TEXT)
    return [*differences(left, right)], False


def _answer(answer: Answer, scored: Scored | None, failed: str, query: int, example: Example | None) -> dict[str, Any]:
    prediction = answer.prediction
    words = example.question.text if example else QUESTION
    told: dict[str, Any] = {
        "id": answer.id, "query": query, "usage": prediction.usage.to_json(), "context": dict(answer.context),
        "raw": cut(prediction.text.replace(QUESTION, words), MOST_TEXT),
        "trace": [{key: _told(value) for key, value in step.items()} for step in prediction.trace],
        "candidates": [_candidate(one, words) for one in prediction.candidates[:MOST_CANDIDATES]],
        "n_candidates": len(prediction.candidates), "refused": prediction.refused, "cut": prediction.cut,
    }  # fmt: skip
    if scored is not None:
        told |= {"outcome": scored.outcome.value, "detail": cut(scored.detail, 1000), "metrics": dict(scored.metrics)}
    else:
        told["failed_gold"] = failed or "it was not judged"
    return told


def _told(value: Any) -> Any:
    if isinstance(value, str):
        return cut(value, MOST_TEXT)
    if isinstance(value, Mapping):
        return {str(key): _told(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_told(one) for one in value[:200]]
    return value


def _candidate(candidate: Candidate, words: str) -> dict[str, Any]:
    return {
        "step": candidate.step, "sample": candidate.sample, "sql": cut(candidate.sql, MOST_TEXT),
        "laid_out": laid_out(candidate.sql),
        "text": "" if candidate.text == candidate.sql else cut(candidate.text.replace(QUESTION, words), MOST_TEXT),
        "outcome": candidate.outcome, "digest": candidate.digest[:8], "n": candidate.n, "logprob": candidate.logprob,
    }  # fmt: skip


def schema_of(schema: Schema) -> dict[str, Any]:
    """Return a schema for the page: tables with columns, and what refers to what."""
    return {
        "tables": [
            {
                "name": table.name,
                "columns": [[c.name, c.type, int(c.primary_key), cut(c.about, 300)] for c in table.columns],
            }
            for table in schema.tables
        ],
        "foreign_keys": [[k.table, k.column, k.ref_table, k.ref_column] for k in schema.foreign_keys],
    }  # fmt: skip
