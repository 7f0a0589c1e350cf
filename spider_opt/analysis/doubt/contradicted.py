"""What several systems say alike and gold does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spider_opt.runs import Run
from spider_opt.scoring.rewrite import value_to_one
from spider_opt.scoring.rules import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.types import Benchmark, Outcome, Verdict


def contradicted(benchmark: Benchmark, runs: Mapping[str, Run], agree: int) -> dict[int, tuple[tuple[str, ...], str]]:
    """Return, by question, the largest set of systems that give one result which is not gold's, and a query for it.

    At least ``agree`` systems are in each. Whether two results are one is what the benchmark's own rule says, with the
    one query in gold's place; answers that fail agree with nobody.
    """
    rules = Rules(benchmark.scorer)
    meant = value_to_one if rules.main.startswith("official") else str  # of an answer, as that rule reads it
    examples = {example.index: example for example in benchmark.examples}
    wrong: dict[int, dict[str, str]] = {}
    for name, run in runs.items():
        for answer, scored in run.judged:
            if scored.outcome is Outcome.WRONG_ROWS and answer.prediction.sql.strip():
                wrong.setdefault(scored.index, {})[name] = answer.prediction.sql
    wrong = {index: said for index, said in sorted(wrong.items()) if len(said) >= agree}
    pairs = [
        (index, one, other)
        for index, said in wrong.items()
        for one in dict.fromkeys(said.values())
        for other in dict.fromkeys(said.values())
        if one != other
    ]
    asked = [(replace(examples[index], gold_sql=meant(one), other_golds=()), other) for index, one, other in pairs]
    verdicts = judge_all(asked, benchmark.paths, rules) if asked else []
    same = {
        pair
        for pair, by_scorer in zip(pairs, verdicts, strict=True)
        if isinstance(verdict := by_scorer[rules.main], Verdict) and verdict.correct
    }
    found = {}
    for index, said in wrong.items():
        largest: tuple[Sequence[str], str] = ((), "")
        for sql in dict.fromkeys(said.values()):
            systems = [name for name, other in said.items() if other == sql or (index, sql, other) in same]
            largest = max(largest, (systems, sql), key=lambda one: len(one[0]))
        if len(largest[0]) >= agree:
            found[index] = (tuple(largest[0]), largest[1])
    return found
