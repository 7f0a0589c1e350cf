"""What is known of a hosted job, in ``job.json`` of its folder: the same command goes on from it.

The key is in the environment and never here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spider_opt.errors import RunError, UsageError
from spider_opt.models.openai.urls import OPENAI_URL, checked_url
from spider_opt.models.secrets import shown_url
from spider_opt.paths import locked, write_whole
from spider_opt.wording import argument, either

FILE = "job.json"
FINISHED = ("succeeded", "failed", "cancelled")


def provider_url(base_url: str | None) -> str:
    """Return the endpoint that is meant: the one given, that of ``OPENAI_BASE_URL``, or OpenAI's."""
    return (base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL).rstrip("/")


@dataclass(frozen=True, slots=True)
class Settings:
    """What is asked of the provider; None leaves the choice to it.

    Raises:
        UsageError: a value that no provider takes.
    """

    model: str
    base_url: str
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate_multiplier: float | None = None
    seed: int | None = None
    suffix: str | None = None

    def __post_init__(self) -> None:
        if shown_url(checked_url(self.base_url)) != checked_url(self.base_url):
            raise UsageError("A base URL is shown and written down: leave keys out of it, and set OPENAI_API_KEY")
        if not self.model:
            raise UsageError(f"Which model is to be tuned? Name it with {argument('model')}")
        for name in ("epochs", "batch_size", "learning_rate_multiplier"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise UsageError(f"{name} is {value}, but must be more than 0")
        if self.seed is not None and not 0 <= self.seed < 2**31:
            raise UsageError(f"seed is {self.seed}, but must be from 0 to {2**31 - 1}")
        if self.suffix is not None and not 0 < len(self.suffix) <= 64:
            raise UsageError("The suffix of a model's name has 1 to 64 characters")

    def hyperparameters(self) -> dict[str, int | float]:
        """Return those that are given, by the API's names."""
        named = {
            "n_epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate_multiplier": self.learning_rate_multiplier,
        }
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file by its hash. ``asked`` is set before it is sent; ``id`` is the provider's, once it has the file."""

    sha256: str
    asked: bool = False
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model on the way; ``metrics`` are the provider's (``train_loss``, ``full_valid_loss`` …)."""

    model: str
    step: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobState:
    """``files`` by their part, train and validation. ``asked`` is set before a job is asked for.

    ``status`` is the provider's word, and ``last_event`` the last event that was shown.
    """

    settings: Settings
    files: Mapping[str, Upload]
    asked: bool = False
    job: str | None = None
    status: str = ""
    last_event: str | None = None
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    checkpoints: tuple[Checkpoint, ...] = ()


def load(folder: Path) -> JobState | None:
    """Read the folder's job, if there is one.

    Raises:
        RunError: the file is not one of ours.
    """
    path = folder / FILE
    try:
        fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        fields["settings"] = Settings(**fields["settings"])
        fields["files"] = {part: Upload(**file) for part, file in fields["files"].items()}
        fields["checkpoints"] = tuple(Checkpoint(**one) for one in fields["checkpoints"])
        return JobState(**fields)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise RunError(f"{path} is not what was written there; remove it to start again") from error


def state_for(folder: Path, settings: Settings, sha256: Mapping[str, str]) -> JobState:
    """Return what is known of the job for these settings and files (hashes by part).

    As long as no job has been asked for, other settings and files can take the place of those in the folder.

    Raises:
        RunError: the folder is for another job.
    """
    kept = load(folder)
    if kept is None or not kept.asked:
        known = kept.files if kept and kept.settings.base_url == settings.base_url else {}
        same = {part: known[part] for part in known if sha256.get(part) == known[part].sha256}
        return JobState(settings, {part: same.get(part, Upload(digest)) for part, digest in sha256.items()})
    was, now = asdict(kept.settings), asdict(settings)
    other = [f"{name} {was[name]}" for name in was if was[name] != now[name]]
    if {part: file.sha256 for part, file in kept.files.items()} != dict(sha256):
        other.append("other data")
    if other:
        raise RunError(
            f"{folder} is of a job with {', '.join(other)}: give another {either('folder', '--name')}, "
            "or the same options and data"
        )
    return kept


def save(folder: Path, state: JobState) -> JobState:
    """Write the folder's job, and return it."""
    write_whole(folder / FILE, json.dumps(asdict(state), indent=2) + "\n")
    return state


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep a second process from beginning the same job.

    Raises:
        RunError: one is at it.
    """
    try:
        with locked(folder):
            yield
    except BlockingIOError:
        raise RunError(
            f"{folder} is in use by another spider-opt; wait for it or give another {either('folder', '--name')}"
        ) from None
