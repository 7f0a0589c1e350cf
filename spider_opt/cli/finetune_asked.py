"""The options of ``spider-opt finetune``, typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spider_opt.cli.benchmark_options import Chosen
from spider_opt.cli.training_questions import Wanted

if TYPE_CHECKING:
    from spider_opt.steps.finetune import AnswerForm
    from spider_opt.training.dataset import By
    from spider_opt.training.spec import Compute


@dataclass(frozen=True)
class Asked:
    """The options of ``finetune``, as they were given."""

    name: str
    model: str | None
    epochs: float | None
    seed: int
    chosen: Chosen
    examples: int | None
    choose: By
    focus: Path | None
    context: str
    share: float
    demos: float
    values: int
    form: AnswerForm
    start: str | None
    minutes: float | None
    rate: float
    rank: int
    pack: int
    rename: float
    noise: float
    batch: int
    compute: Compute
    check: int
    resume: bool
    provider: str | None
    base_url: str | None
    batch_size: int | None
    rate_multiplier: float | None
    price: float | None
    yes: bool
    cancel: bool
    chats: Path | None
    hold_out: bool
    ids: Path | None
    answers: tuple[Path, ...]
    corrections: str | None

    @property
    def wanted(self) -> Wanted:
        """What is to be learnt."""
        return Wanted(
            self.chosen, self.examples, self.choose, self.focus, self.context, self.share, self.seed, self.demos,
            self.hold_out, self.ids, self.answers, self.corrections,
        )  # fmt: skip
