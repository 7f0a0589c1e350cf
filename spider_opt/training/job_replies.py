"""Reads what a fine-tuning API answered: jobs, events, checkpoints, and whether an error passes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spider_opt.errors import ModelError, ModelUnavailable
from spider_opt.training.job_state import Checkpoint

if TYPE_CHECKING:
    import openai
    from openai.types.fine_tuning import FineTuningJobEvent
    from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

_OF_STEPS = re.compile(r"Step \d+/(\d+)")


class Passing(ModelError):
    """Something that passes: the connection broke, or the server is busy. ``wait_s`` is what it asks for."""

    def __init__(self, sentence: str, wait_s: float | None = None) -> None:
        super().__init__(sentence)
        self.wait_s = wait_s


class NotThere(ModelError):
    """The server knows no such job, file, model or page."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the provider tells it; ``error`` is why it failed, in the provider's words."""

    id: str
    status: str
    fine_tuned_model: str | None
    trained_tokens: int | None
    error: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, at ``at`` (seconds since 1970); a training step has its number and its loss."""

    text: str
    id: str = ""
    at: float = 0.0
    step: int | None = None
    steps: int | None = None
    loss: float | None = None


def passes(error: openai.OpenAIError, said: ModelError, reached: bool) -> bool:
    """Tell whether a call that ended so may succeed later; ``said`` is its translation."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return reached or not isinstance(said, ModelUnavailable)
    if isinstance(error, openai.RateLimitError):
        return not isinstance(said, ModelUnavailable)  # a quota that is used up does not come back
    return isinstance(error, openai.APIStatusError) and (error.status_code == 408 or error.status_code >= 500)


def wait_s(error: openai.OpenAIError) -> float | None:
    """Return the seconds of ``Retry-After``; a date there is not read."""
    response = getattr(error, "response", None)
    for header, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(response.headers[header]) * unit) if response is not None else None
        except (KeyError, ValueError):
            continue
    return None


def job_of(job: Any) -> Job:
    """Read a job."""
    error = getattr(job.error, "message", None) or ""
    return Job(job.id, job.status, job.fine_tuned_model, job.trained_tokens, " ".join(error.split())[:500])


def checkpoint_of(checkpoint: FineTuningJobCheckpoint) -> Checkpoint:
    """Read a checkpoint."""
    metrics = checkpoint.metrics.model_dump() if checkpoint.metrics else {}
    known = {name: value for name, value in metrics.items() if isinstance(value, float | int) and name != "step"}
    return Checkpoint(checkpoint.fine_tuned_model_checkpoint, checkpoint.step_number, known)


def event_of(event: FineTuningJobEvent) -> Event:
    """Read an event; that of a training step has numbers beside its text, but not with every provider."""
    data = event.data if isinstance(event.data, dict) else {}
    step, steps, loss = (data.get(name) for name in ("step", "total_steps", "train_loss"))
    text = " ".join((event.message or "").split())
    of = _OF_STEPS.match(text)
    return Event(
        text,
        event.id,
        float(event.created_at or 0),
        step if isinstance(step, int) else None,
        steps if isinstance(steps, int) else int(of[1]) if of else None,
        float(loss) if isinstance(loss, int | float) else None,
    )
