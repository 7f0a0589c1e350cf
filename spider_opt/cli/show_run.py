"""``spider-opt show``: what was asked, what came of it, and why that is right or wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spider_opt.runs import Answer, RunInfo
    from spider_opt.runs.labels import Label
    from spider_opt.scoring import Scored
    from spider_opt.types import Benchmark, Database, Example, GoldResult

ROWS = 5
"""Rows of a result that are shown."""


@click.command(
    "show",
    epilog="\b\nExample:\n  spider-opt show results/runs/my-run --wrong\n"
    "  spider-opt show results/runs/my-run test-d56117202e --spider spider/",
)
@click.argument("run", type=click.Path(exists=True, path_type=Path, file_okay=False))
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--wrong", is_flag=True, help="Only questions that were not answered rightly")
@click.option("--db", "db_id", metavar="NAME", help="Only questions about this database")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many questions")
@benchmark_options
def show_command(run: Path, ids: tuple[str, ...], wrong: bool, db_id: str | None, limit: int, chosen: Chosen) -> None:
    """Show a run's questions, what was answered, and the verdicts.

    Of each question: gold, prediction, what both give (of several golds the one that the verdict is by), the verdict,
    and what each step did. The benchmark is the run's;
    where its folder is needed, name it. Where questions, gold queries or databases are others by now, the
    verdicts are new ones on those. An ID is one of predictions.jsonl, or a number.
    """
    from spider_opt.errors import DatasetError, PredictionsError, UsageError
    from spider_opt.runs import RunInfo
    from spider_opt.runs.answers import pair_read, read_answers
    from spider_opt.runs.verdict_files import PREDICTIONS, verdicts_file
    from spider_opt.scoring import read_verdicts
    from spider_opt.scoring.report import of_other_golds

    info = RunInfo.read(run)
    answers = read_answers(run / PREDICTIONS)
    verdicts = {v.index: v for v in read_verdicts(judged_in)} if (judged_in := verdicts_file(run)).exists() else {}
    if unknown := {*ids} - {name for answer in answers for name in (answer.id, str(answer.index))}:
        raise UsageError(f"{run} has no answer to {min(unknown)}")
    found = [
        answer
        for answer in answers
        if (not ids or {answer.id, str(answer.index)} & {*ids}) and (db_id is None or answer.db_id == db_id)
    ]
    benchmark: Benchmark | None = None
    examples: dict[str, Example] = {}
    try:
        if found:
            benchmark = chosen.load_of(info.benchmark, info.split)
            paired = pair_read(benchmark, found, str(run), info.fingerprint)
            if benchmark.fingerprint != info.fingerprint or of_other_golds(
                verdicts.values(), (example for example, _ in paired)
            ):
                verdicts = _judged_anew(run, info, benchmark, paired) if verdicts else {}
            found = [answer for _, answer in paired]
            examples = {answer.id: example for example, answer in paired}
    except (DatasetError, PredictionsError) as error:
        benchmark = None
        click.echo(f"without questions and gold queries, for the benchmark is not at hand: {error}", err=True)
    if wrong:
        found = [answer for answer in found if not (answer.index in verdicts and verdicts[answer.index].correct)]
    if not found:
        which = f" about {db_id}" if db_id else ""
        click.echo(f"no question{which} was answered wrongly" if wrong else f"{run} has no answer{which}")
    said = _labels(run)
    for answer in found[:limit]:
        _show(
            answer,
            verdicts.get(answer.index),
            examples.get(answer.id),
            benchmark,
            said.get(answer.id, said.get(answer.index, [])),
        )
    if len(found) > limit:
        click.echo(f"{len(found) - limit:,} more: --limit {len(found)} shows all", err=True)


def _judged_anew(
    run: Path, info: RunInfo, benchmark: Benchmark, paired: Sequence[tuple[Example, Answer]]
) -> dict[int, Scored]:
    """Judge answers on the questions of now, which are not those that the run's verdicts are about, and say so."""
    from spider_opt.evaluation.scoring_files import judge_pairs
    from spider_opt.runs.prediction_files import Predicted
    from spider_opt.runs.unanswered import with_refused
    from spider_opt.scoring import Rules

    click.echo(
        f"{run} was made with other questions, gold queries or databases of {info.asked} than those here: the verdicts "
        "shown are new ones, on those here; the run's own are only in its verdicts.jsonl",
        err=True,
    )
    pairs = [Predicted(example, answer.prediction.sql, answer.prediction.sql) for example, answer in paired]
    report = judge_pairs(benchmark, pairs, info.scorer.rules if info.scorer else Rules())
    return {scored.index: scored for scored in with_refused(report, [answer for _, answer in paired]).scored}


