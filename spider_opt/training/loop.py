"""The training loop: steps, learning rate, checkpoints, and a log that says how it goes."""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from spider_opt.errors import LeakError, TrainingError
from spider_opt.models.lagging import CHECKPOINT
from spider_opt.models.torch.shared_prefix import Laid, Pack, laid
from spider_opt.training.checkpoint import note, read_state, take_back_notes, write_state
from spider_opt.training.dataset import Item, check_training, split
from spider_opt.training.packer import Packer
from spider_opt.wording import argument, either

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from spider_opt.models.torch.lora import Lora
    from spider_opt.models.torch.together import Together

_AT_ONCE = 8
"""Packs that a GPU computes at once, at most."""
_BETWEEN_LOOKS = 9
"""Times as long as the last look took are learnt before the next: looking takes a tenth of the time at most."""


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
    """A training that can be stopped at any time and go on from its last checkpoint.

    ``base`` is the hash of the model's weights, which a checkpoint belongs to. The model is looked at ``n_validations``
    times, less often where looking takes long. ``beside`` is called before each checkpoint, to write what goes with it.
    Without ``hold_out`` the databases that are else held out may be learnt, too, and none watched.

    Raises:
        LeakError: an item must not be trained on, or one that is watched is not of a held-out database.
        TrainingError: there is nothing to train on.
    """

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
        base: str = "",
        clock: Callable[[], float] = time.monotonic,
        checkpoint_s: float = 120.0,
        n_validations: int = 10,
        beside: Callable[[], None] = lambda: None,
        hold_out: bool = True,
    ) -> None:
        check_training(training, hold_out=hold_out)
        for item in validation if not hold_out else split(validation)[0]:
            raise LeakError(f"{item.question.id} must not be watched: its database {item.question.db_id} is trained on")
        if not training:
            raise TrainingError("There is nothing to train on: no question is left")
        import torch

        self.settings, self.folder = settings, folder
        self._model, self._packer = model, packer
        self._training, self._base, self._clock = list(training), base, clock
        self._checkpoint_s, self._n_validations = checkpoint_s, n_validations
        self._beside = beside
        rng = random.Random(settings.seed)
        self._validation = [packer.pack(group) for group in packer.order(validation, rng)]
        self._weights = [weight for layer in lora.values() for weight in (layer.a, layer.b)]
        self._optimizer = torch.optim.AdamW(self._weights, lr=settings.rate, weight_decay=0.0)
        n_groups = len(packer.order(self._training, random.Random(0)))
        self.n_steps = max(1, math.ceil(n_groups * settings.epochs / settings.packs))
        self.n = self.examples = self.tokens = 0
        self.seconds = 0.0
        self._device = self._weights[0].device
        self._at_once = 1 if self._device.type == "cpu" else _AT_ONCE
        self._between_steps = True

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that the course of a training depends on, but for the machine."""
        hashed = hashlib.sha256()
        for said in (asdict(self.settings), self._packer.settings, self._base, *self._training):
            hashed.update(f"{said!r}\n".encode())
        return hashed.hexdigest()

    @property
    def checkpoint(self) -> Path:
        """The file that a stopped training goes on from."""
        return self.folder / CHECKPOINT

    @property
    def log(self) -> Path:
        """The file with a line for each step."""
        return self.folder / "log.jsonl"

    def resume(self) -> bool:
        """Go on from the checkpoint, if there is one.

        Raises:
            TrainingError: it is of another training, or broken.
        """
        if not self.checkpoint.is_file():
            return False
        import torch

        state = read_state(self.checkpoint)
        if state["fingerprint"] != self.fingerprint:
            raise TrainingError(
                f"{self.folder} holds a training with other data or settings: give those again, or another "
                f"{either('folder', '--name')}"
            )
        with torch.no_grad():
            for weight, kept in zip(self._weights, state["weights"], strict=True):
                weight.copy_(kept)
        self._optimizer.load_state_dict(state["optimizer"])
        self.n, self.examples, self.tokens = state["n"], state["examples"], state["tokens"]
        self.seconds = state["seconds"]
        self._between_steps = True
        return True

    def save(self) -> None:
        """Write the checkpoint, after what goes with it: a kill between the two leaves nothing that lags.

        Raises:
            TrainingError: it cannot be written; the one before is kept.
        """
        try:
            self._beside()
        finally:  # what cannot be written beside it costs no step that was learnt
            state = {
                "fingerprint": self.fingerprint,
                "weights": [weight.detach().cpu() for weight in self._weights],
                "optimizer": self._optimizer.state_dict(),
                "n": self.n,
                "examples": self.examples,
                "tokens": self.tokens,
                "seconds": self.seconds,
            }
            write_state(self.checkpoint, state)

    def run(self) -> Generator[Step, None, None]:
        """Train to the end, yielding after each step; checkpoints are written on the way and when it stops.

        Raises:
            TrainingError: the loss is no number any more, or a checkpoint cannot be written.
        """
        take_back_notes(self.log, self.n)
        saved = start = looked_at = self._clock()
        before, looking_took = self.seconds, 0.0
        looked = int(self._done() * self._n_validations)
        try:
            for groups in self._ahead():
                if self._done() >= 1:
                    break
                loss, rate = self._step(groups)
                now = self._clock()
                self.seconds = before + now - start
                done = self._done()
                due = int(done * self._n_validations) > looked and now - looked_at >= _BETWEEN_LOOKS * looking_took
                validation = None
                if done >= 1 or due:
                    validation = self.validation()
                    looked, looked_at = int(done * self._n_validations), self._clock()
                    looking_took = looked_at - now
                step = Step(
                    self.n, self.n_steps, loss, rate, self.examples, self.tokens, self.seconds, done, validation
                )
                note(self.log, asdict(step))
                self._between_steps = True
                if self._clock() - saved > self._checkpoint_s:
                    self.save()
                    saved = self._clock()
                yield step
        finally:
            if self._between_steps:  # else the checkpoint before is the last state that one can go on from
                self.save()

    def validation(self) -> float | None:
        """Return the loss per answer token on questions of held-out databases, None if there are none."""
        if not self._validation:
            return None
        import torch

        from spider_opt.training.loss import summed_loss

        with torch.no_grad():
            total = sum(float(summed_loss(self._model, some)) for some in self._laid(self._validation))
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
        import torch

        from spider_opt.training.loss import summed_loss

        n_answer = sum(pack.n_answer_tokens for pack in packs)
        rate = self._rate()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for some in self._laid(packs):
            loss = summed_loss(self._model, some)
            (loss / n_answer).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        norm = torch.nn.utils.clip_grad_norm_(self._weights, self.settings.clip)
        if not math.isfinite(total) or not math.isfinite(norm):
            raise TrainingError(f"The loss is no number any more: train with a lower {argument('rate')}")
        self._between_steps = False
        self._optimizer.step()
        self.n += 1
        self.examples += sum(len(pack.rests) for pack in packs)
        self.tokens += sum(map(len, packs))
        return total / n_answer, rate

    def _laid(self, packs: Sequence[Pack]) -> Iterator[Laid | Together]:
        """Yield packs laid out: one after the other for a processor, some at once for a GPU."""
        from spider_opt.models.torch.together import together

        for i in range(0, len(packs), self._at_once):
            # Laid out here: each of the many small tensors would else have to be asked for over there.
            some = [laid(pack) for pack in packs[i : i + self._at_once]]
            yield some[0] if self._at_once == 1 else together(some).to(self._device)

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
