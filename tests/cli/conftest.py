"""``spider-opt finetune`` with a training that learns nothing, and a run that others are compared with."""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from compared_runs import fabricate

from spider_opt.cli import main
from spider_opt.models import adapters
from spider_opt.models.adapters import CARD, FILE
from spider_opt.models.torch import base
from spider_opt.training import tune
from spider_opt.training.dataset import Item
from spider_opt.training.loop import Step
from spider_opt.training.spec import TuneSpec

_SPIDER = runpy.run_path(str(Path(__file__).resolve().parents[1] / "benchmarks" / "conftest.py"))
SmallSpider: Any = _SPIDER["SmallSpider"]
HELD_OUT = "database_6"  # by the hash of its name, see test_validation.py
SIGNS = "Too short to tell whether it was long enough."


def told(spec: TuneSpec) -> dict[str, Any]:
    return {f.name: getattr(spec, f.name) for f in fields(spec)}


class Tune:
    """Stands for the training: writes an adapter of four bytes, after it was told what to do."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.steps: list[Step] = []
        self.raises: BaseException | None = None
        self.found: dict[str, Any] | None = None
        self.card: dict[str, Any] = {}
        self.writes = (FILE, CARD, "checkpoint.pt")

    def __call__(
        self,
        training: Sequence[Item],
        validation: Sequence[Item],
        databases: Any,
        folder: Path,
        spec: TuneSpec,
        **options: Any,
    ) -> dict[str, Any]:
        self.calls.append(
            {"training": training, "validation": validation, "databases": databases, **told(spec), **options}
        )
        for step in self.steps:
            options["tell"](step)
        card = {
            "sha256": hashlib.sha256(b"lora").hexdigest(),
            "base": {"name": spec.model},
            "look": {"values": spec.look.values},
            "target": spec.form,
            "training": {"examples": 1234, "minutes": 1.5, "signs": SIGNS},
        }
        card |= ({"held_out": self.found} if self.found else {}) | self.card
        for name in self.writes:
            (folder / name).write_text(json.dumps(card) if name == CARD else "lora")
        if self.raises:
            raise self.raises
        return card

    @property
    def ids(self) -> list[str]:
        """Of the questions that were trained on last."""
        return [item.question.id for item in self.calls[-1]["training"]]


@pytest.fixture(scope="session")
def golds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all: golds that ran once need not run again."""
    return tmp_path_factory.mktemp("golds")


@pytest.fixture
def training(golds: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Tune]:
    """No training, no adapters yet, none that is shipped."""
    fake = Tune()
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(golds))
    monkeypatch.setattr(tune, "tune", fake)
    monkeypatch.setattr(base, "import_transformers", lambda: None)
    monkeypatch.setattr(adapters, "SHIPPED", tmp_path / "shipped")
    yield fake
    shutil.rmtree(golds / "adapters", ignore_errors=True)


@pytest.fixture
def nothing_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes time must not be begun."""

    def begun(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was computed")

    monkeypatch.setattr("spider_opt.benchmarks.leaks.without_leaks", begun)
    monkeypatch.setattr("spider_opt.training.dataset.build", begun)


@pytest.fixture
def finetune(training: Tune) -> Callable[..., Result]:
    """Types the command."""
    return lambda *arguments: CliRunner().invoke(main, ["finetune", *arguments])


@pytest.fixture
def refused(finetune: Callable[..., Result]) -> Callable[..., str]:
    """Types a command that is refused, and returns what is said to it."""

    def refuse(*arguments: str, code: int = 2) -> str:
        result = finetune(*arguments)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr.splitlines()[-1]

    return refuse


@pytest.fixture
def spider(tmp_path: Path) -> Path:
    """A small Spider with some that may be learnt, and in each way one that must not."""
    small = SmallSpider(tmp_path / "spider")
    extra = [
        _SPIDER["tables_entry"](db_id, "item", ["name", "price"])
        for db_id in ("shop", "zoo", "school", "farm", HELD_OUT)
    ]
    small.write("tables.json", extra)
    shutil.copytree(small.root / "database" / "school", small.root / "database" / HELD_OUT)
    (small.root / "database" / HELD_OUT / "school.sqlite").rename(small.database(HELD_OUT))
    small.write(
        "train_spider.json",
        [
            *(small.entry("school", 10 + i) for i in range(12)),
            small.entry("school", 50, question="which NAMES are there number 0"),  # asked in dev
            small.entry("school", 51, query="select name from item where 1 = 1 ;"),  # answers a question of dev
            small.entry("shop", 52),  # a database of dev
            small.entry("zoo", 53),
            *(small.entry(HELD_OUT, 60 + i) for i in range(10)),
        ],
    )
    return small.root


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run in it, ``runs/base``: what ``compare`` is tried on."""
    monkeypatch.chdir(tmp_path)
    fabricate(tmp_path / "runs" / "base", "++--" * 5)
    return tmp_path
