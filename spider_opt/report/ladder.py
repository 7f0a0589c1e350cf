"""The ladder: what each rung brings a model, beside the talk's figures and recorded systems of its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from spider_opt.analysis.ablation import Line
from spider_opt.analysis.paired import paired
from spider_opt.errors import MethodError, RunError, UsageError, WeightsError
from spider_opt.evaluation.scoring_files import judge_pairs
from spider_opt.methods import parse_method, step_names, step_type
from spider_opt.runs import Run, RunInfo, find_runs
from spider_opt.runs.conditions import IN_ANY_WAY, AskedAs, beside_the_step, how_asked
from spider_opt.runs.prediction_files import read_predictions
from spider_opt.scoring.report import accuracy
from spider_opt.scoring.statistics import clustered_se
from spider_opt.scoring.table import END_AT_TAB
from spider_opt.steps import ALIASES
from spider_opt.types import Benchmark, Stage

RUNGS = (
    ("prompt", "zero-shot"),
    ("+ repair", "repair"),
    ("+ RAG", "rag"),
    ("fine-tune", "finetune"),
    ("fine-tune + repair", "finetune+repair"),
    ("fine-tune + RAG", "finetune+rag"),
    ("+ vote", "vote:n=8+finetune+rag"),
    ("+ eight orders", "vote:n=8,orders=8+finetune+rag"),
)
"""The rungs, bottom to top: a name for people and the method."""
TUNED = "finetune"
TALK = {(False, False): 69.0, (True, False): 82.0, (True, True): 83.5}
"""EX by (fine-tuned, with retrieval). For retrieval alone the talk tells of steps, and gives no figure.

Source: "A Survey of Techniques for Maximizing LLM Performance", OpenAI DevDay 2023: Spider 1.0, n not told.
"""
TALK_ON = "spider"
"""The benchmark that the talk's figures are of: beside questions of another they would say nothing."""
SYSTEMS = {
    "codex_few_shot": "Codex, few-shot",
    "gpt4_zero_shot": "GPT-4, zero-shot",
    "gpt4_few_shot": "GPT-4, few-shot",
    "graphix_t5": "Graphix-T5-3B",
    "c3sql_chatgpt": "C3, GPT-3.5",
    "din_sql_gpt4": "DIN-SQL, GPT-4",
    "dail_sql_gpt4": "DAIL-SQL, GPT-4",
    "dail_sql_gpt4_sc": "DAIL-SQL + vote",
}
"""Recorded systems by the name of their file; others go by that name."""


@dataclass(frozen=True, slots=True)
class Rung:
    """A method and the run of it, if there is one; its ``line`` is against the last rung below that was run.

    ``talk`` is the EX that the talk tells of what this rung is the first of, None where it tells none.
    """

    name: str
    method: str
    talk: float | None = None
    run: Run | None = None
    line: Line | None = None


@dataclass(frozen=True, slots=True)
class System:
    """Recorded answers of a published system, judged as the runs are. ``ex`` and ``ex_se`` are percentages."""

    name: str
    n: int
    ex: float
    ex_se: float


@dataclass(frozen=True, slots=True)
class Ladder:
    """One model's rungs, bottom first, all on the same questions; ``systems`` beside it, the worst first.

    ``beside`` are ladders of other models, of the same rungs and on the same questions.
    """

    model: str
    benchmark: str
    scorer: str
    rungs: tuple[Rung, ...]
    systems: tuple[System, ...] = ()
    beside: tuple[Ladder, ...] = ()

    @property
    def missing(self) -> list[Rung]:
        """The rungs that were not run."""
        return [rung for rung in self.rungs if rung.line is None]


