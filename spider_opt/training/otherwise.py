"""Right answers in other words: what models say to training questions, as far as the scorer finds it right.

Source: rejection sampling (RFT, Yuan et al. 2023, arXiv:2308.01825); STaR (Zelikman et al. 2022, arXiv:2203.14465).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spider_opt.answering.candidates import DRAWN_ALIKE
from spider_opt.paths import cache_dir
from spider_opt.progress import Progress, silent
from spider_opt.runs import Answer
from spider_opt.scoring import Rules
from spider_opt.scoring.worker_pool import judge_all
from spider_opt.sql.normal import normalized
from spider_opt.training.dataset import Item
from spider_opt.training.other_rows import holding, is_right
from spider_opt.training.spelling import spelled
from spider_opt.training.unseen import unseen_answers
from spider_opt.types import Benchmark, Example


def candidates_of(answer: Answer) -> dict[str, int]:
    """Return the samples that a step chose from, and how often each was said; those that did not run are left out."""
    counts: Counter[str] = Counter()
    for candidate in answer.prediction.candidates:
        if candidate.step in DRAWN_ALIKE and candidate.outcome in ("rows", "empty"):
            counts[candidate.sql] += candidate.n
    return dict(counts)


def right_among(
    pairs: Iterable[tuple[Example, str]], source: Benchmark, *, progress: Progress = silent
) -> set[tuple[str, str]]:
    """Return those of (question, query) that are right and not by luck, each as the question's id and the query.

    The strict scorer finds it right on the database's own rows, and it is right on other rows, too
    (``other_rows.holding``).

    Raises:
        SpiderOptError: a database cannot be read, there is no room for other rows, or a process dies.
    """
    asked = list(pairs)
    with progress("scoring candidates", len(asked)) as advance:
        verdicts = judge_all(
            asked, source.paths, Rules("strict"), cache=cache_dir() / "gold.sqlite", on_verdict=advance
        )
    on_own = [pair for pair, found in zip(asked, verdicts, strict=True) if is_right(found["strict"])]
    held = holding(on_own, source.paths, keep_distinct=True, progress=progress)
    return {(example.question.id, sql) for (example, sql), holds in zip(on_own, held, strict=True) if holds}


def otherwise(item: Item, counts: Mapping[str, int], among: Callable[[str, str], bool]) -> Item | None:
    """Return the item with the most frequent right query that is written otherwise than its own, None for none.

    ``counts`` says how often each query was said, ``among`` tells of (question id, query) whether it is right.
    """
    own = normalized(item.sql)
    others = [sql for sql in counts if among(item.question.id, sql) and normalized(sql) != own]
    if not others:
        return None
    best = max(others, key=lambda sql: counts[sql])
    return replace(item, sql=spelled(best, item.question.schema) or best)


def with_others(
    items: Sequence[Item],
    folders: Sequence[Path],
    source: Benchmark,
    examples: Sequence[Example],
    *,
    is_asked: Callable[[str], bool],
    progress: Progress = silent,
) -> list[Item]:
    """Return the items, behind each the most frequent right answer of runs over ``source`` in other words.

    Right is what has the result of the gold that ``examples`` have. Of runs that drew no samples the answer counts.
    A query that ``is_asked``, the gold one of a question that is kept for scoring, is left out (``leaks.gold_of``).

    Raises:
        LeakError, RunError: as ``unseen_answers``.
    """
    golds = {example.question.id: example for example in examples}
    counts: dict[str, Counter[str]] = {}
    for folder in folders:
        for example, answer in unseen_answers(folder, source):
            said = candidates_of(answer) or ({answer.prediction.sql: 1} if answer.prediction.sql else {})
            counts.setdefault(example.question.id, Counter()).update(said)
    asked = [item.question.id for item in items if item.question.id in counts]
    pairs = [(golds[id], sql) for id in dict.fromkeys(asked) for sql in counts[id]]
    right = {(id, sql) for id, sql in right_among(pairs, source, progress=progress) if not is_asked(sql)}
    found = []
    for item in items:
        other = otherwise(item, counts.get(item.question.id, {}), lambda id, sql: (id, sql) in right)
        found += [item] if other is None else [item, other]
    return found
