"""What a judge learns: candidates of training questions, and whether each is right.

They are drawn by models that did not see the questions' databases: candidates of one that knows the questions by heart
would teach that all are right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt.answering.candidates import own
from spider_opt.answering.disagreement import Group, groups
from spider_opt.errors import UsageError
from spider_opt.progress import Progress, silent
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.training.dataset import Item
from spider_opt.training.other_rows import holding, is_right
from spider_opt.training.unseen import unseen_answers
from spider_opt.types import Benchmark, Database, Example, Verdict

_LOG = logging.getLogger("spider_opt")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem(Item):
    """A question, and a candidate with its result; whether it is ``right``."""

    group: Group
    right: bool


def judged_items(
    runs: Sequence[Path],
    source: Benchmark,
    databases: Mapping[str, Database],
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> list[JudgedItem]:
    """Return the candidates of runs over questions of ``source``, a training split, each query of a question once.

    Their results are those of ``databases``, which are to be sandboxes; each is judged by the benchmark's own rule, and
    ``cache`` is the file of gold results. One result in other words is told, too: a judge reads the query as well. What
    is right on the database's own rows only, where Spider's rule can tell, is neither right nor wrong, and left out.

    Raises:
        LeakError, RunError: as ``unseen_answers``.
        UsageError: the runs kept no candidates.
        SpiderOptError: as ``holding``.
    """
    found: dict[tuple[str, str], tuple[Example, Group]] = {}
    for folder in runs:
        for example, group in _candidates(folder, source, databases):
            found.setdefault((example.question.id, group.sql), (example, group))
    if not found:
        raise UsageError("the runs kept no candidates to learn from: ask by a method that draws several (vote:n=8+…)")
    pairs = [(example, group.sql) for example, group in found.values()]
    rules = replace(Rules("").on(source), metrics=("official",))
    with progress("judging candidates", len(pairs)) as advance:
        verdicts = judge_all(pairs, source.paths, rules, cache=cache, on_verdict=advance)
    name = rules.asked[rules.main]
    right = [
        pair
        for pair, said in zip(pairs, verdicts, strict=True)
        if is_right(said[name]) and is_right(said["official"])  # on other rows that rule is the one to ask
    ]
    held = holding(right, source.paths, progress=progress)
    lucky = {(example.question.id, sql) for (example, sql), holds in zip(right, held, strict=True) if not holds}
    if lucky:
        _LOG.warning("left out: %s of %s right candidates, by luck", f"{len(lucky):,}", f"{len(right):,}")
    return [
        JudgedItem(question=example.question, sql=group.sql, group=group, right=verdict.correct)
        for (key, (example, group)), said in zip(found.items(), verdicts, strict=True)
        if isinstance(verdict := said[name], Verdict) and key not in lucky  # whose gold fails teaches nothing
    ]


def _candidates(folder: Path, source: Benchmark, databases: Mapping[str, Database]) -> Iterator[tuple[Example, Group]]:
    """Yield each candidate of a run's answers that gave a result, with the first rows of that."""
    for example, answer in unseen_answers(folder, source):
        candidates = own(answer.prediction.candidates)
        shown = groups(candidates, databases[example.question.db_id]) if candidates else ()
        results = {candidates[group.number].digest: group for group in shown}
        for number, candidate in enumerate(candidates):
            if candidate.digest in results:
                yield example, replace(results[candidate.digest], number=number, sql=candidate.sql)


def apart(items: Sequence[JudgedItem], db_ids: frozenset[str]) -> tuple[list[JudgedItem], list[JudgedItem]]:
    """Return the items of other databases, and those of ``db_ids``, by which what the others teach can be measured."""
    inside = [item.question.db_id in db_ids for item in items]
    return (
        [item for item, there in zip(items, inside, strict=True) if not there],
        [item for item, there in zip(items, inside, strict=True) if there],
    )
