"""Does what stands beside an answer fit the question it is paired with?"""

from __future__ import annotations

from collections.abc import Sequence

from spider_opt.benchmarks.questions import normal_text
from spider_opt.runs.prediction_files.entries import Entry, Known, bare
from spider_opt.runs.prediction_files.fields import shortened
from spider_opt.sql.spacing import same_query_key
from spider_opt.types import Benchmark, Example

AT_LEAST, THEMSELVES = 3, 0.95
"""From how many answers on, and from which share of them, it is said that they are the gold queries themselves."""
SWAPPED, SWAPPED_SHARE = 3, 0.1
"""From how many gold queries of other questions on, and from which share, answers are taken to be in another order."""
Pairs = Sequence[tuple[Example, Entry]]


def contradiction(benchmark: Benchmark, pairs: Pairs) -> str:
    """Return why answers cannot be for these questions, '' where they can.

    An answer is about another database; or has another question beside it, be it one that is asked elsewhere or while
    those of others fit; or many have the gold queries of other questions. Questions none of which is known, and gold
    queries of another version of the benchmark, are no reason.
    """
    split = f"{benchmark.name} {benchmark.split}"
    for example, entry in pairs:
        if entry.db_id not in ("", example.question.db_id):
            return (
                f"{entry.place} is about {entry.db_id}, but that question is about {example.question.db_id}: are the "
                "answers in the split's order?"
            )
    other, other_golds = _other_questions(pairs), _other_golds(pairs)
    if not other and not other_golds:
        return ""
    known = Known(benchmark)
    n_told = sum(entry.question != "" for _, entry in pairs)
    if other and (len(other) < n_told or any(normal_text(entry.question) in known.questions for _, entry in other)):
        example, entry = other[0]
        return (
            f"{entry.place} has the question {shortened(entry.question)}, but there {split} asks "
            f"{shortened(example.question.text)}: are the answers in the split's order?"
        )
    swapped = [(x, entry) for x, entry in other_golds if bare(entry.gold) in known.golds]
    if len(swapped) >= SWAPPED and len(swapped) > SWAPPED_SHARE * len(pairs):
        example, entry = swapped[0]
        return (
            f"{entry.place} has the gold query {shortened(entry.gold)}, but there {split} has "
            f"{shortened(example.gold_sql)}, and so it is with {len(swapped)} of {len(pairs)} answers: are they in "
            "the split's order?"
        )
    return ""


def differences(pairs: Pairs, by: str) -> list[tuple[str, str]]:
    """Return what differs and does not count, as (what the file has, what is done); ``by`` is what they are paired by.

    To be asked where there is no ``contradiction``.
    """
    said = []
    same = sum(not {*map(bare, x.golds)}.isdisjoint(map(bare, {entry.sql, entry.cut})) for x, entry in pairs)
    if same >= max(AT_LEAST, THEMSELVES * len(pairs)):
        said.append(
            (
                f"has the gold query itself as {same} of {len(pairs)} answers to",
                "are these golds rather than what somebody answered?",
            )
        )
    if _other_questions(pairs):
        said.append(("has other questions beside its answers than", f"only their {by} counts"))
    if golds := _other_golds(pairs):
        first = golds[0][1].place
        said.append(
            (
                f"has other gold queries beside {len(golds)} of its answers (the first: {first}) than",
                "those of the benchmark count",
            )
        )
    return said


def are_confusable(examples: Sequence[Example], entries: Sequence[Entry]) -> bool:
    """Tell whether it makes a difference which of these answers is for which of these questions."""
    asked = {(example.question.db_id, *map(same_query_key, example.golds or example.judged_by)) for example in examples}
    return len(asked) > 1 and len({entry.sql for entry in entries}) > 1


def _other_questions(pairs: Pairs) -> list[tuple[Example, Entry]]:
    return [(x, e) for x, e in pairs if e.question and normal_text(e.question) != normal_text(x.question.text)]


def _other_golds(pairs: Pairs) -> list[tuple[Example, Entry]]:
    return [(x, e) for x, e in pairs if e.gold and x.golds and bare(e.gold) not in map(bare, x.golds)]
