"""Options that say which questions a command is about."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from spider_opt.types import Benchmark

R = TypeVar("R")
BENCHMARK_OPTIONS = {
    "benchmark": "--benchmark", "data": "--data", "spider": "--spider", "questions": "--questions", "split": "--split",
    "evidence": "--evidence",
}  # fmt: skip
"""Parameters of a command and what is typed for them."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which benchmark a command is about, as its options say."""

    benchmark: str | None = None
    data: Path | None = None
    spider: Path | None = None
    questions: Path | None = None
    split: str | None = None
    evidence: str | None = None

    def named(self, usual: str | None = None) -> tuple[str, Path | None]:
        """Return the benchmark's name, '' for what its folder says, and that folder, None where no option names one.

        Without options it is the ``usual`` one: if that is not said, Spider where ``SPIDER_DIR`` names its folder,
        else the bundled benchmark.

        Raises:
            UsageError: the options contradict each other.
        """
        from spider_opt.errors import UsageError

        name, _, split = (self.benchmark or "").partition(":")
        if split:
            raise UsageError(f"--benchmark {self.benchmark} is no name: write --benchmark {name} --split {split}")
        if self.spider is not None:
            if self.data is not None:
                raise UsageError("--spider DIR is short for --benchmark spider --data DIR: leave out --data")
            if self.benchmark not in (None, "spider"):
                raise UsageError(
                    f"--spider names Spider's folder, and --benchmark {self.benchmark}: leave one of them out, or "
                    "name the folder by --data"
                )
            return "spider", self.spider
        if self.benchmark is None and self.data is not None:
            return "", self.data
        is_there = os.environ.get("SPIDER_DIR", "").strip()
        return self.benchmark or usual or ("spider" if is_there else "spider-mini"), self.data

    def load(self, usual: str | None = None, *, told_later: bool = False) -> Benchmark:
        """Load what the options say; ``told_later`` where the command tells of missing databases beside its numbers.

        Raises:
            UsageError: they contradict each other, or what they name cannot be loaded.
        """
        from spider_opt.benchmarks.loading import load, load_untold

        name, data = self.named(usual)
        named = name if self.split is None else f"{name}:{self.split}"
        how = load_untold if told_later else load
        return how(named, data=data, questions=self.questions, evidence=self.evidence != "no")

    def load_for(self, path: Path, *, told_later: bool = False) -> Benchmark:
        """Load what the options say, where a run of that benchmark is at ``path`` in its split and with its evidence.

        Raises:
            UsageError: as ``load``; or ``--evidence`` says otherwise than the run.
            RunError: its description cannot be read.
        """
        from spider_opt.runs.info import FILE, RunInfo
        from spider_opt.runs.verdict_files import PREDICTIONS, VERDICTS

        folder = path.parent if path.name in (PREDICTIONS, VERDICTS) else path
        if not (folder / FILE).is_file():
            return self.load(told_later=told_later)
        info = RunInfo.read(folder)
        told = self._told_as(info.split)
        if not (told.split or told.questions) and told.named(None)[0] == info.benchmark:
            told = replace(told, split=info.split)
        return self._check_told(told.load(told_later=told_later), info.split)

    def load_of(self, benchmark: str, split: str) -> Benchmark:
        """Load what a run was asked, where the options do not say otherwise; of our own benchmarks its name will do.

        Raises:
            UsageError: the options contradict each other, or the run.
            DatasetError: the benchmark cannot be loaded, or its folder must be named.
        """
        from spider_opt.benchmarks import table
        from spider_opt.errors import DatasetError

        ours = benchmark if benchmark in table.benchmark_names() else None
        told = self._told_as(split)
        there = told if self.split or self.questions else replace(told, split=split)
        if ours and not self.benchmark and table.source_named(ours).over and (self.data or self.spider):
            there = replace(there, benchmark=ours, data=self.data or self.spider, spider=None)
        if ours is None and not (self.benchmark or self.data or self.spider):
            if not Path(benchmark).is_dir():  # a folder's name is mostly the benchmark's
                raise DatasetError(f"name the folder of {benchmark}, --data DIR")
            there = replace(there, data=Path(benchmark))
        return self._check_told(there.load(ours), split)

    def _told_as(self, split: str) -> Chosen:
        """Return the same with evidence or without as a run of this split was made."""
        from spider_opt.benchmarks.loading import NO_EVIDENCE
        from spider_opt.errors import UsageError

        if not split.endswith(NO_EVIDENCE):
            return self
        if self.evidence == "yes":
            raise UsageError(f"the run was asked {split}, with --evidence no: leave out --evidence yes")
        return replace(self, evidence="no")

    def _check_told(self, benchmark: Benchmark, split: str) -> Benchmark:
        from spider_opt.benchmarks.loading import NO_EVIDENCE
        from spider_opt.errors import UsageError

        if self.evidence == "no" and benchmark.split.endswith(NO_EVIDENCE) and not split.endswith(NO_EVIDENCE):
            raise UsageError(f"the run was asked {split}, with evidence: leave out --evidence no")
        return benchmark


def benchmark_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add ``--benchmark`` and ``--data``, and what else says which questions are meant; handed on as ``chosen``."""

    @wraps(command)
    def call(*arguments: Any, evidence: str | None, chosen: Chosen, **options: Any) -> R:
        return command(*arguments, chosen=replace(chosen, evidence=evidence), **options)

    return click.option(
        "--evidence",
        type=click.Choice(["yes", "no"]),
        help="Whether models are told what the benchmark tells beside each question (BIRD)  "
        "[default: yes; of a run, as it was made]",
    )(benchmark_questions_options(call))


def benchmark_questions_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add what ``benchmark_options`` adds for commands that show nothing to a model; handed on as ``chosen``."""

    @wraps(command)
    def call(*arguments: Any, **options: Any) -> R:
        return command(*arguments, **_gathered(options, ("questions", "split")))

    call = click.option("--split", help="Which questions: dev, train, test … (default: the benchmark's usual ones)")(
        call
    )
    call = click.option(
        "--questions",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="Another file of questions over the same databases",
    )(call)
    return _where(call)


def benchmark_folder_options(command: Callable[..., R]) -> Callable[..., R]:
    """Add ``--benchmark`` and ``--data``, and ``--spider``; handed on as ``chosen``."""

    @wraps(command)
    def call(*arguments: Any, **options: Any) -> R:
        return command(*arguments, **_gathered(options))

    return _where(call)


def _where(command: Callable[..., R]) -> Callable[..., R]:
    folder = click.Path(path_type=Path, file_okay=False)
    command = click.option("--spider", type=folder, help="Short for --benchmark spider --data DIR")(command)
    command = click.option(
        "--data", type=folder, help="The benchmark's folder; alone: what lies there (Spider's: also SPIDER_DIR)"
    )(command)
    return click.option(
        "--benchmark",
        metavar="NAME",
        help="See: spider-opt data list (default: spider where SPIDER_DIR names its folder, else spider-mini)",
    )(command)


def _gathered(options: dict[str, Any], more: Sequence[str] = ()) -> dict[str, Any]:
    chosen = Chosen(**{name: options.pop(name) for name in ("benchmark", "data", "spider", *more)})
    return options | {"chosen": chosen}