def climb(
    rungs: Sequence[tuple[str, str]],
    roots: Sequence[Path],
    model: str,
    benchmark: str,
    *,
    tuned: str | None = None,
    whole: Benchmark | None = None,
    asked_as: AskedAs = IN_ANY_WAY,
    tell: Callable[[str], None] = print,
) -> Ladder:
    """Build a model's ladder from the finished runs among ``roots`` (run folders or folders of them).

    ``rungs`` are (name, method), ``benchmark`` is a name and a split: ``spider dev``. ``tuned`` is what the model is
    called once it is fine-tuned, if not the same. With ``whole`` only runs count that answered all its questions, and
    only those that were asked as ``asked_as`` says. Where runs were not asked the same or not judged alike, those that
    most rungs have count. ``tell`` gets a sentence for each run left out.
    """
    found: list[list[Run]] = []
    for _, method in rungs:
        wanted = tuned if tuned and is_tuned(method) else model
        found.append(_runs(method, roots, wanted, benchmark, whole, asked_as, tell))
    kinds = {_asked(run) for runs in found for run in runs}
    count = {kind: sum(any(_asked(run) == kind for run in runs) for runs in found) for kind in kinds}
    like = max(kinds, key=lambda kind: (count[kind], kind[0], kind[2:]), default=None)
    built: list[Rung] = []
    below: Run | None = None
    figures: Sequence[float | None] = [None] * len(rungs)
    if benchmark.partition(" ")[0] == TALK_ON:
        figures = talk_figures([method for _, method in rungs])
    for (name, method), talk, runs in zip(rungs, figures, found, strict=True):
        rung = Rung(name, method, talk)
        if run := _choose(method, runs, like, tell):
            info, gain = run.info, paired(below.verdicts, run.verdicts) if below else None
            line = Line(
                info.method, info.model, run.name, info.commit, run.n, run.ex, run.ex_se, run.usage, gain,
                asked=how_asked(info), beside=tuple(beside_the_step(below.info, info)) if below else (),
            )  # fmt: skip
            rung, below = replace(rung, run=run, line=line), run
        built.append(rung)
    return Ladder(model, benchmark, like[3] if like else "", tuple(built))


def with_beside(ladder: Ladder, others: Sequence[Ladder]) -> Ladder:
    """Return a ladder with those of other models beside it.

    Raises:
        UsageError: one has no rung that was run, or was asked or judged otherwise.
    """
    own = next(rung.run for rung in ladder.rungs if rung.run)
    for other in others:
        run = next((rung.run for rung in other.rungs if rung.run), None)
        if run is None:
            raise UsageError(f"there is no finished run of {other.model} on {ladder.benchmark} to show beside")
        if _asked(run) != _asked(own):
            raise UsageError(
                f"{run.where} was asked or judged otherwise than {own.where} (n={run.n}, {run.scorer}): "
                f"{other.model} cannot stand beside {ladder.model}"
            )
    return replace(ladder, beside=tuple(others))


def is_tuned(method: str) -> bool:
    """Tell whether a method's text has the step that asks the fine-tuned model."""
    return TUNED in _names(method)


def recorded_systems(folder: Path, benchmark: Benchmark, ladder: Ladder) -> tuple[System, ...]:
    """Judge recorded answers, a ``.txt`` file a system, on the ladder's questions and by its rules; the worst first.

    Raises:
        UsageError: there is no such file, or the runs were asked other questions than this benchmark's.
        PredictionsError: a file does not fit the benchmark.
    """
    paths = sorted(folder.glob("*.txt"))
    if not paths:
        raise UsageError(f"no recorded answers in {folder}: there must be a .txt file for each system")
    run = next(rung.run for rung in ladder.rungs if rung.run)
    if run.info.fingerprint != benchmark.fingerprint:
        where = f"{run.folder} was made with other questions or databases of {ladder.benchmark}"
        raise UsageError(f"{where} than those given now")
    rules = replace(run.scorer.rules, metrics=())
    asked = {s.index for s in run.verdicts}
    systems = []
    for path in paths:
        pairs = read_predictions(benchmark, path, whole_lines=rules.main not in END_AT_TAB)
        scored = judge_pairs(benchmark, [pair for pair in pairs if pair.example.index in asked], rules).scored
        se = clustered_se([s.correct for s in scored], [s.cluster for s in scored])
        ex = accuracy(scored) or 0.0
        systems.append(System(SYSTEMS.get(path.stem, path.stem), len(scored), ex, round(se, 4)))
    return tuple(sorted(systems, key=lambda system: (system.ex, system.name)))


