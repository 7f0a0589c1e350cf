"""Climbs the oracle's ladder: rung by rung for what is still wrong, with controls, and goes on where it was stopped."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from spider_opt import arguments
from spider_opt.analysis.diagnosis.causes import RUNGS, Rung
from spider_opt.analysis.diagnosis.diagnosing import Diagnosis
from spider_opt.analysis.diagnosis.oracle.answers import Group, OracleFile
from spider_opt.analysis.diagnosis.oracle.asking import identity, method_of, model_of, with_oracle
from spider_opt.analysis.diagnosis.oracle.context import OracleContext, contexts
from spider_opt.analysis.diagnosis.oracle.demos import demos
from spider_opt.analysis.diagnosis.oracle.findings import Control, OracleFindings
from spider_opt.benchmarks.unchanged import check_unchanged
from spider_opt.cache_use import cache_in_use
from spider_opt.databases import DatabasePool
from spider_opt.errors import ModelError, RunError, UsageError
from spider_opt.models.computing import asked_together
from spider_opt.paths import cache_dir
from spider_opt.progress import Progress, display
from spider_opt.retrieval import open_library
from spider_opt.runs import Run
from spider_opt.runs.claiming import alone
from spider_opt.runs.concurrency import ask_all, by_database
from spider_opt.runs.info import FILE as RUN_FILE
from spider_opt.scoring import Rules, score
from spider_opt.temporary import temporary_folder
from spider_opt.types import Benchmark, ChatModel, Example, Tools, Usage
from spider_opt.wording import counted, either

CONTROLS = 30
"""How many answers each control has, drawn by a seed."""
_CHANCE = OracleContext(reordered=True)
Key = tuple[Group, Rung | None, int]


@dataclass(frozen=True, slots=True)
class _Controls:
    """Some questions that were answered rightly, and some that were not."""

    right: Sequence[Example]
    wrong: Sequence[Example]

    @classmethod
    def drawn(cls, found: Diagnosis, benchmark: Benchmark, n: int, seed: int) -> _Controls:
        right = _of(benchmark, {scored.index for scored in found.run.verdicts if scored.correct})
        return cls(_drawn(right, n, seed), _drawn(_wrong(found, benchmark), n, seed))


@dataclass(slots=True)
class _Climb:
    """One asking: what is known of each question, and what is still to be asked.

    ``ask`` puts examples to the model with what they are shown, None where nobody may be asked.
    """

    benchmark: Benchmark
    rules: Rules
    file: OracleFile
    shown: Mapping[int, Mapping[Rung, OracleContext]]
    controls: _Controls
    ask: Callable[[Group, Rung | None, Sequence[Example], Mapping[str, OracleContext]], None] | None = None
    lacking: set[Key] = field(default_factory=set)

    def right(self, group: Group, rung: Rung | None, asked: Sequence[Example]) -> dict[int, bool]:
        """Return of each question whether it is answered rightly now; those without an answer are left out."""
        todo = [example for example in asked if (group, rung, example.index) not in self.file.answers]
        if todo and self.ask is not None:
            shown = {e.question.id: _CHANCE if rung is None else self.shown[e.index][rung] for e in todo}
            self.ask(group, rung, by_database(todo), shown)
        there = [(e, self.file.answers.get((group, rung, e.index))) for e in asked]
        self.lacking |= {(group, rung, example.index) for example, answer in there if answer is None}
        pairs = [(example, answer.query) for example, answer in there if answer is not None]
        return {one.index: one.correct for one in score(self.benchmark, pairs, self.rules).scored} if pairs else {}

    def is_new(self, example: Example, rung: Rung) -> bool:
        """Tell whether a rung shows more than what was asked before it."""
        at = RUNGS.index(rung)
        before = self.shown[example.index][RUNGS[at - 1]] if at else OracleContext()
        return self.shown[example.index][rung] != before


def ask_oracle(
    found: Diagnosis,
    benchmark: Benchmark,
    folder: str | Path,
    *,
    model: ChatModel | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
    tell: Callable[[str], None] = lambda sentence: None,
    progress: bool | Progress | None = False,
) -> OracleFindings:
    """Ask the wrong answers of a run again, with more and more of gold in the prompt, until one turns right.

    The run's own model, method and prompt form are asked; only the innermost prompt shows gold's tables, columns,
    values and a training example of its skeleton, each rung what those below it do. As controls some right answers
    climb every rung, and some wrong ones are asked with the tables in the opposite order. Each answer is written into
    ``folder`` as it comes, and asked once; ``tell`` is told the cost before anything is asked.

    Raises:
        UsageError: the run's method or model cannot be asked again, or the folder is a run's.
        RunError: the folder has the oracle's answers of another run, is in use, or questions got no answer: the same
            call goes on.
        ModelError: no use to go on.
        DatasetError: a database has changed since the benchmark was loaded.
    """
    run, shown_by = found.run, display(progress)
    folder = arguments.path(folder, "folder")
    controls, seed = arguments.whole(controls, "controls", least=0), arguments.seed(seed)
    method = method_of(run.info)
    if (folder / RUN_FILE).exists():
        raise UsageError(f"{folder} is a run's folder, and what an oracle is answered is kept apart: name another one")
    check_unchanged(benchmark)
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder), cache_in_use(), temporary_folder() as nowhere:
        file = OracleFile(folder, identity(run), _own(run))
        drawn = _Controls.drawn(found, benchmark, controls, seed)
        climb = _climb(found, benchmark, file, drawn, shown_by)
        n = _at_most(climb, found)
        tell(_cost(run, n))
        with closing(model_of(run, method, model, cache_dir(), nowhere)) as opened:
            library = open_library(benchmark, benchmark.examples, run.info.embedder, progress=shown_by)
            tools = Tools(DatabasePool(benchmark.paths), library)
            errors: list[ModelError] = []
            side_by_side = asked_together(opened.info)

            def ask(
                group: Group, rung: Rung | None, todo: Sequence[Example], shown: Mapping[str, OracleContext]
            ) -> None:
                generator = with_oracle(method, tools, shown)
                answered = ask_all(todo, generator, opened, run.info.seed, side_by_side)
                label = f"asking {group} answers again, {rung.value if rung else 'in another order'}"
                with shown_by(label, len(todo)) as advance, closing(answered):
                    for example, got in answered:
                        if isinstance(got, ModelError):
                            errors.append(got)
                        else:
                            file.add(group, rung, example, got.sql, got.usage)
                        advance()

            climb.ask = ask
            _findings(climb, found)
        climb.ask = None
        told = _findings(climb, found)
    if errors:
        raise RunError(
            f"{counted(len(errors), 'question')} got no answer ({errors[0]}): "
            f"{either('the same call goes on', 'the same command goes on')}"
        ) from errors[0]
    return told


def read_oracle(found: Diagnosis, benchmark: Benchmark, folder: str | Path) -> OracleFindings | None:
    """Return what the answers in a folder say, without a model; None where there are none, or not all.

    The controls are those that have answers there.

    Raises:
        RunError: they are of another run, or were asked otherwise.
    """
    folder = arguments.path(folder, "folder")
    file = OracleFile(folder, identity(found.run), _own(found.run))
    if not file.answers:
        return None
    drawn = {group: {key[2] for key in file.answers if key[0] is group} for group in Group}
    controls = _Controls(_of(benchmark, drawn[Group.RIGHT]), _of(benchmark, drawn[Group.REORDERED]))
    climb = _climb(found, benchmark, file, controls, display(False))
    told = _findings(climb, found)
    return None if climb.lacking else told


def _climb(found: Diagnosis, benchmark: Benchmark, file: OracleFile, controls: _Controls, progress: Progress) -> _Climb:
    asked = [*_wrong(found, benchmark), *controls.right]
    shown = demos(asked, benchmark, progress)
    rules = found.run.scorer.rules
    rules = Rules(rules.mode, rules.keep_distinct, rules.timeout_s)
    return _Climb(benchmark, rules, file, {e.index: contexts(e, shown.get(e.index)) for e in asked}, controls)


def _findings(climb: _Climb, found: Diagnosis) -> OracleFindings:
    climb.lacking.clear()
    wrong = _wrong(found, climb.benchmark)
    chance = climb.right(Group.REORDERED, None, climb.controls.wrong)
    mended: dict[int, Rung] = {}
    rights = climb.controls.right
    verdicts = {example.index: True for example in rights}
    broken: dict[Rung, Control] = {}
    for rung in RUNGS:
        still = [example for example in wrong if example.index not in mended and climb.is_new(example, rung)]
        mended |= {index: rung for index, right in climb.right(Group.WRONG, rung, still).items() if right}
        verdicts |= climb.right(Group.RIGHT, rung, [example for example in rights if climb.is_new(example, rung)])
        broken[rung] = Control(len(verdicts), sum(not right for right in verdicts.values()))
    return OracleFindings(
        mended,
        frozenset(example.index for example in wrong) - mended.keys(),
        broken,
        Control(len(chance), sum(chance.values())),
        sum(climb.shown[example.index][Rung.DEMO].demo is None for example in wrong),
        sum((answer.usage for answer in climb.file.answers.values()), Usage()),
    )


def _own(run: Run) -> dict[int, str]:
    return {answer.index: answer.prediction.sql for answer in run.answers}


def _wrong(found: Diagnosis, benchmark: Benchmark) -> list[Example]:
    """Return the questions that were answered wrong, but for those where gold is to blame."""
    return _of(benchmark, {answer.index for answer in found.wrong if not answer.is_neither})


def _of(benchmark: Benchmark, indices: Collection[int]) -> list[Example]:
    return [example for example in benchmark.examples if example.index in indices]


def _drawn(examples: Sequence[Example], n: int, seed: int) -> list[Example]:
    order = list(examples)
    random.Random(f"oracle {seed}").shuffle(order)  # so that more of them are those, and others
    return sorted(order[:n], key=lambda example: example.index)


def _at_most(climb: _Climb, found: Diagnosis) -> int:
    """Return how many questions are asked at most, beside those that have an answer, or need none by what is known."""
    mended = _findings(climb, found).mended
    wrong = [example for example in _wrong(found, climb.benchmark) if example.index not in mended]
    keys: set[Key] = {(Group.REORDERED, None, example.index) for example in climb.controls.wrong}
    several = ((Group.WRONG, wrong), (Group.RIGHT, climb.controls.right))
    keys |= {(g, rung, e.index) for g, asked in several for e in asked for rung in RUNGS if climb.is_new(e, rung)}
    return len(keys - climb.file.answers.keys())


def _cost(run: Run, n: int) -> str:
    """Say what asking costs at most, by what the run's own questions did."""
    usage, of = run.usage, max(run.n, 1)
    calls = round(n * max(usage.calls / of, 1))
    tokens, seconds = n * usage.prompt_tokens / of, n * usage.seconds / of
    if not n:
        return "nothing is left to ask: all answers are there"
    return (
        f"the oracle asks at most {counted(n, 'question')} ({counted(calls, 'model call')}), each once; by this run's "
        f"own cost that is about {tokens:,.0f} prompt tokens and {counted(round(seconds / 60), 'minute')}"
    )
