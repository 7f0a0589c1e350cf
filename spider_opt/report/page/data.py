"""What a page is made of: the numbers of runs, and a record of each question. No model is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from spider_opt import __version__
from spider_opt.errors import UsageError
from spider_opt.progress import Progress
from spider_opt.report.page.choosing import asked_of, names_of
from spider_opt.report.page.kinds import KINDS, kind_of
from spider_opt.report.page.numbers import metrics_of, pairs, ranks_of, row_of
from spider_opt.report.page.prompts import Prompts
from spider_opt.report.page.reasons import RIGHT, Reasons, reasons
from spider_opt.report.page.records import Records, schema_of
from spider_opt.report.page.results import cell, cut
from spider_opt.report.page.slices import Slices, side_by_side
from spider_opt.report.page.stairs import stairs
from spider_opt.report.page.sure import Sureness, sureness_of
from spider_opt.runs import Run
from spider_opt.runs.labels import Label, labels
from spider_opt.types import Benchmark, Example, Schema

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReportData:
    """The data of a page about ``runs`` of one benchmark, which is at hand or not."""

    runs: tuple[Run, ...]
    benchmark: Benchmark | None = None
    progress: bool | Progress | None = False

    @cached_property
    def examples(self) -> dict[int, Example]:
        """The questions that are at hand, by index."""
        return {example.index: example for example in self.benchmark.examples} if self.benchmark else {}

    @cached_property
    def indices(self) -> list[int]:
        """The questions that some run answered, in order."""
        return sorted({answer.index for run in self.runs for answer in run.answers})

    @cached_property
    def names(self) -> list[str]:
        """What the page calls each run."""
        return names_of(self.runs)

    @cached_property
    def labels(self) -> list[dict[int, list[Label]]]:
        """Of each run what people and judges said of its answers, by index."""
        told: list[dict[int, list[Label]]] = []
        for run in self.runs:
            told.append({})
            for label in labels(run):
                told[-1].setdefault(label.index, []).append(label)
        return told

    @cached_property
    def reasons(self) -> list[Reasons]:
        """Of each run why wrong answers are wrong, and what to try next."""
        return [reasons(run, self.benchmark, progress=self.progress) for run in self.runs]

    @cached_property
    def sureness(self) -> list[Sureness]:
        """Of each run how sure its answers are."""
        return [sureness_of(run) for run in self.runs]

    @cached_property
    def slices(self) -> Slices:
        """The questions by what their gold queries are made of."""
        return Slices(self.runs, self.benchmark)

    def summary(self, on_step: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Return all numbers and a line for each question, JSON-able; ``on_step`` is called once for each run."""
        info = self.runs[0].info
        metrics = metrics_of(self.runs)
        names = [metric["name"] for metric in metrics]
        rows = []
        ranks, ranked_by = ranks_of(self.runs)
        slices = side_by_side(lambda run: self.slices.of_run(run, names), self.runs)
        told = zip(self.runs, self.names, self.reasons, ranks, self.sureness, slices, strict=True)
        for run, name, why, rank, sure, sliced in told:
            beside = {"next": dict(why.next_step), "rank": rank, "confidence": dict(sure.told), "slices": sliced}
            rows.append(row_of(run, name) | beside)
            on_step()
        lost = sum(info.missing.values())
        return {
            "format": 1,
            "version": __version__,
            "benchmark": {
                "name": info.benchmark,
                "split": info.split,
                "fingerprint": info.fingerprint,
                "has_text": self.benchmark is not None,
                "n_total": info.n_total,
                "missing": lost,
            },
            "metrics": metrics,
            "runs": rows,
            "ranked_by": ranked_by,
            "ladders": stairs(self.runs),
            "slices": self.slices.to_json(self.indices),
            "pairs": pairs(self.runs, names),
            "questions": self._questions(),
            "verdicts": [self._verdicts(i, names) for i in range(len(self.runs))],
            "kinds": KINDS,
        }

    def pair_slices(self, pairs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, dict[str, Any]]]:
        """Yield of each of ``pairs``, as ``summary`` has them, which runs these are and what changed by slices."""

        def sliced(pair: Mapping[str, Any]) -> tuple[int, int, dict[str, Any]]:
            base, run = pair["base"], pair["run"]
            return base, run, self.slices.of_pair(self.runs[base], self.runs[run], pair["by"])

        return side_by_side(sliced, [pair for pair in pairs if pair["by"]])

    def _questions(self) -> dict[str, list[Any]]:
        answers = {answer.index: answer for run in self.runs for answer in run.answers}
        hardness = {scored.index: scored.hardness for run in self.runs for scored in run.verdicts}
        told: dict[str, list[Any]] = {name: [] for name in ("index", "id", "db", "hardness", "kind", "text")}
        for index in self.indices:
            example = self.examples.get(index)
            told["index"].append(index)
            told["id"].append(example.question.id if example else answers[index].id)
            told["db"].append(answers[index].db_id)
            told["hardness"].append(self._level(example, hardness.get(index)))
            told["kind"].append(kind_of(example.gold_sql) if example else "unknown")
            told["text"].append(cut(example.question.text, 400) if example else "")
        return told

    @staticmethod
    def _level(example: Example | None, hardness: str | None) -> str:
        return (example.metadata.get("difficulty") if example else None) or hardness or "-"

    def _verdicts(self, which: int, metrics: Sequence[str]) -> dict[str, Any]:
        """Return a run's verdicts in the order of questions, None where a question does not count or was not asked."""
        run, why = self.runs[which], self.reasons[which].first
        verdicts = {scored.index: scored for scored in run.verdicts}
        main = run.scorer.rules.main
        outcomes: list[str | None] = []
        said: dict[str, list[float | None]] = {name: [] for name in metrics}
        found: list[str | None] = []
        for index in self.indices:
            scored = verdicts.get(index)
            outcomes.append(scored.outcome.value if scored else None)
            found.append(None if scored is None else RIGHT if scored.correct else why.get(index, scored.outcome.value))
            for name, values in said.items():
                value = scored.said(name, main) if scored else None
                values.append(None if value is None else round(float(value), 4))
        return {
            "outcome": _coded(outcomes), "reason": _coded(found),
            "metrics": {name: values for name, values in said.items() if any(v is not None for v in values)},
        }  # fmt: skip

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield the record of each question, in order; see ``Records.record``."""
        records = Records(self.runs, self.benchmark.paths if self.benchmark else {})
        prompts = [Prompts(run, self.benchmark) for run in self.runs]
        try:
            for index in self.indices:
                record = records.record(index, self.examples.get(index))
                example = self.examples.get(index)
                beside = zip(self.reasons, self.labels, prompts, self.sureness, record["answers"], strict=True)
                for why, said, asked, sure, answer in beside:
                    if answer is None:
                        continue
                    if index in sure.by_index:
                        value, silent = sure.by_index[index]
                        answer["confidence"] = [round(float(value), 6), silent]
                    answer |= _asked(asked, example)
                    answer["reasons"] = [[kind, cut(what, 500)] for kind, what in why.all.get(index, ())]
                    answer["labels"] = [_label(label) for label in said.get(index, ())]
                yield record
        finally:
            records.close()

    def schema(self, index: int) -> tuple[str, dict[str, Any]] | None:
        """Return the name and the schema of a question's database, None where it is not at hand."""
        example = self.examples.get(index)
        if example is None:
            return None
        schema: Schema = example.question.schema
        return schema.db_id, schema_of(schema)

    def frame(self) -> pd.DataFrame:
        """Return a row for each answer of each run: ``Run.table()`` with what the page adds.

        Before its columns stand ``run``, ``method``, ``model`` and ``index``, behind them ``kind`` (of the gold
        query), ``reason`` (why a wrong answer is wrong) and ``confidence`` (how sure an answer is).
        """
        import pandas as pd

        frames = []
        for run, name, why, sure in zip(self.runs, self.names, self.reasons, self.sureness, strict=True):
            frame = run.table().reset_index()
            frame.insert(0, "run", name)
            frame.insert(1, "method", run.info.method)
            frame.insert(2, "model", run.info.model)
            golds = {index: kind_of(example.gold_sql) for index, example in self.examples.items()}
            frame["kind"] = frame["index"].map(golds)
            frame["reason"] = frame["index"].map(dict(why.first))
            said = {index: value for index, (value, _) in sure.by_index.items()}
            frame["confidence"] = frame["index"].map(said).astype(float)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)


