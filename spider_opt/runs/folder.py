"""A method's answers to a benchmark, in a folder that a killed run goes on in.

``run.json`` says what was run, ``predictions.jsonl`` gets a line as each answer comes, and
``verdicts.jsonl`` is written once all questions are answered. A model that does not answer leaves its
question unanswered and the run unfinished; nothing is scored as wrong for that.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spider_opt import __version__
from spider_opt.errors import ModelError, RunError
from spider_opt.paths import append_whole, locked, write_whole
from spider_opt.runs.answers import Answer, mend, pair_answers, to_line
from spider_opt.runs.concurrency import ask_all, by_database
from spider_opt.scoring import Rules, ScoreReport, score, write_verdicts
from spider_opt.types import Benchmark, ChatModel, Example, Generator, Prediction

FORMAT = 1
# What makes two runs the same run; everything else in run.json is for the record.
IDENTITY = (
    "method",
    "steps",
    "model",
    "model_sha256",
    "adapter_sha256",
    "benchmark",
    "split",
    "sample",
    "fingerprint",
    "seed",
)
# The same, but only in run.json where there is one.
OPTIONAL = ("engine",)


# Opens a display for (label, questions in all) and gives what to call for each that was asked.
Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
# Measures, with the gold at hand, what stood in the prompt of an answer.
Measure = Callable[[Example, Prediction], Mapping[str, float]]


def silent(label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
    """Show no progress."""
    return nullcontext(lambda: None)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run came to. ``unanswered`` maps question ids to the model's error."""

    answers: tuple[Answer, ...]
    n_new: int
    unanswered: dict[str, str]


def describe(
    benchmark: Benchmark, method: str, steps: str, model: ChatModel, seed: int, sample: str = ""
) -> dict[str, Any]:
    """Return what ``run.json`` holds: what was run, on what, with what.

    ``method`` is its label, ``steps`` the same with every option spelled out. ``sample`` names
    the list of questions that were chosen, '' for the whole split.
    """
    info = model.info
    return {
        "format": FORMAT,
        "method": method,
        "steps": steps,
        "model": info.name,
        "model_sha256": info.sha256,
        "adapter_sha256": info.adapter,
        **({"engine": info.engine} if info.engine else {}),
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
    progress: Progress = silent,
    measure: Measure | None = None,
) -> Finished:
    """Answer the first ``limit`` questions of ``benchmark``, but for those that ``folder`` has answers to.

    Questions of one database follow each other, so that the server's prefix cache works. ``progress`` is
    opened with (label, questions to ask). An interrupt loses nothing that was answered. What ``measure`` finds is
    kept with each new answer, to four digits.

    Raises:
        LeakError: ``measure`` found the question's own gold or database in the prompt.
        RunError: ``folder`` holds another run, is in use, or cannot be written.
        ModelUnavailable: nothing answers; what was answered before is kept.
    """
    path = folder / "predictions.jsonl"
    wanted = {example.question.id for example in benchmark.examples[:limit]}
    unanswered: dict[str, str] = {}
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        with _writing(folder):
            _claim(folder, description)
            done = {answer.id: answer for answer in mend(path)}
        strange = sorted(done.keys() - {example.question.id for example in benchmark.examples})
        if strange:
            raise RunError(
                f"{folder} has an answer to {strange[0]}, which is not among the questions asked now; "
                "choose another --out"
            )
        todo = [ex for ex in by_database(benchmark.examples[:limit]) if ex.question.id not in done]
        if todo:
            with _writing(folder):
                _unfinish(folder)
        answered = ask_all(todo, generator, model, description["seed"], concurrency)
        with progress("answering", len(todo)) as advance, closing(answered):
            for example, got in answered:
                question = example.question
                if isinstance(got, ModelError):
                    unanswered[question.id] = str(got)
                else:
                    found = measure(example, got) if measure else {}
                    context = {name: round(value, 4) for name, value in found.items()}
                    done[question.id] = Answer(example.index, question.id, question.db_id, got, context)
                    with _writing(folder):
                        append_whole(path, to_line(done[question.id]))
                advance()
        answers = sorted(done.values(), key=lambda answer: answer.index)
        with _writing(folder):
            write_whole(path, "".join(to_line(answer) for answer in answers))
    return Finished(tuple(a for a in answers if a.id in wanted), len(todo) - len(unanswered), unanswered)


def finish(benchmark: Benchmark, folder: Path, rules: Rules) -> ScoreReport:
    """Score all answers of a run folder, write their verdicts, and note in ``run.json`` what was scored and how.

    Raises:
        RunError: the folder holds no run, is in use, or cannot be written.
    """
    answers = pair_answers(benchmark, folder / "predictions.jsonl", expected=0)
    report = score(benchmark, answers, rules)
    with _alone(folder), _writing(folder):
        _unfinish(folder)
        write_verdicts(report.scored, folder / "verdicts.jsonl")
        _write_description(folder, read_description(folder) | {"n": len(answers), "scorer": rules.noted()})
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
    here = Path(__file__).resolve().parents[1]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # else this is a package installed inside somebody's tree
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+" if git("status", "--porcelain", "--untracked-files=no", "--", str(here)) else "")
    except (OSError, subprocess.SubprocessError):
        return ""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(locked(folder))
        except BlockingIOError:
            raise RunError(f"{folder} is in use by another run; wait for it or choose another --out") from None
        except OSError as error:
            raise _unwritable(folder, error) from error
        yield


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> RunError:
    return RunError(
        f"cannot write to {folder}: {error.strerror or error}; answers so far are kept, run the same command again"
    )


def _claim(folder: Path, description: dict[str, Any]) -> None:
    """Write ``run.json``, or make sure that the one there describes the same run."""
    if (folder / "run.json").exists():
        there = read_description(folder)
        other = [
            f"{key} is {there.get(key, '')!r} there, {description.get(key, '')!r} now"
            for key in (*IDENTITY, *OPTIONAL)
            if there.get(key, "") != description.get(key, "")
            and not (key == "steps" and there["method"] != description["method"])  # the label says it shorter
        ]
        if other:
            raise RunError(
                f"{folder} holds another run ({'; '.join(other)}); choose another --out, or remove that folder"
            )
        return
    if (folder / "predictions.jsonl").exists():
        raise RunError(f"{folder} has predictions but no run.json to say whose; choose another --out")
    _write_description(folder, description)


def _unfinish(folder: Path) -> None:
    """Take back what ``finish`` wrote: verdicts must never stand beside answers that they do not cover."""
    description = read_description(folder)
    if "scorer" in description:
        _write_description(folder, {key: value for key, value in description.items() if key not in ("n", "scorer")})
    (folder / "verdicts.jsonl").unlink(missing_ok=True)


def _write_description(folder: Path, description: dict[str, Any]) -> None:
    write_whole(folder / "run.json", json.dumps(description, indent=1, ensure_ascii=False) + "\n")
