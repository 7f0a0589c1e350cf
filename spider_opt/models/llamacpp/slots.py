"""What llama.cpp's slots hold of prompts, and how much of the next one need not be computed."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import count, pairwise, takewhile
from typing import NamedTuple

from spider_opt.errors import ModelError
from spider_opt.models.llamacpp.prefixes import MIN_TOKENS, Prefixes
from spider_opt.models.openai.chat import OpenAIModel
from spider_opt.types import Usage

N_SIDE_BY_SIDE = 8
"""Answers decoded together: the weights are read once for all of them."""
N_UNDER_WAY = 32
"""Questions that are asked at the same time where nobody says how many, so that no slot waits for one."""
N_REMEMBERED = 3
"""Prompts remembered, for methods that ask several kinds of prompt in turn; all slots where weights are alike."""


class Ready(NamedTuple):
    """A slot in which a prompt can be asked.

    It ``holds_some`` of the prompt's tokens, and the tokens ``held_after`` can be gone on from once that is answered.
    ``spent`` is what the prompt cost by then, None where all of that is the answer's.
    """

    slot: int
    holds_some: bool
    held_after: list[int]
    spent: Usage | None = None


class Slots:
    """The slots of the server at ``url``, asked by ``client``. Whoever calls has the server alone.

    Prompts are computed ``block`` tokens at a time. Where weights are not ``alike`` (see ``models.llamacpp.server``)
    only whole blocks are taken from what is there, by ``aligned``; where they are, all that begins alike, by ``ready``.
    """

    def __init__(self, client: OpenAIModel, url: str, *, alike: bool, block: int, prefixes: Prefixes | None) -> None:
        self._client = client
        self._url = url
        self._block = block
        self._prefixes = prefixes
        # What each slot was last asked, and when. Further samples go to the free slots with the lowest numbers, so
        # prompts are remembered in the highest.
        n = N_SIDE_BY_SIDE if alike else N_REMEMBERED
        self._held: dict[int, list[int]] = {N_SIDE_BY_SIDE - 1 - i: [] for i in range(n)}
        self._used = dict.fromkeys(self._held, 0)
        self._ticks = count(1)

    def hold(self, slot: int, tokens: list[int]) -> None:
        """Note what a slot holds."""
        self._held[slot] = tokens
        self._used[slot] = next(self._ticks)

    def forget(self, slots: Collection[int]) -> None:
        """Take slots for empty."""
        for slot in self._held.keys() & set(slots):
            self.hold(slot, [])

    def forget_all(self) -> None:
        """Take all slots for empty, and begin with nothing that was kept."""
        self.forget(self._held)
        if self._prefixes:
            self._prefixes.forget()

    def best(self, prompt: Sequence[int], among: Collection[int] | None = None) -> int:
        """Return the slot that begins most as a prompt does, of several the one not used for longest."""
        slots = self._held if among is None else among
        return max(slots, key=lambda slot: (n_shared(self._held[slot], prompt), -self._used[slot]))

    def aligned(self, prompt: list[int]) -> Ready:
        """Choose a slot and make it forget all but the whole blocks that it shares with a prompt.

        Until it has been asked, it is taken for empty.

        Raises:
            ModelError: the server failed.
        """
        n, slot = max((shared_blocks(held, prompt, self._block), slot) for slot, held in self._held.items())
        oldest = min(self._held, key=self._used.__getitem__)
        stored = self._prefixes.find(prompt) if self._prefixes else 0
        if stored > n:
            slot, n = oldest, stored if self._restored(oldest, prompt[:stored]) else 0
        elif 2 * n < len(prompt):  # better lose what was not used for longest
            slot, n = oldest, 0
        if n:
            self._cut(slot, prompt, n)
            if n - stored >= MIN_TOKENS:
                self._save(slot, prompt[:n])
        self.hold(slot, [])
        return Ready(slot, n > 0, prompt)

    def ready(self, prompt: list[int], slot: int | None = None) -> Ready:
        """Compute a prompt but for its last token in a slot, by default the best.

        Raises:
            ModelError: the server failed.
        """
        began = time.perf_counter()
        if slot is None:
            slot = self.best(prompt)
        head = prompt[:-1]
        n = self._begun(slot, head)
        self.hold(slot, [])
        # No token but the answer's is computed alone, be it the last of its block.
        begins = [n + 2] if (len(head) - n) % self._block == 1 and len(head) - n > 1 else []
        for start, end in pairwise([n, *begins, len(head)]):
            if start < end:
                body = {"prompt": head[:end], "max_tokens": 0, "id_slot": slot, "cache_prompt": start > 0}
                self._client.ask(body)
        self.hold(slot, head)
        spent = Usage(prompt_tokens=len(prompt), cached_tokens=n, seconds=time.perf_counter() - began)
        return Ready(slot, bool(head), head, spent)

    def _begun(self, slot: int, head: list[int]) -> int:
        """Make a slot hold as many of the first tokens of ``head`` as can be had; return how many need no computing.

        Never is one left, which would be computed alone.
        """
        stored = self._prefixes.find(head) if self._prefixes else 0
        n = n_shared(self._held[slot], head)
        other = self.best(head)
        n_there = n_shared(self._held[other], head)
        if self._prefixes and n_there - max(n, stored) >= MIN_TOKENS:
            n = n_there if self._copied(other, slot) else 0
        elif stored > n:
            n = stored if self._restored(slot, head[:stored]) else 0
        if self._prefixes:
            named = shared_blocks(self._held[slot], head, self._prefixes.block)
            if named - stored >= MIN_TOKENS:
                n = named
                self._cut(slot, head, n)
                self._save(slot, head[:n])
        if n == len(head):
            return n
        kept = n - (n == len(self._held[slot]))  # behind it stands what it answered, computed token by token
        kept = max(0, min(kept, len(head) - 2))
        if 0 < kept < n:
            self._cut(slot, head, kept)
        return kept

    def _cut(self, slot: int, prompt: list[int], n: int) -> None:
        """Make a slot forget all but the first ``n`` tokens of a prompt, which it begins with."""
        # The server keeps what two prompts share: n tokens if what follows is in neither.
        other = next(token for token in range(3) if token not in (self._held[slot][n], prompt[n]))
        self.hold(slot, [])
        self._client.ask({"prompt": [*prompt[:n], other], "max_tokens": 0, "id_slot": slot, "cache_prompt": True})
        self.hold(slot, [*prompt[:n], other])

    def _copied(self, slot: int, to: int) -> bool:
        assert self._prefixes is not None
        part = f"{secrets.token_hex(8)}.part"
        tokens = self._held[slot]
        self.hold(to, [])
        try:
            self._post(slot, "save", part)
            self._post(to, "restore", part)
        except ModelError:
            return False
        finally:
            (self._prefixes.folder / part).unlink(missing_ok=True)
        self.hold(to, tokens)
        return True

    def _save(self, slot: int, tokens: list[int]) -> None:
        if self._prefixes is None:
            return
        part = f"{secrets.token_hex(8)}.part"
        with suppress(ModelError):  # a cache only saves time
            self._post(slot, "save", part)
            self._prefixes.keep(self._prefixes.name(tokens), part)

    def _restored(self, slot: int, tokens: list[int]) -> bool:
        assert self._prefixes is not None
        self.hold(slot, [])
        name = self._prefixes.name(tokens)
        try:
            self._post(slot, "restore", name)
        except ModelError:
            (self._prefixes.folder / name).unlink(missing_ok=True)
            return False
        self.hold(slot, [*tokens, -1])
        return True

    def _post(self, slot: int, action: str, name: str) -> None:
        self._client.post(f"{self._url}/slots/{slot}?action={action}", {"filename": name})


def n_shared(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the tokens that two prompts begin with.

    >>> n_shared([1, 2, 3], [1, 2, 4, 5]), n_shared([], [1])
    (2, 0)
    """
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def shared_blocks(held: Sequence[int], prompt: Sequence[int], block: int) -> int:
    """Count the tokens in whole blocks that two prompts begin with and both go on after.

    >>> shared_blocks([7] * 70, [7] * 66 + [1], 32), shared_blocks([7] * 64, [7] * 64, 32), shared_blocks([], [7], 32)
    (64, 32, 0)
    """
    return max(0, min(n_shared(held, prompt), len(held) - 1, len(prompt) - 1) // block * block)
