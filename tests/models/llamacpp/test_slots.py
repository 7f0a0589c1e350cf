"""What slots hold: what is taken from them was computed as it would be alone, by a server that notes how it was."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from spider_opt.errors import ModelError
from spider_opt.models.llamacpp import prefixes, slots
from spider_opt.models.llamacpp.prefixes import Prefixes
from spider_opt.models.llamacpp.slots import N_SIDE_BY_SIDE, Slots, n_shared

BLOCK = 16
ALONE, AMONG = "alone", "among others"


class Server:
    """Holds in each slot the tokens and how each was computed; a block of one token is computed alone."""

    def __init__(self, folder: Path, fails: random.Random | None = None) -> None:
        self.folder = folder
        self.fails = fails
        self.held: list[list[tuple[int, str]]] = [[] for _ in range(N_SIDE_BY_SIDE)]
        self.n_computed = 0

    def ask(self, body: dict[str, Any]) -> None:
        held, prompt = self.held[body["id_slot"]], body["prompt"]
        n = n_shared([token for token, _ in held], prompt) if body["cache_prompt"] else 0
        n = min(n, len(prompt) - 1)
        self._fail()
        for start in range(n, len(prompt), BLOCK):
            some = prompt[start : start + BLOCK][: len(prompt) - start]
            held[start:] = [(token, ALONE if len(some) == 1 else AMONG) for token in some]
        del held[len(prompt) :]
        self.n_computed += len(prompt) - n

    def post(self, url: str, body: dict[str, str]) -> None:
        slot, _, action = url.rpartition("/")[2].partition("?action=")
        self._fail()
        path = self.folder / body["filename"]
        if action == "save":
            path.write_text(json.dumps(self.held[int(slot)]))
        else:
            self.held[int(slot)] = [(token, how) for token, how in json.loads(path.read_text())]

    def answer(self, slot: int, prompt: list[int], said: list[int]) -> None:
        self.ask({"prompt": prompt, "id_slot": slot, "cache_prompt": True})
        self.held[slot] += [(token, ALONE) for token in said]

    def _fail(self) -> None:
        if self.fails is not None and self.fails.random() < 0.1:
            raise ModelError("the server failed")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefixes, "MIN_TOKENS", 8)
    monkeypatch.setattr(slots, "MIN_TOKENS", 8)


def opened(server: Server, kept: bool) -> Slots:
    store = Prefixes(server.folder, "these weights", 4) if kept else None
    return Slots(server, "http://x", alike=True, block=BLOCK, prefixes=store)  # type: ignore[arg-type]


def prompts(rng: random.Random) -> list[list[int]]:
    """Prompts that begin alike, of all lengths around the ends of blocks."""
    schemas = [[rng.randrange(3, 9) for _ in range(rng.randrange(50))] for _ in range(4)]
    return [
        [*rng.choice(schemas), *(rng.randrange(2, 9) for _ in range(rng.randrange(1, 2 * BLOCK)))] for _ in range(60)
    ]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("failing", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_no_token_of_a_prompt_is_computed_alone(seed: int, failing: bool, kept: bool, tmp_path: Path) -> None:
    rng = random.Random(seed)
    server = Server(tmp_path, random.Random(seed) if failing else None)
    own = opened(server, kept)
    asked = prompts(rng)
    answered: list[list[int]] = []
    n_ready = 0
    for _ in range(400):
        if rng.random() < 0.02:  # another process
            server.held = [[] for _ in range(N_SIDE_BY_SIDE)]
            own = opened(server, kept)
        prompt = rng.choice([*asked, *answered])
        slot = rng.choice([None, *range(N_SIDE_BY_SIDE)])
        try:
            ready = own.ready(prompt, slot)
            slot, head = ready.slot, prompt[:-1]
            n_ready += 1
            assert (ready.holds_some, ready.held_after) == (bool(head), head)
            assert ready.spent is not None
            assert ready.spent.cached_tokens < max(2, len(head) + 1)
            assert [token for token, _ in server.held[slot]][: len(head)] == head
            hows = {how for _, how in server.held[slot][: len(head)]}
            assert hows == ({ALONE} if len(head) == 1 else {AMONG} if head else set())
            said = [rng.randrange(9) for _ in range(rng.randrange(4))]
            server.answer(slot, prompt, said)
        except ModelError:
            assert failing
            continue
        if len(answered) < 20:
            answered.append([*prompt, *said, rng.randrange(9), rng.randrange(9)])  # as retry goes on
    assert n_ready > 200


def test_what_is_in_another_slot_or_was_kept_is_not_computed_again(tmp_path: Path) -> None:
    server = Server(tmp_path)
    schema = [3, 4, 5, 6] * 20
    own = opened(server, True)
    for slot in range(N_SIDE_BY_SIDE):
        own.ready([*schema, 9, slot, 7], slot)
    assert server.n_computed < len(schema) + 8 * N_SIDE_BY_SIDE
    server.n_computed = 0
    server.held = [[] for _ in range(N_SIDE_BY_SIDE)]
    spent = opened(server, True).ready([*schema, 8, 8, 8], 2).spent
    assert spent is not None
    assert spent.cached_tokens == len(schema)
    assert server.n_computed < 8
