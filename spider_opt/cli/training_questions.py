"""What ``spider-opt finetune`` learns: training questions as its options say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spider_opt.cli.benchmark_options import Chosen
    from spider_opt.databases import DatabasePool
    from spider_opt.models.adapters import Adapter
    from spider_opt.training.dataset import By, Item
    from spider_opt.types import Benchmark, Example


@dataclass(frozen=True, slots=True)
class TrainingQuestions:
    """What is trained on, what is watched, the training split they are of, and what the card says of it.

    ``is_asked`` tells whether a query is the gold one of a question that is kept for scoring.
    """

    training: list[Item]
    validation: list[Item]
    source: Benchmark
    databases: DatabasePool
    about: dict[str, Any]
    is_asked: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which training questions are to be learnt, of the benchmark that is ``chosen``.

    ``examples`` of them, None for all, by ``choose``, or by what the run in ``focus`` got wrong. The ``share`` of them
    is shown with what the method ``context`` retrieves ("none" for nothing), the share ``demos`` with examples, too.
    Without ``hold_out`` the databases that are else held out are learnt, too. ``ids`` is a file that lists the only
    ones to learn, ``answers`` are runs whose right answers in other words are learnt, too, ``corrections`` names
    corrected golds that are learnt in place of wrong ones. ``start`` is the adapter that they are learnt after.
    """

    chosen: Chosen
    examples: int | None
    choose: By
    focus: Path | None
    context: str
    share: float
    seed: int
    demos: float = 0.0
    hold_out: bool = True
    ids: Path | None = None
    answers: tuple[Path, ...] = ()
    corrections: str | None = None
    start: Adapter | None = None


def training_questions(wanted: Wanted) -> TrainingQuestions:
    """Return what there is to learn.

    Raises:
        UsageError: there is nothing, or it is asked for wrongly.
    """
    from spider_opt.benchmarks import training_half
    from spider_opt.benchmarks.leaks import (
        gold_of,
        held_out_questions,
        other_evaluations,
        without_copies,
        without_leaks,
    )
    from spider_opt.benchmarks.subsets import listed
    from spider_opt.benchmarks.validation import is_held_out, is_query_split
    from spider_opt.databases import DatabasePool
    from spider_opt.errors import UsageError
    from spider_opt.progress import lines
    from spider_opt.retrieval.annotations import open_annotations
    from spider_opt.training.contexts import check_context, drawn, training_library, with_examples
    from spider_opt.training.dataset import build, choose, counts, focus, split
    from spider_opt.training.learnt import check_names
    from spider_opt.training.otherwise import with_others

    method, n = wanted.context, wanted.examples
    if method != "none":
        check_context(method)
    asked = wanted.chosen.load()
    source = training_half(asked)
    if wanted.start is not None and wanted.hold_out:
        check_names(wanted.start, filter(is_held_out, source.paths))
    examples, corrections = _corrected(source, wanted.corrections)
    normals = open_annotations(lines).normals
    others = other_evaluations(asked)
    kept = examples
    evaluated = [example for scored in (asked, *others) for example in scored.examples]
    for scored in (asked, *others):
        kept, left_out = without_leaks(kept, scored.examples, normals)
        kept, copied = without_copies(kept, source, scored)
        for reason, count in (left_out | copied).items():
            click.echo(f"left out: {count:,} for {reason} as the evaluation split {scored.split} has", err=True)
    databases = DatabasePool(source.paths)
    items, report = build(kept, databases, progress=lines)
    click.echo(str(report), err=True)
    training, validation = split(items, hold_out=wanted.hold_out)
    apart, too_near = (
        held_out_questions(replace(source, examples=tuple(examples)), normals) if wanted.hold_out else ([], {})
    )
    ids = {example.question.id for example in apart}
    validation = [item for item in validation if item.question.id in ids]
    for reason, count in too_near.items():
        click.echo(f"held out, but not watched: {count:,} for {reason} as a question that is learnt has", err=True)
    if wanted.ids is not None:
        listed_ids = {example.question.id for example in listed(source, wanted.ids).examples}
        training = [item for item in training if item.question.id in listed_ids]
        if not training:
            raise UsageError(
                f"none of the questions that {wanted.ids} lists is left to learn: those of held-out databases are "
                "learnt with --no-hold-out"
            )
    if wanted.focus is not None:
        training = focus(training, wanted.focus, source, n=n)
    elif n is not None:
        training = choose(training, n, wanted.choose, seed=wanted.seed)
    if not training:
        raise UsageError("There is nothing to learn: no training question is left")
    n_asked = len(training)
    if wanted.answers:
        asked_or_watched = gold_of([*evaluated, *apart], normals)
        training = with_others(training, wanted.answers, source, kept, is_asked=asked_or_watched, progress=lines)
    n_otherwise = len(training) - n_asked
    library = training_library(kept, progress=lines) if wanted.demos or method != "none" else None
    if method != "none":
        training = drawn(
            training,
            method,
            databases,
            library,
            share=wanted.share,
            seed=wanted.seed,
            hold_out=wanted.hold_out,
            progress=lines,
        )
    if library is not None and wanted.demos:
        training = with_examples(
            training, databases, library, wanted.demos, seed=wanted.seed, hold_out=wanted.hold_out, progress=lines
        )
    about = {
        "source": f"{source.name} {source.split}",
        "fingerprint": source.fingerprint,
        **counts(training),
        "databases": len({item.question.db_id for item in training}),
        "chosen": wanted.choose if n is not None and wanted.focus is None else None,
        "focus": None if wanted.focus is None else wanted.focus.name,
        "context": method,
        "share": wanted.share,
        **({"demos": wanted.demos} if wanted.demos else {}),
        **({"ids": wanted.ids.name} if wanted.ids is not None else {}),
        **({"corrections": corrections} if corrections else {}),
        **({"otherwise": n_otherwise, "answers": [run.name for run in wanted.answers]} if wanted.answers else {}),
        **({} if wanted.hold_out else {"held out": "nothing"}),
        **({"split_by": "query"} if is_query_split(asked.split) else {}),
    }
    return TrainingQuestions(training, validation, source, databases, about, gold_of(evaluated, normals))


def _corrected(source: Benchmark, named: str | None) -> tuple[list[Example], str]:
    """Return what there is to learn with corrected golds, and what these are called."""
    from spider_opt.benchmarks.corrections import read_corrections
    from spider_opt.training.corrected import corrected
    from spider_opt.wording import counted

    if named is None:
        return list(source.examples), ""
    corrections = read_corrections(named)
    examples, n_mended = corrected(source, corrections)
    click.echo(f"{corrections}: {counted(n_mended, 'corrected query', 'corrected queries')} learnt", err=True)
    return examples, str(corrections)