def report_data(
    runs: Sequence[Run], benchmark: Benchmark | None = None, *, progress: bool | Progress | None = False
) -> ReportData:
    """Return the data of a page about runs of one benchmark. With a ``benchmark`` it has questions, golds and results.

    Raises:
        UsageError: there is no run, or they were asked different benchmarks.
    """
    if not runs:
        raise UsageError("a page needs a run: name one")
    first = runs[0]
    for run in runs[1:]:
        if asked_of(run.info) != asked_of(first.info):
            raise UsageError(
                f"one page is about one benchmark: {first.where} was asked {first.info.benchmark} {first.info.split}, "
                f"{run.where} {run.info.benchmark} {run.info.split}, or other databases of that name"
            )
    if benchmark is not None and first.info.fingerprint and benchmark.fingerprint != first.info.fingerprint:
        raise UsageError(f"{first.where} was made with other questions or databases than those given now")
    return ReportData(tuple(runs), benchmark, progress)


def _label(label: Label) -> dict[str, str]:
    who = f"{label.by} (judge)" if label.judge else label.by
    return {"by": who, "said": label.said, "reason": cut(label.reason, 1000), "corrected": cut(label.corrected, 5000)}


def _asked(prompts: Prompts, example: Example | None) -> dict[str, Any]:
    """Return the prompt of a question and what retrieval put into it, or why it is not known."""
    found = prompts.first(example) if example else None
    if found is None:
        return {"prompt": None, "no_prompt": prompts.why_not}
    prompt, context = found
    values = [[table, column, cell(value)] for table, column, value in context.values]
    return {"prompt": prompt, "values": values, "tables": [table for table, _ in context.tables]}


def _coded(values: Sequence[str | None]) -> dict[str, Any]:
    """Return values as their names and a number for each, -1 for None.

    >>> _coded(["a", None, "b", "a"])
    {'names': ['a', 'b'], 'codes': [0, -1, 1, 0]}
    """
    names: dict[str, int] = {}
    codes = [-1 if value is None else names.setdefault(value, len(names)) for value in values]
    return {"names": [*names], "codes": codes}
