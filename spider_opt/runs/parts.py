"""The questions of a run told apart: by hardness, by database, by what their gold query is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spider_opt.errors import UsageError
from spider_opt.scoring.report import Scored, accuracy
from spider_opt.scoring.statistics import accuracy_interval, clustered_se
from spider_opt.sql.characteristics import CHARACTERISTICS, told_apart
from spider_opt.types import BIRDS_LEVELS, HARDNESS_LEVELS, Benchmark

if TYPE_CHECKING:
    import pandas as pd

WITHOUT_BENCHMARK = ("hardness", "database")
_ORDER = {level: place for place, level in enumerate((*HARDNESS_LEVELS, *BIRDS_LEVELS))}


def kinds_of_parts(benchmark: Benchmark | None) -> list[str]:
    """Return by what questions are told apart: with a benchmark at hand by its own keys and their gold query, too."""
    if benchmark is None:
        return [*WITHOUT_BENCHMARK]
    keys = {key for example in benchmark.examples for key in example.metadata}
    return list(dict.fromkeys([*WITHOUT_BENCHMARK, *sorted(keys), *CHARACTERISTICS]))


def parts(verdicts: Sequence[Scored], by: str, benchmark: Benchmark | None = None) -> dict[str, list[Scored]]:
    """Return verdicts by a kind of parts, see ``kinds_of_parts``; '-' is where a question's part is not known.

    The easiest or the least first.

    Raises:
        UsageError: there is no such kind of parts.
    """
    kinds = kinds_of_parts(benchmark)
    if by not in kinds:
        lacks = "" if benchmark else " (read the run with its benchmark for what that and its gold queries tell)"
        raise UsageError(f"a run has no parts by {by!r}, but by {', '.join(kinds)}{lacks}")
    names = _names(verdicts, by, benchmark)
    found: dict[str, list[Scored]] = {}
    for scored in verdicts:
        found.setdefault(names[scored.index], []).append(scored)
    return dict(sorted(found.items(), key=lambda item: (_ORDER.get(item[0], len(_ORDER)), item[0] == "-", item[0])))


def _names(verdicts: Sequence[Scored], by: str, benchmark: Benchmark | None) -> Mapping[int, str]:
    if by == "database":
        return {scored.index: scored.db_id for scored in verdicts}
    if by == "hardness":
        return {scored.index: scored.hardness or "-" for scored in verdicts}
    examples = {example.index: example for example in benchmark.examples} if benchmark else {}
    named = {}
    for scored in verdicts:
        example = examples.get(scored.index)
        if example is not None and by in example.metadata:
            named[scored.index] = example.metadata[by]
        elif example is not None and by in CHARACTERISTICS:
            named[scored.index] = told_apart(example.gold_sql)[by]
        else:
            named[scored.index] = "-"
    return named


def as_frame(told: Mapping[str, Sequence[Scored]], by: str) -> pd.DataFrame:
    """Return ``n``, ``ex``, ``ex_se`` and its 95 % interval ``ex_low`` to ``ex_high`` for each part, the index."""
    import pandas as pd

    rows = {}
    for name, part in told.items():
        correct, clusters = [s.correct for s in part], [s.cluster for s in part]
        rows[name] = (len(part), accuracy(part), clustered_se(correct, clusters), *accuracy_interval(correct, clusters))
    columns = ["n", "ex", "ex_se", "ex_low", "ex_high"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(by)
