"""``scripts/judge.py``: what is refused before anything is computed."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from few_questions import asked, folder

from spider_opt.errors import UsageError
from spider_opt.models.adapters import FILE, adapters_dir

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "judge.py"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    monkeypatch.setenv("SPIDER_OPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("torch")
    main = runpy.run_path(str(SCRIPT))["main"]
    return lambda *arguments: main([*arguments, "--spider", str(folder(asked()))], standalone_mode=False)


def test_an_adapter_of_another_training_is_not_overwritten(
    judge: Callable[..., Any], make_run: Callable[..., Path], make_adapter: Callable[..., Path]
) -> None:
    made = make_adapter("judge")
    run = str(make_run("run", "+"))
    with pytest.raises(UsageError, match="there is an adapter 'judge' already, of another training"):
        judge("train", run)
    assert (made / FILE).read_bytes() == b"lora"
    with pytest.raises(UsageError, match="--rate is nan"):
        judge("train", run, "--rate", "nan")
    assert [path.name for path in adapters_dir().iterdir()] == ["judge"]


def test_on_training_questions_it_is_to_be_known_what_a_judge_learnt(
    judge: Callable[..., Any], make_run: Callable[..., Path], make_adapter: Callable[..., Path]
) -> None:
    make_adapter("judge", target="judge")
    with pytest.raises(UsageError, match="the card of judge does not say which databases it learnt from"):
        judge("measure", str(make_run("run", "+", split="train")))
