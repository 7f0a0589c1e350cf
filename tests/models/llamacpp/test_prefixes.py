from __future__ import annotations

import os
from pathlib import Path

import pytest

from spider_opt.models.llamacpp import prefixes
from spider_opt.models.llamacpp.prefixes import MIN_TOKENS, Prefixes

PROMPT = list(range(1000))


def keep(store: Prefixes, tokens: list[int], size: int = 1) -> None:
    (store.folder / "x.part").write_bytes(b"s" * size)
    store.keep(store.name(tokens), "x.part")


def test_the_longest_beginning_is_found(tmp_path: Path) -> None:
    store = Prefixes(tmp_path, "model", 32)
    assert store.find(PROMPT) == 0
    for n in (256, 512, 960):
        keep(store, PROMPT[:n])
    assert store.find(PROMPT) == 960
    assert store.find(PROMPT[:960]) == 512  # something must be left to compute
    assert store.find([*PROMPT[:700], 7, *PROMPT[701:]]) == 512
    assert store.find([7, *PROMPT[1:]]) == 0
    assert Prefixes(tmp_path, "another model", 32).find(PROMPT) == 0


def test_short_beginnings_are_not_looked_for(tmp_path: Path) -> None:
    store = Prefixes(tmp_path, "model", 32)
    keep(store, PROMPT[: MIN_TOKENS - 32])
    assert store.find(PROMPT) == 0


def test_what_is_forgotten_is_not_found(tmp_path: Path) -> None:
    store = Prefixes(tmp_path, "model", 32)
    keep(store, PROMPT[:256])
    store.forget()
    assert store.find(PROMPT) == 0
    keep(store, PROMPT[:512])
    assert store.find(PROMPT) == 512
    store.forget()
    assert store.find(PROMPT) == 0
    assert Prefixes(tmp_path, "model", 32).find(PROMPT) == 256  # others have what is there


def test_the_oldest_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "MAX_BYTES", 25)
    store = Prefixes(tmp_path, "model", 32)
    for age, n in ((30, 256), (20, 288), (10, 320)):
        keep(store, PROMPT[:n], 10)
        path = tmp_path / store.name(PROMPT[:n])
        if path.exists():
            os.utime(path, (1e9 - age, 1e9 - age))
    keep(store, [1] * 256, 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        store.name(tokens) for tokens in (PROMPT[:288], PROMPT[:320], [1] * 256)
    )


def test_what_cannot_be_kept_is_no_trouble(tmp_path: Path) -> None:
    store = Prefixes(tmp_path / "nowhere", "model", 32)
    store.keep(store.name(PROMPT), "x.part")
    assert store.find(PROMPT) == 0
