"""EX with corrected golds, beside EX: the same answers, judged by what is right where the benchmark's gold is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt.benchmarks.corrections import Correction, Corrections
from spider_opt.errors import CorrectionsError, GoldError
from spider_opt.scoring.rules import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import Benchmark, Example, Verdict
from spider_opt.wording import argument


def judge_corrected(
    answers: Sequence[tuple[Example, str]],
    correct: Sequence[bool | None],
    corrections: Corrections,
    paths: Mapping[str, Path],
    rules: Rules,
    *,
    suites: Mapping[str, Sequence[Path]] = {},
    cache: Path | None = None,
    n_workers: int | None = None,
) -> list[bool | None]:
    """Return whether answers are right with corrected golds, by the scorer of EX.

    ``correct`` is what that said by the benchmark's golds, None where the gold failed: such a question counts nowhere.

    Raises:
        CorrectionsError: a corrected query fails.
        SpiderOptError, DatasetError: as ``judge_all``.
    """
    by_index = {entry.index: entry for entry in corrections}
    alone = replace(rules, mode=rules.main, metrics=(), corrections=None)
    asked: list[tuple[int, Correction]] = []
    pairs: list[tuple[Example, str]] = []
    found = list(correct)
    for position, (example, sql) in enumerate(answers):
        entry = by_index.get(example.index)
        if (
            entry is None
            or found[position] is None
            or entry.said == "right"
            or (entry.said == "several" and found[position])
        ):
            continue
        found[position] = False
        for gold in entry.golds:
            asked.append((position, entry))
            pairs.append((replace(example, gold_sql=gold, other_golds=()), sql))
    judged = judge_all(pairs, paths, alone, suites=suites, cache=cache, n_workers=n_workers) if pairs else []
    for (position, entry), by_scorer in zip(asked, judged, strict=True):
        verdict = by_scorer[rules.main]
        if isinstance(verdict, GoldError):
            raise _failed(corrections, entry, verdict, rules.main)
        found[position] = bool(found[position]) or verdict.correct
    return found


def check_corrections(corrections: Corrections, benchmark: Benchmark, rules: Rules) -> None:
    """Make sure that corrections are of a benchmark's golds, and that the rule of EX can judge by each corrected query.

    Raises:
        CorrectionsError: one is of another question or gold, or fails.
    """
    corrections.check(benchmark)
    examples = {example.index: example for example in benchmark.examples}
    asked = [(entry, gold) for entry in corrections if entry.index in examples for gold in entry.golds]
    pairs = [(replace(examples[entry.index], gold_sql=gold, other_golds=()), gold) for entry, gold in asked]
    alone = replace(rules.on(benchmark), metrics=(), corrections=None)
    alone = replace(alone, mode=alone.main)
    for (entry, _), by_scorer in zip(asked, judge_all(pairs, benchmark.paths, alone) if pairs else [], strict=True):
        verdict = by_scorer[alone.main]
        if not isinstance(verdict, Verdict):
            raise _failed(corrections, entry, verdict, alone.main)


def _failed(corrections: Corrections, entry: Correction, error: GoldError, scorer: str) -> CorrectionsError:
    said = str(error).removeprefix(f"gold query fails on {entry.db_id}: ")
    return CorrectionsError(
        f"{corrections.name}: a corrected query of question {entry.index} fails on {entry.db_id}: {said} (to "
        f"{scorer}, by which EX is judged); mend it, or leave {argument('corrections')} out"
    )


def changes(verdicts: Iterable[tuple[bool, bool | float | None]]) -> dict[str, int]:
    """Return how many questions corrected golds make right and wrong, by (EX, with them or None).

    >>> changes([(False, True), (True, True), (True, False), (False, None), (False, 1.0)])
    {'become_right': 2, 'become_wrong': 1}
    """
    said = [(ex, bool(corrected)) for ex, corrected in verdicts if corrected is not None]
    return {
        "become_right": sum(ex < after for ex, after in said),
        "become_wrong": sum(ex > after for ex, after in said),
    }
