"""Training questions whose gold queries somebody read again: corrected ones are learnt in place of wrong ones."""

from __future__ import annotations

from dataclasses import replace

from spider_opt.benchmarks.corrections import Corrections
from spider_opt.types import Benchmark, Example


def corrected(source: Benchmark, corrections: Corrections) -> tuple[list[Example], int]:
    """Return the examples with the first corrected query where the gold one is wrong, and how many these are.

    Raises:
        CorrectionsError: they are of other questions or golds.
    """
    corrections.check(source)
    mended = {entry.index: entry.golds[0] for entry in corrections if entry.said == "wrong"}
    examples = [replace(one, gold_sql=mended.get(one.index, one.gold_sql)) for one in source.examples]
    return examples, sum(example.index in mended for example in examples)
