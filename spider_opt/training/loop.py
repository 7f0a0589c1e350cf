"""The training loop: steps, learning rate, checkpoints, and a log that says how it goes."""

from __future__ import annotations

import hashlib
import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from spider_opt.errors import TrainingError
from spider_opt.paths import append_whole
from spider_opt.training.dataset import Item, check_training
from spider_opt.training.lora import Lora, summed_loss
from spider_opt.training.packing import Pack, laid
from spider_opt.training.packs import Packer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Settings:
    """How to train.

    ``rate`` is the highest learning rate, reached after the share ``warmup`` of the steps and falling to 0 by a cosine.
    ``packs`` is how many schemas a step has. With ``minutes`` the schedule ends after that time at the latest.
    """

    epochs: float = 2.0
    rate: float = 2e-4
    rank: int = 16
    alpha: float = 32.0
    packs: int = 2
    warmup: float = 0.05
    clip: float = 1.0
    minutes: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did; ``loss`` is per answer token, ``done`` the share of the training."""

    n: int
    n_steps: int
    loss: float
    rate: float
    examples: int
    tokens: int
    seconds: float
    done: float
    validation: float | None = None


class Training:
    """A training that can be stopped after any step and go on from its last checkpoint."""

    def __init__(
        self,
        model: PreTrainedModel,
        lora: Mapping[str, Lora],
        packer: Packer,
        training: Sequence[Item],
        validation: Sequence[Item],
        settings: Settings,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        checkpoint_s: float = 120.0,
        n_validations: int = 10,
    ) -> None:
        check_training(training)
        self.settings, self.folder = settings, folder
        self._model, self._lora, self._packer = model, lora, packer
        self._training, self._clock, self._checkpoint_s = list(training), clock, checkpoint_s
        rng = random.Random(settings.seed)
        self._validation = [packer.pack(group) for group in packer.order(validation, rng)]
        self._weights = [weight for layer in lora.values() for weight in (layer.a, layer.b)]
        self._optimizer = torch.optim.AdamW(self._weights, lr=settings.rate, weight_decay=0.0)
        n_groups = len(packer.order(self._training, random.Random(0)))
        self.n_steps = max(1, math.ceil(n_groups * settings.epochs / settings.packs))
        self._validate_every = max(1, self.n_steps // n_validations)
        self.n = self.examples = self.tokens = 0
        self.seconds = 0.0
        self._device = self._weights[0].device

    @property
    def fingerprint(self) -> str:
        """A hash of all that the course of a training depends on, but for the machine."""
        said = [repr(item) for item in self._training] + [json.dumps(asdict(self.settings)), str(self.n_steps)]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    @property
    def checkpoint(self) -> Path:
        """The file that a stopped training goes on from."""
        return self.folder / "checkpoint.pt"

    @property
    def log(self) -> Path:
        """The file with a line for each step."""
        return self.folder / "log.jsonl"

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            TrainingError: it is of another training.
        """
        if not self.checkpoint.is_file():
            return False
        state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        if state["fingerprint"] != self.fingerprint:
            raise TrainingError(
                f"{self.folder} holds a training with other data or settings: give those again, or another --name"
            )
        with torch.no_grad():
            for weight, kept in zip(self._weights, state["weights"], strict=True):
                weight.copy_(kept)
        self._optimizer.load_state_dict(state["optimizer"])
        self.n, self.examples, self.tokens = state["n"], state["examples"], state["tokens"]
        self.seconds = state["seconds"]
        return True

    def save(self) -> None:
        """Write the checkpoint."""
        state = {
            "fingerprint": self.fingerprint,
            "weights": [weight.detach().cpu() for weight in self._weights],
            "optimizer": self._optimizer.state_dict(),
            "n": self.n,
            "examples": self.examples,
            "tokens": self.tokens,
            "seconds": self.seconds,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.checkpoint.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint)

    def run(self) -> Iterator[Step]:
        """Train to the end, yielding after each step; checkpoints are written on the way and when it stops."""
        saved = start = self._clock()
        before = self.seconds
        try:
            for groups in self._ahead():
                if self._done() >= 1:
                    break
                loss, rate = self._step(groups)
                self.seconds = before + self._clock() - start
                done = self._done()
                last = done >= 1
                validation = self.validation() if last or self.n % self._validate_every == 0 else None
                step = Step(
                    self.n, self.n_steps, loss, rate, self.examples, self.tokens, self.seconds, done, validation
                )
                self._note(step)
                if self._clock() - saved > self._checkpoint_s:
                    self.save()
                    saved = self._clock()
                yield step
        finally:
            self.save()

    def validation(self) -> float | None:
        """Return the loss per answer token on questions of held-out databases, None if there are none."""
        if not self._validation:
            return None
        with torch.no_grad():
            total = sum(float(summed_loss(self._model, laid(pack, self._device))) for pack in self._validation)
        return total / sum(pack.n_answer_tokens for pack in self._validation)

    def _done(self) -> float:
        minutes = self.settings.minutes
        return max(self.n / self.n_steps, 0.0 if minutes is None else self.seconds / 60 / minutes)

    def _rate(self) -> float:
        done, warm = self._done(), self.settings.warmup
        if done < warm:
            return self.settings.rate * (done + 1 / self.n_steps) / (warm + 1 / self.n_steps)
        return self.settings.rate * 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))

    def _step(self, packs: Sequence[Pack]) -> tuple[float, float]:
        n_answer = sum(pack.n_answer_tokens for pack in packs)
        rate = self._rate()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        total = 0.0
        for pack in packs:
            loss = summed_loss(self._model, laid(pack, self._device))
            (loss / n_answer).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if not math.isfinite(total):
            raise TrainingError("The loss is no number any more: train with a lower --rate")
        torch.nn.utils.clip_grad_norm_(self._weights, self.settings.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.n += 1
        self.examples += sum(len(pack.rests) for pack in packs)
        self.tokens += sum(map(len, packs))
        return total / n_answer, rate

    def _ahead(self) -> Iterator[list[Pack]]:
        """Yield the packs of each step that is still to do; which they are depends on the seed alone."""
        seed, position, epoch = self.settings.seed, 0, 0
        waiting: list[Pack] = []
        while True:
            for group in self._packer.order(self._training, random.Random(f"{seed} {epoch}")):
                if position // self.settings.packs >= self.n:
                    waiting.append(self._packer.pack(group, random.Random(f"{seed} {epoch} {position}")))
                position += 1
                if len(waiting) == self.settings.packs:
                    yield waiting
                    waiting = []
            epoch += 1

    def _note(self, step: Step) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        said = {key: round(value, 6) if isinstance(value, float) else value for key, value in asdict(step).items()}
        append_whole(self.log, json.dumps(said) + "\n")


def signs(steps: Sequence[Mapping[str, Any]]) -> str:
    """Say in plain words what a log shows: whether the training went on too long, or not long enough.

    >>> signs([{"loss": 0.5, "validation": 0.4}, {"loss": 0.2, "validation": 0.3}, {"loss": 0.1, "validation": 0.35}])
    'Overfitting: the loss on held-out databases was lowest (0.300) before the end (0.350); train for less time.'
    """
    watched = [step["validation"] for step in steps if step.get("validation") is not None]
    if len(watched) < 2:
        return "Too short to tell whether it was long enough."
    best, last = min(watched), watched[-1]
    if last > best * 1.02:
        return (
            f"Overfitting: the loss on held-out databases was lowest ({best:.3f}) before the end ({last:.3f}); "
            "train for less time."
        )
    if last < watched[-2] * 0.98:
        return f"Underfitting: the loss on held-out databases still fell at the end ({last:.3f}); train longer."
    return f"The loss on held-out databases has settled ({last:.3f})."