def _show(
    answer: Answer,
    scored: Scored | None,
    example: Example | None,
    benchmark: Benchmark | None,
    labels: Sequence[Label] = (),
) -> None:
    from spider_opt.cli.terminal import harmless
    from spider_opt.databases.sandbox import Sandbox
    from spider_opt.scoring.several_golds import gold_met

    said = f"{scored.outcome}{f': {scored.detail}' if scored.detail else ''}" if scored else "not judged"
    level = f"  {scored.hardness}" if scored and scored.hardness else ""
    click.echo(harmless(f"{answer.id}  {answer.db_id}{level}  {said}"))
    if example is not None:
        click.echo(f"  question    {harmless(example.question.text)}")
        if example.question.notes:
            click.echo(f"  notes       {harmless(example.question.notes)}")
        golds = example.golds or (() if example.gold_results else ("",))
        for number, gold in enumerate(golds):
            click.echo(f"  {_named(number, len(golds)):11} {harmless(gold) or '-'}")
        for result in example.gold_results:
            _gold_result(result)
    click.echo(f"  prediction  {harmless(answer.prediction.sql) or '-'}")
    path = benchmark.paths.get(answer.db_id) if benchmark else None
    if path is not None and example is not None:
        with Sandbox(path) as database:
            met = gold_met(scored.detail, len(example.golds)) if scored else 0
            gold = example.golds[met] if example.golds else ""
            name, same = _named(met, len(example.golds)), answer.prediction.sql.strip() == gold.strip()
            _result(f"{name} and prediction give" if same else f"{name} gives", gold, database)
            if not same:
                _result("prediction gives", answer.prediction.sql, database)
    for label in labels:
        who = f"{label.by} (judge)" if label.judge else label.by
        why = f": {label.reason}" if label.reason else ""
        click.echo(harmless(f"  label       {label.said}, by {who}{why}"))
        if label.corrected:
            click.echo(harmless(f"  corrected   {label.corrected}"))
    for candidate in answer.prediction.candidates:
        times = f" {candidate.n}x" if candidate.n > 1 else ""
        click.echo(harmless(f"  {candidate.step}{times}  {candidate.outcome}  {candidate.sql}"))
    for step in answer.prediction.trace:
        told = {key: value for key, value in step.items() if key != "step"}
        click.echo(harmless(f"  step {step.get('step', '?')}  {json.dumps(told, ensure_ascii=False)}"))
    click.echo()


def _named(number: int, n: int) -> str:
    """Return what one of a question's golds is called.

    >>> _named(0, 1), _named(1, 3)
    ('gold', 'gold 2 of 3')
    """
    return "gold" if n < 2 else f"gold {number + 1} of {n}"


def _gold_result(result: GoldResult) -> None:
    from spider_opt.cli.terminal import harmless
    from spider_opt.wording import counted

    columns = f"columns {', '.join(map(str, result.columns))} (counted from 0)" if result.columns else "all columns"
    order = "rows in any order" if result.any_order else "rows in this order"
    lines = result.csv.splitlines()
    more = f", the first {ROWS} of {counted(len(lines) - 1, 'line')}" if len(lines) > ROWS + 1 else ""
    click.echo(f"  gold        a result, {columns} asked for, {order}{more}:")
    for line in lines[: ROWS + 1]:
        click.echo(harmless(f"    {line}"))
    if result.fault:
        click.echo(harmless(f"  nothing can be right by it: {result.fault}"))


def _result(what: str, sql: str, database: Database) -> None:
    from spider_opt.cli.terminal import harmless, table
    from spider_opt.errors import QueryError

    if not sql.strip():
        return
    try:
        result = database.run(sql)
    except QueryError as error:
        click.echo(harmless(f"  {what}: {error}"))
        return
    n = len(result.rows)
    click.echo(f"  {what} {n:,} row{'' if n == 1 else 's'}" + (f", the first {ROWS}" if n > ROWS else "") + ":")

    if n:
        click.echo("\n".join(f"    {line}" for line in table(result.columns, result.rows[:ROWS]).splitlines()))


def _labels(run: Path) -> dict[str | int, list[Label]]:
    """Return what people and judges said, by the question's id; by its position where that is what the id says."""
    from spider_opt.benchmarks.ids import content_of
    from spider_opt.runs.labels import labels

    said: dict[str | int, list[Label]] = {}
    for label in labels(run):
        said.setdefault(label.index if content_of(label.id) is None else label.id, []).append(label)
    return said