def _asked(run: Run) -> tuple[int, frozenset[tuple[int, tuple[str, str]]], str, str]:
    """Return what must be equal for two runs to stand on one ladder, the number of questions first."""
    return run.n, frozenset(run.questions.items()), run.info.fingerprint, str(run.scorer)


def _runs(
    method: str,
    roots: Sequence[Path],
    model: str,
    benchmark: str,
    whole: Benchmark | None,
    asked_as: AskedAs,
    tell: Callable[[str], None],
) -> list[Run]:
    runs = []
    for folder in find_runs(*roots):
        try:
            info = RunInfo.read(folder)
            if (info.model, info.asked) != (model, benchmark) or not is_run_of(info, method):
                continue
            if whole and (info.fingerprint, info.n) != (whole.fingerprint, len(whole.examples)):
                raise RunError(f"{folder} has not answered all {len(whole.examples)} questions as they are here")
            if lacking := asked_as.lacking(info):
                raise RunError(f"{folder} was asked otherwise ({lacking})")
            runs.append(Run.read(folder))
        except RunError as error:
            tell(f"left out: {error}")
    return runs


def _choose(method: str, runs: Sequence[Run], like: object, tell: Callable[[str], None]) -> Run | None:
    for run in runs:
        if _asked(run) != like:
            tell(f"left out: {run.folder} was asked or judged otherwise than most (n={run.n}, {run.scorer})")
    alike = sorted((run for run in runs if _asked(run) == like), key=lambda run: (run.info.seed, str(run.folder)))
    for other in alike[1:]:
        tell(f"left out: {other.folder} is a run of {method} too; taken: {alike[0].folder}")
    return alike[0] if alike else None


def is_run_of(info: RunInfo, method: str) -> bool:
    """Tell whether a run is one of a method, by its options as they were then."""
    try:
        steps = _asked_now(method, info)
    except MethodError:  # a step of a package that is not installed here
        return info.method == method
    then = _options(info.steps)
    # A run of before an option came had what is its default; one whose default has changed makes it another method.
    # (An option that brings other behaviour as its default needs its old one to be told by RunInfo.from_json.)
    return list(then) == list(steps) and all(
        then[name] == steps[name] or _asked_now(name, info)[name] | then[name] == steps[name] for name in then
    )


def _asked_now(method: str, info: RunInfo) -> dict[str, dict[str, str]]:
    """Return a method's steps and options, as the model of a run would be asked by it."""
    asked = parse_method(method)
    with suppress(UsageError, WeightsError):  # no adapter for that model is here
        asked = asked.for_model(info.model, info.endpoint or None)
    return _options(asked.spelled_out)


def _options(spelled_out: str) -> dict[str, dict[str, str]]:
    """Return the steps' options by name, in order.

    >>> _options("repair:k=4,rows=yes+zero-shot")
    {'repair': {'k': '4', 'rows': 'yes'}, 'zero-shot': {}}
    """
    parts = (part.partition(":") for part in spelled_out.split("+"))
    return {
        name: {key: value for key, _, value in (pair.partition("=") for pair in filter(None, said.split(",")))}
        for name, _, said in parts
    }


def _names(method: str) -> list[str]:
    names = [part.partition(":")[0].strip() for part in method.split("+")]
    return [part.partition(":")[0] for name in names for part in ALIASES.get(name, name).split("+")]


def talk_figures(methods: Sequence[str]) -> list[float | None]:
    """Return what the talk tells of each method's kind, at the first of that kind."""
    figures: list[float | None] = []
    for method in methods:
        names = _names(method)
        shown = any(step_type(name).stage is Stage.CONTEXT for name in names if name in step_names() and name != TUNED)
        figure = TALK.get((TUNED in names, shown))
        figures.append(None if figure in figures else figure)
    return figures
