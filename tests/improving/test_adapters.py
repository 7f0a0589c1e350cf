"""The adapters of a loop are its own, and nobody else's are touched or taken."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from improving.pretended import SKILLS, SPEC, Pretended

from spider_opt.errors import UsageError
from spider_opt.improving.loop import Loop
from spider_opt.models.adapters import find_adapter, folder_for
from spider_opt.models.catalog import CATALOG, DEFAULT_MODEL


def test_an_adapter_of_that_name_is_not_the_loops(loop: Callable[..., Loop], make_adapter: Any) -> None:
    for name in ("better", "better.round-1", "better.fold-2"):
        folder = make_adapter(name)
        with pytest.raises(UsageError, match=rf"There is an adapter '{name}' already.*spider-opt models remove {name}"):
            loop(Pretended(SKILLS))
        shutil.rmtree(folder)
    make_adapter("better.x", settings={"rank": 2})  # of no fold and no round
    with pytest.raises(UsageError, match="must be called otherwise"):
        loop(Pretended(SKILLS), start=find_adapter("better.x"))
    assert len(list(loop(Pretended(SKILLS), rounds=1).run())) == 1


def test_the_best_adapter_is_gone(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    list(loop(pretended, rounds=1).run())
    shutil.rmtree(folder_for("better.round-1"))
    asked = len(pretended.asked)
    with pytest.raises(UsageError, match=r"There is no adapter 'better\.round-1'"):
        loop(pretended, rounds=2)
    assert len(pretended.asked) == asked


def test_an_adapter_that_another_loop_tuned_is_not_this_ones(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS)
    list(loop(pretended, rounds=1).run())
    Pretended(SKILLS).tune(
        pretended.learnt["better.fold-1"][:9], [], {}, folder_for("better.fold-1"), SPEC, resume=False, about={}
    )
    with pytest.raises(UsageError, match=r"better\.fold-1 is another one than this loop tuned"):
        list(loop(pretended, rounds=2).run())


def another(name: str) -> None:
    """Put another adapter in the place of one."""
    folder = folder_for(name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter.gguf").write_bytes(b"another")
    card = {
        "name": name, "sha256": hashlib.sha256(b"another").hexdigest(), "look": {"values": 0}, "target": "plain",
        "base": {"name": DEFAULT_MODEL, "sha256": CATALOG[DEFAULT_MODEL].sha256}, "settings": {"rank": 2},
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("rounds", [1, 2])
def test_another_adapter_in_the_place_of_the_best_is_not_taken_for_it(loop: Callable[..., Loop], rounds: int) -> None:
    pretended = Pretended(SKILLS)
    list(loop(pretended, rounds=1).run())
    another("better.round-1")
    with pytest.raises(UsageError, match=r"better\.round-1 is another one than this loop tuned"):
        loop(pretended, rounds=rounds)
    assert find_adapter("better").sha256 != find_adapter("better.round-1").sha256


def test_an_adapter_of_the_loops_name_that_was_tuned_meanwhile_stays(loop: Callable[..., Loop]) -> None:
    pretended = Pretended(SKILLS, dies_at="better.round-1")
    with pytest.raises(KeyboardInterrupt):
        list(loop(pretended).run())
    another("better")
    mine = find_adapter("better").sha256
    with pytest.raises(UsageError, match="There is an adapter 'better' already, of another training or loop"):
        loop(pretended)
    assert find_adapter("better").sha256 == mine
    shutil.rmtree(folder_for("better"))
    going = loop(pretended)
    another("better.round-2")  # merged, say: without a checkpoint
    with pytest.raises(UsageError, match=r"There is an adapter 'better\.round-2' already"):
        list(going.run())
    assert find_adapter("better.round-2").sha256 == mine
