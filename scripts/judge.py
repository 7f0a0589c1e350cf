"""Train a judge over candidates, and measure what choosing by it brings.

    python scripts/judge.py train RUN... --spider SPIDER --name judge
    python scripts/judge.py measure RUN --spider SPIDER --name judge

The runs that are learnt from are votes over training questions (``eval --split train --ids FILE --method vote:n=8+…``)
by adapters that did not see these questions' databases. A share of the databases is kept apart, and a run over training
questions is measured on those alone. No judge comes with spider-opt until one is measured to gain over a vote.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from spider_opt.analysis.candidates import candidates
from spider_opt.analysis.candidates_text import to_markdown
from spider_opt.answering.drafts import Look
from spider_opt.answering.verifier import Verifier
from spider_opt.benchmarks import load
from spider_opt.benchmarks.equal_contents import equal_contents
from spider_opt.benchmarks.validation import is_training
from spider_opt.cli.ended import interrupted_by_signals
from spider_opt.cli.finetune import above_0
from spider_opt.cli.finetune_here import teller
from spider_opt.cli.options import check_finite
from spider_opt.databases import DatabasePool
from spider_opt.errors import SpiderOptError, UsageError
from spider_opt.improving.folds import hold_out
from spider_opt.models import open as open_model
from spider_opt.models.adapters import CARD, FILE, find_adapter, folder_for
from spider_opt.models.lagging import CHECKPOINT
from spider_opt.models.torch.engine import SIDE_BY_SIDE
from spider_opt.paths import cache_dir
from spider_opt.progress import lines
from spider_opt.runs import Run, RunInfo
from spider_opt.training import job_state
from spider_opt.training.judge_packer import JudgePacker
from spider_opt.training.judged import apart, judged_items
from spider_opt.training.loop import Settings
from spider_opt.training.spec import TuneSpec
from spider_opt.training.tune import tune

RUN = click.Path(exists=True, path_type=Path, file_okay=False)
spider = click.option("--spider", type=RUN, required=True, help="Spider's folder")
name = click.option("--name", default="judge", show_default=True, help="What the judge is called")


@click.group()
def main() -> None:
    """Train a judge over candidates, and measure what choosing by it brings."""


@main.command("train")
@click.argument("runs", nargs=-1, required=True, type=RUN)
@spider
@name
@click.option("--model", default="qwen2.5-coder-0.5b", show_default=True, help="Embedded model to tune")
@click.option("--epochs", type=above_0, default=1.0, show_default=True)
@click.option("--rate", type=above_0, default=2e-4, show_default=True, help="Highest learning rate")
@click.option("--start", help="Begin with the weights of this adapter, in its rank")
@click.option("--minutes", type=above_0, help="End after this time at the latest")
@click.option("--pack", type=click.IntRange(1), default=16, show_default=True, help="Candidates that share a schema")
@click.option("--share", type=click.FloatRange(0, 0.9), default=0.2, show_default=True, help="Of questions kept apart")
@click.option("--seed", type=int, default=0, show_default=True)
@click.pass_context
def train_command(
    ctx: click.Context,
    runs: tuple[Path, ...],
    spider: Path,
    name: str,
    model: str,
    epochs: float,
    rate: float,
    start: str | None,
    minutes: float | None,
    pack: int,
    share: float,
    seed: int,
) -> None:
    """Learn to tell right from wrong candidates of RUNS; the same command goes on after an interrupt."""
    check_finite(ctx.params)
    folder = folder_for(name)
    if any((folder / file).exists() for file in (FILE, CARD)) and not (folder / CHECKPOINT).is_file():
        raise UsageError(f"there is an adapter {name!r} already, of another training: give another --name")
    source = load("spider:train", data=spider)
    databases = DatabasePool(source.paths)
    items = judged_items(runs, source, databases, cache=cache_dir() / "gold.sqlite", progress=lines)
    inside = {item.question.db_id for item in (hold_out(items, equal_contents(source), share)[1] if share else [])}
    learnt, rest = apart(items, frozenset(inside))
    right = sum(item.right for item in learnt)
    click.echo(
        f"{len(learnt):,} candidates of {len({item.question.id for item in learnt}):,} questions, {right:,} of them "
        f"right; {len(rest):,} of {len(inside)} databases kept apart",
        err=True,
    )
    look = Look()
    begin = find_adapter(start) if start else None
    settings = Settings(epochs=epochs, rate=rate, seed=seed, minutes=minutes)
    if begin is not None:
        learnt_with = begin.card["settings"]
        settings = replace(settings, rank=learnt_with["rank"], alpha=learnt_with["alpha"])
    spec = TuneSpec(model, settings, look, "plain", begin, hold_out=False)
    folder.mkdir(parents=True, exist_ok=True)
    with job_state.held(folder), interrupted_by_signals():
        tune(
            learnt, [], databases, folder, spec, resume=(folder / CHECKPOINT).is_file(),
            packs=partial(JudgePacker, databases=databases, look=look, n=pack), target="judge", tell=teller(),
            about={
                "source": f"{source.name} {source.split}", "candidates": len(learnt),
                "runs": [RunInfo.read(run).method for run in runs],
            },
        )  # fmt: skip


@main.command("measure")
@click.argument("run", type=RUN)
@spider
@name
def measure_command(run: Path, spider: Path, name: str) -> None:
    """Tell what choosing by the judge makes of RUN's candidates, beside other ways."""
    info, judge = RunInfo.read(run), find_adapter(name)
    if judge.card.get("target") != "judge":
        raise UsageError(f"the adapter {name} answers questions and judges nothing: give a judge's --name")
    learnt = judge.learnt_databases
    if learnt is None and is_training(info.split):
        raise UsageError(
            f"the card of {name} does not say which databases it learnt from: of training questions it is not known "
            "which it saw; measure it on another split"
        )
    benchmark = load(f"spider:{info.split}", data=spider)
    read = Run.read(run, benchmark)
    if learnt is not None and is_training(info.split):
        read = _unseen(read, learnt)
        click.echo(f"{len(read.answers):,} questions are of databases that {name} did not learn from", err=True)
    model = open_model(engine="torch", adapters=[name], logprobs=True)
    found = candidates(read, benchmark=benchmark, judge=Verifier(model), concurrency=SIDE_BY_SIDE, progress=lines)
    click.echo(to_markdown(found), nl=False)


def _unseen(run: Run, learnt: frozenset[str]) -> Run:
    """Return a run without the questions of databases that a judge learnt from."""
    seen = {db_id.lower() for db_id in learnt}
    answers = tuple(answer for answer in run.answers if answer.db_id.lower() not in seen)
    if not answers:
        raise UsageError(f"the judge learnt from all databases that {run.where} was asked about")
    rest = {answer.index for answer in answers}
    return replace(run, answers=answers, verdicts=tuple(one for one in run.verdicts if one.index in rest))


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except SpiderOptError as error:
        raise SystemExit(f"Error: {error}") from None
    except click.Abort:
        raise SystemExit("Interrupted; what was done is kept, the same command goes on from there.") from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
