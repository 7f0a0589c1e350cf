"""The trackers that runs are logged to, by name."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module

from spider_opt import arguments
from spider_opt.errors import UsageError
from spider_opt.models.openai.urls import without_secrets
from spider_opt.runs import Run

TRACKERS = {"mlflow": ("MLflow", "spider_opt.integrations.mlflow_store:log_to_mlflow", ("mlflow", "sqlalchemy"))}
"""By the name that is typed, which is also that of the extra: what it is called, what logs a run, what it needs."""


@dataclass(frozen=True, slots=True)
class Tracker:
    """Where runs are logged: a name of ``TRACKERS``, and its place there, '' for the tracker's own default."""

    name: str
    place: str = ""

    def log(self, run: Run) -> str:
        """Log a finished run, and return in one sentence what came of it; again, it is found there and left.

        Raises:
            SpiderOptError: it cannot be logged; the run itself is as it was.
        """
        module, _, function = TRACKERS[self.name][1].partition(":")
        log: Callable[[Run, str], str] = getattr(import_module(module), function)
        return log(run, self.place)

    def __str__(self) -> str:
        """Return it as it is typed, without a password."""
        return f"{self.name}={without_secrets(self.place)}" if self.place else self.name


def tracker_of(text: str) -> Tracker:
    """Return the tracker that a text names: ``mlflow``, or ``mlflow=URI``; its packages are there.

    Raises:
        UsageError: there is no such tracker, its place is empty, or the extra that it needs is not installed.

    >>> tracker_of("mlflo")
    Traceback (most recent call last):
    spider_opt.errors.UsageError: there is no tracker 'mlflo'; did you mean mlflow?
    """
    name, equals, place = (part.strip() for part in text.partition("="))
    if name not in TRACKERS:
        near = get_close_matches(name, TRACKERS, n=1)
        there = f"; did you mean {near[0]}?" if near else f": there is {', '.join(TRACKERS)}"
        raise UsageError(f"there is no tracker {name!r}{there}")
    if equals and not place:
        raise UsageError(f"{text!r} names no place: write {name}=URI, or {name} alone")
    title, _, needed = TRACKERS[name]
    if any(importlib.util.find_spec(package) is None for package in needed):
        raise UsageError(f"logging to {title} needs more packages: pip install 'spider-opt[{name}]'")
    return Tracker(name, place)


def log(run: Run, to: str | Sequence[str]) -> list[str]:
    """Log a finished run to trackers: ``"mlflow"``, ``"mlflow=http://localhost:5000"``.

    What is logged: parameters, all metrics with their standard errors, a table of questions (with questions and gold
    queries where the run has its benchmark), and the files of the run. A run that was logged already is left as it is.

    Returns:
        A sentence for each tracker on what came of it.

    Raises:
        UsageError: there is no such tracker, or the extra that it needs is not installed.
        SpiderOptError: the run cannot be logged; the run itself is as it was.
    """
    if not isinstance(run, Run):
        raise arguments.wrong(run, "run", "a finished run, as from so.Run.read(FOLDER)")
    named = [to] if isinstance(to, str) else arguments.texts(to, "to")
    return [tracker.log(run) for tracker in [tracker_of(name) for name in named]]
