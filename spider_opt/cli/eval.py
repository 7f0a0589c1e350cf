"""``spider-opt eval``: ask a method all questions, judge the answers."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spider_opt.cli.benchmark_options import BENCHMARK_OPTIONS, Chosen, benchmark_options
from spider_opt.cli.options import (
    allow_learnt_option,
    asked_rules,
    corrections_option,
    engine_option,
    fail_under_option,
    give_up_option,
    log_option,
    prices_option,
    request_options,
    scoring_options,
    typed_options,
)

if TYPE_CHECKING:
    from spider_opt.models import Engine
    from spider_opt.types import JSON


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
    "--repeat", type=click.IntRange(min=2), metavar="K",
    help="Ask with K seeds, from --seed on, each in its own run folder (seed-0, … in --out), and show their spread",
)  # fmt: skip
@click.option(
    "--concurrency",
    type=click.IntRange(1, 256),
    help="Questions asked at the same time (default: 96 with --engine torch; else 32 with an adapter, 1 without)",
)
@request_options
@click.option("--logprobs", is_flag=True, help="Keep how probable answers' tokens were, for: spider-opt confidence")
@give_up_option
@allow_learnt_option
@click.option(
    "--no-cache",
    is_flag=True,
    help="Ask the model again, also what it was asked before; a finished run in the folder is set aside there",
)
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
@click.option(
    "--dry-run", type=click.IntRange(min=0), is_flag=False, flag_value=0, metavar="[N]",
    help="Ask the model N questions, which costs a little, and estimate what all will take, each figure with its 95 % "
    "interval. Judges nothing; writes the N answers to the run folder, where the same command without this goes on  "
    "[N: 3 a database, at least 24, and more until tokens and dollars are within 15 %]",
)  # fmt: skip
@click.option(
    "--budget", multiple=True, metavar="AMOUNT",
    help="Stop before so much is exceeded: 5usd, 2M-tokens, 30min (again for more); the same command goes on with more",
)  # fmt: skip
@prices_option
@click.option(
    "--spans", metavar="otlp[=URL]",
    help="Send OpenTelemetry's spans of questions and model calls to a collector  [URL: what its variables say]",
)  # fmt: skip
@scoring_options()
@corrections_option
@fail_under_option
@log_option
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
    repeat: int | None,
    concurrency: int | None,
    max_tokens: int | None,
    request_timeout_s: float | None,
    system: str,
    extra: dict[str, JSON],
    logprobs: bool,
    give_up: int,
    allow_learnt: bool,
    no_cache: bool,
    record: Path | None,
    replay: Path | None,
    embedder: str,
    dry_run: int | None,
    budget: tuple[str, ...],
    prices: Path | None,
    spans: str | None,
    metrics: str | None,
    mode: str | None,
    keep_distinct: bool,
    suite: Path | None,
    plug_value: bool,
    corrections: str | None,
    timeout_s: float | None,
    fail_under: float | None,
    log: tuple[str, ...],
    as_json: bool,
) -> None:
    """Answer a benchmark's questions, and score the answers.

    Without --benchmark, --spider and SPIDER_DIR it uses the bundled benchmark, without --model the embedded model. The
    run folder keeps every answer as it comes: the same command goes on where it was stopped. Where nothing is drawn (a
    greedy answer, temperature 0) all seeds of --repeat give the same.
    """
    from spider_opt.cli.log import log_run
    from spider_opt.cli.seeds import show_seeds
    from spider_opt.cli.show import fail_if_lost, fail_if_under, show_scores
    from spider_opt.cli.show_estimate import show_estimate
    from spider_opt.errors import UsageError
    from spider_opt.evaluation.estimating import estimate
    from spider_opt.evaluation.folders import default_folder
    from spider_opt.evaluation.repeating import with_seeds
    from spider_opt.evaluation.running import evaluate
    from spider_opt.integrations.trackers import tracker_of
    from spider_opt.methods import parse_method
    from spider_opt.models import ReplayModel

    trackers = [tracker_of(name) for name in log]
    parsed = parse_method(method)  # what was mistyped is said before anything is loaded
    rules = asked_rules(metrics, mode, keep_distinct, timeout_s, suite, plug_value, corrections)
    asked = (model_name, base_url, record, engine, max_tokens, request_timeout_s, system, extra, logprobs)
    if replay is not None and asked != (None, None, None, "llama.cpp", None, None, "yes", {}, False):
        raise UsageError(
            "--replay answers from a recording: leave out --model, --base-url, --engine, --record and how a model is "
            "asked (--max-tokens, --request-timeout, --system, --extra, --logprobs)"
        )
    if dry_run is not None:
        if fail_under is not None or no_cache or log:
            raise UsageError(
                "--dry-run judges nothing and keeps its answers: leave out --fail-under, --log and --no-cache"
            )
        if repeat is not None:
            raise UsageError("--dry-run estimates one seed: leave out --repeat, which asks that many times as much")
    if repeat is not None and budget:
        raise UsageError(
            "--budget bounds one run, and --repeat makes several, which would spend that each: leave out --repeat, and "
            "type the command for each --seed"
        )
    benchmark = chosen.load()
    how: dict[str, Any] = {
        "model": ReplayModel(replay) if replay else model_name,
        "base_url": base_url,
        "engine": engine,
        "limit": limit,
        "ids": ids,
        "concurrency": concurrency,
        "max_tokens": max_tokens,
        "system": system == "yes",
        "extra": extra,
        "request_timeout_s": request_timeout_s,
        "logprobs": logprobs,
        "give_up": give_up,
        "allow_learnt": allow_learnt,
        "embedder": embedder,
        "record": record,
        "budget": budget or None,
        "prices": prices,
        "spans": spans,
        "tell": partial(click.echo, err=True),
    }
    if dry_run is not None:
        found = estimate(parsed, benchmark, questions=dry_run or None, out=out or default_folder, seed=seed, **how)
        show_estimate(found, as_json)
        return
    ask = partial(evaluate, parsed, benchmark, mode=rules, cache=not no_cache, **how)
    if repeat is not None:
        runs = with_seeds(ask, repeat, seed=seed, out=out or default_folder)
        show_seeds(runs, as_json)
        for run in runs:
            log_run(run, trackers)
        for run in runs:
            fail_if_lost(run)
        fail_if_under(runs, fail_under)
        return
    run = ask(seed=seed, out=out or default_folder)
    show_scores(run, as_json)
    click.echo(f"run folder: {run.folder}", err=True)
    log_run(run, trackers)
    typed = typed_options(click.get_current_context(), BENCHMARK_OPTIONS)
    look = shlex.join(["spider-opt", "report", str(run.folder), *typed, "--open"])
    click.echo(f"look at it: {look}", err=True)
    fail_if_lost(run)
    fail_if_under([run], fail_under)
