"""``spider-opt data``: which benchmarks there are, get one, look through it."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spider_opt.cli.benchmark_options import Chosen, benchmark_questions_options
from spider_opt.cli.data_doubt import doubt_command
from spider_opt.cli.data_import import import_command
from spider_opt.progress import LINE_EVERY_S, time_left

if TYPE_CHECKING:
    from rich.progress import TaskID

    from spider_opt.benchmarks.check import Check


@click.group(
    invoke_without_command=True,
    epilog="\b\nExample:\n  spider-opt data import questions.csv --database shop.db --out own/\n"
    "  spider-opt data fetch spider\n  spider-opt data check spider",
)
@click.pass_context
def data(context: click.Context) -> None:
    """List benchmarks, make one of yours, get Spider, check a folder."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@data.command("list", epilog="\b\nExample:\n  spider-opt data list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a benchmark, in a list")
def list_command(as_json: bool) -> None:
    """List the benchmarks: splits, licence, and what is here.

    A benchmark's folder is looked for where its environment variable says (Spider's: SPIDER_DIR).
    """
    from spider_opt.benchmarks.listing import listed

    found, broken = listed()
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(one) for one in found], indent=1))
    else:
        for one in found:
            splits = ", ".join(f"{split} (usual)" if split == one.default else split for split in one.splits)
            click.echo(f"{one.name}: {splits}; {one.licence}\n  {one.about}\n  {one.where}")
    for sentence in broken:
        click.echo(f"left out: {sentence}", err=True)


@data.command(epilog="\b\nExample:\n  spider-opt data fetch ~/spider")
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--benchmark", "name", metavar="NAME", default="spider", show_default=True, help="Which one")
@click.option("--data", "other_folder", type=click.Path(path_type=Path), help="The same as DIR")
@click.option("--url", metavar="URL", help="Take the zip from there instead of the official place")
@click.option(
    "--sha256", metavar="HEX", help="Refuse a zip with another hash (default: the one known of the official zip)"
)
def fetch(folder: Path | None, name: str, other_folder: Path | None, url: str | None, sha256: str | None) -> None:
    """Download a benchmark into DIR: Spider, unless another is named.

    Without DIR the folder is called as the benchmark. Of Spider it is about 200 MB to download, about 2 GB unpacked.
    A download that breaks off goes on where it stopped when the same command is given again.
    """
    from spider_opt.benchmarks import source_named
    from spider_opt.benchmarks.fetch import fetch_benchmark, official_download

    official = official_download(name)
    folder = _one_folder(folder, other_folder) or Path(name)
    size = f" ({official.size})" if official.size and url is None else ""
    click.echo(f"Fetching {url or official.url}{size}", err=True)
    with _bytes_progress() as show:
        fetched = fetch_benchmark(name, folder, show, url=url, sha256=sha256)
    verdict = "as expected" if fetched.verified else "compared with nothing: no hash is known for this address"
    click.echo(f"{source_named(name).title} is at {fetched.root}; SHA-256 of the zip {fetched.sha256} ({verdict}).")
    if source_named(name).over:
        over, file = source_named(name).over, next(iter(source_named(name).splits.values())).questions[0]
        click.echo(
            f"Its databases are {source_named(over).title}'s: --benchmark {name} --data {over.upper()} "
            f"--questions {fetched.root / file}",
            err=True,
        )
        return
    option = "" if name == "spider" else f" --benchmark {name}"
    click.echo(f"Look through it with: spider-opt data check{option} {fetched.root}", err=True)


data.add_command(import_command)
data.add_command(doubt_command)


@data.command(
    epilog="\b\nExample:\n  spider-opt data check ~/spider\n"
    "  spider-opt data check --benchmark spider-syn --data ~/spider --questions dev.json"
)
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@benchmark_questions_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object")
def check(folder: Path | None, chosen: Chosen, as_json: bool) -> None:
    """Say what is in DIR, what is missing, and which gold queries fail.

    DIR is a benchmark's folder, the same as --data; without it SPIDER_DIR is taken, else the bundled benchmark. All of
    its splits are looked at; with --split that one, with --questions that file.
    Exit code 2 when a file is broken; missing databases and failing golds are only reported.
    """
    from spider_opt.benchmarks.check import check_benchmark
    from spider_opt.progress import progress

    chosen = replace(chosen, data=_one_folder(folder, chosen.data))
    name, root = chosen.named()
    found = check_benchmark(name, root, progress, questions=chosen.questions, split=chosen.split)
    if as_json:
        click.echo(json.dumps({"usable": not found.problems, **dataclasses.asdict(found)}))
    else:
        for line in _lines(found):
            click.echo(line)
    for problem in found.problems:
        click.echo(problem, err=True)
    if found.problems:
        sys.exit(2)


def _one_folder(folder: Path | None, other: Path | None) -> Path | None:
    from spider_opt.errors import UsageError

    if folder is not None and other is not None:
        raise UsageError(f"{folder} and --data {other} name two folders: leave one of them out")
    return other if folder is None else folder


def _lines(found: Check) -> Iterator[str]:
    from spider_opt.benchmarks.loading import missing_sentence

    yield f"{found.name} at {found.root}"
    for tables in found.lacking_tables:
        yield f"  no {tables}: schemas come from the databases alone"
    for file in found.unread:
        yield f"  not read: {file}; ask them by --questions"
    for split in found.splits:
        yield f"{split.split}: n={split.n:,}, databases {split.databases}"
        if split.missing:
            yield f"  {missing_sentence(split.missing, split.n_total, split.n)}"
        if split.duplicates:
            yield f"  questions that repeat an earlier one word for word: {split.duplicates:,}"
        if split.without_gold:
            yield f"  questions without a gold query, which are asked but not scored: {split.without_gold:,}"
        if split.results:
            yield f"  questions with results for golds, and no gold query: {split.results:,}"
        if split.empty_golds:
            yield f"  gold queries that return no row: {split.empty_golds:,}"
        if split.failing_golds:
            what = "gold results by which nothing is right" if split.results else "gold queries that fail"
            yield f"  {what}: {len(split.failing_golds):,}"
        for gold in split.failing_golds:
            yield f"    {gold.id} ({gold.db_id}): {gold.error}"
    if found.query_split:
        yield f"training and evaluation share databases, and are split by query: {', '.join(found.shared_databases)}"
        for reason, n in found.too_near.items():
            yield f"  training questions that are left out, {reason} as one that is asked: {n:,}"
    elif found.shared_databases:
        yield f"training and evaluation share databases: {', '.join(found.shared_databases)}"
    elif len(found.splits) > 1:
        yield "training and evaluation share no database"


@contextmanager
def _bytes_progress() -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield what shows (label, bytes done, bytes in all) on stderr: bars on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _log_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(label: str, done: int, total: int | None) -> None:
            if label not in tasks:
                tasks[label] = bars.add_task(label)
            bars.update(tasks[label], completed=done, total=total)

        yield show


def _log_lines() -> Callable[[str, int, int | None], None]:
    began: dict[str, tuple[float, int]] = {}
    last = time.monotonic()

    def show(label: str, done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        start, first = began.setdefault(label, (now, done))
        if now - last < LINE_EVERY_S:
            return
        last = now
        line = f"{label}: {done / 1e6:,.0f} MB"
        if total is not None and done > first:
            left_s = (now - start) / (done - first) * (total - done)
            line += f" of {total / 1e6:,.0f} MB, {time_left(left_s)}"
        click.echo(line, err=True)

    return show
