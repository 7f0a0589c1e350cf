"""``spider-opt eval``: ask a method all questions, judge the answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_options
from spider_opt.cli.options import SIDE_BY_SIDE, Engine, asked_rules, engine_option, scoring_options

if TYPE_CHECKING:
    from spider_opt.methods import Method
    from spider_opt.runs.folder import Finished
    from spider_opt.types import Benchmark, ChatModel, Library, ModelInfo


@click.command(
    "eval",
    epilog="\b\nExample:\n  spider-opt eval --method zero-shot --limit 20\n"
    "  spider-opt eval --method zero-shot --spider spider/ --model gpt-4.1 --base-url https://api.openai.com/v1",
)
@click.option("--method", default="zero-shot", show_default=True, help="What to do; see: spider-opt methods")
@benchmark_options
@click.option("--model", "model_name", metavar="NAME", help="Embedded model, or the name the endpoint knows")
@click.option("--base-url", metavar="URL", help="OpenAI-compatible endpoint; its key is taken from OPENAI_API_KEY")
@engine_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N questions")
@click.option(
    "--ids",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Only the questions whose ids FILE lists",
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Run folder (default: results/runs/…)")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of everything that samples")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="Questions asked at the same time (default: 1, with --engine torch 32; llama.cpp takes turns)",
)
@click.option("--no-cache", is_flag=True, help="Ask the model again, also what it was asked before")
@click.option(
    "--record", type=click.Path(path_type=Path, dir_okay=False), help="Also write the model's answers to this recording"
)
@click.option(
    "--replay",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Answer from this recording, with no model",
)
@click.option(
    "--embedder",
    default="all-minilm-l6-v2",
    show_default=True,
    metavar="NAME",
    help="What finds training examples: weights, hashing (needs none), or MODULE:CALLABLE",
)
@scoring_options
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON")
def eval_command(
    method: str,
    chosen: Chosen,
    model_name: str | None,
    base_url: str | None,
    engine: Engine,
    limit: int | None,
    ids: Path | None,
    out: Path | None,
    seed: int,
    concurrency: int | None,
    no_cache: bool,
    record: Path | None,
    replay: Path | None,
    embedder: str,
    metrics: str | None,
    mode: str,
    keep_distinct: bool,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Answer a benchmark's questions with a method, and score the answers.

    Without --benchmark, --spider and SPIDER_DIR it uses the bundled benchmark, without --model the embedded model. The
    run folder keeps every answer as it comes: the same command goes on where it was stopped.
    """
    from spider_opt import models
    from spider_opt.benchmarks import describe_missing
    from spider_opt.benchmarks.subsets import only
    from spider_opt.cli.show import show_scores
    from spider_opt.errors import RunError, UsageError
    from spider_opt.methods import parse_method
    from spider_opt.models import CachedModel, Recorder, ReplayModel
    from spider_opt.paths import cache_dir
    from spider_opt.runs.folder import finish

    parsed = parse_method(method)
    rules = asked_rules(metrics, mode, keep_distinct, timeout_s)
    whole = chosen.load()
    benchmark = whole if ids is None else only(whole, _read_ids(ids), str(ids))
    library = _library(whole, benchmark, embedder)
    if benchmark.missing:
        click.echo(describe_missing(benchmark), err=True)
    sample = ids.stem if ids else ""
    if replay is not None and (model_name, base_url, record, engine) != (None, None, None, "llama.cpp"):
        raise UsageError("--replay answers from a recording: leave out --model, --base-url, --engine and --record")
    with TemporaryDirectory() as nowhere:
        responses = (Path(nowhere) if no_cache or replay else cache_dir()) / "responses.sqlite"
        asked: ChatModel = (
            ReplayModel(replay)
            if replay
            else models.open(model_name, base_url=base_url, engine=engine, adapters=parsed.adapters)
        )
        with closing(CachedModel(asked, responses)) as cached:
            model = Recorder(cached, record) if record else cached
            folder = out or _default_folder(parsed.label, model.info, benchmark, sample)
            n_threads = concurrency or (SIDE_BY_SIDE if model.info.engine else 1)
            finished = _ask(parsed, benchmark, library, model, folder, sample, limit, seed, n_threads, embedder)
            click.echo(
                f"{len(finished.answers)} answers, {finished.n_new} of them new; {cached.misses} model calls, "
                f"{cached.hits} answered from the cache",
                err=True,
            )
    if finished.unanswered:
        name, message = next(iter(finished.unanswered.items()))
        n = len(finished.unanswered)
        raise RunError(
            f"{n} question{'s have' if n > 1 else ' has'} no answer ({name}: {message.rstrip('.')}); the run is "
            "unfinished and not scored, the same command asks again"
        )
    run = finish(benchmark, folder, rules)
    show_scores(run, as_json)
    if len(run.answers) > len(finished.answers):
        click.echo(
            f"the run folder has answers to {len(run.answers)} questions; the numbers are over all of them", err=True
        )
    click.echo(f"run folder: {folder}", err=True)


def _read_ids(path: Path) -> list[str]:
    from spider_opt.errors import UsageError

    try:
        return path.read_text(encoding="utf-8").split()
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no list of question ids: it is not text") from error


def _library(whole: Benchmark, asked: Benchmark, embedder: str) -> Library:
    from spider_opt.progress import lines  # a bar would stand on the one that counts answers
    from spider_opt.retrieval import open_library

    def tell(n: int, left_out: Mapping[Any, int]) -> None:
        why = ", ".join(f"{count:,} for {reason}" for reason, count in left_out.items())
        click.echo(f"retrieving from {n:,} training examples" + (f" (left out: {why})" if why else ""), err=True)

    return open_library(whole, asked.examples, embedder, opened=tell, progress=lines)


def _ask(
    method: Method,
    benchmark: Benchmark,
    library: Library,
    model: ChatModel,
    folder: Path,
    sample: str,
    limit: int | None,
    seed: int,
    concurrency: int,
    embedder: str,
) -> Finished:
    from spider_opt.databases import DatabasePool
    from spider_opt.progress import progress
    from spider_opt.runs.context_metrics import measure
    from spider_opt.runs.folder import run
    from spider_opt.runs.info import describe
    from spider_opt.types import Tools

    generator = method.build(Tools(DatabasePool(benchmark.paths), library))
    info = describe(benchmark, method.label, method.spelled_out, model.info, seed, sample=sample, embedder=embedder)
    return run(
        benchmark,
        generator,
        model,
        folder,
        info,
        limit=limit,
        concurrency=concurrency,
        progress=progress,
        measure=measure,
    )


def _default_folder(label: str, info: ModelInfo, benchmark: Benchmark, sample: str) -> Path:
    engine = f"-{info.engine.split()[0]}" if info.engine else ""
    name = f"{label}-{info.name}-{benchmark.name}-{sample or benchmark.split}{engine}"
    return Path("results") / "runs" / re.sub(r"[^A-Za-z0-9.+=_-]+", "_", name)
