"""A tuning and a model that pretend to learn, for loops over the bundled benchmark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_model import FakeModel

from spider_opt.answering.drafts import Look
from spider_opt.benchmarks import load
from spider_opt.evaluation.running import evaluate
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL
from spider_opt.runs import Run
from spider_opt.training.dataset import Item
from spider_opt.training.loop import Settings
from spider_opt.training.spec import TuneSpec
from spider_opt.types import Completion, ModelInfo, Request

BENCHMARK = load("spider-mini:train")
GOLDS = {example.question.text: example.gold_sql for example in BENCHMARK.examples}
SPEC = TuneSpec(DEFAULT_MODEL, Settings(rank=2, alpha=4.0), Look(values=0), "plain")
SKILLS = {"fold-1": 0.5, "fold-2": 0.5, "round-0": 0.4, "round-1": 0.9, "round-2": 0.9}
ADAPTERS = ["better.round-0", "better.fold-1", "better.fold-2", "better.round-1", "better.round-2"]


def luck(text: str) -> float:
    """A number from 0 to 1 that stays."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


@dataclass
class Pretended:
    """Tunes adapters that know the share ``skills`` of all questions, by the adapter's name; and asks them."""

    skills: Mapping[str, float]
    tuned: list[str] = field(default_factory=list)
    learnt: dict[str, list[Item]] = field(default_factory=dict)
    started: dict[str, str] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    dies_at: str = ""

    def tune(
        self, training: Sequence[Item], validation: Sequence[Item], databases: Any, folder: Path, spec: TuneSpec,
        *, resume: bool, about: Mapping[str, Any],
    ) -> object:  # fmt: skip
        assert not validation
        if folder.name == self.dies_at:
            self.dies_at = ""
            raise KeyboardInterrupt
        self.tuned.append(folder.name)
        self.learnt[folder.name] = list(training)
        self.started[folder.name] = spec.start.name if spec.start else ""
        self.rates[folder.name] = spec.settings.rate
        folder.mkdir(parents=True, exist_ok=True)
        file = f"{folder.name} {len(training)}".encode()
        (folder / "adapter.gguf").write_bytes(file)
        base = {"name": DEFAULT_MODEL, "sha256": CATALOG[DEFAULT_MODEL].sha256}
        card = {
            "name": folder.name, "sha256": hashlib.sha256(file).hexdigest(), "base": base, "look": {"values": 0},
            "target": "plain", "data": {"db_ids": sorted({item.question.db_id for item in training})},
            "settings": {"rank": 2},
        }  # fmt: skip
        (folder / "card.json").write_text(json.dumps(card))
        return card

    def ask(
        self, method: str, benchmark: Any, *, model: str, ids: Sequence[str], out: Path, seed: int, engine: Any
    ) -> Run:
        assert (model, engine) == (DEFAULT_MODEL, "llama.cpp")
        adapter = method.partition("adapter=")[2].partition("+")[0]
        self.asked.append((method.replace(adapter, adapter.partition(".")[2]), len(ids)))
        skill = next(value for name, value in self.skills.items() if adapter.endswith(name))

        def answer(request: Request) -> Sequence[Completion]:
            question = next(text for text in GOLDS if f" {text}" in request.text or f"\n{text}" in request.text)
            gold = GOLDS[question].rstrip("; ")
            right = [gold, f"SELECT * FROM ({gold})"]
            wrong = ["SELECT 'not', 'this'"]
            said = right if luck(question) < skill else wrong
            return [Completion(said[i % len(said)]) for i in range(request.n)]

        fake = FakeModel(answer, info=ModelInfo("fake"), cache_tag=adapter)
        return evaluate(method, benchmark, model=fake, ids=ids, out=out, seed=seed, progress=False)
