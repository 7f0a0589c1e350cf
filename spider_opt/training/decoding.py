"""Many prompts answered side by side by a model that is tuned, or being tuned.

What the prompts begin with, a schema, is computed once and attended to by all of them; then a step computes one token
for each answer, so that the weights are read once for all of them. Answers that are complete leave the batch.

Source: Juravsky et al. 2024 (Hydragen, arXiv:2402.05099), attention over a shared prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from spider_opt.training.attention import attend, joined, own_cache, shared_part
from spider_opt.training.constraints import Rule, forbid
from spider_opt.training.lora import logits
from spider_opt.training.packing import Laid, Pack, laid, packed

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class Draw:
    """One answer to the ``prompt``-th of some prompts: the likeliest tokens, or at a ``temperature`` drawn by ``seed``.

    With a ``rule`` only what this allows. What is drawn depends on the seed and the prompt, not on the answers beside
    it, but for what rounding decides.
    """

    prompt: int
    temperature: float = 0.0
    seed: int = 0
    rule: Rule | None = None


class Decoder:
    """Answers of a model that attends as packs do (``training.base``); ``stops`` are the tokens that end one."""

    def __init__(self, model: PreTrainedModel, stops: Sequence[int]) -> None:
        self._model = model
        self._stops = frozenset(stops)
        self._device = next(model.parameters()).device

    def decode(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        draws: Sequence[Draw] | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> list[list[int]]:
        """Return the answers' tokens, at most ``max_tokens`` each and without the one that ends it.

        There is one answer for each of ``draws``, by default the likeliest one to each prompt. As soon as ``wanted``,
        asked before each token, says no, they end as they are.
        """
        draws = [Draw(i) for i in range(len(prompts))] if draws is None else draws
        pack = packed(prompts, [[] for _ in prompts])
        answers: list[list[int]] = [[] for _ in draws]
        vocabulary = self._model.get_output_embeddings()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            begun = _Begun(laid(pack, self._device))
            states = self._states(begun.pack.ids, begun.pack.positions, begun)
            going = begun.going(pack, max_tokens)
            ends = len(pack.shared) + going.n.cumsum(0) - 1
            states = states[ends]
            asked = [draw.prompt for draw in draws]
            if asked != [*range(len(prompts))]:
                repeated = torch.tensor(asked, device=self._device)
                going.keep(repeated)
                states = states[repeated]
            choice = _Choice(draws, max_tokens, self._device)
            rows = list(range(len(draws)))
            while True:
                tokens = choice(forbid(logits(vocabulary, states), [draws[row].rule for row in rows])).tolist()
                live = []
                for i, (row, token) in enumerate(zip(rows, tokens, strict=True)):
                    if token not in self._stops:
                        answers[row].append(token)
                        if (rule := draws[row].rule) is not None:
                            rule.take(token)
                        if len(answers[row]) < max_tokens:
                            live.append(i)
                if not live or not wanted():
                    return answers
                if len(live) < len(rows):
                    kept = torch.tensor(live, device=self._device)
                    going.keep(kept)
                    choice.keep(kept)
                    rows, tokens = [rows[i] for i in live], [tokens[i] for i in live]
                ids = torch.tensor([tokens], device=self._device)
                states = self._states(ids, (len(pack.shared) + going.n)[None], going)
                going.n += 1

    def _states(self, ids: Tensor, positions: Tensor, pack: _Begun | _Going) -> Tensor:
        states: Tensor = self._model.model(
            ids, position_ids=positions, attention_mask={"full_attention": None}, use_cache=False, pack=pack
        ).last_hidden_state[0]
        return states


class _Choice:
    """Chooses each row's next token: the likeliest, or where a row is drawn, by a number of its own in [0, 1)."""

    def __init__(self, draws: Sequence[Draw], max_tokens: int, device: torch.device) -> None:
        self._temperatures = torch.tensor([draw.temperature for draw in draws], device=device)
        self._numbers = torch.zeros(len(draws), max_tokens)
        for numbers, draw in zip(self._numbers, draws, strict=True):
            if draw.temperature:
                numbers.uniform_(generator=torch.Generator().manual_seed(draw.seed))
        self._numbers = self._numbers.to(device)
        self._drawn = any(draw.temperature for draw in draws)
        self._step = 0

    def __call__(self, logits: Tensor) -> Tensor:
        """Return (B,) tokens for logits (B, vocabulary)."""
        tokens = logits.argmax(-1)
        if self._drawn:
            hot = self._temperatures.nonzero()[:, 0]
            up_to = (logits[hot].float() / self._temperatures[hot, None]).softmax(-1).cumsum(-1)
            numbers = self._numbers[hot, self._step, None] * up_to[:, -1:]
            drawn = torch.searchsorted(up_to, numbers, right=True)[:, 0]
            tokens[hot] = drawn.clamp_max_(logits.shape[-1] - 1)
        self._step += 1
        return tokens

    def keep(self, rows: Tensor) -> None:
        self._temperatures, self._numbers = self._temperatures[rows], self._numbers[rows]


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
        q = query[0].transpose(0, 1).reshape(rows, -1, groups, d).float()
        scores = q @ keys.float().transpose(2, 3) * scaling
        unseen = torch.arange(width, device=query.device) > self.n[:, None]
        scores = scores.masked_fill(unseen[:, None, None], float("-inf"))
        sums = scores.logsumexp(-1, keepdim=True)
        near = (scores - sums).exp() @ values.float()  # (B, kv_heads, groups, d)
        shared_keys, shared_values = self._shared[layer]
        if shared_keys.shape[2]:
            near = joined(near, sums, *shared_part(query, shared_keys, shared_values, scaling))
        return near.reshape(1, rows, heads, d).to(query.dtype)
