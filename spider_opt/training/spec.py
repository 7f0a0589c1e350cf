"""How a model is tuned on this machine, apart from what it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spider_opt.answering.drafts import Look
from spider_opt.models.adapters import Adapter
from spider_opt.steps.finetune import AnswerForm
from spider_opt.training.loop import Settings

Compute = Literal["auto", "int8", "float32", "bfloat16"]
"""How the frozen weights are computed; ``auto`` is what is fastest on this machine."""


@dataclass(frozen=True, slots=True)
class TuneSpec:
    """How a model of the catalog is tuned.

    Questions are shown in this ``look``, and their queries learnt in this ``form``. With ``start`` it begins with that
    adapter's weights. At most ``questions_per_pack`` questions share a schema, and the share ``rename`` of the schemas
    has other names, the share ``noise`` other tables and values. At the end ``check`` held-out questions are answered.
    Without ``hold_out`` the questions of held-out databases may be learnt, and nothing can be watched.
    """

    model: str
    settings: Settings
    look: Look
    form: AnswerForm
    start: Adapter | None = None
    questions_per_pack: int = 16
    rename: float = 0.0
    noise: float = 0.0
    compute: Compute = "auto"
    check: int = 0
    hold_out: bool = True
