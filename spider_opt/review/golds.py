"""What people's labels say of golds: corrections that scores take, and queries that tuning learns in a gold's place."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt import arguments
from spider_opt.benchmarks.corrections import Correction, Corrections, gold_hash
from spider_opt.errors import UsageError
from spider_opt.paths import cache_dir, write_whole
from spider_opt.review.answers import Judged, judged_answers, labels_of, read_runs
from spider_opt.runs import Run
from spider_opt.runs.labels import Label
from spider_opt.scoring.corrected import check_corrections
from spider_opt.scoring.rules import Rules
from spider_opt.scoring.table import SUITES
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Benchmark, Example, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Proposed:
    """A question whose gold people do not leave alone: ``golds`` are right, ``in_its_place`` or beside it, and why.

    The first ``n_alike`` of them must give one result.
    """

    example: Example
    golds: tuple[str, ...]
    in_its_place: bool
    reason: str
    n_alike: int


@dataclass(frozen=True, slots=True)
class Proposals:
    """What follows from labels, by question; ``contested`` are the ids of questions on which people contradict."""

    found: tuple[Proposed, ...]
    contested: tuple[str, ...]


def proposals(runs: Sequence[Run | Path | str], benchmark: Benchmark) -> Proposals:
    """Return the golds that people's labels speak against, and what is right by them.

    An answer that EX calls wrong, and people call right, is right beside the gold. A corrected query that does not give
    what the gold gives is right too: in the gold's place where the gold was shown, else beside it. Where somebody
    calls wrong what another calls right, or corrected queries give different results, nothing follows. What judges say
    does not count.

    Raises:
        UsageError, RunError: as ``write_sheet``.
    """
    read = read_runs(runs, benchmark)
    answers = judged_answers(read)
    labels = {
        key: [label for label in said if not label.judge] for key, said in labels_of(read, answers).items()
    }  # fmt: skip
    main = read[0].scorer.rules.main
    rules = Rules("official" if main in SUITES else main)
    by_question: dict[int, list[Judged]] = {}
    for one in answers:
        if labels.get(one.key):
            by_question.setdefault(one.example.index, []).append(one)
    corrected = _corrected(by_question, labels, benchmark, rules)
    found, contested = [], list[str]()
    for index, several in by_question.items():
        example = several[0].example
        proposed = _of_question(example, several, labels, corrected[index])
        if proposed is None:
            contested.append(example.question.id)
        elif proposed.golds:
            found.append(proposed)
    clear, more = _of_one_result(found, benchmark, rules)
    return Proposals(tuple(clear), (*contested, *more))


def write_corrections(found: Proposals, benchmark: Benchmark, out: str | Path) -> int:
    """Write proposals as a file of corrections, and return how many there are; each query is run before.

    Raises:
        UsageError: the file is there.
        CorrectionsError: a query fails.
    """
    path = free_file(out, ".json")
    entries = tuple(
        Correction(
            one.example.index, one.example.question.db_id, gold_hash(one.example),
            "wrong" if one.in_its_place else "several", one.reason, one.golds,
        )
        for one in found.found
    )  # fmt: skip
    check_corrections(Corrections(path.stem, entries), benchmark, Rules())
    told = [
        {
            "index": e.index, "db_id": e.db_id, "hash": e.hash, "verdict": e.said, "reason": e.reason,
            "golds": list(e.golds),
        }
        for e in entries
    ]  # fmt: skip
    _write(path, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return len(entries)


def write_review(found: Proposals, out: str | Path) -> int:
    """Write the first query of each proposal as ``improve --review`` takes it, and return how many there are.

    Raises:
        UsageError: the file is there.
    """
    path = free_file(out, ".jsonl")
    lines = [{"id": one.example.question.id, "sql": one.golds[0], "reason": one.reason} for one in found.found]
    _write(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return len(lines)


def free_file(out: str | Path, suffix: str) -> Path:
    """Return the path of a file that is still to be written.

    Raises:
        UsageError: something is there, or the name ends otherwise.
    """
    path = arguments.path(out, "out")
    if path.exists() and (path.is_dir() or path.stat().st_size):
        raise UsageError(f"{path} is there: name another file")
    if path.suffix.lower() != suffix:
        raise UsageError(f"{path} is no name for this file: end it with {suffix}")
    return path


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)


def _corrected(
    by_question: Mapping[int, Sequence[Judged]],
    labels: Mapping[str, Sequence[Label]],
    benchmark: Benchmark,
    rules: Rules,
) -> dict[int, list[Label]]:
    """Return, of each question, the labels whose corrected query does not give what the gold gives."""
    asked = [
        (one.example, label)
        for several in by_question.values()
        for one in several
        for label in labels[one.key]
        if label.corrected
    ]
    verdicts = _verdicts([(example, label.corrected) for example, label in asked], benchmark, rules)
    found: dict[int, list[Label]] = {index: [] for index in by_question}
    for (example, label), right in zip(asked, verdicts, strict=True):
        if not right:
            found[example.index].append(label)
    return found


def _of_question(
    example: Example, several: Sequence[Judged], labels: Mapping[str, Sequence[Label]], corrected: Sequence[Label]
) -> Proposed | None:
    """Return what follows for a question, None where people contradict each other."""
    golds: dict[str, str] = {}
    reasons: dict[str, None] = {}
    in_its_place = any(label.gold_shown for label in corrected)
    for label in corrected:
        golds.setdefault(same_query_key(label.corrected), label.corrected)
        reasons[f"{label.by}: {label.reason or 'corrected'}"] = None
    n_corrected = len(golds)
    for one in several:
        ran_and_differs = one.given[0].scored.outcome is Outcome.WRONG_ROWS
        said = {label.said for label in labels[one.key]}
        if not ran_and_differs or "right" not in said:
            continue
        if "wrong" in said:
            return None
        golds.setdefault(same_query_key(one.sql), one.sql)
        for label in labels[one.key]:
            if label.said == "right":
                reasons[f"{label.by}: {label.reason or 'right'}"] = None
    n_alike = len(golds) if in_its_place else n_corrected
    return Proposed(example, tuple(golds.values()), in_its_place, "; ".join(reasons), n_alike)


def _of_one_result(found: Sequence[Proposed], benchmark: Benchmark, rules: Rules) -> tuple[list[Proposed], list[str]]:
    """Return the proposals whose queries give one result where they must, and the ids of the others' questions."""
    pairs = [
        (replace(one.example, gold_sql=one.golds[0], other_golds=()), sql)
        for one in found
        for sql in one.golds[1 : one.n_alike]
    ]
    verdicts = iter(_verdicts(pairs, benchmark, rules))
    clear, contested = [], []
    for one in found:
        same = [next(verdicts) for _ in one.golds[1 : one.n_alike]]
        if all(same):
            clear.append(one)
        else:
            contested.append(one.example.question.id)
    return clear, contested


def _verdicts(pairs: Sequence[tuple[Example, str]], benchmark: Benchmark, rules: Rules) -> list[bool]:
    if not pairs:
        return []
    judged = judge_all(pairs, benchmark.paths, rules, cache=cache_dir() / "gold.sqlite")
    said = (by_scorer[rules.main] for by_scorer in judged)
    return [isinstance(verdict, Verdict) and verdict.correct for verdict in said]
