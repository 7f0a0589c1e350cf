"""A method's answers to a benchmark, in a folder that a killed run goes on in.

``run.json`` says what was run, ``predictions.jsonl`` gets a line as each answer comes, and
``verdicts.jsonl`` is written once all questions are answered. A model that does not answer leaves its
question unanswered and the run unfinished; nothing is scored as wrong for that.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

from spider_opt import __version__
from spider_opt.errors import ModelError, ModelUnavailable, RunError
from spider_opt.paths import write_whole
from spider_opt.predictions import Answer, mend, pair_answers, to_line
from spider_opt.scoring import Rules, ScoreReport, score, write_verdicts
from spider_opt.scoring.execution import VERSION as SCORER_VERSION
from spider_opt.types import Benchmark, ChatModel, Example, Generator, Prediction, Task

FORMAT = 1
# What makes two runs the same run; everything else in run.json is for the record.
IDENTITY = ("method", "model", "model_sha256", "adapter_sha256", "benchmark", "split", "sample", "fingerprint", "seed")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run came to. ``unanswered`` maps question ids to the model's error."""

    answers: tuple[Answer, ...]
    n_new: int
    unanswered: dict[str, str]


def describe(benchmark: Benchmark, method: str, model: ChatModel, seed: int, sample: str = "") -> dict[str, Any]:
    """Return what ``run.json`` holds: what was run, on what, with what.

    ``sample`` names the list of questions that were chosen, '' for the whole split.
    """
    info = model.info
    return {
        "format": FORMAT,
        "method": method,
        "model": info.name,
        "model_sha256": info.sha256,
        "adapter_sha256": info.adapter,
        "benchmark": benchmark.name,
        "split": benchmark.split,
        "sample": sample,
        "fingerprint": benchmark.fingerprint,
        "n_total": benchmark.n_total,
        "missing": dict(benchmark.missing),
        "seed": seed,
        "version": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def run(
    benchmark: Benchmark,
    generator: Generator,
    model: ChatModel,
    folder: Path,
    description: dict[str, Any],
    *,
    limit: int | None = None,
    concurrency: int = 1,
    on_answer: Callable[[Answer | None], None] = lambda answer: None,
) -> Finished:
    """Answer the first ``limit`` questions of ``benchmark``, but for those that ``folder`` has answers to.

    Questions of one database follow each other, so that the server's prefix cache works. ``on_answer``
    is called with each answer, None for a question that stays unanswered. An interrupt loses nothing
    that was answered.

    Raises:
        RunError: ``folder`` holds another run, is in use, or cannot be written.
        ModelUnavailable: nothing answers; what was answered before is kept.
    """
    examples = benchmark.examples[:limit]
    wanted = {example.question.id: example for example in examples}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            _claim(folder, description)
            done = {a.id: a for a in mend(folder / "predictions.jsonl")}
            todo = [ex for ex in _by_database(examples) if ex.question.id not in done]
            with (folder / "predictions.jsonl").open("a", encoding="utf-8") as file:
                fresh, unanswered = _answer(todo, generator, model, description["seed"], concurrency, file, on_answer)
            done.update((answer.id, answer) for answer in fresh)
            answers = sorted(done.values(), key=lambda answer: answer.index)
            write_whole(folder / "predictions.jsonl", "".join(to_line(answer) for answer in answers))
    except OSError as error:
        raise RunError(
            f"cannot write to {folder}: {error.strerror or error}; answers so far are kept, run the same command again"
        ) from error
    return Finished(tuple(a for a in answers if a.id in wanted), len(fresh), unanswered)


def finish(benchmark: Benchmark, folder: Path, rules: Rules) -> ScoreReport:
    """Score the answers of a run folder, write its verdicts, and note in ``run.json`` what was scored and how."""
    answers = pair_answers(benchmark, folder / "predictions.jsonl", expected=0)
    report = score(benchmark, answers, rules)
    write_verdicts(report.scored, folder / "verdicts.jsonl")
    scorer = {
        "mode": rules.mode,
        "keep_distinct": rules.keep_distinct,
        "timeout_s": rules.timeout_s,
        "version": SCORER_VERSION,
    }
    description = read_description(folder) | {"n": len(answers), "scorer": scorer}
    write_whole(folder / "run.json", json.dumps(description, indent=1, ensure_ascii=False) + "\n")
    return report


def read_description(folder: Path) -> dict[str, Any]:
    """Read a run folder's ``run.json``.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    path = folder / "run.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"no run in {folder}: it has no run.json") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    if not isinstance(description, dict) or any(key not in description for key in IDENTITY):
        raise RunError(f"{path} does not describe a run")
    return description


def commit() -> str:
    """Return the commit of the source tree this package runs from, with ``+`` if it was changed; '' if none."""
    here = Path(__file__).resolve().parent
    git = ["git", "-C", str(here)]
    try:
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", str(here)],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _by_database(examples: Sequence[Example]) -> list[Example]:
    first: dict[str, int] = {}
    for example in examples:
        first.setdefault(example.question.db_id, example.index)
    return sorted(examples, key=lambda ex: (first[ex.question.db_id], ex.index))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep a second process out of the folder; the system frees the lock when a process dies."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system: two runs at once in one folder are the user's to avoid
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise RunError(f"{folder} is in use by another run; wait for it or choose another --out") from None
    finally:
        os.close(handle)


def _claim(folder: Path, description: dict[str, Any]) -> None:
    """Write ``run.json``, or make sure that the one there describes the same run."""
    if (folder / "run.json").exists():
        there = read_description(folder)
        for key in IDENTITY:
            if there[key] != description[key]:
                raise RunError(
                    f"{folder} holds another run ({key} is {there[key]!r} there, {description[key]!r} now); "
                    "choose another --out, or remove that folder"
                )
        return
    if (folder / "predictions.jsonl").exists():
        raise RunError(f"{folder} has predictions but no run.json to say whose; choose another --out")
    write_whole(folder / "run.json", json.dumps(description, indent=1, ensure_ascii=False) + "\n")


def _answer(
    todo: Sequence[Example],
    generator: Generator,
    model: ChatModel,
    seed: int,
    concurrency: int,
    file: IO[str],
    on_answer: Callable[[Answer | None], None],
) -> tuple[list[Answer], dict[str, str]]:
    fresh: list[Answer] = []
    unanswered: dict[str, str] = {}
    waiting = iter(todo)
    running: dict[Future[Prediction], Example] = {}
    pool = ThreadPoolExecutor(max_workers=concurrency)
    try:
        while True:
            for example in islice(waiting, concurrency - len(running)):
                running[pool.submit(generator, Task(example.question, model, seed=seed))] = example
            if not running:
                return fresh, unanswered
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(finished, key=lambda f: running[f].index):
                example = running.pop(future)
                question = example.question
                try:
                    answer = Answer(example.index, question.id, question.db_id, future.result())
                except ModelUnavailable:
                    raise
                except ModelError as error:
                    unanswered[question.id] = str(error)
                    on_answer(None)
                    continue
                file.write(to_line(answer))
                file.flush()
                fresh.append(answer)
                on_answer(answer)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
