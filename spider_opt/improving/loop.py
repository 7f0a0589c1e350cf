"""A round of the loop: answer training questions with adapters that did not see them, learn from that, compare.

Source: OpenAI, "A Survey of Techniques for Maximizing LLM Performance" (DevDay 2023): evaluate, find what fails, tune
on, evaluate again; right answers in other words: RFT (Yuan et al. 2023, arXiv:2308.01825) and STaR (Zelikman et al.
2022, arXiv:2203.14465).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from spider_opt.analysis.comparing import compare
from spider_opt.benchmarks.equal_contents import equal_contents
from spider_opt.benchmarks.leaks import gold_of, not_by_heart
from spider_opt.errors import TrainingError, UsageError
from spider_opt.evaluation.learnt import shows_examples
from spider_opt.improving.adapters import LoopAdapters, there_is
from spider_opt.improving.folds import folds, hold_out
from spider_opt.improving.lessons import Lessons, labelled, lessons
from spider_opt.improving.plan import Ask, Plan, Questions, Tune
from spider_opt.improving.review import check_apart, check_review, write_suspects
from spider_opt.improving.state import Round, State, read_state
from spider_opt.methods import parse_method
from spider_opt.models.adapters import CARD, FILE, Adapter, find_adapter, folder_for
from spider_opt.models.lagging import CHECKPOINT
from spider_opt.progress import Progress, silent
from spider_opt.runs import Answer, Run
from spider_opt.runs.describing import hashed
from spider_opt.training.dataset import Item, check_training, counts
from spider_opt.training.job_state import held
from spider_opt.training.learnt import check_start
from spider_opt.training.otherwise import candidates_of, right_among


class Loop:
    """The loop, which goes on where it was stopped.

    Raises:
        UsageError: it was begun otherwise, or there are too few questions.
        LeakError: a question must not be learnt, or the adapter to start with has learnt what is held out.
    """

    def __init__(
        self,
        questions: Questions,
        plan: Plan,
        *,
        tune: Tune,
        ask: Ask,
        tell: Callable[[str], None] = lambda _: None,
        progress: Progress = silent,
    ) -> None:
        check_training(questions.training)
        self._labels = dict(plan.labels or {})
        check_review(self._labels, questions.training, questions.databases)
        alike = equal_contents(questions.source)
        self._watched = questions.held_out
        if not questions.held_out:
            questions = _with_some_held_out(questions, alike, tell)
        if not questions.held_out:
            raise UsageError("there is nothing to compare by: the training questions need more databases")
        held_out = {item.question.id for item in questions.held_out}
        if vain := sorted(held_out & self._labels.keys()):
            tell(
                f"{len(vain):,} of the reviewed questions are held out to compare by, and stay as they are: {vain[0]} …"
            )
        examples = {example.question.id: example for example in questions.source.examples}
        self._is_watched = gold_of([examples[item.question.id] for item in questions.held_out])
        check_apart(
            {id: label for id, label in self._labels.items() if id not in held_out}, self._is_watched, "compared by"
        )
        questions = replace(questions, training=labelled(questions.training, self._labels))
        self._questions, self._plan = questions, plan
        self._tune, self._ask, self._tell, self._progress = tune, ask, tell, progress
        self._by_fold = folds(questions.training, alike, plan.folds)
        parse_method(self._vote("any"))  # what is asked wrongly is told before anything is tuned
        check_context(plan.context)
        self._state = read_state(plan.folder, self._asked())
        self._adapters = LoopAdapters(plan, self._state)
        self._adapters.check()
        if plan.start is not None:
            check_start(plan.start, questions.held_out, alike, tell)

    @property
    def state(self) -> State:
        """What was done so far."""
        return self._state

    def run(self) -> Iterator[Round]:
        """Yield each round, those that were done before too; at the end the best adapter has the loop's name.

        Raises:
            SpiderOptError: a training, an answer or a score fails; what was done is kept.
        """
        plan, state = self._plan, self._state
        state.keep()  # from now on the adapters of this name are the loop's
        yield from state.rounds
        if not state.best:
            first = plan.start.name if plan.start else self._tuned("round-0", self._questions.training, None)
            state.best = first
            state.keep()
        for n in range(len(state.rounds) + 1, plan.rounds + 1):
            done = self._round(n)
            state.rounds.append(done)
            if done.kept:
                state.best = done.adapter
            state.keep()
            yield done
        self._adapters.name_the_best()

    def _round(self, n: int) -> Round:
        learnt = self._learnt(n)
        before = self._state.best
        write_suspects(self._plan.folder / f"suspected-{n}.jsonl", learnt.suspects)
        adapter = self._tuned(f"round-{n}", learnt.items, self._adapters.known(before), seed=n)
        base, run = self._held_out(before), self._held_out(adapter)
        found = compare(run, base)
        return Round(
            n, adapter, learnt.n_asked, learnt.n_failed, learnt.n_otherwise, learnt.n_labelled, len(learnt.suspects),
            len(learnt.items), found.n, _ex(base), _ex(run), found.change, found.low, found.high, found.low > 0,
        )  # fmt: skip

    def _learnt(self, n: int) -> Lessons:
        """Answer training questions, each with an adapter that did not see its database, and see what that teaches."""
        plan, source = self._plan, self._questions.source
        answers: dict[str, Answer] = {}
        failed: set[str] = set()
        asked: list[Item] = []
        for number, chosen in enumerate(self._chosen(n), 1):
            others = [item for i, fold in enumerate(self._by_fold, 1) if i != number for item in fold]
            adapter = self._tuned(f"fold-{number}", others, None)
            if not chosen:
                continue
            self._tell(f"round {n}: {len(chosen):,} training questions, asked by an adapter that did not see them")
            run = self._ask(
                self._vote(adapter), source, model=plan.spec.model, ids=[item.question.id for item in chosen],
                out=plan.folder / f"round-{n}-fold-{number}", seed=plan.seed + n, engine=plan.engine,
            )  # fmt: skip
            wrong = {scored.index for scored in run.verdicts if not scored.correct}
            answers |= {answer.id: answer for answer in run.answers}
            failed |= {answer.id for answer in run.answers if answer.index in wrong}
            asked += chosen
        examples = {example.question.id: example for example in source.examples}
        pairs = [(examples[id], sql) for id, answer in answers.items() for sql in candidates_of(answer)]
        right = right_among(pairs, source, progress=self._progress)

        def may_be_learnt(id: str, sql: str) -> bool:
            return (id, sql) in right and not self._questions.is_asked(sql) and not self._is_watched(sql)

        return lessons(asked, answers, may_be_learnt, frozenset(failed), self._labels)

    def _chosen(self, n: int) -> list[list[Item]]:
        """Return the questions that a round asks of each fold, in the order of databases."""
        wanted = self._plan.examples
        every = [item for fold in self._by_fold for item in fold]
        if wanted is None or wanted >= len(every):
            return self._by_fold
        ids = {item.question.id for item in random.Random(f"{self._plan.seed} {n}").sample(every, wanted)}
        return [[item for item in fold if item.question.id in ids] for fold in self._by_fold]

    def _tuned(self, what: str, items: Sequence[Item], start: Adapter | None, seed: int = 0) -> str:
        """Tune an adapter, or go on, or take it as it is; return its name."""
        name = f"{self._plan.name}.{what}"
        folder = folder_for(name)
        if name in self._state.tuned and (folder / CARD).is_file():
            return self._adapters.known(name).name
        if name not in self._state.begun:
            if any((folder / file).exists() for file in (CARD, FILE, CHECKPOINT)):
                raise there_is(name)
            self._state.begun.append(name)
            self._state.keep()
        if not items:
            raise TrainingError(f"There is nothing to tune {name} on: no question is left")
        spec = self._plan.spec
        rate = spec.settings.rate if start is None else self._plan.rate_on
        settings = replace(spec.settings, seed=spec.settings.seed + seed, rate=rate)
        about = {**self._questions.about, **counts(items), "loop": what}
        self._tell(f"tuning {name} on {about['questions']:,} questions")
        folder.mkdir(parents=True, exist_ok=True)
        with held(folder):
            self._tune(
                items, self._watched, self._questions.databases, folder,
                replace(spec, settings=settings, start=start, check=0), resume=(folder / CHECKPOINT).is_file(),
                about=about,
            )  # fmt: skip
        self._state.tuned[name] = find_adapter(name).sha256
        self._state.keep()
        return name

    def _held_out(self, adapter: str) -> Run:
        return self._ask(
            self._method(adapter), self._questions.source, model=self._plan.spec.model,
            ids=[item.question.id for item in self._questions.held_out],
            out=self._plan.folder / f"held-out-{adapter}", seed=self._plan.seed, engine=self._plan.engine,
        )  # fmt: skip

    def _method(self, adapter: str) -> str:
        context = self._plan.context
        return f"finetune:adapter={adapter}" + ("" if context == "none" else f"+{context}")

    def _vote(self, adapter: str) -> str:
        return f"vote:n={self._plan.samples},temperature={self._plan.temperature:g}+{self._method(adapter)}"

    def _asked(self) -> dict[str, Any]:
        """Return what decides on what the loop does, as it is kept; more rounds may be asked for later."""
        plan = self._plan
        spec = asdict(replace(plan.spec, start=None))
        return {
            "name": plan.name, "spec": spec, "start": plan.start and plan.start.sha256, "folds": plan.folds,
            "examples": plan.examples, "samples": plan.samples, "temperature": plan.temperature,
            "context": plan.context, "rate_on": plan.rate_on, "engine": plan.engine, "seed": plan.seed,
            "fingerprint": self._questions.source.fingerprint,
            "questions": hashed([
                sorted(item.question.id for item in items)
                for items in (self._questions.training, self._questions.held_out)
            ]),
            "labels": {id: label.sql for id, label in sorted(self._labels.items())},
        }  # fmt: skip


def check_context(context: str) -> None:
    """Make sure that what retrieval brings to training questions is no training questions.

    Raises:
        MethodError: there is no such method.
        UsageError: it shows examples.
    """
    if context != "none" and shows_examples(parse_method(f"{context}+zero-shot")):
        raise UsageError(f"{context} shows training examples, and here training questions are asked: take rag, or none")


def _ex(run: Run) -> float:
    if run.ex is None:
        raise TrainingError("no held-out question could be judged: their gold queries fail")
    return run.ex


def _with_some_held_out(
    questions: Questions, alike: Iterable[frozenset[str]], tell: Callable[[str], None]
) -> Questions:
    """Hold out databases where none is by its name, but for questions that tell what was learnt by heart."""
    rest, apart = hold_out(questions.training, alike)
    examples = {example.question.id: example for example in questions.source.examples}
    kept, left_out = not_by_heart(
        [examples[item.question.id] for item in apart], [examples[item.question.id] for item in rest]
    )
    ids = {example.question.id for example in kept}
    tell(f"no training database is held out by its name: {len(kept):,} questions are, to compare by")
    for reason, n in left_out.items():
        tell(f"held out, but not compared by: {n:,} for {reason} as a question that is learnt has")
    return replace(questions, training=rest, held_out=[item for item in apart if item.question.id in ids])
