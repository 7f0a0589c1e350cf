"""Many prompts answered side by side by the model that is being tuned.

What the prompts begin with, a schema, is computed once and attended to by all of them; then a step computes one token
for each answer, so that the weights are read once for all of them. Answers that are complete leave the batch.

Source: Juravsky et al. 2024 (Hydragen, arXiv:2402.05099), attention over a shared prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spider_opt.training.attention import attend, joined, own_cache, shared_part
from spider_opt.training.lora import logits
from spider_opt.training.packing import Laid, Pack, laid, packed

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Decoder:
    """Greedy answers of a model that attends as packs do (``training.base``); ``stops`` are the tokens that end one."""

    def __init__(self, model: PreTrainedModel, stops: Sequence[int]) -> None:
        self._model = model
        self._stops = frozenset(stops)
        self._device = next(model.parameters()).device

    def decode(self, prompts: Sequence[Sequence[int]], *, max_tokens: int) -> list[list[int]]:
        """Return the answers' tokens, at most ``max_tokens`` each and without the one that ends it."""
        pack = packed(prompts, [[] for _ in prompts])
        answers: list[list[int]] = [[] for _ in prompts]
        vocabulary = self._model.get_output_embeddings()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            begun = _Begun(laid(pack, self._device))
            states = self._states(begun.pack.ids, begun.pack.positions, begun)
            going = begun.going(pack, max_tokens)
            ends = len(pack.shared) + going.n.cumsum(0) - 1
            rows, states = list(range(len(prompts))), states[ends]
            while True:
                tokens = logits(vocabulary, states).argmax(-1).tolist()
                live = []
                for i, (row, token) in enumerate(zip(rows, tokens, strict=True)):
                    if token not in self._stops:
                        answers[row].append(token)
                        if len(answers[row]) < max_tokens:
                            live.append(i)
                if not live:
                    return answers
                if len(live) < len(rows):
                    going.keep(torch.tensor(live, device=self._device))
                    rows, tokens = [rows[i] for i in live], [tokens[i] for i in live]
                ids = torch.tensor([tokens], device=self._device)
                states = self._states(ids, (len(pack.shared) + going.n)[None], going)
                going.n += 1

    def _states(self, ids: Tensor, positions: Tensor, pack: _Begun | _Going) -> Tensor:
        states: Tensor = self._model.model(
            ids, position_ids=positions, attention_mask={"full_attention": None}, use_cache=False, pack=pack
        ).last_hidden_state[0]
        return states


class _Begun:
    """The prompts, which attend as a pack; the keys and values of each layer are kept."""

    def __init__(self, pack: Laid) -> None:
        self.pack = pack
        self._kept: dict[int, tuple[Tensor, Tensor]] = {}

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        self._kept[layer] = key, value
        return attend(query, key, value, self.pack, scaling)

    def going(self, pack: Pack, max_tokens: int) -> _Going:
        p, n = len(pack.shared), torch.tensor([*map(len, pack.rests)], device=self.pack.ids.device)
        shared = {layer: (key[:, :, :p], value[:, :, :p]) for layer, (key, value) in self._kept.items()}
        own = {layer: [own_cache(x, self.pack, max_tokens) for x in both] for layer, both in self._kept.items()}
        return _Going(shared, own, n)


class _Going:
    """Answers in the making, one row each: what all see, their own keys and values, and how many of these there are."""

    def __init__(self, shared: dict[int, tuple[Tensor, Tensor]], own: dict[int, list[Tensor]], n: Tensor) -> None:
        self._shared, self._own, self.n = shared, own, n

    def keep(self, rows: Tensor) -> None:
        self._own = {layer: [x[rows] for x in both] for layer, both in self._own.items()}
        self.n = self.n[rows]

    def attend(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
        """Return (1, B, heads, d) for a token a row: query (1, heads, B, d), key and value (1, kv_heads, B, d)."""
        _, heads, rows, d = query.shape
        groups, width = heads // key.shape[1], int(self.n.max()) + 1
        each = torch.arange(rows, device=query.device)
        for kept, new in zip(self._own[layer], (key, value), strict=True):
            kept[each, :, self.n] = new[0].transpose(0, 1)
        keys, values = (kept[:, :, :width] for kept in self._own[layer])
        q = query[0].transpose(0, 1).reshape(rows, -1, groups, d)
        scores = q @ keys.transpose(2, 3) * scaling
        unseen = torch.arange(width, device=query.device) > self.n[:, None]
        scores = scores.masked_fill(unseen[:, None, None], float("-inf"))
        sums = scores.logsumexp(-1, keepdim=True)
        near = (scores - sums).exp() @ values  # (B, kv_heads, groups, d)
        shared_keys, shared_values = self._shared[layer]
        if shared_keys.shape[2]:
            near = joined(near, sums, *shared_part(query, shared_keys, shared_values, scaling))
        return near.reshape(1, rows, heads, d)
