"""A finished run: its answers, how they were judged, and what that comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from html import escape
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spider_opt import arguments
from spider_opt.errors import RunError
from spider_opt.paths import encoded
from spider_opt.runs.answers import QUESTION, Answer, read_answers
from spider_opt.runs.costs import costs_of, price_for
from spider_opt.runs.info import FILE, RunInfo, ScoredBy
from spider_opt.runs.parts import as_frame, parts
from spider_opt.runs.verdict_files import PREDICTIONS, verdicts_file
from spider_opt.runs.without_gold import in_short
from spider_opt.scoring import read_verdicts
from spider_opt.scoring.report import Scored, ScoreReport, accuracy, of_other_golds
from spider_opt.scoring.spread import intervals
from spider_opt.scoring.statistics import By, accuracy_interval, clustered_se, group
from spider_opt.types import Benchmark, Usage
from spider_opt.wording import either

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Run:
    """What a method answered to a benchmark's questions, and the verdicts; read from a run folder, or just made.

    ``verdicts`` are those of ``answers``, in the order of questions, but for ``failed_golds`` (index and message):
    questions whose gold query fails count nowhere. ``folder`` is None where nothing was kept on disk; ``called``
    is what sentences call it where that is neither its folder nor its method. With a ``benchmark`` at hand the table
    has questions and gold queries, too.
    """

    info: RunInfo
    answers: tuple[Answer, ...]
    verdicts: tuple[Scored, ...]
    failed_golds: tuple[tuple[int, str], ...] = ()
    folder: Path | None = None
    benchmark: Benchmark | None = None
    called: str = ""

    @classmethod
    def read(cls, folder: str | Path, benchmark: Benchmark | None = None) -> Run:
        """Read a run folder.

        Raises:
            UsageError: an argument is of another kind than is due.
            RunError: the folder holds no run, an unfinished one, files that are broken, or a run on another benchmark.
        """
        folder = arguments.path(folder, "folder")
        benchmark = None if benchmark is None else arguments.benchmark(benchmark)
        info = RunInfo.read(folder)
        if info.scorer is None or not (judged_in := verdicts_file(folder)).exists():
            raise RunError(f"the run in {folder} is unfinished: {_again()}")
        if benchmark is not None and benchmark.fingerprint != info.fingerprint:
            raise RunError(f"{folder} was made with other questions or databases of {info.asked} than those given now")
        try:
            answers = tuple(read_answers(folder / PREDICTIONS))
            verdicts = tuple(read_verdicts(judged_in))
        except (OSError, ValueError, LookupError, TypeError) as error:
            said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else repr(error)
            raise RunError(f"the run in {folder} is broken ({said}): {_again()}") from error
        if benchmark is not None and of_other_golds(verdicts, benchmark.examples):
            raise RunError(
                f"the verdicts in {folder} are about other gold queries of {info.asked} than those given now"
            )
        judged = {verdict.index for verdict in verdicts}
        answered = {answer.index for answer in answers}
        if not judged <= answered:
            raise RunError(f"{folder} has verdicts without predictions: {_again()}")
        if not judged and answered and all(answer.id in info.failed_golds for answer in answers):
            first = info.failed_golds[answers[0].id]
            raise RunError(f"no question of {folder} counts, since all gold queries fail, the first with: {first}")
        if not judged:
            raise RunError(f"{folder} has no verdicts: {_again()}")
        failed = {answer.index: why for answer in answers if (why := info.failed_golds.get(answer.id))}
        if info.n not in (None, len(answers)) or judged & failed.keys():
            raise RunError(f"the run in {folder} is broken (of {info.n} answers it has {len(answers)}): {_again()}")
        if lacking := answered - judged - failed.keys():
            if info.format > 1:
                raise RunError(f"the run in {folder} is broken ({len(lacking)} answers have no verdict): {_again()}")
            failed |= dict.fromkeys(lacking, "its gold query fails")  # the first format did not write that down
        return cls(info, answers, verdicts, tuple(sorted(failed.items())), folder, benchmark)

    @property
    def name(self) -> str:
        """The folder's name, else the method."""
        return self.folder.name if self.folder else self.info.method

    @property
    def where(self) -> str:
        """What a sentence calls it: its folder, else the file of its answers, else its method."""
        return self.called or str(self.folder or self.info.method)

    @property
    def scorer(self) -> ScoredBy:
        """How the answers were judged."""
        assert self.info.scorer, "a run is scored"
        return self.info.scorer

    @property
    def n(self) -> int:
        """How many questions count."""
        return len(self.verdicts)

    @property
    def ex(self) -> float:
        """Execution accuracy in percent; NaN where no question counts."""
        right = accuracy(self.verdicts)
        return nan if right is None else right

    @property
    def ex_se(self) -> float:
        """The standard error of ``ex`` in points, with questions of one gold query counted as dependent."""
        return clustered_se([s.correct for s in self.verdicts], [s.cluster for s in self.verdicts])

    def interval(self, by: By = "query", *, seed: int = 0) -> tuple[float, float]:
        """Return the 95 % interval of ``ex``: of other gold queries like these, or of other databases.

        From a bootstrap of them, or, of few, Student's t: see ``scoring.statistics.accuracy_interval``.

        Raises:
            UsageError: an argument is of another kind than is due.
        """
        seed = arguments.seed(seed)
        return accuracy_interval([s.correct for s in self.verdicts], [group(s, by) for s in self.verdicts], seed=seed)

    @property
    def questions(self) -> dict[int, tuple[str, str]]:
        """The questions that count, by index: of which database, and a hash of their gold query."""
        return {scored.index: (scored.db_id, scored.cluster) for scored in self.verdicts}

    @property
    def judged(self) -> list[tuple[Answer, Scored]]:
        """The answers that count, each with its verdict."""
        answers = {answer.index: answer for answer in self.answers}
        return [(answers[scored.index], scored) for scored in self.verdicts]

    @property
    def usage(self) -> Usage:
        """What the answers that count cost together."""
        return sum((answer.prediction.usage for answer, _ in self.judged), Usage())

    @property
    def cut(self) -> int:
        """How many of the answers that count were cut at the token limit: with more they may be right."""
        return sum(answer.prediction.cut for answer, _ in self.judged)

    @property
    def refused(self) -> Counter[str]:
        """How many of the questions that count were given up, by why (``errors.NoAnswer``): they count as wrong."""
        return Counter(answer.prediction.refused for answer, _ in self.judged if answer.prediction.refused)

    def only(self, indices: Collection[int]) -> Run:
        """Return the run as if only the questions of these indices had been asked.

        Raises:
            UsageError: an argument is of another kind than is due.
        """
        if not isinstance(indices, Collection):
            raise arguments.wrong(indices, "indices", "a list of the questions' indices")
        wanted = {arguments.whole(index, "indices", least=0) for index in indices}
        return replace(
            self,
            answers=tuple(answer for answer in self.answers if answer.index in wanted),
            verdicts=tuple(scored for scored in self.verdicts if scored.index in wanted),
            failed_golds=tuple(failed for failed in self.failed_golds if failed[0] in wanted),
        )

    def parts(self, by: str) -> dict[str, list[Scored]]:
        """Return the verdicts by ``hardness`` (easiest first) or ``database``; with a benchmark by more.

        That is by keys of its examples' metadata, BIRD's ``difficulty``, say, and by what their gold queries are made
        of, as NL2SQL360 counts it: ``tables``, ``joins``, ``subqueries``, ``set_operations``, ``logical_connectors``,
        ``order_by`` and others, each "0", "1", "2" or "3+". '-' is where it is not known.

        Raises:
            UsageError: the questions are not told apart by that.
        """
        return parts(self.verdicts, by, self.benchmark)

    def by(self, what: str) -> pd.DataFrame:
        """Return ``n``, ``ex``, ``ex_se`` and the 95 % interval for each part, which is the index; see ``parts``.

        Raises:
            UsageError: the questions are not told apart by that.
        """
        return as_frame(self.parts(what), what)

    def table(self) -> pd.DataFrame:
        """Return a row for each answer, in the order of questions.

        Its columns: ``id``, ``db_id``, ``sql``, ``answer`` (the model's own words, '' where they were not kept),
        ``outcome``, ``correct``, ``detail`` and ``hardness`` (missing where the gold query fails), metrics where
        several were asked for, what the answer cost, and what was measured of its context, where something was. With a
        benchmark ``question`` and ``gold`` stand behind ``db_id``: the gold query, else the gold results as CSV.
        Half a surrogate pair stands as its escape, for Arrow's texts, which pandas may take, are UTF-8.
        """
        import pandas as pd

        examples = {example.index: example for example in self.benchmark.examples} if self.benchmark else {}
        verdicts, price = {scored.index: scored for scored in self.verdicts}, price_for(self.info)
        rows = []
        for answer in self.answers:
            row: dict[str, Any] = {"id": answer.id, "db_id": answer.db_id}
            said = answer.prediction.text
            if example := examples.get(answer.index):
                row |= {"question": example.question.text, "gold": example.gold_text}
                said = said.replace(QUESTION, example.question.text)
            scored, usage = verdicts.get(answer.index), answer.prediction.usage
            row |= {
                "sql": answer.prediction.sql,
                "answer": said,
                "outcome": scored and scored.outcome.value,
                "correct": scored and scored.correct,
                "detail": scored and scored.detail,
                "hardness": scored and scored.hardness,
            }
            row |= scored.metrics if scored else {}
            row |= known(usage) | {"dollars": costs_of([usage], self.info, 0, price).dollars} | dict(answer.context)
            rows.append({name: encoded(v).decode() if isinstance(v, str) else v for name, v in row.items()})
        return pd.DataFrame(rows, index=pd.Index([answer.index for answer in self.answers], name="index"))

    @property
    def report(self) -> ScoreReport:
        """The verdicts as the scorer reports them."""
        skipped = sum(self.info.missing.values()) + len(self.failed_golds)
        on = self.scorer.rules_as_told, self.info.fingerprint, self.scorer.suite, self.scorer.corrections
        return ScoreReport(self.verdicts, skipped, self.failed_golds, *on)

    def summary(self) -> dict[str, Any]:
        """Return the numbers, JSON-able; accuracies in percent, None where there is no question.

        ``intervals`` are 95 % intervals of each metric by ``query`` and by ``database``, with their design effects.
        ``by_difficulty`` is by levels of the benchmark's own, where it has some and is at hand. ``cut`` answers met the
        token limit. Where questions were given up, ``ex_answered`` is of the others alone.
        """
        asked = {"benchmark": self.info.benchmark, "split": self.info.sample or self.info.split}
        told = asked | self.report.summary() | {"scorer_version": self.scorer.version, "cut": self.cut}
        told["intervals"] = intervals(self.report)
        if self.benchmark and any("difficulty" in example.metadata for example in self.benchmark.examples):
            told["by_difficulty"] = {k: {"n": len(v), "ex": accuracy(v)} for k, v in self.parts("difficulty").items()}
        if refused := self.refused:
            answered = [scored for answer, scored in self.judged if not answer.prediction.refused]
            told |= {"refused": dict(refused), "n_answered": len(answered), "ex_answered": accuracy(answered)}
        return told

    def __repr__(self) -> str:
        return f"<Run {self}>"

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>{self.by('hardness').round(1).to_html()}"

    def __str__(self) -> str:
        model, lost = f" with {self.info.model}" if self.info.model else "", sum(self.info.missing.values())
        error = (f" ± {self.ex_se:.1f}" if self.ex_se == self.ex_se else "") + self.report.beside
        out = [f"{lost:,} of {self.info.n_total:,} questions left out, without a database"] * (lost > 0)
        left_out = f" ({'; '.join(out)})" if (out := [*out, *in_short(self)]) else ""
        return f"{self.info.method}{model} on {self.info.asked}: EX {self.ex:.1f}{error}, n={self.n}{left_out}"


def _again() -> str:
    return either("evaluate it again", "run its eval command again")


def find_runs(*roots: Path) -> list[Path]:
    """Return the run folders among ``roots`` and directly under them, each once."""
    found: dict[Path, Path] = {}
    for root in roots:
        inside = [root] if (root / FILE).exists() else sorted(path.parent for path in root.glob(f"*/{FILE}"))
        for folder in inside:
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def known(usage: Usage) -> dict[str, float | None]:
    """Return a usage by its fields; tokens are None where a server did not tell all of them."""
    said = asdict(usage)
    untold = said.pop("untold")
    return {name: None if untold and name.endswith("_tokens") else value for name, value in said.items()}
